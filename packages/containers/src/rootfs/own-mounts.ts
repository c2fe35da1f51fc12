import { closeSync, constants, fstatSync, rmdirSync, unlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path/posix';
import { codeOf } from '@corten/errors';
import { O_PATH, openBeneath } from '@corten/host';
import { withRoot } from './beneath.ts';

/** Mount points that the engine and the runtime make in every container: not the container's doing. Children first. */
export const OWN_MOUNT_POINTS: readonly string[] = [
  '/etc/hosts',
  '/etc/hostname',
  '/etc/resolv.conf',
  '/sbin/docker-init',
  '/dev/console',
  '/dev/pts',
  '/dev/shm',
  '/dev/mqueue',
  '/dev',
  '/proc',
  '/sys',
];

const GONE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'];

function exists(rootFd: number, path: string): boolean {
  try {
    closeSync(openBeneath(rootFd, path, O_PATH | constants.O_NOFOLLOW));
    return true;
  } catch (error) {
    if (GONE.includes(codeOf(error) ?? '')) return false;
    throw error;
  }
}

/** Those that the image lacks: a run will leave them behind, empty. */
export const missingMountPoints = (root: string): string[] =>
  withRoot(root, (fd) => OWN_MOUNT_POINTS.filter((path) => !exists(fd, path)));

/** Takes them away again after the run, so that neither `diff` nor a committed layer shows them. What was filled meanwhile stays. */
export function dropMountPoints(root: string, paths: readonly string[]): void {
  if (paths.length === 0) return;
  withRoot(root, (fd) => {
    for (const path of paths) dropOne(fd, path);
  });
}

function dropOne(rootFd: number, path: string): void {
  let parent: number | undefined;
  let file: number | undefined;
  try {
    parent = openBeneath(rootFd, dirname(path), O_PATH | constants.O_DIRECTORY);
    file = openBeneath(rootFd, path, O_PATH | constants.O_NOFOLLOW);
    const stat = fstatSync(file);
    const place = `/proc/self/fd/${parent}/${basename(path)}`;
    if (stat.isDirectory()) rmdirSync(place);
    else if (stat.isFile() && stat.size === 0) unlinkSync(place);
  } catch (error) {
    if (![...GONE, 'ENOTEMPTY', 'EBUSY', 'EROFS'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    if (file !== undefined) closeSync(file);
    if (parent !== undefined) closeSync(parent);
  }
}
