import { CortenError, invalid, messageOf } from '@corten/errors';
import type { Image } from '@corten/images';
import { currentPlatform, type Platform, parsePlatform } from '@corten/oci';
import { shortId } from '@corten/util';
import { GivenArgs } from '../dockerfile/args.ts';
import { expandWord } from '../dockerfile/expand.ts';
import type { Dockerfile, Instruction, Located } from '../dockerfile/instruction.ts';
import { parseTrigger } from '../dockerfile/parse.ts';
import { StagePlanner } from '../plan/stage-planner.ts';
import { findStage, neededStages, type PlannedStage } from '../plan/stages.ts';
import { baseImage, checkBaseName } from './base-image.ts';
import { CopyRunner } from './copy-step.ts';
import type { BuildSession } from './session.ts';
import { StepExecutor } from './steps.ts';

/** Builds the stages that the target needs, in order. Returns the last one's image. */
export async function runBuild(session: BuildSession, file: Dockerfile): Promise<Image> {
  return new BuildRun(session, file).run();
}

class BuildRun {
  readonly #session: BuildSession;
  readonly #file: Dockerfile;
  readonly #args: GivenArgs;
  readonly #executor: StepExecutor;
  readonly #platform: Platform | undefined;
  /** Images of the stages that are built. */
  readonly #built = new Map<number, Image | undefined>();
  #step = 0;
  #steps = 0;

  constructor(session: BuildSession, file: Dockerfile) {
    this.#session = session;
    this.#file = file;
    this.#args = new GivenArgs(session.options.buildArgs);
    const { platform } = session.options;
    this.#platform = platform === '' ? undefined : parsePlatform(platform);
    const copies = new CopyRunner(session, (from, stage, p) => this.#sourceRoot(from, stage, p));
    this.#executor = new StepExecutor(session, copies);
  }

  async run(): Promise<Image> {
    const { output, options } = this.#session;
    const file = this.#file;
    // Arguments are declared before stages are chosen (FROM may name a stage by one) and shown as steps of their own.
    const shown = file.metaArgs.map((arg) => () => this.#declareMeta(arg));
    this.#declareQuietly();
    const stages = neededStages(file, this.#args, options.target);
    const labels = Object.entries(options.labels).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, value] of labels) stages.at(-1)!.stage.instructions.push(labelInstruction(key, value));
    this.#steps = shown.length + stages.reduce((sum, { stage }) => sum + 1 + stage.instructions.length, 0);
    if (file.warnings.length > 0) output.error(`${file.warnings.join('\n')}\n`);
    for (const declare of shown) declare();
    let image: Image | undefined;
    for (const stage of stages) image = await this.#stage(stage);
    if (!image) throw invalid('No image was generated. Is your Dockerfile empty?');
    const warning = this.#args.unusedWarning();
    if (warning !== '') output.write(warning);
    this.#executor.finish();
    return image;
  }

  #declareQuietly(): void {
    for (const { args } of this.#file.metaArgs)
      for (const { key, value } of args) {
        try {
          this.#args.declareMeta(this.#metaWord(key), value === undefined ? undefined : this.#metaWord(value));
        } catch {
          return; // thrown again where its step is shown
        }
      }
  }
  #declareMeta({ args, source }: Dockerfile['metaArgs'][number]): void {
    this.#announce(source);
    for (const { key, value } of args)
      this.#args.declareMeta(this.#metaWord(key), value === undefined ? undefined : this.#metaWord(value));
  }
  #metaWord(text: string): string {
    return expandWord(text, (name) => this.#args.meta(name), this.#file.escapeToken);
  }

  #announce(source: string): void {
    this.#step++;
    this.#steps = Math.max(this.#steps, this.#step);
    this.#session.output.write(`Step ${this.#step}/${this.#steps} : ${source}\n`);
  }
  #result(image: Image | undefined): void {
    this.#session.output.write(` ---> ${image ? shortId(image.id) : ''}\n`);
  }

  async #stage({ stage, index, baseStage }: PlannedStage): Promise<Image | undefined> {
    this.#checkName(stage.name, index);
    this.#announce(stage.source);
    const platform = this.#stagePlatform(stage.platform);
    const name = checkBaseName(this.#metaWord(stage.base), stage.base);
    let image = baseStage === undefined ? await this.#base(name, platform) : this.#built.get(baseStage);
    const base = image?.config;
    const planner = new StagePlanner(
      { config: base?.config ?? {}, author: base?.author ?? '' },
      this.#args,
      this.#file.escapeToken,
    );
    const made = base ? { ...base } : (platform ?? this.#platform ?? currentPlatform());
    const execute = async (instruction: Instruction & Located) => {
      this.#session.checkCancelled();
      image = await this.#executor.execute(planner.plan(instruction), image, made, index);
    };
    const triggers = base?.config?.OnBuild ?? [];
    if (triggers.length > 0)
      this.#session.output.write(`# Executing ${triggers.length} build trigger${triggers.length > 1 ? 's' : ''}\n`);
    for (const trigger of triggers) await execute(parseTrigger(trigger));
    this.#result(image);
    for (const instruction of stage.instructions) {
      this.#announce(instruction.source);
      await execute(instruction);
      this.#result(image);
    }
    this.#built.set(index, image);
    if (image) this.#session.output.imageId(image.id);
    return image;
  }

  #checkName(name: string, index: number): void {
    if (name !== '' && findStage(this.#file, name, index, false) !== undefined)
      throw invalid(`${name} stage name already used`);
  }

  #stagePlatform(written: string): Platform | undefined {
    if (written === '') return this.#platform;
    const text = this.#metaWord(written);
    try {
      return parsePlatform(text);
    } catch (error) {
      throw invalid(`failed to parse platform ${text}: ${messageOf(error)}`, error);
    }
  }

  async #base(name: string, platform: Platform | undefined): Promise<Image | undefined> {
    if (name === 'scratch') return undefined;
    return baseImage(this.#session, name, { platform, fresh: this.#session.options.pull });
  }

  async #sourceRoot(from: string, index: number, platform: Platform): Promise<string> {
    const stage = findStage(this.#file, from, index, true);
    if (stage !== undefined) {
      // A trigger of a base image may name a stage that nothing else needs.
      if (!this.#built.has(stage)) await this.#stage({ stage: this.#file.stages[stage]!, index: stage });
      const image = this.#built.get(stage);
      if (!image) throw invalid(`invalid from flag value ${from}: the stage is empty`);
      return this.#session.files(image);
    }
    try {
      const wanted = this.#platform ? platform : undefined;
      return await this.#session.files(await baseImage(this.#session, from, { platform: wanted, fresh: false }));
    } catch (error) {
      if (!(error instanceof CortenError)) throw error;
      throw new CortenError(error.kind, `invalid from flag value ${from}: ${error.message}`, error);
    }
  }
}

function labelInstruction(key: string, value: string): Instruction & Located {
  return { kind: 'label', pairs: [{ key, value }], literal: true, source: `LABEL ${key}=${value}`, line: 0 };
}
