import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { notFound } from '@corten/errors';
import { O_PATH, openBeneath } from '@corten/host';
import { encodeHeader, fromPath, padding, type TarEntry } from './tar-header.ts';
import { entryOf, type Found, HardLinks, walk } from './walk.ts';

export interface PackJob {
  root: string;
  /** What to pack, beneath the root; parents are resolved beneath it, the last part is not followed. */
  path: string;
  /** Name of the packed file or directory in the tar; '' packs a directory's content only. */
  name?: string;
  chown?: { uid: number; gid: number };
  /** First components (relative to the root) that are left out. */
  exclude?: string[];
}

/** Writes the tar of a file or tree beneath a root. */
export function pack(job: PackJob, write: (bytes: Uint8Array) => void): void {
  const root = openSync(job.root, constants.O_DIRECTORY | O_PATH);
  let fd: number | undefined;
  try {
    fd = openBeneath(root, job.path, O_PATH | constants.O_NOFOLLOW);
    packTree(Buffer.from(`/proc/self/fd/${fd}`), fd, job, write);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT' && fd === undefined) throw notFound(`no such file: ${job.path}`);
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
    closeSync(root);
  }
  write(Buffer.alloc(1024));
}

function packTree(magic: Buffer, fd: number, job: PackJob, write: (bytes: Uint8Array) => void): void {
  const links = new HardLinks();
  const name = fromPath(job.name ?? job.path.split('/').filter(Boolean).at(-1) ?? '');
  const inside = Buffer.concat([magic, Buffer.from('/.')]); // the directory itself, not the descriptor's link
  const directory = fstatSync(fd, { bigint: true }).isDirectory() ? lstatSync(inside, { bigint: true }) : undefined;
  const one = (found: Found) => packEntry(found, job, links, write);
  if (!directory) return packSingle(name, job, write);
  if (name !== '') one({ name, path: inside, stat: directory });
  for (const found of walk(magic, name)) {
    const relative = name === '' ? found.name : found.name.slice(name.length + 1);
    if (job.exclude?.some((x) => relative === x || relative.startsWith(`${x}/`))) continue;
    one(found);
  }
}

/** A file or link itself: through its parent, since the descriptor's own link would be followed. */
function packSingle(name: string, job: PackJob, write: (bytes: Uint8Array) => void): void {
  const root = openSync(job.root, constants.O_DIRECTORY | O_PATH);
  const cut = job.path.replace(/\/+$/, '').lastIndexOf('/');
  const parent = openBeneath(root, cut <= 0 ? '/' : job.path.slice(0, cut), constants.O_DIRECTORY | O_PATH);
  try {
    const path = Buffer.from(`/proc/self/fd/${parent}/${job.path.replace(/\/+$/, '').slice(cut + 1)}`);
    packEntry({ name, path, stat: lstatSync(path, { bigint: true }) }, job, new HardLinks(), write);
  } finally {
    closeSync(parent);
    closeSync(root);
  }
}

const BUFFER = Buffer.allocUnsafe(1 << 20);

function packEntry(found: Found, job: PackJob, links: HardLinks, write: (bytes: Uint8Array) => void): void {
  let entry: TarEntry = entryOf(found, (name) => !name.startsWith('trusted.overlay.'));
  if (entry.type === 'other') return; // a socket
  if (job.chown) entry = { ...entry, ...job.chown };
  const first = links.first(found, found.name);
  if (first !== undefined) entry = { ...entry, type: 'link', linkName: first, size: 0, xattrs: new Map() };
  if (entry.type !== 'file') return write(encodeHeader(entry));
  const fd = openSync(found.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    write(encodeHeader(entry));
    copyContent(fd, entry.size, write);
  } finally {
    closeSync(fd);
  }
  write(padding(entry.size));
}

/** Exactly `size` bytes: a file that shrinks meanwhile is filled with zeros, as GNU tar does. */
function copyContent(fd: number, size: number, write: (bytes: Uint8Array) => void): void {
  for (let left = size; left > 0; ) {
    let count = readSync(fd, BUFFER, 0, Math.min(left, BUFFER.length), null);
    if (count === 0) {
      count = Math.min(left, BUFFER.length);
      BUFFER.fill(0, 0, count);
    }
    write(BUFFER.subarray(0, count));
    left -= count;
  }
}
