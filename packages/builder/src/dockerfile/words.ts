import { invalid } from '@corten/errors';
import { goQuote } from './go-text.ts';
import type { EscapeToken } from './lines.ts';

const failed = (message: string) => invalid(`failed to parse Dockerfile: ${message}`);
const isSpace = (char: string) => /\s/.test(char);

/** Splits at spaces outside quotes. Quotes and escapes stay in the words; expansion takes them off. */
export function splitWords(text: string, escapeToken: EscapeToken): string[] {
  const words: string[] = [];
  let word = '';
  let started = false;
  let quote = '';
  const chars = [...text];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (quote === '' && isSpace(char)) {
      if (started) words.push(word);
      word = '';
      started = false;
      continue;
    }
    if (char === escapeToken && quote !== "'") {
      if (i + 1 === chars.length) break; // an escape at the end means nothing
      word += char + chars[++i]!;
      started = true;
      continue;
    }
    if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    word += char;
    started = true;
  }
  if (started) words.push(word);
  return words;
}

/** Splits at spaces; quotes mean nothing. */
export const splitSpaces = (text: string): string[] => (text === '' ? [] : text.split(/[\t\v\f\r ]+/));

/** The strings of a JSON array, or undefined when the text is none. Throws when it holds other things than strings. */
export function jsonList(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // a shell command may begin with a bracket
  }
  if (!Array.isArray(value)) return undefined;
  if (!value.every((v) => typeof v === 'string'))
    throw failed('when using JSON array syntax, arrays must be comprised of strings only');
  return value;
}

export interface KeyValue {
  key: string;
  value: string;
}

/** `name=value …`, or the old form `name value` (ENV and LABEL). */
export function keyValues(text: string, instruction: string, escapeToken: EscapeToken): KeyValue[] {
  const words = splitWords(text, escapeToken);
  if (words.length === 0) return [];
  if (!words[0]!.includes('=')) {
    const match = /^([^\t\v\f\r ]*)[\t\v\f\r ]+(.*)$/s.exec(text);
    if (!match) throw failed(`${instruction} must have two arguments`);
    return [{ key: match[1]!, value: match[2]! }];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at < 0) throw failed(`Syntax error - can't find = in ${goQuote(word)}. Must be of the form: name=value`);
    return { key: word.slice(0, at), value: word.slice(at + 1) };
  });
}

/** Takes the leading `--name=value` words off an instruction's arguments. */
export function splitFlags(text: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let rest = text.trimStart();
  while (rest.startsWith('--')) {
    const { word, end } = flagWord(rest);
    if (word === '--') return { flags, rest: rest.slice(end).trimStart() };
    flags.push(word);
    rest = rest.slice(end).trimStart();
  }
  return { flags, rest };
}

/** One flag: to the first space outside quotes; quotes and backslashes are taken off. */
function flagWord(text: string): { word: string; end: number } {
  let word = '';
  let quote = '';
  let at = 0;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (quote === '' && isSpace(char)) break;
    if (char === '\\' && quote !== "'" && at + 1 < text.length) word += text[++at]!;
    else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    else word += char;
  }
  return { word, end: at };
}

/** Flags by name, checked against those that the instruction knows. Values may repeat only for those in `lists`. */
export function parseFlags(
  flags: readonly string[],
  known: { values?: readonly string[]; booleans?: readonly string[]; lists?: readonly string[] },
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const { values = [], booleans = [], lists = [] } = known;
  for (const flag of flags) {
    const at = flag.indexOf('=');
    const name = flag.slice(2, at < 0 ? undefined : at);
    const isBoolean = booleans.includes(name);
    if (!isBoolean && !values.includes(name) && !lists.includes(name)) throw invalid(`Unknown flag: ${name}`);
    if (found.has(name) && !lists.includes(name)) throw invalid(`Duplicate flag specified: ${name}`);
    if (at < 0 && !isBoolean) throw invalid(`Missing a value on flag: ${name}`);
    const value = at < 0 ? 'true' : flag.slice(at + 1);
    if (isBoolean && !['true', 'false'].includes(value.toLowerCase()))
      throw invalid(`Expecting boolean value for flag ${name}, not: ${value}`);
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}
