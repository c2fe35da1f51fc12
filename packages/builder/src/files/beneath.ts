import { closeSync, constants, lstatSync, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { codeOf, invalid } from '@corten/errors';
import { O_CLOEXEC, O_PATH, openBeneath } from '@corten/host';

const MAX_LINKS = 40;
const DIRECTORY = constants.O_DIRECTORY | O_PATH | O_CLOEXEC;

const split = (path: string): string[] => path.split('/').filter((p) => p !== '' && p !== '.');

/** A directory tree as a root of its own: no link in it, absolute or with `..`, leads out. */
export class Root implements Disposable {
  readonly #fd: number;
  readonly #path: string;

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_DIRECTORY | O_PATH);
    this.#path = locationOf(this.#fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** A descriptor (O_PATH) of what stands at a path, links followed. The caller closes it. */
  open(path: string, directory = false): number {
    return openBeneath(this.#fd, split(path).join('/'), directory ? DIRECTORY : O_PATH | O_CLOEXEC);
  }

  /** Where a descriptor's file is, relative to this root. */
  #locate(fd: number): string[] {
    return split(locationOf(fd).slice(this.#path.length));
  }

  /** Absolute path of what stands at a path, links resolved. */
  real(path: string): string {
    const fd = this.open(path);
    try {
      return locationOf(fd);
    } finally {
      closeSync(fd);
    }
  }

  /**
   * A descriptor of a directory, made (0755) with its parents where they are missing. A dangling link on the way is
   * followed, and its target made. `made` is called with each new directory.
   */
  makeDirectory(path: string, made: (path: string) => void = () => {}): number {
    let rest = split(path);
    let done: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const name = rest.shift()!;
      const parent = this.open(done.join('/'), true);
      try {
        done = this.#locate(parent);
        if (name === '..') {
          done.pop();
          continue;
        }
        const at = `/proc/self/fd/${parent}/${name}`;
        const stat = lstatSync(at, { throwIfNoEntry: false });
        if (stat?.isSymbolicLink()) {
          if (++links > MAX_LINKS) throw invalid(`too many links in "${path}"`);
          const target = readlinkSync(at);
          if (target.startsWith('/')) done = [];
          rest = [...split(target), ...rest];
          continue;
        }
        if (stat && !stat.isDirectory()) throw invalid(`mkdir ${posix.join('/', ...done, name)}: not a directory`);
        if (!stat) {
          mkdirSync(at, { mode: 0o755 });
          made(at);
        }
        done.push(name);
      } finally {
        closeSync(parent);
      }
    }
    return this.open(done.join('/'), true);
  }

  /** What a path leads to when its last element is a link: the path that link means, again and again. */
  follow(path: string): string {
    let at = posix.join('/', path);
    for (let links = 0; links <= MAX_LINKS; links++) {
      const parent = this.#tryOpen(posix.dirname(at));
      if (parent === undefined) return at;
      try {
        const name = posix.basename(at);
        const link = name === '' ? undefined : linkTarget(`/proc/self/fd/${parent}/${name}`);
        if (link === undefined) return at;
        at = posix.join('/', link.startsWith('/') ? link : posix.join(...this.#locate(parent), link));
      } finally {
        closeSync(parent);
      }
    }
    throw invalid(`too many links in "${path}"`);
  }

  #tryOpen(path: string): number | undefined {
    try {
      return this.open(path, true);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  isDirectory(path: string): boolean {
    const fd = this.#tryOpen(path);
    if (fd !== undefined) closeSync(fd);
    return fd !== undefined;
  }
}

const locationOf = (fd: number): string => readlinkSync(`/proc/self/fd/${fd}`);

function linkTarget(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined;
}
