import { parseBytes, parseDuration } from '../output/human.ts';

/** One option of a command. `T` is what the command receives. */
export interface Flag<T> {
  /** Name of the value in help ('string', 'list', …); empty for a switch. */
  readonly kind: string;
  readonly short?: string;
  readonly help: string;
  readonly initial: T;
  /** The value after one more occurrence; throws an Error whose message says what is wrong with `text`. */
  parse(text: string, before: T): T;
  /** Not in help: an old spelling or an option that exists for compatibility. */
  readonly hidden?: boolean;
  /** Other names with the same meaning (`--net` for `--network`). */
  readonly aliases?: readonly string[];
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;
/** What a command receives for its flags, and which of them the user gave. */
export type Values<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

type Extra = Pick<Flag<unknown>, 'hidden' | 'aliases'>;
/** '-x' and help in one: `opt('a', 'Show all')` or `opt('', 'Show all')`. */
const make =
  <T>(kind: string, initial: T, parse: (text: string, before: T) => T) =>
  (short: string, help: string, extra: Extra & { initial?: T } = {}): Flag<T> => ({
    kind,
    short: short || undefined,
    help,
    initial: extra.initial ?? initial,
    parse,
    hidden: extra.hidden,
    aliases: extra.aliases,
  });

const goNumber = (call: string, text: string): never => {
  throw new Error(`strconv.${call}: parsing ${JSON.stringify(text)}: invalid syntax`);
};
const integer = (text: string): number =>
  /^[+-]?(\d+|0[xX][0-9a-fA-F]+)$/.test(text) ? Number(text) : goNumber('ParseInt', text);

export const bool = make<boolean>('', false, (text) => {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  return goNumber('ParseBool', text);
});
export const string = make<string>('string', '', (text) => text);
/** Given several times, each occurrence one element. */
export const list = make<readonly string[]>('list', [], (text, before) => [...before, text]);
/** As list, and each occurrence may hold several elements separated by commas. */
export const strings = make<readonly string[]>('strings', [], (text, before) => [...before, ...splitCsv(text)]);
export const filter = make<readonly string[]>('filter', [], (text, before) => {
  if (text !== '' && !text.includes('=')) throw new Error('bad format of filter (expected name=value)');
  return text === '' ? before : [...before, text];
});
/** `key=value`, several times. */
export const map = make<Readonly<Record<string, string>>>('map', {}, (text, before) => {
  const at = text.indexOf('=');
  return { ...before, [at < 0 ? text : text.slice(0, at)]: at < 0 ? '' : text.slice(at + 1) };
});
export const int = make<number>('int', 0, integer);
export const optionalInt = make<number | undefined>('int', undefined, integer);
export const uint16 = make<number>('uint16', 0, (text) => {
  if (!/^\d+$/.test(text) || Number(text) > 65535) return goNumber('ParseUint', text);
  return Number(text);
});
/** A size in bytes, with Docker's suffixes in powers of 1024. */
export const bytes = make<number>('bytes', 0, parseBytes);
/** As bytes, and -1 for "no limit". */
export const swapBytes = make<number>('bytes', 0, (text) => (text === '-1' ? -1 : parseBytes(text)));
/** A duration as Go writes it, in nanoseconds. */
export const duration = make<number>('duration', 0, parseDuration);
/** A decimal number kept as nano units (CPUs). */
export const decimal = make<number>('decimal', 0, (text) => {
  if (!/^\d*\.?\d+$|^\d+\.$/.test(text)) throw new Error(`failed to parse ${text} as a rational number`);
  const [whole = '', fraction = ''] = text.split('.');
  if (fraction.replace(/0+$/, '').length > 9) throw new Error('value is too precise');
  return Number(whole || 0) * 1e9 + Number(fraction.slice(0, 9).padEnd(9, '0'));
});

/** An option of Docker's that Corten refuses, with the reason. */
export const unsupported = (kind: string, help: string, why: string): Flag<undefined> => ({
  kind,
  help,
  initial: undefined,
  hidden: true,
  parse() {
    throw new Error(`not supported by corten: ${why}`);
  },
});

/** `--disable-content-trust`: true is what Corten does anyway; false would ask for signatures that it does not check. */
export const contentTrust = (): Flag<boolean> => ({
  kind: '',
  help: 'Skip image verification',
  initial: true,
  hidden: true,
  parse(text, before) {
    if (!bool('', '').parse(text, before)) throw new Error('not supported by corten: content trust is not implemented');
    return true;
  },
});

/** One line of CSV: commas separate, double quotes protect. */
export function splitCsv(text: string): string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^,]*))(,|$)/gy;
  for (;;) {
    const match = pattern.exec(text);
    if (!match) throw new Error(`invalid CSV: ${JSON.stringify(text)}`);
    fields.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : match[2]!);
    if (match[3] === '') return fields;
  }
}
