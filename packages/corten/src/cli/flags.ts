import { UsageError } from './errors.ts';
import type { Flag, Flags, Values } from './flag-types.ts';

export interface Parsed<F extends Flags> {
  readonly flags: Values<F>;
  /** Names of the flags that were on the command line. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  readonly help: boolean;
}

/**
 * Parses options as Docker does: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, groups of switches
 * (`-it`), `--` ends options. When `interspersed` is false everything from the first argument on is an argument
 * (`run IMAGE -x`: -x belongs to the command).
 */
export function parseFlags<F extends Flags>(argv: readonly string[], known: F, interspersed = true): Parsed<F> {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(known)) values[name] = flag.initial;
  const given = new Set<string>();
  const args: string[] = [];
  const byShort = new Map<string, string>();
  const byName = new Map<string, string>();
  for (const [name, flag] of Object.entries(known)) {
    byName.set(name, name);
    for (const alias of flag.aliases ?? []) byName.set(alias, name);
    if (flag.short) byShort.set(flag.short, name);
  }
  let help = false;
  let at = 0;

  const set = (name: string, text: string) => {
    const flag = known[name] as Flag<unknown>;
    try {
      values[name] = flag.parse(text, given.has(name) ? values[name] : emptyOf(flag));
    } catch (error) {
      const shown = flag.short ? `-${flag.short}, --${name}` : `--${name}`;
      throw new UsageError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${(error as Error).message}`);
    }
    given.add(name);
  };

  const long = (word: string) => {
    const equals = word.indexOf('=');
    const spelled = equals < 0 ? word.slice(2) : word.slice(2, equals);
    if (spelled === '' || spelled.startsWith('-')) throw new UsageError(`bad flag syntax: ${word}`);
    const name = byName.get(spelled);
    if (name === undefined) {
      if (spelled !== 'help') throw new UsageError(`unknown flag: --${spelled}`);
      help = true;
      return;
    }
    if (equals >= 0) set(name, word.slice(equals + 1));
    else if (known[name]!.kind === '') set(name, 'true');
    else if (at < argv.length) set(name, argv[at++]!);
    else throw new UsageError(`flag needs an argument: --${spelled}`);
  };

  const group = (word: string) => {
    for (let rest = word.slice(1); rest !== ''; ) {
      const letter = rest[0]!;
      rest = rest.slice(1);
      const name = byShort.get(letter);
      if (name === undefined) {
        if (letter !== 'h') throw new UsageError(`unknown shorthand flag: '${letter}' in ${word}`);
        help = true;
        return;
      }
      if (rest.startsWith('=') && word.length > 2) {
        set(name, rest.slice(1));
        return;
      }
      if (known[name]!.kind === '') {
        set(name, 'true');
        continue;
      }
      if (rest !== '') set(name, rest);
      else if (at < argv.length) set(name, argv[at++]!);
      else throw new UsageError(`flag needs an argument: '${letter}' in ${word}`);
      return;
    }
  };

  while (at < argv.length) {
    const word = argv[at++]!;
    if (word === '--') {
      args.push(...argv.slice(at));
      break;
    }
    if (word.length < 2 || !word.startsWith('-')) {
      args.push(word);
      if (interspersed) continue;
      args.push(...argv.slice(at));
      break;
    }
    if (word.startsWith('--')) long(word);
    else group(word);
    if (help) break;
  }
  return { flags: values as Values<F>, given, args, help };
}

/** A flag's default does not stay in a list to which the user adds. */
const emptyOf = (flag: Flag<unknown>): unknown => (Array.isArray(flag.initial) ? [] : flag.initial);
