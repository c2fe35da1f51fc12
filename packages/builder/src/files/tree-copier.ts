import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { codeOf } from '@corten/errors';
import { makeNode, setTimes, setXattr } from '@corten/host';
import type { Identity } from './identity.ts';
import { portableXattrs } from './scan.ts';

const BUFFER = Buffer.allocUnsafe(1 << 20);
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Bits that a new file gets from open(2) or mkdir(2) under the engine's umask of 022. */
const PLAIN = 0o755;

/**
 * Copies files as they are: mode, times, links, hard links among them, attributes. What stands in the way is
 * replaced, except that a directory merges into a directory; no link at the destination is followed.
 */
export class TreeCopier {
  readonly #identity: Identity | undefined;
  readonly mode: number | undefined;
  /** First copy of each file with several names: by device and inode. */
  readonly #links = new Map<string, Buffer>();

  constructor({ identity, mode }: { identity?: Identity; mode?: number }) {
    this.#identity = identity;
    this.mode = mode;
  }

  /** Everything beneath one directory into another that exists. */
  copyContent(from: Buffer, to: Buffer): void {
    for (const name of readdirSync(from, { encoding: 'latin1' }) as string[]) {
      const tail = Buffer.from(`/${name}`, 'latin1');
      this.copyEntry(Buffer.concat([from, tail]), Buffer.concat([to, tail]));
    }
  }

  copyEntry(from: Buffer, to: Buffer): void {
    const stat = lstatSync(from, { bigint: true });
    if (stat.isSocket()) return; // a layer cannot hold one
    if (stat.isDirectory()) return this.#directory(from, to, stat);
    const key = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined;
    const first = key === undefined ? undefined : this.#links.get(key);
    if (first) return replacing(to, () => linkSync(first, to));
    if (stat.isFile()) replacing(to, () => copyBytes(from, to, Number(stat.size), this.#modeOf(stat)));
    else if (stat.isSymbolicLink()) replacing(to, () => symlinkSync(readlinkSync(from, 'buffer'), to));
    else replacing(to, () => makeNode(to, Number(stat.mode), Number(stat.rdev)));
    if (key !== undefined) this.#links.set(key, to);
    this.#dress(from, to, stat);
    setTimes(to, stat.mtimeNs);
  }

  #directory(from: Buffer, to: Buffer, stat: BigIntStats): void {
    if (!lstatSync(to, { throwIfNoEntry: false })?.isDirectory())
      replacing(to, () => mkdirSync(to, { mode: this.#modeOf(stat) & PLAIN }));
    this.copyContent(from, to);
    this.#dress(from, to, stat, true);
    setTimes(to, stat.mtimeNs);
  }

  #modeOf(stat: BigIntStats): number {
    return this.mode ?? Number(stat.mode & 0o7777n);
  }

  /** Owner before mode: a change of owner clears the setuid bit. New files belong to root already. */
  #dress(from: Buffer, to: Buffer, stat: BigIntStats, existed = false): void {
    const { uid, gid } = this.#identity ?? { uid: Number(stat.uid), gid: Number(stat.gid) };
    if (existed || uid !== 0 || gid !== 0) lchownSync(to, uid, gid);
    if (stat.isSymbolicLink()) return;
    const mode = this.#modeOf(stat);
    if (existed || (mode & PLAIN) !== mode || !stat.isFile()) chmodSync(to, mode);
    if (stat.isFile() || stat.isDirectory())
      for (const [name, value] of portableXattrs(from)) setXattr(to, name, value);
  }
}

/** Makes something at a path; what was there goes first. */
function replacing(path: Buffer, make: () => void): void {
  try {
    make();
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    rmSync(path, { recursive: true, force: true });
    make();
  }
}

function copyBytes(from: Buffer, to: Buffer, size: number, mode: number): void {
  const input = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const output = openSync(to, CREATE, mode & PLAIN);
    try {
      for (let left = size; left > 0; ) {
        const n = readSync(input, BUFFER);
        if (n === 0) return; // it became shorter meanwhile
        for (let done = 0; done < n; ) done += writeSync(output, BUFFER, done, n - done);
        left -= n;
      }
    } finally {
      closeSync(output);
    }
  } finally {
    closeSync(input);
  }
}
