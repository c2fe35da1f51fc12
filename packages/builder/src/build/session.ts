import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StepRunner } from '@corten/containers';
import { cancelled, messageOf } from '@corten/errors';
import type { Image, Images, OnProgress, RegistryAuth } from '@corten/images';
import type { ChainId, Platform } from '@corten/oci';
import type { Snapshots } from '@corten/snapshots';
import { type Logger, randomId } from '@corten/util';
import type { FilesPool } from '../files/pool.ts';
import type { BuildOptions } from '../types.ts';
import type { StepCache } from './cache.ts';
import { BuildOutput } from './output.ts';

/** Snapshots of builds are named so; what is left of them after a crash is known by it. */
export const SNAPSHOT_PREFIX = 'build-';

export type PullImage = (
  reference: string,
  options: { platform?: Platform; auth?: RegistryAuth; onProgress: OnProgress; signal: AbortSignal },
) => Promise<Image>;

/** What every build needs. */
export interface BuildDependencies {
  images: Images;
  snapshots: Snapshots;
  steps: StepRunner;
  files: FilesPool;
  cache: StepCache;
  pullImage: PullImage;
  log: Logger;
}

/** One build: its options, its output, and what it must take away at its end. */
export class BuildSession implements AsyncDisposable {
  readonly deps: BuildDependencies;
  readonly options: BuildOptions;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
  /** Scratch directory of this build alone. */
  readonly scratch: string;
  readonly #snapshots = new Set<string>();
  /** Mounted files of images that COPY --from reads: by image ID. */
  readonly #sources = new Map<string, string>();

  constructor(root: string, deps: BuildDependencies, options: BuildOptions, emit: OnProgress, signal: AbortSignal) {
    this.deps = deps;
    this.options = options;
    this.output = new BuildOutput(emit, options.quiet);
    this.signal = signal;
    this.scratch = join(root, randomId().slice(0, 16));
    mkdirSync(this.context, { recursive: true, mode: 0o700 });
  }

  /** Where the build context is. */
  get context(): string {
    return join(this.scratch, 'context');
  }

  checkCancelled(): void {
    if (this.signal.aborted) throw cancelled('Build cancelled');
  }

  /** A writable snapshot that goes with the session unless it is committed before. */
  async snapshot(parent: ChainId | undefined): Promise<string> {
    const key = `${SNAPSHOT_PREFIX}${randomId().slice(0, 24)}`;
    this.#snapshots.add(key);
    await this.deps.snapshots.prepare(key, parent);
    return key;
  }

  /** Removes a snapshot that is of no more use. */
  async drop(key: string): Promise<void> {
    await this.deps.snapshots.remove(key);
    this.#snapshots.delete(key);
  }

  /** Makes a layer of a snapshot, which is gone after it. */
  async commit(key: string): ReturnType<Snapshots['commit']> {
    await this.deps.snapshots.unmount(key);
    const result = await this.deps.snapshots.commit(key, { consume: true });
    if (result.empty) await this.deps.snapshots.remove(key);
    this.#snapshots.delete(key);
    return result;
  }

  /** The files of an image, mounted until the session ends. Nothing writes there. */
  async files(image: Image): Promise<string> {
    const known = this.#sources.get(image.id);
    if (known !== undefined) return known;
    const path = await this.deps.snapshots.mount(await this.snapshot(image.topLayer));
    this.#sources.set(image.id, path);
    return path;
  }

  /** Not waited for: a large context takes a while, and what is left at a crash goes at the next start. */
  #removeScratch(): void {
    this.deps.files
      .remove(this.scratch)
      .catch((error) => this.deps.log.warn("cannot remove a build's scratch directory", { error: messageOf(error) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const key of this.#snapshots)
      await this.drop(key).catch((error) =>
        this.deps.log.warn("cannot remove a build's snapshot", { key, error: messageOf(error) }),
      );
    this.#removeScratch();
  }
}
