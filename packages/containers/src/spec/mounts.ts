import { existsSync, statSync } from 'node:fs';
import { system } from '@corten/errors';
import { type MountInfo, mountInfo } from '@corten/host';
import type { ContainerRecord, MountPoint } from '../record.ts';
import { kernelHas } from './devices.ts';

/** OCI runtime-spec, config.md, Mounts. */
export interface OciMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

let mqueue: boolean | undefined;

const SYSTEM: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['ro', 'nosuid', 'noexec', 'nodev'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
];

/** /proc, /dev, /sys and their like, as Docker mounts them; what the kernel lacks is left out. */
export function systemMounts(options: {
  privileged: boolean;
  writableCgroups?: boolean;
  hostIpc: boolean;
}): OciMount[] {
  mqueue ??= kernelHas('mqueue');
  return SYSTEM.filter((m) => mqueue || m.type !== 'mqueue').map((m): OciMount => {
    const writable = options.privileged ? ['sysfs', 'cgroup'] : options.writableCgroups ? ['cgroup'] : [];
    // mounted anew in the host's IPC namespace it shows the host's queues, too
    if (options.hostIpc && m.destination === '/dev/mqueue' && existsSync(m.destination))
      return {
        destination: m.destination,
        type: 'bind',
        source: '/dev/mqueue',
        options: ['rbind', 'nosuid', 'noexec', 'nodev'],
      };
    if (!writable.includes(m.type)) return m;
    return { ...m, options: m.options.map((o) => (o === 'ro' ? 'rw' : o)) };
  });
}

/** /dev/shm: the container's own, or a host directory that is shared. */
export const shmMount = (bytes: number, source?: string): OciMount =>
  source
    ? { destination: '/dev/shm', type: 'bind', source, options: ['rbind', 'rprivate'] }
    : {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${bytes}`],
      };

/** The three files that the engine keeps for a container, bound over its /etc. */
export const fileMount = (source: string, destination: string, readOnly: boolean): OciMount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'rprivate', ...(readOnly ? ['ro'] : [])],
});

export interface ResolvedMount extends MountPoint {
  /** Absolute host path for binds and volumes. */
  hostPath: string;
}

/** A user's mount as the runtime wants it. */
export function userMount(m: ResolvedMount, mounts: () => readonly MountInfo[] = mountInfo): OciMount {
  if (m.type === 'tmpfs') return tmpfsMount(m.destination, m.tmpfsOptions ?? '');
  const propagation = m.propagation || 'rprivate';
  checkPropagation(m.hostPath, propagation, mounts);
  const recursive = m.nonRecursive ? 'bind' : 'rbind';
  return {
    destination: m.destination,
    type: 'bind',
    source: m.hostPath,
    options: [recursive, ...(m.rw ? [] : ['ro']), propagation],
  };
}

/** `--tmpfs /run:rw,size=64m`: Docker's defaults first, the user's options after. */
export function tmpfsMount(destination: string, given: string): OciMount {
  const options = ['noexec', 'nosuid', 'nodev'];
  for (const option of given.split(',').filter(Boolean)) {
    const opposite = option.startsWith('no') ? option.slice(2) : `no${option}`;
    const at = options.indexOf(opposite);
    if (at >= 0) options.splice(at, 1);
    if (!options.includes(option)) options.push(option);
  }
  return { destination, type: 'tmpfs', source: 'tmpfs', options: [...options, 'rprivate'] };
}

/** shared and slave need a source that propagates (mount_namespaces(7)). */
function checkPropagation(path: string, propagation: string, mounts: () => readonly MountInfo[]): void {
  if (!/shared|slave/.test(propagation)) return;
  const above = mounts()
    .filter((m) => m.mountPoint === '/' || path === m.mountPoint || path.startsWith(`${m.mountPoint}/`))
    .sort((a, b) => a.mountPoint.length - b.mountPoint.length)
    .at(-1);
  const has = (prefix: string) => above?.propagation.some((p) => p.startsWith(prefix)) ?? false;
  const where = above?.mountPoint ?? '/';
  if (propagation.endsWith('shared') && !has('shared:'))
    throw system(`path ${path} is mounted on ${where} but it is not a shared mount`);
  if (propagation.endsWith('slave') && !has('shared:') && !has('master:'))
    throw system(`path ${path} is mounted on ${where} but it is not a shared or slave mount`);
}

/** The rootfs' propagation that the user's mounts need, or undefined for the runtime's default (private). */
export function rootPropagation(mounts: readonly MountPoint[]): string | undefined {
  if (mounts.some((m) => /shared/.test(m.propagation))) return 'shared';
  if (mounts.some((m) => /slave/.test(m.propagation))) return 'slave';
  return undefined;
}

/**
 * Sorted so that a mount comes before what lies beneath it; user mounts replace the system's at the same place.
 */
export function arrangeMounts(base: readonly OciMount[], user: readonly OciMount[]): OciMount[] {
  const taken = new Set(user.map((m) => m.destination));
  const depth = (m: OciMount) => m.destination.split('/').filter(Boolean).length;
  const kept = base.filter((m) => {
    if (taken.has(m.destination)) return false;
    // a user's own /dev is left as it is
    return !(taken.has('/dev') && m.destination.startsWith('/dev/') && m.destination !== '/dev/pts');
  });
  return [...kept, ...[...user].sort((a, b) => depth(a) - depth(b))];
}

/** Whether the container's mounts leave room for the engine's file at `path`. */
export const mountsOver = (c: ContainerRecord, path: string): boolean => c.mounts.some((m) => m.destination === path);

/** Whether a host path is a directory; undefined when it is not there. */
export const isDirectory = (path: string): boolean | undefined =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory();
