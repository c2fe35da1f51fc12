import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
} from 'node:fs';
import { invalid } from '@corten/errors';
import { makeNode, setTimes, setXattr } from '@corten/host';
import { WHITEOUT } from './layer-apply.ts';
import { RecipeWriter } from './recipe.ts';
import { encodeHeader, padding, type TarEntry } from './tar-header.ts';
import { entryOf, type Found, HardLinks, isOpaque, isWhiteout, portableXattr, walk } from './walk.ts';

export interface CommittedLayer {
  diffId: string;
  size: number;
  /** Nothing changed: no layer is needed. */
  empty: boolean;
}

/**
 * Walks an overlay upper directory and derives the layer tar it stands for: its digest and its recipe. With `copyTo` the files are
 * copied there too; otherwise the directory itself becomes the layer.
 */
export function commitLayer(upper: string, recipePath: string, copyTo?: string): CommittedLayer {
  const recipe = new RecipeWriter(recipePath);
  const hash = createHash('sha256');
  const emit = (bytes: Uint8Array) => {
    hash.update(bytes);
    recipe.bytes(bytes);
  };
  const links = new HardLinks();
  const times: (() => void)[] = [];
  let size = 0;
  let entries = 0;
  try {
    if (copyTo) mkdirSync(copyTo, { recursive: true });
    for (const found of walk(Buffer.from(upper))) {
      if (found.stat.isSocket()) continue; // a socket means nothing without its process
      entries++;
      const entry = layerEntry(found, links);
      emit(encodeHeader(entry));
      if (entry.type === 'file' && entry.size > 0) {
        recipe.file(found.name, entry.size);
        size += hashFile(found.path, entry.size, (piece) => hash.update(piece));
        emit(padding(entry.size));
      } else if (entry.type === 'directory' && isOpaque(found.path)) emit(opaqueMarker(entry));
      if (copyTo) copyEntry(found, entry, copyTo, times);
    }
    for (const setTime of times.reverse()) setTime();
    emit(Buffer.alloc(1024));
    recipe.close();
  } catch (error) {
    recipe.abort();
    throw error;
  }
  return { diffId: `sha256:${hash.digest('hex')}`, size, empty: entries === 0 };
}

function layerEntry(found: Found, links: HardLinks): TarEntry {
  const entry = entryOf(found, portableXattr);
  if (isWhiteout(found.stat)) {
    const cut = found.name.lastIndexOf('/') + 1;
    const name = `${found.name.slice(0, cut)}${WHITEOUT}${found.name.slice(cut)}`;
    return { ...entry, name, type: 'file', size: 0, mode: 0, major: 0, minor: 0 };
  }
  const first = links.first(found, found.name);
  return first === undefined ? entry : { ...entry, type: 'link', linkName: first, size: 0, xattrs: new Map() };
}

const opaqueMarker = (directory: TarEntry): Buffer =>
  encodeHeader({
    ...directory,
    name: `${directory.name}${WHITEOUT}${WHITEOUT}.opq`,
    type: 'file',
    mode: 0,
    size: 0,
    xattrs: new Map(),
  });

const BUFFER = Buffer.allocUnsafe(1 << 20);

/** Reads exactly `size` bytes; a file that changes while it is read would give a wrong digest, so that is an error. */
export function hashFile(path: Buffer | string, size: number, take: (piece: Uint8Array) => void): number {
  const fd = openSync(path, 'r');
  try {
    for (let left = size; left > 0; ) {
      const count = readSync(fd, BUFFER, 0, Math.min(left, BUFFER.length), null);
      if (count === 0) throw invalid(`${path} became shorter while it was read`);
      take(BUFFER.subarray(0, count));
      left -= count;
    }
  } finally {
    closeSync(fd);
  }
  return size;
}

function copyEntry(found: Found, entry: TarEntry, to: string, times: (() => void)[]): void {
  const target = Buffer.concat([Buffer.from(`${to}/`), Buffer.from(found.name, 'latin1')]);
  const { stat } = found;
  if (isWhiteout(stat)) return makeNode(target, 0o020000, 0);
  if (entry.type === 'link')
    return linkSync(Buffer.concat([Buffer.from(`${to}/`), Buffer.from(entry.linkName, 'latin1')]), target);
  if (entry.type === 'directory') {
    mkdirSync(target);
    if (isOpaque(found.path)) setXattr(target, 'trusted.overlay.opaque', Buffer.from('y'));
  } else if (entry.type === 'file') copyFileSync(found.path, target);
  else if (entry.type === 'symlink') symlinkSync(Buffer.from(entry.linkName, 'latin1'), target);
  else makeNode(target, Number(stat.mode), Number(stat.rdev));
  lchownSync(target, entry.uid, entry.gid);
  if (entry.type !== 'symlink') chmodSync(target, entry.mode);
  for (const [name, value] of entry.xattrs) setXattr(target, name, value);
  if (entry.type === 'directory') times.push(() => setTimes(target, entry.mtime));
  else setTimes(target, entry.mtime);
}
