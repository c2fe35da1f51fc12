import koffi from 'koffi';
import { check, cPath, libc, type Path } from './libc.ts';

/** File system calls that node:fs lacks: device nodes, times in nanoseconds, resolution beneath a root. */
const cMknod = libc.func('int mknod(const void *path, unsigned int mode, unsigned long dev)');
const cUtimensat = libc.func('int utimensat(int dirfd, const void *path, const int64_t *times, int flags)');
const cOpenat2 = libc.func('syscall', 'long', ['long', 'int', 'const void *', koffi.pointer('uint64_t'), 'size_t']);

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const SYS_OPENAT2 = 437;
const RESOLVE_IN_ROOT = 0x10;
const RESOLVE_NO_MAGICLINKS = 0x02;

export const S_IFMT = 0o170000;
export const S_IFCHR = 0o020000;
export const S_IFBLK = 0o060000;
export const S_IFIFO = 0o010000;

/** glibc's makedev(3). */
export function makeDevice(major: number, minor: number): number {
  const [ma, mi] = [BigInt(major), BigInt(minor)];
  return Number(((ma & 0xfffn) << 8n) | ((ma & ~0xfffn) << 32n) | (mi & 0xffn) | ((mi & ~0xffn) << 12n));
}
export const majorOf = (dev: number): number =>
  Number(((BigInt(dev) >> 8n) & 0xfffn) | ((BigInt(dev) >> 32n) & ~0xfffn));
export const minorOf = (dev: number): number => Number((BigInt(dev) & 0xffn) | ((BigInt(dev) >> 12n) & ~0xffn));

/** mknod(2); `mode` holds type and permissions, which the umask narrows: chmod after. */
export function makeNode(path: Path, mode: number, device = 0): void {
  check(cMknod(cPath(path), mode, device) as number, 'mknod', String(path));
}

/** Sets access and modification time, in nanoseconds since 1970, of the file itself (a link is not followed). */
export function setTimes(path: Path, nanoseconds: bigint): void {
  const billion = 1_000_000_000n;
  const seconds = nanoseconds / billion;
  const pair = [seconds, nanoseconds % billion, seconds, nanoseconds % billion];
  check(cUtimensat(AT_FDCWD, cPath(path), pair as never, AT_SYMLINK_NOFOLLOW) as number, 'utimensat', String(path));
}

/**
 * openat2(2) with the directory `rootFd` as `/`: no symbolic link, absolute or with `..`, leads out of it.
 * Returns a descriptor that the caller closes.
 */
export function openBeneath(rootFd: number, path: Path, flags: number, mode = 0): number {
  const how = new BigUint64Array([BigInt(flags), BigInt(mode), BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)]);
  return check(
    Number(cOpenat2(SYS_OPENAT2, rootFd, cPath(path.length === 0 ? '.' : path), how, 24)),
    'openat2',
    String(path),
  );
}

export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;
