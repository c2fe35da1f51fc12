import { readFileSync } from 'node:fs';
import { check, libc } from './libc.ts';

const cMount = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const cUmount2 = libc.func('int umount2(const char *target, int flags)');

/** mount(2) flags. */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  REC: 16384,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
} as const;

export interface MountRequest {
  source: string;
  target: string;
  type?: string;
  flags?: number;
  data?: string;
}

/** mount(2). Some 0.2 ms for an overlay; runs on the calling thread. */
export function mount({ source, target, type, flags = 0, data }: MountRequest): void {
  check(cMount(source, target, type ?? null, flags, data ?? null) as number, 'mount', target);
}

/** umount2(2); `detach` (MNT_DETACH) takes the mount away at once and frees it when its last user is gone. */
export function unmount(target: string, { detach = false } = {}): void {
  check(cUmount2(target, detach ? 2 : 0) as number, 'umount', target);
}

export interface MountInfo {
  id: number;
  parent: number;
  mountPoint: string;
  root: string;
  type: string;
  source: string;
  /** Optional fields: `shared:1`, `master:2` … */
  propagation: string[];
}

const unescaped = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** This process's mounts (proc_pid_mountinfo(5)), in mount order. */
export function mountInfo(path = '/proc/self/mountinfo'): MountInfo[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      const dash = fields.indexOf('-', 6);
      return {
        id: Number(fields[0]),
        parent: Number(fields[1]),
        root: unescaped(fields[3]!),
        mountPoint: unescaped(fields[4]!),
        propagation: fields.slice(6, dash),
        type: fields[dash + 1]!,
        source: unescaped(fields[dash + 2]!),
      };
    });
}
