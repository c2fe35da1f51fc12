import { existsSync } from 'node:fs';

let unified: boolean | undefined;
/** Whether this host uses the unified hierarchy only. */
export function isCgroupV2(): boolean {
  unified ??= existsSync('/sys/fs/cgroup/cgroup.controllers');
  return unified;
}

/** OCI `linux.cgroupsPath`: `<parent>/<id>`, parent `/docker` unless told otherwise. */
export function cgroupsPath(id: string, own: string, fallback: string): string {
  const parent = own || fallback || '/docker';
  return `${parent.startsWith('/') ? '' : '/'}${parent.replace(/\/+$/, '')}/${id}`;
}
