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
import type { Fill } from './jobs.ts';
import { portableXattrs } from './scan.ts';

const BUFFER = Buffer.allocUnsafe(1 << 20);
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Bits that a new file gets from open(2) or mkdir(2) under the engine's umask of 022. */
const PLAIN = 0o755;

export interface CopierOptions {
  /** Owner of everything; undefined keeps the sources' owners. */
  identity?: Identity | undefined;
  /** Mode of everything; undefined keeps the sources' modes. */
  mode?: number | undefined;
  shared?: Set<string> | undefined;
  later?: ((fill: Fill) => void) | undefined;
}

/**
 * Copies files as they are: mode, times, links, hard links among them, attributes. What stands in the way is
 * replaced, except that a directory merges into a directory; no link at the destination is followed.
 */
export class TreeCopier {
  readonly #identity: Identity | undefined;
  readonly mode: number | undefined;
  /** Files that became a second name of their source, by inode, so that no two copies are one file. Undefined: copy all. */
  readonly #shared: Set<string> | undefined;
  /** Takes new directories whose content is put in later; undefined to do it at once. */
  readonly #later: ((fill: Fill) => void) | undefined;
  /** First copy of each file with several names: by device and inode. */
  readonly #links = new Map<string, Buffer>();

  constructor(options: CopierOptions) {
    this.#identity = options.identity;
    this.mode = options.mode;
    this.#shared = options.shared;
    this.#later = options.later;
  }

  /** The content of a directory that was made just now. */
  fillNew(from: Buffer, to: Buffer, dress: boolean): void {
    if (this.#later) this.#later({ from: from.toString('latin1'), to: to.toString('latin1'), dress });
    else this.copyContent(from, to);
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
    if (stat.isFile() && this.#share(from, to, stat)) {
      if (key !== undefined) this.#links.set(key, to);
      return;
    }
    if (stat.isFile()) replacing(to, () => copyBytes(from, to, Number(stat.size), this.#modeOf(stat)));
    else if (stat.isSymbolicLink()) replacing(to, () => symlinkSync(readlinkSync(from, 'buffer'), to));
    else replacing(to, () => makeNode(to, Number(stat.mode), Number(stat.rdev)));
    if (key !== undefined) this.#links.set(key, to);
    this.#dress(from, to, stat);
    setTimes(to, stat.mtimeNs);
  }

  /** Makes the copy a second name of its source where both are to be the same in everything. */
  #share(from: Buffer, to: Buffer, stat: BigIntStats): boolean {
    const { uid, gid } = this.#identity ?? { uid: Number(stat.uid), gid: Number(stat.gid) };
    if (!this.#shared || this.mode !== undefined || Number(stat.uid) !== uid || Number(stat.gid) !== gid) return false;
    const inode = `${stat.dev}:${stat.ino}`;
    if (this.#shared.has(inode)) return false;
    try {
      replacing(to, () => linkSync(from, to));
    } catch (error) {
      if (!['EXDEV', 'EMLINK', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
      return false;
    }
    this.#shared.add(inode);
    return true;
  }

  #directory(from: Buffer, to: Buffer, stat: BigIntStats): void {
    if (lstatSync(to, { throwIfNoEntry: false })?.isDirectory()) this.copyContent(from, to);
    else {
      replacing(to, () => mkdirSync(to, { mode: this.#modeOf(stat) & PLAIN }));
      if (this.#later) return this.fillNew(from, to, true);
      this.copyContent(from, to);
    }
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
