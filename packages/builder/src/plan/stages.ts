import { invalid } from '@corten/errors';
import type { GivenArgs } from '../dockerfile/args.ts';
import { expandWord } from '../dockerfile/expand.ts';
import type { Dockerfile, Stage } from '../dockerfile/instruction.ts';

/** A stage with its place in the file and its base name expanded. */
export interface PlannedStage {
  stage: Stage;
  index: number;
  /** The stage that FROM names, or undefined for an image. */
  baseStage?: number;
}

/** Index of an earlier stage by name; a number counts only where `numbers` says so. */
export function findStage(file: Dockerfile, name: string, before: number, numbers: boolean): number | undefined {
  const lower = name.toLowerCase();
  for (let i = before - 1; i >= 0; i--) if (lower !== '' && file.stages[i]!.name === lower) return i;
  if (!numbers || !/^\d+$/.test(name)) return undefined;
  const index = Number(name);
  if (index === before) throw invalid(`invalid from flag value ${name}: refers to current build stage`);
  if (index > before) throw invalid(`invalid from flag value ${name}: index out of bounds`);
  return index;
}

/** The stages that the target (default: the last) stands on, in the file's order. */
export function neededStages(file: Dockerfile, args: GivenArgs, target: string): PlannedStage[] {
  const last = targetIndex(file, target);
  const all = file.stages.slice(0, last + 1).map((stage, index) => plan(file, args, stage, index));
  const needed = new Set<number>();
  const visit = (index: number): void => {
    if (needed.has(index)) return;
    needed.add(index);
    const { stage, baseStage } = all[index]!;
    if (baseStage !== undefined) visit(baseStage);
    for (const i of stage.instructions) {
      const from = i.kind === 'copy' && i.from !== '' ? dependency(file, i.from, index) : undefined;
      if (from !== undefined) visit(from);
    }
  };
  visit(last);
  return all.filter((s) => needed.has(s.index));
}

/** A bad index is reported when its step's turn comes, as Docker does. */
function dependency(file: Dockerfile, from: string, index: number): number | undefined {
  return /^\d+$/.test(from) && Number(from) >= index ? undefined : findStage(file, from, index, true);
}

function targetIndex(file: Dockerfile, target: string): number {
  if (target === '') return file.stages.length - 1;
  const named = findStage(file, target, file.stages.length, false);
  if (named !== undefined) return named;
  if (/^\d+$/.test(target) && Number(target) < file.stages.length) return Number(target);
  throw invalid(`failed to reach build target ${target} in Dockerfile`);
}

function plan(file: Dockerfile, args: GivenArgs, stage: Stage, index: number): PlannedStage {
  let base: string;
  try {
    base = expandWord(stage.base, (name) => args.meta(name), file.escapeToken);
  } catch {
    return { stage, index }; // reported when the stage is begun
  }
  const baseStage = findStage(file, base, index, false);
  return { stage, index, ...(baseStage === undefined ? {} : { baseStage }) };
}
