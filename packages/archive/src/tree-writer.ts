import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { codeOf, invalid } from '@corten/errors';
import { makeDevice, makeNode, O_PATH, openBeneath, S_IFBLK, S_IFCHR, S_IFIFO, setTimes, setXattr } from '@corten/host';
import { type TarEntry, toPath } from './tar-header.ts';

const OPEN_DIRECTORIES = 64;

/** Splits an archive's name: cleaned, `..` clamped to the root, as Docker does. */
export function cleanName(name: string): string[] {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts;
}

export interface WriterOptions {
  /** Give everything this owner instead of the archive's. */
  chown?: { uid: number; gid: number };
  /** Refuse to replace a directory by something else and the other way round (docker cp). */
  noOverwriteDirNonDir?: boolean;
  /** Called before something in the way is removed; may move it away instead (true: done). */
  displace?: (name: string, absolute: Buffer) => boolean;
}

/**
 * Makes entries beneath a root. Each parent directory is opened with openat2(RESOLVE_IN_ROOT) and entries are made
 * through its descriptor, so that no link, in the archive or put there by somebody else meanwhile, leads out.
 * Names are latin1 strings of bytes.
 */
export class TreeWriter {
  readonly #root: number;
  readonly #rootPath: string;
  readonly #options: WriterOptions;
  readonly #directories = new Map<string, number>();
  /** Directory times are set last: making entries changes them. */
  readonly #later: { parts: string[]; mtime: bigint }[] = [];

  constructor(root: string, options: WriterOptions = {}) {
    this.#root = openSync(root, constants.O_DIRECTORY | O_PATH);
    this.#rootPath = locationOf(this.#root);
    this.#options = options;
  }

  /** A path, through the parent's descriptor, at which the entry named by `parts` is made. */
  at(parts: readonly string[]): Buffer {
    if (parts.length === 0) return Buffer.from(`/proc/self/fd/${this.#root}/.`);
    const fd = this.#parent(parts.slice(0, -1));
    return Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), toPath(parts.at(-1)!)]);
  }

  /** The entry's name with the links in its directories resolved, relative to the root. */
  realName(parts: readonly string[]): string {
    const directory = locationOf(this.#parent(parts.slice(0, -1))).slice(this.#rootPath.length + 1);
    return directory === '' ? parts.at(-1)! : `${directory}/${parts.at(-1)}`;
  }

  #parent(parts: readonly string[]): number {
    if (parts.length === 0) return this.#root;
    const key = parts.join('/');
    const known = this.#directories.get(key);
    if (known !== undefined) return known;
    let fd: number;
    try {
      fd = this.#open(key);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT')
        throw invalid(`cannot enter "${key}" beneath the root: ${(error as Error).message}`, error);
      mkdirSync(this.at(parts), { mode: 0o755 });
      fd = this.#open(key);
    }
    if (this.#directories.size >= OPEN_DIRECTORIES) this.#forget();
    this.#directories.set(key, fd);
    return fd;
  }

  #open(key: string): number {
    return openBeneath(this.#root, toPath(key), constants.O_DIRECTORY | O_PATH);
  }

  #forget(): void {
    for (const fd of this.#directories.values()) closeSync(fd);
    this.#directories.clear();
  }

  /** Removes what stands at a name, if anything; nothing is followed. */
  remove(parts: readonly string[]): void {
    const path = this.at(parts);
    if (!lstatSync(path, { throwIfNoEntry: false })) return;
    this.#forget(); // what is removed may be a directory that is held open
    const again = this.at(parts);
    if (this.#options.displace?.(this.realName(parts), again)) return;
    rmSync(again, { recursive: true, force: true });
  }

  /** Makes one entry; `content` is called until it gives undefined. */
  write(entry: TarEntry, parts: readonly string[], content: () => Uint8Array | undefined): void {
    const path = this.at(parts);
    const existing = lstatSync(path, { throwIfNoEntry: false });
    const directory = entry.type === 'directory';
    if (existing && !(existing.isDirectory() && directory)) {
      if (this.#options.noOverwriteDirNonDir && existing.isDirectory() !== directory)
        throw invalid(
          `cannot overwrite ${existing.isDirectory() ? 'directory' : 'non-directory'} "${entry.name}" with ${directory ? 'directory' : 'non-directory'}`,
        );
      if (parts.length === 0) throw invalid(`the root cannot be replaced by "${entry.name}"`);
      this.remove(parts);
    }
    this.#make(entry, parts, existing?.isDirectory() ?? false, content);
    if (entry.type === 'link') return; // shares everything with its target
    this.#dress(entry, this.at(parts), parts);
  }

  #make(entry: TarEntry, parts: readonly string[], exists: boolean, content: () => Uint8Array | undefined): void {
    const path = this.at(parts);
    switch (entry.type) {
      case 'directory':
        if (!exists) mkdirSync(path, { mode: 0o755 });
        return;
      case 'file':
        return writeFile(path, content);
      case 'symlink':
        return symlinkSync(toPath(entry.linkName), path);
      case 'link': {
        const target = this.at(cleanName(entry.linkName));
        try {
          return linkSync(target, this.at(parts));
        } catch (error) {
          throw invalid(`cannot hard-link "${entry.name}" to "${entry.linkName}": ${(error as Error).message}`, error);
        }
      }
      case 'char':
        return makeNode(path, S_IFCHR | entry.mode, makeDevice(entry.major, entry.minor));
      case 'block':
        return makeNode(path, S_IFBLK | entry.mode, makeDevice(entry.major, entry.minor));
      case 'fifo':
        return makeNode(path, S_IFIFO | entry.mode);
      case 'other':
        throw invalid(`unhandled tar entry type of "${entry.name}"`);
    }
  }

  #dress(entry: TarEntry, path: Buffer, parts: readonly string[]): void {
    const { uid, gid } = this.#options.chown ?? entry;
    lchownSync(path, uid, gid);
    if (entry.type !== 'symlink') chmodSync(path, entry.mode);
    for (const [name, value] of entry.xattrs) {
      if (name.startsWith('trusted.overlay.')) continue; // only the kernel's overlay may speak through these
      setXattr(path, name, value);
    }
    const mtime = entry.mtime < 0n ? 0n : entry.mtime;
    if (entry.type === 'directory') this.#later.push({ parts: [...parts], mtime });
    else setTimes(path, mtime);
  }

  /** Sets directory times and closes. */
  finish(): void {
    for (const { parts, mtime } of this.#later.reverse()) {
      const path = this.at(parts);
      // a later entry may have replaced the directory by something else
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) setTimes(path, mtime);
    }
    this.close();
  }

  close(): void {
    this.#forget();
    closeSync(this.#root);
  }
}

const locationOf = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`, 'latin1' as BufferEncoding);

function writeFile(path: Buffer, content: () => Uint8Array | undefined): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    for (let piece = content(); piece; piece = content()) {
      for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done, piece.length - done);
    }
  } finally {
    closeSync(fd);
  }
}
