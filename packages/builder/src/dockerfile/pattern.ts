import { invalid } from '@corten/errors';

/** Steps of matching in one substitution: a hostile pattern must not hold the engine up. */
const MAX_STEPS = 2_000_000;
class Budget {
  #left = MAX_STEPS;
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw invalid('a pattern in a substitution is too costly to match');
  }
}

type Token = { kind: 'any' } | { kind: 'one' } | { kind: 'char'; char: string };

/** A shell pattern of `*`, `?` and escaped characters (POSIX XCU 2.13 without brackets). */
function parsePattern(pattern: string): Token[] {
  const tokens: Token[] = [];
  const chars = [...pattern];
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i]!;
    if (char === '*') tokens.push({ kind: 'any' });
    else if (char === '?') tokens.push({ kind: 'one' });
    else if (char !== '\\') tokens.push({ kind: 'char', char });
    else {
      const next = chars[++i] ?? '';
      if (!['*', '?', '\\', '}', '/'].includes(next))
        throw invalid(`invalid pattern (${pattern}) in substitution: invalid escape '\\${next}'`);
      tokens.push({ kind: 'char', char: next });
    }
  }
  return tokens;
}

/** Ends (indexes) at which the pattern matches from `from` on, shortest first. Linear in text × pattern. */
function matchEnds(text: readonly string[], from: number, tokens: readonly Token[], budget: Budget): number[] {
  let here = new Set([from]);
  for (const token of tokens) {
    const next = new Set<number>();
    if (token.kind === 'any') {
      const first = here.values().next().value!; // sets are filled in ascending order
      for (let i = first; i <= text.length; i++) next.add(i);
    } else {
      for (const at of here)
        if (at < text.length && (token.kind === 'one' || token.char === text[at])) next.add(at + 1);
    }
    budget.spend(next.size + 1);
    if (next.size === 0) return [];
    here = next;
  }
  return [...here];
}

/** `${x#pattern}`, `##`, `%`, `%%`: the value without the matching beginning or end. */
export function trimPattern(
  value: string,
  pattern: string,
  { end, longest }: { end: boolean; longest: boolean },
): string {
  const tokens = parsePattern(pattern);
  const chars = [...value];
  if (end) {
    chars.reverse();
    tokens.reverse();
  }
  const ends = matchEnds(chars, 0, tokens, new Budget());
  const cut = longest ? ends.at(-1) : ends[0];
  const left = chars.slice(cut ?? 0);
  return (end ? left.reverse() : left).join('');
}

/** `${x/pattern/replacement}` and, with `all`, `${x//pattern/replacement}`. The longest match counts. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string {
  const tokens = parsePattern(pattern);
  const text = replacement.replaceAll(/\\([}/\\])/g, '$1');
  const chars = [...value];
  const budget = new Budget();
  let out = '';
  for (let at = 0; at < chars.length; ) {
    const end = matchEnds(chars, at, tokens, budget).at(-1) ?? at;
    if (end === at) {
      out += chars[at++];
      continue;
    }
    out += text;
    at = end;
    if (!all) return out + chars.slice(at).join('');
  }
  return out;
}
