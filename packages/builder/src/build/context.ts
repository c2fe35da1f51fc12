import { closeSync, constants, existsSync } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { decompressChunks, extractTar } from '@corten/archive';
import { codeOf, invalid } from '@corten/errors';
import { Root } from '../files/beneath.ts';
import type { BuildSession } from './session.ts';

const BLOCK = 512;
const MAX_DOCKERFILE = 2 << 20;

/** Unpacks the client's tar, reads the Dockerfile, then leaves out what .dockerignore says. Returns the Dockerfile. */
export async function receiveContext(session: BuildSession, tar: Readable): Promise<string> {
  const { deps, signal, context } = session;
  await extractTar(padded(tar), { root: context, signal });
  const dockerfile = await readDockerfile(context, session.options.dockerfile);
  const ignore = join(context, '.dockerignore');
  if (existsSync(ignore)) {
    const text = (await readBeneath(context, '.dockerignore')).toString('utf8');
    await deps.files.ignore({ root: context, text }, signal);
  }
  return dockerfile;
}

/**
 * The tar with its last block made whole: the docker CLI, when it adds a Dockerfile from its standard input, does not
 * pad the last file and writes no end (and Go's reader does not mind).
 */
async function* padded(tar: Readable): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of decompressChunks(tar)) {
    size += chunk.length;
    yield chunk;
  }
  if (size % BLOCK !== 0) yield Buffer.alloc(BLOCK - (size % BLOCK));
}

async function readDockerfile(context: string, name: string): Promise<string> {
  const path = posix.normalize(name);
  if (path === '..' || path.startsWith('../')) throw invalid(`forbidden path outside the build context: ${name} ()`);
  for (const candidate of path === 'Dockerfile' ? ['Dockerfile', 'dockerfile'] : [path]) {
    try {
      return (await readBeneath(context, candidate)).toString('utf8');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
    }
  }
  throw invalid(`Cannot locate specified Dockerfile: ${name}`);
}

/** A regular file of the context; links are followed beneath it. */
async function readBeneath(context: string, path: string): Promise<Buffer> {
  using root = new Root(context);
  const fd = root.open(path);
  try {
    const handle = `/proc/self/fd/${fd}`;
    const info = await stat(handle);
    if (info.isDirectory()) throw invalid(`unexpected error reading Dockerfile: read ${path}: is a directory`);
    if (!info.isFile()) throw invalid(`unexpected error reading Dockerfile: read ${path}: not a regular file`);
    if (info.size > MAX_DOCKERFILE) throw invalid(`${path} is larger than ${MAX_DOCKERFILE} bytes`);
    await using file = await open(handle, constants.O_RDONLY);
    return await readFile(file);
  } finally {
    closeSync(fd);
  }
}
