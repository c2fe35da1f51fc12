import { createHash, type Hash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { codeOf, invalid, messageOf } from '@corten/errors';
import { getXattr, listXattrs } from '@corten/host';
import { Root } from './beneath.ts';
import type { FoundSource, ScanJob } from './jobs.ts';
import { hasWildcard, matchPaths } from './wildcard.ts';

const CHUNK = Buffer.allocUnsafe(1 << 20);

/** Finds and hashes the sources of one COPY or ADD. */
export function scan(job: ScanJob): FoundSource[] {
  using root = new Root(job.root);
  const found: FoundSource[] = [];
  for (const source of job.sources) {
    if (job.context && /^\.\.(?:\/|$)/.test(posix.normalize(source.replace(/^\/+/, '') || '.')))
      throw invalid(`forbidden path outside the build context: ${source} ()`);
    const path = posix.join('/', source).slice(1);
    const paths = hasWildcard(path) ? matchPaths(job.root, path) : [path];
    for (const each of paths) found.push(scanOne(root, each, job));
  }
  if (found.length === 0) throw invalid('no source files were specified');
  return found;
}

function scanOne(root: Root, path: string, job: ScanJob): FoundSource {
  const real = locate(root, path, job.context);
  const stat = lstatSync(real);
  const hash = createHash('sha256');
  if (!stat.isDirectory()) {
    describe(hash, posix.basename(path), Buffer.from(real), stat, job.owners);
    return { path, real, directory: false, hash: `file:${hash.digest('hex')}` };
  }
  hashTree(hash, Buffer.from(real), '', job.owners);
  return { path, real, directory: true, hash: `dir:${hash.digest('hex')}` };
}

function locate(root: Root, path: string, context: boolean): string {
  try {
    return root.real(path);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw invalid(`stat ${path}: ${messageOf(error)}`, error);
    const missing = `stat ${path}: file does not exist`;
    throw invalid(context ? `file not found in build context or excluded by .dockerignore: ${missing}` : missing);
  }
}

/** Everything beneath a directory, names in byte order. Names are latin1 strings of bytes. */
function hashTree(hash: Hash, directory: Buffer, prefix: string, owners: boolean): void {
  for (const name of (readdirSync(directory, { encoding: 'latin1' }) as string[]).sort()) {
    const path = Buffer.concat([directory, Buffer.from(`/${name}`, 'latin1')]);
    const stat = lstatSync(path);
    const relative = `${prefix}${name}`;
    describe(hash, relative, path, stat, owners);
    if (stat.isDirectory()) hashTree(hash, path, `${relative}/`, owners);
  }
}

/** Adds one file to the hash: a header that no other file can have, then the content. */
function describe(hash: Hash, name: string, path: Buffer, stat: Stats, owners: boolean): void {
  const link = stat.isSymbolicLink() ? readlinkSync(path, 'latin1' as BufferEncoding) : '';
  const device = stat.isCharacterDevice() || stat.isBlockDevice() ? stat.rdev : 0;
  const size = stat.isFile() ? stat.size : 0;
  const owner = owners ? [stat.uid, stat.gid] : [];
  const attributes = stat.isFile() || stat.isDirectory() ? xattrsOf(path) : [];
  hash.update(`${JSON.stringify([name, stat.mode, link, device, size, owner, attributes])}\n`);
  if (size > 0) hashContent(hash, path, size);
}

function xattrsOf(path: Buffer): [string, string][] {
  return portableXattrs(path).map(([name, value]) => [name, value.toString('hex')]);
}

/** Attributes that are part of a file and not of the host it lies on. */
export function portableXattrs(path: Buffer): [string, Buffer][] {
  const found: [string, Buffer][] = [];
  for (const name of listXattrs(path)) {
    if (name !== 'security.capability' && !name.startsWith('user.')) continue;
    const value = getXattr(path, name);
    if (value) found.push([name, value]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

function hashContent(hash: Hash, path: Buffer, size: number): void {
  const fd = openSync(path, 'r');
  try {
    for (let left = size; left > 0; ) {
      const n = readSync(fd, CHUNK);
      if (n === 0) return;
      hash.update(CHUNK.subarray(0, n));
      left -= n;
    }
  } finally {
    closeSync(fd);
  }
}
