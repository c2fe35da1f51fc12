import koffi from 'koffi';
import { check, cPath, libc, type Path, SystemCallError } from './libc.ts';

const cSet = libc.func('int lsetxattr(const void *path, const char *name, const void *value, size_t size, int flags)');
const cGet = libc.func('lgetxattr', 'long', ['const void *', 'str', koffi.out(koffi.pointer('uint8_t')), 'size_t']);
const cList = libc.func('llistxattr', 'long', ['const void *', koffi.out(koffi.pointer('uint8_t')), 'size_t']);

const VALUE_LIMIT = 64 << 10; // the kernel's own: XATTR_SIZE_MAX
const scratch = new Uint8Array(VALUE_LIMIT);

/** Sets an extended attribute of the file itself (a link is not followed). */
export function setXattr(path: Path, name: string, value: Uint8Array): void {
  check(cSet(cPath(path), name, value, value.length, 0) as number, 'lsetxattr', `${path} ${name}`);
}

/** An extended attribute's value, or undefined when the file has none of that name. */
export function getXattr(path: Path, name: string): Buffer | undefined {
  const size = Number(cGet(cPath(path), name, scratch, VALUE_LIMIT));
  if (size >= 0) return Buffer.from(scratch.subarray(0, size));
  if (['ENODATA', 'EOPNOTSUPP'].includes(new SystemCallError('lgetxattr', koffi.errno()).code)) return undefined;
  throw new SystemCallError('lgetxattr', koffi.errno(), `${path} ${name}`);
}

/** Names of a file's extended attributes. */
export function listXattrs(path: Path): string[] {
  const size = Number(cList(cPath(path), scratch, VALUE_LIMIT));
  if (size === 0) return [];
  if (size < 0) {
    if (new SystemCallError('llistxattr', koffi.errno()).code === 'EOPNOTSUPP') return [];
    throw new SystemCallError('llistxattr', koffi.errno(), String(path));
  }
  return Buffer.from(scratch.subarray(0, size - 1))
    .toString('utf8')
    .split('\0');
}
