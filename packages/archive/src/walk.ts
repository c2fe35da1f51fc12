import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { getXattr, listXattrs, majorOf, minorOf } from '@corten/host';
import type { EntryType, TarEntry } from './tar-header.ts';

/** A file found by walking a tree. Names are latin1 strings of bytes; `path` is what the kernel gets. */
export interface Found {
  name: string;
  path: Buffer;
  stat: BigIntStats;
}

const join = (directory: Buffer, name: string): Buffer =>
  Buffer.concat([directory, Buffer.from('/'), Buffer.from(name, 'latin1')]);

/** Everything beneath `root` (not itself), directories before their content, names in byte order. */
export function* walk(root: Buffer, prefix = ''): Generator<Found> {
  const names = (readdirSync(root, { encoding: 'latin1' }) as string[]).sort();
  for (const base of names) {
    const path = join(root, base);
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat) continue; // gone meanwhile
    const name = prefix ? `${prefix}/${base}` : base;
    yield { name, path, stat };
    if (stat.isDirectory()) yield* walk(path, name);
  }
}

const typeOf = (stat: BigIntStats): EntryType => {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : 'other';
};

/** The tar entry of a file on disk. A socket is 'other': tar cannot say it. */
export function entryOf({ name, path, stat }: Found, keepXattr: (name: string) => boolean): TarEntry {
  const type = typeOf(stat);
  const device = type === 'char' || type === 'block' ? Number(stat.rdev) : 0;
  const xattrs = new Map<string, Buffer>();
  if (type !== 'other') {
    for (const attribute of listXattrs(path)) {
      const value = keepXattr(attribute) ? getXattr(path, attribute) : undefined;
      if (value) xattrs.set(attribute, value);
    }
  }
  return {
    name: type === 'directory' ? `${name}/` : name,
    linkName: type === 'symlink' ? readlinkSync(path, 'latin1' as BufferEncoding) : '',
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === 'file' ? Number(stat.size) : 0,
    mtime: stat.mtimeNs,
    major: majorOf(device),
    minor: minorOf(device),
    userName: '',
    groupName: '',
    xattrs,
  };
}

/** Capabilities are part of a file; other security attributes belong to the host, overlay's to the kernel. */
export const portableXattr = (name: string): boolean => name === 'security.capability' || name.startsWith('user.');

/** Remembers inodes, so that the second name of a file becomes a hard link. */
export class HardLinks {
  readonly #seen = new Map<string, string>();

  /** The first name of this inode, when this is not it. */
  first(found: Found, name: string): string | undefined {
    if (found.stat.isDirectory() || found.stat.nlink < 2n) return undefined;
    const key = `${found.stat.dev}:${found.stat.ino}`;
    const known = this.#seen.get(key);
    if (known === undefined) this.#seen.set(key, name);
    return known;
  }
}

export const isWhiteout = (stat: BigIntStats): boolean => stat.isCharacterDevice() && stat.rdev === 0n;
export const isOpaque = (path: Buffer): boolean => getXattr(path, 'trusted.overlay.opaque')?.toString() === 'y';
