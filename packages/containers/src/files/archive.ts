import { basename } from 'node:path/posix';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { extractTar, packTar } from '@corten/archive';
import { codeOf, invalid, isKind, messageOf, notFound } from '@corten/errors';
import { type Context, publish } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { lookupUser } from '../rootfs/users.ts';
import type { PathStat } from '../types.ts';
import { statBeneath } from './path-stat.ts';
import { accessPath, accessRoot, type RootAccess } from './root-access.ts';

const isMissing = (error: unknown) => ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '');
const missing = (c: ContainerRecord, path: string) =>
  notFound(`Could not find the file ${path} in container ${c.name}`);

function statOf(c: ContainerRecord, access: RootAccess & { path: string }, path: string): PathStat {
  try {
    const trailing = /\/\.?$/.test(path) && !access.path.endsWith('/') ? '/' : '';
    const stat = statBeneath(access.root, `${access.path}${trailing}`);
    const name = basename(path.replace(/\/\.?$/, ''));
    return { ...stat, name: name || stat.name };
  } catch (error) {
    if (isMissing(error)) throw missing(c, path);
    throw error;
  }
}

/** HEAD /containers/{id}/archive. */
export async function archiveStat(ctx: Context, c: ContainerRecord, path: string): Promise<PathStat> {
  const access = await accessPath(ctx, c, path);
  try {
    return statOf(c, access, path);
  } finally {
    await access.release();
  }
}

/** Releases the access when the stream has ended, one way or the other. */
function releaseAfter(ctx: Context, tar: Readable, access: RootAccess): Readable {
  finished(tar, { writable: false })
    .catch(() => {}) // who reads the stream gets the error
    .then(() => access.release())
    .catch((error) => ctx.log.warn('releasing a root file system failed', { error: messageOf(error) }));
  return tar;
}

/** GET /containers/{id}/archive: the tar of a file or directory under its own name. */
export async function archiveGet(
  ctx: Context,
  c: ContainerRecord,
  path: string,
): Promise<{ stat: PathStat; tar: Readable }> {
  const access = await accessPath(ctx, c, path);
  try {
    const stat = statOf(c, access, path);
    const name = path.endsWith('/.') || stat.name === '/' ? '.' : stat.name;
    const tar = packTar({ root: access.root, path: access.path, name });
    publish(ctx, c, 'archive-path', { path });
    return { stat, tar: releaseAfter(ctx, tar, access) };
  } catch (error) {
    await access.release();
    throw error;
  }
}

/** PUT /containers/{id}/archive: extracts into a directory that is there. */
export async function archivePut(
  ctx: Context,
  c: ContainerRecord,
  path: string,
  tar: Readable,
  options: { noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
): Promise<void> {
  const access = await accessPath(ctx, c, path);
  try {
    const stat = statOf(c, access, path.endsWith('/') ? path : `${path}/`);
    if (stat.mode < 0x80000000) throw invalid('extraction point is not a directory');
    if (!access.writable)
      throw invalid(
        c.hostConfig.ReadonlyRootfs ? 'container rootfs is marked read-only' : 'mounted volume is marked read-only',
      );
    const user = options.copyUIDGID ? lookupUser(access.root, c.config.User) : undefined;
    await extractTar(tar, {
      root: access.root,
      into: access.path,
      noOverwriteDirNonDir: options.noOverwriteDirNonDir,
      ...(user ? { chown: { uid: user.uid, gid: user.gid } } : {}),
    });
    publish(ctx, c, 'extract-to-dir', { path });
  } catch (error) {
    if (isKind(error, 'system') && isMissing(error)) throw missing(c, path);
    throw error;
  } finally {
    await access.release();
  }
}

/** GET /containers/{id}/export: the root file system, without its volumes. */
export async function exportContainer(ctx: Context, c: ContainerRecord): Promise<Readable> {
  const access = await accessRoot(ctx, c);
  try {
    const tar = packTar({ root: access.root, path: '/', name: '' });
    publish(ctx, c, 'export');
    return releaseAfter(ctx, tar, access);
  } catch (error) {
    await access.release();
    throw error;
  }
}
