/** The few forms of Go's fmt that show in Docker's messages and in image histories. */

/** A string as `%q` prints it. */
export function goQuote(text: string): string {
  let out = '"';
  for (const char of text) out += escaped(char, '"');
  return `${out}"`;
}

const SHORT: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

function escaped(char: string, quote: string): string {
  const code = char.codePointAt(0)!;
  if (char === quote) return `\\${quote}`;
  if (SHORT[char]) return SHORT[char];
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`;
  return char;
}

/** A list of strings as `%q` prints it: `["a" "b"]`. */
export const goQuoteList = (list: readonly string[]): string => `[${list.map(goQuote).join(' ')}]`;
/** A list of strings as `%v` prints it: `[a b]`. */
export const goList = (list: readonly string[]): string => `[${list.join(' ')}]`;

/** A number as `%q` prints it: the character with that code. */
export function goQuoteRune(code: number): string {
  const valid = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return `'${escaped(valid ? String.fromCodePoint(code) : '\ufffd', "'")}'`;
}

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const MAX_DURATION = 2 ** 63;

/** Go's time.ParseDuration; nanoseconds, or undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let total = 0;
  for (const [, number, unit] of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g))
    total += Number(number) * UNITS[unit!]!;
  if (total >= MAX_DURATION) return undefined;
  return Math.trunc(text.startsWith('-') ? -total : total);
}

/** Go's Duration.String for nanoseconds: `1m30s`, `1.5s`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 0) return `-${formatDuration(-nanoseconds)}`;
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const hours = Math.floor(nanoseconds / 3600e9);
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9);
  const seconds = `${(nanoseconds % 60e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
