import { mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepRunner } from '@corten/containers';
import { invalid, isKind, messageOf, notImplemented } from '@corten/errors';
import type { Images } from '@corten/images';
import { familiarString, parseReference, withDefaultTag } from '@corten/oci';
import type { Snapshots } from '@corten/snapshots';
import type { Database } from '@corten/state';
import { type Logger, shortId } from '@corten/util';
import { StepCache } from './build/cache.ts';
import { receiveContext } from './build/context.ts';
import { runBuild } from './build/run-build.ts';
import { type BuildDependencies, BuildSession, type PullImage, SNAPSHOT_PREFIX } from './build/session.ts';
import { goQuote } from './dockerfile/go-text.ts';
import { parseDockerfile } from './dockerfile/parse.ts';
import { FilesPool } from './files/pool.ts';
import type { Builder, BuildOptions } from './types.ts';

export interface BuilderDependencies {
  /** Scratch directory of the builder alone: it is emptied at start. */
  root: string;
  images: Images;
  snapshots: Snapshots;
  steps: StepRunner;
  db: Database;
  log: Logger;
  /** How base images are pulled; the images room's own way when it is not given. */
  pullImage?: PullImage;
}

/** The classic builder behind `POST /build`. Clears what a crash left before the first build begins. */
export function createBuilder(deps: BuilderDependencies): Builder {
  const { root, images, snapshots, steps, db, log } = deps;
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const cache = new StepCache(db, images);
  const cleared = clearLeftovers(root, snapshots, log);
  const files = new FilesPool();
  const pullImage: PullImage = deps.pullImage ?? ((reference, options) => images.pull(reference, options));
  const build: BuildDependencies = { images, snapshots, steps, files, cache, pullImage, log };

  return {
    async build(context, options, onProgress, signal) {
      const tags = checkOptions(options);
      await cleared;
      files.warm();
      await using session = new BuildSession(root, build, options, onProgress, signal);
      try {
        const text = await receiveContext(session, context);
        const image = await runBuild(session, parseDockerfile(text, options.dockerfile));
        session.output.write(`Successfully built ${shortId(image.id)}\n`);
        for (const tag of tags) {
          images.tag(image.id, tag);
          session.output.write(`Successfully tagged ${tag}\n`);
        }
        session.output.finishQuiet(image.id);
        return image.id;
      } catch (error) {
        session.output.finishQuiet(undefined);
        throw error;
      }
    },
    prune: (options) => prune(images, cache, options),
  };
}

/** Refuses what the classic builder refuses before it looks at the context. Returns the tags in familiar form. */
function checkOptions(options: BuildOptions): string[] {
  if (options.squash) throw invalid('squash is only supported with experimental mode');
  if (options.securityOpt.length > 0)
    throw invalid('The daemon on this platform does not support setting security options on build');
  if (options.isolation !== '' && options.isolation !== 'default')
    throw invalid(`Unsupported isolation: ${goQuote(options.isolation)}`);
  if (options.networkMode.startsWith('container:') && options.networkMode.length === 'container:'.length)
    throw notImplemented('a build in the network of an unnamed container');
  const tags = options.tags.map((tag) => {
    const reference = parseReference(tag);
    if (reference.digest) throw invalid('build tag cannot contain a digest');
    return familiarString(withDefaultTag(reference));
  });
  return [...new Set(tags)];
}

async function clearLeftovers(root: string, snapshots: Snapshots, log: Logger): Promise<void> {
  try {
    for (const name of readdirSync(root)) await rm(join(root, name), { recursive: true, force: true });
    for (const key of snapshots.keys()) if (key.startsWith(SNAPSHOT_PREFIX)) await snapshots.remove(key);
  } catch (error) {
    log.warn('cannot clear what an earlier build left', { error: messageOf(error) });
  }
}

/**
 * Removes images of build steps that have no name and that nothing stands on, least recently used first, until
 * `keepStorage` bytes of them are left. With `all` the cache forgets every other step too.
 */
async function prune(
  images: Images,
  cache: StepCache,
  { all, keepStorage = 0 }: { all: boolean; keepStorage?: number },
): Promise<{ deleted: string[]; reclaimed: number }> {
  const deleted: string[] = [];
  let reclaimed = 0;
  const candidates = cache.imageIds().filter((id) => isUnused(images, id));
  let total = candidates.reduce((sum, id) => sum + (images.find(id)?.size ?? 0), 0);
  for (const id of candidates) {
    if (total <= keepStorage && keepStorage > 0) break;
    const image = images.find(id);
    if (!image) continue;
    try {
      await images.remove(id, {});
      deleted.push(id);
      reclaimed += image.size;
    } catch (error) {
      if (!isKind(error, 'conflict') && !isKind(error, 'notFound')) throw error; // in use, or gone meanwhile
    }
    total -= image.size;
  }
  cache.forget(all);
  return { deleted, reclaimed };
}

function isUnused(images: Images, id: Parameters<Images['children']>[0] & string): boolean {
  const image = images.find(id);
  return image !== undefined && image.repoTags.length === 0 && images.children(id).length === 0;
}
