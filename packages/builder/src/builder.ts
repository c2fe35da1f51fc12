import { mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepRunner } from '@corten/containers';
import { invalid, messageOf } from '@corten/errors';
import type { Images } from '@corten/images';
import { familiarString, parseReference, withDefaultTag } from '@corten/oci';
import type { Snapshots } from '@corten/snapshots';
import type { Database } from '@corten/state';
import { type Logger, shortId } from '@corten/util';
import { StepCache } from './build/cache.ts';
import { receiveContext } from './build/context.ts';
import { pruneCache } from './build/prune.ts';
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
    prune: (options) => pruneCache(images, cache, options),
  };
}

/** Refuses what the classic builder refuses before it looks at the context. Returns the tags in familiar form. */
function checkOptions(options: BuildOptions): string[] {
  if (options.squash) throw invalid('squash is only supported with experimental mode');
  if (options.securityOpt.length > 0)
    throw invalid('The daemon on this platform does not support setting security options on build');
  if (options.isolation !== '' && options.isolation !== 'default')
    throw invalid(`Unsupported isolation: ${goQuote(options.isolation)}`);
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
