import { lstatSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '@corten/errors';

/** What a runtime makes in a root file system to mount something over it, where the image does not have it. */
const DIRECTORIES = ['dev', 'proc', 'sys'];
const FILES = ['etc/hostname', 'etc/hosts', 'etc/resolv.conf'];

const look = (root: string, path: string): Stats | undefined => lstatSync(join(root, path), { throwIfNoEntry: false });

/** Remembers which mount points an image has, so that those made for one step do not become part of its layer. */
export class MountPoints {
  readonly #missing: Set<string>;
  readonly #etc: Stats | undefined;

  constructor(root: string) {
    this.#missing = new Set([...DIRECTORIES, ...FILES].filter((p) => !look(root, p)));
    this.#etc = look(root, 'etc');
  }

  /** Takes empty ones away again; `root` is the mounted file system. */
  clear(root: string): void {
    for (const path of DIRECTORIES) if (this.#missing.has(path)) removeEmpty(join(root, path));
    if (!look(root, 'etc')?.isDirectory()) return;
    for (const path of FILES) {
      const stat = this.#missing.has(path) ? look(root, path) : undefined;
      if (stat?.isFile() && stat.size === 0) unlinkSync(join(root, path));
    }
    if (!this.#etc) removeEmpty(join(root, 'etc'));
  }

  /** Takes the copy of /etc away that making files in it left above the image; `upper` is not mounted any more. */
  clearUpper(upper: string): void {
    const left = look(upper, 'etc');
    const before = this.#etc;
    if (!left?.isDirectory() || !before?.isDirectory()) return;
    if (left.mode === before.mode && left.uid === before.uid && left.gid === before.gid)
      removeEmpty(join(upper, 'etc'));
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT', 'ENOTDIR', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
  }
}
