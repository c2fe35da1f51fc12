import { conflict, invalid } from '@corten/errors';
import type { Context } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import { isCgroupV2 } from './cgroup.ts';

export interface Namespace {
  type: string;
  path?: string;
}

/** The X of `container:X`, or undefined. */
export const containerOf = (mode: string): string | undefined =>
  mode.startsWith('container:') ? mode.slice('container:'.length) : undefined;

/** The running container that a `container:X` mode names. */
export function joined(ctx: Context, mode: string, kind: string): ContainerRecord {
  const other = ctx.store.find(containerOf(mode)!);
  if (!isRunning(other))
    throw conflict(
      `cannot join ${kind} namespace of a non running container: container ${other.name} is ${other.state.status}`,
    );
  return other;
}

const pathOf = (other: ContainerRecord, name: string) => `/proc/${other.state.pid}/ns/${name}`;

/** OCI `linux.namespaces` from the modes of HostConfig. `network` is a path, or undefined for the host's. */
export function ociNamespaces(ctx: Context, c: ContainerRecord, network: Namespace | undefined): Namespace[] {
  const { hostConfig: h } = c;
  const list: Namespace[] = [{ type: 'mount' }];
  if (network) list.push(network);
  if (h.UTSMode !== 'host') {
    // a container that shares another's network shares its host name too, but not its UTS namespace
    list.push({ type: 'uts' });
  }
  if (h.PidMode === '') list.push({ type: 'pid' });
  else if (containerOf(h.PidMode) !== undefined)
    list.push({ type: 'pid', path: pathOf(joined(ctx, h.PidMode, 'PID'), 'pid') });
  if (containerOf(h.IpcMode) !== undefined) {
    const other = joined(ctx, h.IpcMode, 'IPC');
    if (!['shareable', 'host'].includes(other.hostConfig.IpcMode))
      throw invalid(
        `container ${containerOf(h.IpcMode)}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      );
    list.push({ type: 'ipc', path: pathOf(other, 'ipc') });
  } else if (h.IpcMode !== 'host') list.push({ type: 'ipc' });
  if (h.CgroupnsMode === 'private') list.push({ type: 'cgroup' });
  return list;
}

/** Docker's default: private on cgroup v2, the host's on v1; a privileged container on v1 sees the host's. */
export const defaultCgroupns = (configured: string | undefined, privileged: boolean): string => {
  if (configured) return configured;
  return isCgroupV2() && !privileged ? 'private' : isCgroupV2() ? 'private' : 'host';
};
