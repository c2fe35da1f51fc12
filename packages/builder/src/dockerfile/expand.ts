import { invalid, messageOf } from '@corten/errors';
import { goQuote } from './go-text.ts';
import type { EscapeToken } from './lines.ts';
import { replacePattern, trimPattern } from './pattern.ts';

/** Words nest as deep as `${a:-${b:-…}}`; deeper than this is an attack. */
const MAX_DEPTH = 100;
/** Values refer to values: a few lines could ask for gigabytes. */
const MAX_RESULT = 1 << 20;

/** Where variables come from. */
export type Lookup = (name: string) => string | undefined;

/**
 * Expands `$x`, `${x}`, `${x:-d}`, `${x-d}`, `+`, `?`, `#`, `##`, `%`, `%%`, `/` and takes quotes and escapes off
 * (reference: Dockerfile, "Environment replacement").
 */
export const expandWord = (text: string, lookup: Lookup, escapeToken: EscapeToken): string =>
  expand(text, lookup, escapeToken).text;

/** As expandWord, and splits the result at spaces that did not stand in quotes. */
export const expandWords = (text: string, lookup: Lookup, escapeToken: EscapeToken): string[] =>
  expand(text, lookup, escapeToken).words;

/** Expands variables in a here-document's body: quotes mean nothing there, and `\\$` is a dollar sign. */
export const expandText = (text: string, lookup: Lookup, escapeToken: EscapeToken): string =>
  expand(text, lookup, escapeToken, true).text;

function expand(
  text: string,
  lookup: Lookup,
  escapeToken: EscapeToken,
  body = false,
): { text: string; words: string[] } {
  const expander = new Expander(text, lookup, escapeToken, body);
  try {
    return expander.until('', false, 0);
  } catch (error) {
    throw invalid(`failed to process ${goQuote(text)}: ${messageOf(error)}`, error);
  }
}

const isSpecial = (char: string) => '@*#?-$!0'.includes(char);

class Expander {
  readonly #chars: string[];
  readonly #lookup: Lookup;
  readonly #escapeToken: string;
  /** The text is a here-document's body. */
  readonly #body: boolean;
  #at = 0;

  constructor(text: string, lookup: Lookup, escapeToken: EscapeToken, body: boolean) {
    this.#body = body;
    this.#chars = [...text];
    this.#lookup = lookup;
    this.#escapeToken = escapeToken;
  }

