import { invalid, messageOf } from '@corten/errors';
import type { Dockerfile, Instruction, Located } from './instruction.ts';
import { type EscapeToken, type LogicalLine, splitLines } from './lines.ts';
import { parseInstruction } from './parse-instruction.ts';

/** More instructions than this is no Dockerfile. */
const MAX_INSTRUCTIONS = 2000;

/** Parses a whole Dockerfile. Throws `invalid` with the line and the reason. */
export function parseDockerfile(source: string, name = 'Dockerfile'): Dockerfile {
  if (source.length === 0) throw invalid(`the Dockerfile (${name}) cannot be empty`);
  const { escapeToken, lines, warnings } = splitLines(source);
  if (lines.length > MAX_INSTRUCTIONS)
    throw invalid(`failed to parse Dockerfile: more than ${MAX_INSTRUCTIONS} instructions`);
  const file: Dockerfile = { escapeToken, metaArgs: [], stages: [], warnings };
  for (const line of lines) {
    const { kind, ...rest } = located(line, escapeToken);
    if (kind === 'from') {
      file.stages.push({ ...(rest as Omit<Dockerfile['stages'][number], 'instructions'>), instructions: [] });
      continue;
    }
    const instruction = { kind, ...rest } as Instruction & Located;
    const stage = file.stages.at(-1);
    if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === 'arg') file.metaArgs.push(instruction);
    else throw invalid('no build stage in current context');
  }
  if (file.stages.length === 0) throw invalid('no build stage in current context');
  return file;
}

function located(line: LogicalLine, escapeToken: EscapeToken) {
  try {
    return { ...parseInstruction(line, escapeToken), source: line.text.trim(), line: line.startLine };
  } catch (error) {
    const message = messageOf(error);
    if (message.startsWith('failed to parse Dockerfile: ')) throw error; // the text's form, not its meaning
    throw invalid(`dockerfile parse error on line ${line.startLine}: ${message}`, error);
  }
}

/** Parses an ONBUILD trigger kept in an image: exactly one instruction. */
export function parseTrigger(text: string): Instruction & Located {
  const { escapeToken, lines } = splitLines(text);
  if (lines.length !== 1) throw invalid('onbuild trigger should be a single expression');
  const instruction = located(lines[0]!, escapeToken);
  if (instruction.kind === 'from') throw invalid("FROM isn't allowed as an ONBUILD trigger");
  return instruction;
}
