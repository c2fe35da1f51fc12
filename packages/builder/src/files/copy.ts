import { chmodSync, closeSync, lchownSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { messageOf, system } from '@corten/errors';
import { Root } from './beneath.ts';
import { type Identity, parseChown } from './identity.ts';
import type { CopyJob, CopyRest, Fill, FillJob } from './jobs.ts';
import { TreeCopier } from './tree-copier.ts';

/** Copies found sources into an image's files: a directory's content, or a file, by Docker's rules for destinations. */
export function copy(job: CopyJob): CopyRest {
  using root = new Root(job.root);
  const identity = identityOf(root, job.chown);
  const fills: Fill[] = [];
  const shared = new Set<string>();
  try {
    for (const source of job.sources) {
      // Only the last source's new directories can wait: an earlier one's may be written to by a later.
      const later = source === job.sources.at(-1) ? (fill: Fill) => fills.push(beneath(job.root, fill)) : undefined;
      const copier = new TreeCopier({
        identity,
        mode: modeOf(job.chmod),
        shared: job.share ? shared : undefined,
        later,
      });
      if (source.directory) copyDirectory(root, copier, source.real, job.destination, identity);
      else copyFile(root, copier, source, job.destination, identity);
    }
  } catch (error) {
    throw system(`failed to copy files: ${messageOf(error)}`, error);
  }
  return { fills, ...(identity ? { identity } : {}) };
}

/** Puts content into directories that a copy made, beneath the upper directory of a snapshot that is not mounted. */
export function fill({ upper, fills, identity, chmod, share }: FillJob): void {
  try {
    const shared = share ? new Set<string>() : undefined;
    const copier = new TreeCopier({ identity, mode: modeOf(chmod), shared });
    for (const { from, to, dress } of fills) {
      const source = Buffer.from(from, 'latin1');
      const target = Buffer.concat([Buffer.from(`${upper}/`), Buffer.from(to, 'latin1')]);
      if (dress) copier.copyEntry(source, target);
      else copier.copyContent(source, target);
    }
  } catch (error) {
    throw system(`failed to copy files: ${messageOf(error)}`, error);
  }
}

const modeOf = (chmod: string): number | undefined => (chmod === '' ? undefined : Number.parseInt(chmod, 8));

function identityOf(root: Root, chown: string | undefined): Identity | undefined {
  if (chown === undefined) return undefined;
  return chown === '' ? { uid: 0, gid: 0 } : parseChown(root, chown);
}

/** A fill whose target goes through an open descriptor, said as a path beneath the root. */
function beneath(root: string, { from, to, dress }: Fill): Fill {
  const [, handle = '', tail = ''] = /^(\/proc\/self\/fd\/\d+)(.*)$/s.exec(to) ?? [];
  const directory = readlinkSync(handle, 'latin1' as BufferEncoding);
  const prefix = Buffer.from(root).toString('latin1');
  return { from, to: `${directory}${tail}`.slice(prefix.length).replace(/^\/+/, ''), dress };
}

/** The destination is made when it is missing; one that is there keeps its own mode and owner. */
function copyDirectory(root: Root, copier: TreeCopier, source: string, destination: string, owner?: Identity): void {
  const existed = root.isDirectory(destination);
  const fd = root.makeDirectory(destination);
  try {
    const path = `/proc/self/fd/${fd}`;
    if (!existed && owner) lchownSync(`${path}/.`, owner.uid, owner.gid);
    if (!existed && copier.mode !== undefined) chmodSync(`${path}/.`, copier.mode);
    if (existed) copier.copyContent(Buffer.from(source), Buffer.from(path));
    else copier.fillNew(Buffer.from(source), Buffer.from(path), false);
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