  #peek(): string {
    return this.#chars[this.#at] ?? '';
  }
  #next(): string {
    return this.#chars[this.#at++] ?? '';
  }
  get #ended(): boolean {
    return this.#at >= this.#chars.length;
  }

  /** Reads to `stop` ('' is the end). `raw` keeps escapes, for patterns. */
  until(stop: string, raw: boolean, depth: number): { text: string; words: string[] } {
    if (depth > MAX_DEPTH) throw invalid('syntax error: substitutions are nested too deep');
    let text = '';
    const words = new WordList();
    while (!this.#ended) {
      if (text.length > MAX_RESULT) throw invalid(`the result is longer than ${MAX_RESULT} characters`);
      const char = this.#peek();
      if (stop !== '' && char === stop) {
        this.#at++;
        return { text, words: words.finish() };
      }
      if (char === '$') {
        const value = this.#dollar(depth);
        text += value;
        words.add(value);
      } else if (!this.#body && (char === "'" || char === '"')) {
        const value = char === "'" ? this.#singleQuoted() : this.#doubleQuoted(raw, depth);
        text += value;
        words.addRaw(value);
      } else if (char === this.#escapeToken) {
        this.#at++;
        const keep = raw || (this.#body && this.#peek() !== '$');
        const value = (keep ? char : '') + this.#next();
        text += value;
        words.addRaw(value);
      } else {
        this.#at++;
        text += char;
        words.add(char);
      }
    }
    if (stop !== '') throw invalid(`unexpected end of statement while looking for matching ${stop}`);
    return { text, words: words.finish() };
  }

  #singleQuoted(): string {
    const end = this.#chars.indexOf("'", this.#at + 1);
    if (end < 0) throw invalid('unexpected end of statement while looking for matching single-quote');
    const value = this.#chars.slice(this.#at + 1, end).join('');
    this.#at = end + 1;
    return value;
  }

  #doubleQuoted(raw: boolean, depth: number): string {
    let value = '';
    this.#at++;
    for (;;) {
      if (this.#ended) throw invalid('unexpected end of statement while looking for matching double-quote');
      const char = this.#peek();
      if (char === '$') {
        value += this.#dollar(depth);
        continue;
      }
      this.#at++;
      if (char === '"') return value;
      if (char !== this.#escapeToken) {
        value += char;
        continue;
      }
      if (raw) value += char;
      const after = this.#peek();
      if (after === '') continue;
      // Only these can be escaped here; before anything else the escape token stays.
      value += after === '"' || after === '$' || after === this.#escapeToken ? this.#next() : raw ? '' : char;
    }
  }

  #dollar(depth: number): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#lookup(name) ?? '');
    }
    this.#at++;
    if (this.#ended) throw invalid("syntax error: missing '}'");
    if ('{}:'.includes(this.#peek())) throw invalid('syntax error: bad substitution');
    const name = this.#name();
    const operator = this.#next();
    if (operator === '}') return this.#lookup(name) ?? '';
    if (operator === '') throw invalid("syntax error: missing '}'");
    if (operator === '/') return this.#replace(name, depth);
    const colon = operator === ':';
    const modifier = colon ? this.#next() : operator;
    if (modifier === '' || !'+-?#%'.includes(modifier) || (colon && '#%'.includes(modifier)))
      throw invalid(`unsupported modifier (${colon ? ':' : ''}${modifier}) in substitution`);
    const word = this.#argument('}', '#%'.includes(modifier), depth);
    return this.#modified(name, modifier, colon, word);
  }

  #argument(stop: string, raw: boolean, depth: number): string {
    const start = this.#at;
    try {
      return this.until(stop, raw, depth + 1).text;
    } catch (error) {
      if (!this.#ended || this.#at === start) throw error;
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the message
      throw invalid(stop === '}' ? "syntax error: missing '}'" : "syntax error: missing '/' in ${}", error);
    }
  }

  #replace(name: string, depth: number): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#argument('/', true, depth);
    const replacement = this.#argument('}', true, depth);
    return replacePattern(this.#lookup(name) ?? '', pattern, replacement, all);
  }

  #modified(name: string, modifier: string, emptyIsUnset: boolean, word: string): string {
    const value = this.#lookup(name);
    const set = value !== undefined && !(emptyIsUnset && value === '');
    if (modifier === '-') return set ? value : word;
    if (modifier === '+') return set ? word : '';
    if (modifier === '?') {
      if (set) return value;
      const why = value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty';
      throw invalid(`${name}: ${word || why}`);
    }
    const longest = word.startsWith(modifier);
    return trimPattern(value ?? '', longest ? word.slice(1) : word, { end: modifier === '%', longest });
  }

  /** Letters, digits and `_`; a number; or one of the shell's special parameters. */
  #name(): string {
    if (/\p{Nd}/u.test(this.#peek())) return this.#take(/\p{Nd}/u);
    if (this.#peek() !== '' && isSpecial(this.#peek())) return this.#next();
    return this.#take(/[\p{L}\p{Nd}_]/u);
  }
  #take(kind: RegExp): string {
    let taken = '';
    while (!this.#ended && kind.test(this.#peek())) taken += this.#next();
    return taken;
  }
}

/** Words of a text that is read piece by piece. */
class WordList {
  readonly #words: string[] = [];
  #word = '';
  add(text: string): void {
    for (const char of text) {
      if (!/\s/.test(char)) this.#word += char;
      else this.finish();
    }
  }
  addRaw(text: string): void {
    this.#word += text;
  }
  finish(): string[] {
    if (this.#word !== '') this.#words.push(this.#word);
    this.#word = '';
    return this.#words;
  }
}
