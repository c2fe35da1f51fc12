import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { codeOf } from '@corten/errors';
import { O_CLOEXEC, O_PATH, openBeneath } from '@corten/host';

/** Runs `work` with a descriptor of the root directory. */
export function withRoot<T>(root: string, work: (rootFd: number) => T): T {
  const fd = openSync(root, constants.O_DIRECTORY | O_PATH);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

/** A small regular file's text, resolved beneath the root; undefined when it is not there, is no file, or is larger than `limit`. */
export function readBeneath(rootFd: number, path: string, limit = 4 << 20): string | undefined {
  let fd: number;
  try {
    fd = openBeneath(rootFd, path, constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > limit) return undefined;
    const buffer = Buffer.allocUnsafe(stat.size);
    let at = 0;
    while (at < buffer.length) {
      const n = readSync(fd, buffer, at, buffer.length - at, at);
      if (n === 0) break;
      at += n;
    }
    return buffer.toString('utf8', 0, at);
  } finally {
    closeSync(fd);
  }
}
