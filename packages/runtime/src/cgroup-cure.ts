import { existsSync, readFileSync } from 'node:fs';
import { type MountNamespace, MS, mount, mountInfo, newMountNamespace, unmount } from '@corten/host';

const UNIFIED = '/sys/fs/cgroup/unified';
const CONTROLLERS = `${UNIFIED}/cgroup.controllers`;

/** Whether this host has the layout that crun refuses: v1 controllers and some in the unified hierarchy too. */
export const isHybridWithControllers = (): boolean =>
  existsSync(CONTROLLERS) && readFileSync(CONTROLLERS, 'utf8').trim() !== '';

/**
 * A mount namespace in which the unified hierarchy looks empty; programs started in it (conmon, crun) accept the host's v1
 * controllers. The host itself is not touched. What the engine mounts later beneath `roots` must be seen inside,
 * so those become shared mounts first.
 */
export function cureNamespace(): MountNamespace {
  return newMountNamespace(() => {
    mount({ source: 'none', target: UNIFIED, flags: MS.PRIVATE });
    mount({ source: '/dev/null', target: CONTROLLERS, flags: MS.BIND });
  });
}

/** Makes a directory a shared mount (binding it onto itself when needed). Idempotent. */
export function shareRoot(path: string): void {
  const mounted = mountInfo()
    .filter((m) => m.mountPoint === path)
    .at(-1);
  if (mounted?.propagation.some((p) => p.startsWith('shared:'))) return;
  if (!mounted && isShared(path)) return;
  if (!mounted) mount({ source: path, target: path, flags: MS.BIND | MS.REC });
  mount({ source: 'none', target: path, flags: MS.SHARED });
}

/** Whether the mount that `path` lies on propagates already, as everything does on a host with systemd. */
function isShared(path: string): boolean {
  const above = mountInfo()
    .filter((m) => m.mountPoint === '/' || path.startsWith(`${m.mountPoint}/`))
    .sort((a, b) => a.mountPoint.length - b.mountPoint.length)
    .at(-1);
  return above?.propagation.some((p) => p.startsWith('shared:')) ?? false;
}

/** Takes back shareRoot's bind when nothing is mounted beneath it any more. */
export function unshareRoot(path: string): void {
  const mounts = mountInfo();
  const own = mounts.filter((m) => m.mountPoint === path).at(-1);
  if (!own || own.root === '/' || mounts.some((m) => m.mountPoint.startsWith(`${path}/`))) return;
  unmount(path, { detach: true });
}
