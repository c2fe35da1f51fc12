import { closeSync, constants, fstatSync, readlinkSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path/posix';
import { O_PATH, openBeneath } from '@corten/host';
import { withRoot } from '../rootfs/beneath.ts';
import type { PathStat } from '../types.ts';

const GO_DIR = 0x80000000;
const GO_SYMLINK = 0x08000000;
const GO_DEVICE = 0x04000000;
const GO_NAMED_PIPE = 0x02000000;
const GO_SOCKET = 0x01000000;
const GO_SETUID = 0x00800000;
const GO_SETGID = 0x00400000;
const GO_CHAR_DEVICE = 0x00200000;
const GO_STICKY = 0x00100000;

/** st_mode as Go's os.FileMode. */
export function goMode(
  stat: Pick<
    Stats,
    'mode' | 'isDirectory' | 'isSymbolicLink' | 'isCharacterDevice' | 'isBlockDevice' | 'isFIFO' | 'isSocket'
  >,
): number {
  let mode = stat.mode & 0o777;
  if (stat.isDirectory()) mode += GO_DIR;
  if (stat.isSymbolicLink()) mode += GO_SYMLINK;
  if (stat.isBlockDevice()) mode += GO_DEVICE;
  if (stat.isCharacterDevice()) mode += GO_DEVICE + GO_CHAR_DEVICE;
  if (stat.isFIFO()) mode += GO_NAMED_PIPE;
  if (stat.isSocket()) mode += GO_SOCKET;
  if (stat.mode & 0o4000) mode += GO_SETUID;
  if (stat.mode & 0o2000) mode += GO_SETGID;
  if (stat.mode & 0o1000) mode += GO_STICKY;
  return mode;
}

/** The path means what a link points to: `dir/` and `dir/.`. */
export const follows = (path: string): boolean => /\/\.?$/.test(path) && path !== '/';

/** A file's facts; parents are resolved beneath the root, the file itself is not followed unless the path ends in a slash. */
export function statBeneath(root: string, path: string): PathStat {
  return withRoot(root, (rootFd) => {
    const clean = join('/', path).replace(/(.)\/$/, '$1');
    const stat = follows(path) || clean === '/' ? fullStat(rootFd, clean) : linkStat(rootFd, clean);
    return {
      name: clean === '/' ? '/' : basename(clean),
      size: stat.size,
      mode: goMode(stat),
      mtime: stat.mtime.toISOString(),
      linkTarget: stat.isSymbolicLink() ? targetOf(rootFd, clean) : '',
    };
  });
}

function fullStat(rootFd: number, path: string): Stats {
  const fd = openBeneath(rootFd, path, O_PATH);
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

function linkStat(rootFd: number, path: string): Stats {
  const fd = openBeneath(rootFd, path, O_PATH | constants.O_NOFOLLOW);
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Where a link leads, as a path of the container. */
function targetOf(rootFd: number, path: string): string {
  const parent = openBeneath(rootFd, dirname(path), O_PATH);
  try {
    const target = readlinkSync(`/proc/self/fd/${parent}/${basename(path)}`);
    return target.startsWith('/') ? join('/', target) : join(dirname(path), target);
  } finally {
    closeSync(parent);
  }
}
