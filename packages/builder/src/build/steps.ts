import { chmodSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CortenError, messageOf } from '@corten/errors';
import type { Image } from '@corten/images';
import type { DiffId, Platform } from '@corten/oci';
import { randomId, shortId } from '@corten/util';
import { Root } from '../files/beneath.ts';
import type { RunStep, Step, WorkdirStep } from '../plan/step.ts';
import { remembered } from './cache-from.ts';
import type { CopyRunner } from './copy-step.ts';
import { MountPoints } from './mount-points.ts';
import type { BuildSession } from './session.ts';
import { stepConfig } from './step-image.ts';

/** A step's process ended with a code other than 0. */
export class StepFailed extends CortenError {
  readonly exitCode: number;
  constructor(args: readonly string[], exitCode: number) {
    super('system', `The command '${args.join(' ')}' returned a non-zero code: ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/** Carries steps out: each makes an image of its parent, or finds it in the cache. */
export class StepExecutor {
  readonly #session: BuildSession;
  readonly #copies: CopyRunner;
  readonly #cacheFrom: Image[];
  /** Cache entries that this build used. */
  readonly #used: string[] = [];

  constructor(session: BuildSession, copies: CopyRunner) {
    this.#session = session;
    this.#copies = copies;
    this.#cacheFrom = session.options.cacheFrom.map((r) => session.deps.images.find(r)).filter((i) => i !== undefined);
  }

  /** The image after a step. */
  async execute(step: Step, parent: Image | undefined, platform: Platform, stageIndex: number): Promise<Image> {
    const session = this.#session;
    const copy = step.op === 'copy' ? await this.#copies.prepare(step, stageIndex, platform) : undefined;
    const createdBy = step.op === 'copy' ? copy!.createdBy : step.createdBy;
    const more = [step.op, step.after, step.op === 'run' ? [step.network, step.script ?? ''] : ''];
    const key = session.deps.cache.key({
      parent,
      platform: `${platform.os}/${platform.architecture}`,
      createdBy,
      more,
    });
    const cached = session.options.noCache ? undefined : await this.#probe(key, step, parent, platform, createdBy);
    if (cached) {
      this.#used.push(key);
      session.output.write(' ---> Using cache\n');
      return cached;
    }
    const container = randomId();
    let diffId: DiffId | undefined;
    if (step.op === 'copy')
      diffId = await this.#inSnapshot(parent, (root, key) => this.#copies.copy(step, copy!, root, key));
    else {
      session.output.write(` ---> Running in ${shortId(container)}\n`);
      diffId = await this.#perform(step, parent, container);
    }
    const config = stepConfig(parent, platform, step.after, { createdBy, ...(diffId ? { diffId } : {}) });
    const image = await session.deps.images.create(config, parent ? { parent: parent.id } : {});
    session.deps.cache.put(key, image.id);
    if (step.op !== 'copy' && session.options.remove)
      session.output.write(`Removing intermediate container ${shortId(container)}\n`);
    return image;
  }

  /** Keeps what was used from being pruned as old. */
  finish(): void {
    this.#session.deps.cache.touch(this.#used);
  }

  async #probe(
    key: string,
    step: Step,
    parent: Image | undefined,
    platform: Platform,
    createdBy: string,
  ): Promise<Image | undefined> {
    const { images, cache } = this.#session.deps;
    const local = cache.find(key);
    if (local) return local;
    for (const source of this.#cacheFrom) {
      const found = remembered(source, parent, createdBy);
      if (!found) continue;
      const config = stepConfig(parent, platform, step.after, { createdBy, ...found });
      const image = found.image ?? (await images.create(config, parent ? { parent: parent.id } : {}));
      cache.put(key, image.id);
      return image;
    }
    return undefined;
  }

  async #perform(step: Exclude<Step, { op: 'copy' }>, parent: Image | undefined, container: string) {
    if (step.op === 'config') return undefined;
    if (step.op === 'workdir') return this.#inSnapshot(parent, async (root) => makeWorkdir(root, step));
    try {
      return await this.#inSnapshot(parent, (root, key) => this.#run(step, root, key, container));
    } catch (error) {
      if (this.#session.options.forceRemove)
        this.#session.output.write(`Removing intermediate container ${shortId(container)}\n`);
      throw error;
    }
  }

  /** Lets `work` change the files above an image; returns the layer of the changes, if there were any. */
  async #inSnapshot(
    parent: Image | undefined,
    work: (root: string, key: string) => Promise<void>,
  ): Promise<DiffId | undefined> {
    const session = this.#session;
    const key = await session.snapshot(parent?.topLayer);
    try {
      await work(await session.deps.snapshots.mount(key), key);
      session.checkCancelled();
      const result = await session.commit(key);
      return result.empty ? undefined : result.layer.diffId;
    } catch (error) {
      await session.drop(key);
      throw error;
    }
  }

  async #run(step: RunStep, root: string, key: string, container: string): Promise<void> {
    const { options, output, deps, signal } = this.#session;
    const program = output.program();
    const points = new MountPoints(root);
    const script = step.script === undefined ? undefined : writeScript(root, step.script);
    try {
      const { config } = step.after;
      const { exitCode } = await deps.steps.run({
        snapshotKey: key,
        args: script ? [script.inside] : step.args,
        env: step.env,
        workingDir: config.WorkingDir || '/',
        user: config.User ?? '',
        hostname: shortId(container),
        networkMode: step.network || options.networkMode,
        extraHosts: options.extraHosts,
        resources: resourcesOf(options),
        onOutput: (stream, chunk) => program.chunk(stream, chunk),
        signal,
      });
      program.end();
      this.#session.checkCancelled();
      if (exitCode !== 0) throw new StepFailed(step.args, exitCode);
    } finally {
      if (script) rmSync(script.outside, { force: true });
    }
    points.clear(root);
    await deps.snapshots.unmount(key);
    points.clearUpper(deps.snapshots.mounts(key).upper);
  }
}

function resourcesOf(o: BuildSession['options']) {
  const given = {
    memory: o.memory,
    memorySwap: o.memorySwap,
    cpuShares: o.cpuShares,
    cpuPeriod: o.cpuPeriod,
    cpuQuota: o.cpuQuota,
    cpuSetCpus: o.cpuSetCpus,
    cpuSetMems: o.cpuSetMems,
    shmSize: o.shmSize,
    cgroupParent: o.cgroupParent,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== 0 && v !== ''));
  return { ...set, ...(o.ulimits.length > 0 ? { ulimits: o.ulimits } : {}) } as typeof given & {
    ulimits: typeof o.ulimits;
  };
}

/** A script with its own interpreter line must be a file; it is gone before the layer is made. */
function writeScript(root: string, text: string): { inside: string; outside: string } {
  const name = `.build-script-${randomId().slice(0, 12)}`;
  const outside = join(root, name);
  writeFileSync(outside, text, { flag: 'wx' });
  chmodSync(outside, 0o755);
  return { inside: `/${name}`, outside };
}

function makeWorkdir(root: string, { path }: WorkdirStep): void {
  using tree = new Root(root);
  try {
    closeSync(tree.makeDirectory(path));
  } catch (error) {
    throw new CortenError('invalid', `cannot make the working directory: ${messageOf(error)}`, error);
  }
}
