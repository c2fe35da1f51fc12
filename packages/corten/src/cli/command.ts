import type { ClientConfig } from '../client/config.ts';
import type { Engine } from '../client/engine.ts';
import { CliError } from './errors.ts';
import type { Flags, Values } from './flag-types.ts';

/** What a command works with. The engine is not contacted before it is used. */
export interface Context {
  readonly engine: Engine;
  readonly config: ClientConfig;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Writes a line to stdout. */
  print(line: string): void;
  /** Writes a line to stderr. */
  warn(line: string): void;
}

export interface Invocation<F extends Flags> {
  readonly flags: Values<F>;
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

/** How many arguments a command takes. */
export interface Arity {
  readonly min: number;
  readonly max: number;
}
export const none: Arity = { min: 0, max: 0 };
export const exactly = (n: number): Arity => ({ min: n, max: n });
export const atLeast = (n: number): Arity => ({ min: n, max: Number.POSITIVE_INFINITY });
export const between = (min: number, max: number): Arity => ({ min, max });

/** One command: its line of usage after the name, its flags, and what it does. Resolves to the exit code (default 0). */
export interface Command<F extends Flags = Flags> {
  readonly usage: string;
  readonly arity: Arity;
  readonly flags: F;
  /** Options end at the first argument; what follows belongs to the container's command. */
  readonly optionsFirst?: boolean;
  /** Exit code of an error that the engine answers; 125 for `run`, else 1. */
  readonly failure?: number;
  run(context: Context, call: Invocation<F>): Promise<number | undefined>;
}

/** Keeps the flag types of a command for its `run`. */
export const command = <F extends Flags>(spec: {
  usage: string;
  arity: Arity;
  flags: F;
  optionsFirst?: boolean;
  failure?: number;
  // biome-ignore lint/suspicious/noConfusingVoidType: a command that returns nothing ends with 0
  run(context: Context, call: Invocation<F>): Promise<number | undefined | void>;
}): Command => spec as unknown as Command;

/**
 * Does the same for each name; a failure is printed and does not stop the others. Exit code 1 when one failed.
 * At most `parallel` at once, results printed in order.
 */
export async function forEachName(
  context: Context,
  names: readonly string[],
  work: (name: string) => Promise<string | undefined>,
  parallel = 50,
): Promise<number> {
  let failed = 0;
  for (let i = 0; i < names.length; i += parallel) {
    const results = await Promise.allSettled(names.slice(i, i + parallel).map(work));
    for (const result of results) {
      if (result.status === 'fulfilled') {
        if (result.value !== undefined) context.print(result.value);
        continue;
      }
      const error: unknown = result.reason;
      if (!(error instanceof CliError)) throw error;
      failed = 1;
      if (error.message) context.warn(error.message);
    }
  }
  return failed;
}
