import { chmodSync, closeSync, lchownSync } from 'node:fs';
import { posix } from 'node:path';
import { messageOf, system } from '@corten/errors';
import { Root } from './beneath.ts';
import { type Identity, parseChown } from './identity.ts';
import type { CopyJob } from './jobs.ts';
import { TreeCopier } from './tree-copier.ts';

/** Copies found sources into an image's files: a directory's content, or a file, by Docker's rules for destinations. */
export function copy(job: CopyJob): void {
  using root = new Root(job.root);
  const identity =
    job.chown === undefined ? undefined : job.chown === '' ? { uid: 0, gid: 0 } : parseChown(root, job.chown);
  const mode = job.chmod === '' ? undefined : Number.parseInt(job.chmod, 8);
  try {
    for (const source of job.sources) {
      const copier = new TreeCopier({ identity, mode });
      if (source.directory) copyDirectory(root, copier, source.real, job.destination, identity);
      else copyFile(root, copier, source, job.destination, identity);
    }
  } catch (error) {
    throw system(`failed to copy files: ${messageOf(error)}`, error);
  }
}

/** The destination is made when it is missing; one that is there keeps its own mode and owner. */
function copyDirectory(root: Root, copier: TreeCopier, source: string, destination: string, owner?: Identity): void {
  const existed = root.isDirectory(destination);
  const fd = root.makeDirectory(destination);
  try {
    const path = `/proc/self/fd/${fd}`;
    if (!existed && owner) lchownSync(`${path}/.`, owner.uid, owner.gid);
    if (!existed && copier.mode !== undefined) chmodSync(`${path}/.`, copier.mode);
    copier.copyContent(Buffer.from(source), Buffer.from(path));
  } finally {
    closeSync(fd);
  }
}

function copyFile(
  root: Root,
  copier: TreeCopier,
  source: { path: string; real: string },
  destination: string,
  owner?: Identity,
): void {
  const inside = destination.endsWith('/') || root.isDirectory(destination);
  const target = inside ? posix.join(destination, posix.basename(source.path)) : root.follow(destination);
  const fd = root.makeDirectory(posix.dirname(target), (made) => {
    if (owner) lchownSync(made, owner.uid, owner.gid);
  });
  try {
    copier.copyEntry(Buffer.from(source.real), Buffer.from(`/proc/self/fd/${fd}/${posix.basename(target)}`));
  } finally {
    closeSync(fd);
  }
}
