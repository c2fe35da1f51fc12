import { invalid } from '@corten/errors';

const MAX_PATTERNS = 10_000;

interface Pattern {
  exclude: boolean;
  match: RegExp;
}

/** Decides which paths of a build context a .dockerignore leaves out. */
export interface Ignore {
  /** Whether this path (relative, with slashes), or a directory above it, is left out. */
  ignores(path: string): boolean;
  /** Some pattern brings paths back: a left-out directory must be looked into. */
  readonly hasExceptions: boolean;
}

/** Parses a .dockerignore (reference: "Build context", ".dockerignore files"). */
export function parseIgnore(text: string): Ignore {
  const patterns: Pattern[] = [];
  for (const raw of text.replace(/^\ufeff/, '').split('\n')) {
    if (raw.startsWith('#')) continue;
    const line = raw.trim();
    if (line === '') continue;
    if (patterns.length === MAX_PATTERNS) throw invalid(`.dockerignore has more than ${MAX_PATTERNS} patterns`);
    const exclude = !line.startsWith('!');
    const body = exclude ? line : line.slice(1).trim();
    if (body === '') throw invalid(`illegal exclusion pattern: ${JSON.stringify(line)}`);
    const cleaned = clean(body);
    if (cleaned !== '.') patterns.push({ exclude, match: toRegExp(cleaned) });
  }
  return {
    hasExceptions: patterns.some((p) => !p.exclude),
    ignores(path) {
      const prefixes = prefixesOf(path);
      let ignored = false;
      for (const { exclude, match } of patterns)
        if (exclude !== ignored && prefixes.some((p) => match.test(p))) ignored = exclude;
      return ignored;
    },
  };
}

/** The path and every directory above it. */
function prefixesOf(path: string): string[] {
  const prefixes = [path];
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) prefixes.push(path.slice(0, at));
  return prefixes;
}

/** Lexically cleaned, relative to the context's root. */
function clean(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else if (part !== '**' || parts.at(-1) !== '**') parts.push(part);
  }
  return parts.join('/') || '.';
}

const quote = (char: string) => char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** `*` and `?` stay within a path element, `**` crosses them, `[…]` is a class, `\` escapes. */
function toRegExp(pattern: string): RegExp {
  let out = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '*' && pattern[i + 1] === '*') {
      while (pattern[i + 1] === '*') i++;
      if (pattern[i + 1] === '/') i++; // `**/x` is also x itself
      out += i === pattern.length - 1 && pattern[i] !== '/' ? '.*' : '(?:.*/)?';
    } else if (char === '*') {
      while (pattern[i + 1] === '*') i++;
      out += '[^/]*';
    } else if (char === '?') out += '[^/]';
    else if (char === '\\' && i + 1 < pattern.length) out += quote(pattern[++i]!);
    else if (char === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) throw invalid(`.dockerignore: syntax error in pattern ${JSON.stringify(pattern)}`);
      out += characterClass(pattern.slice(i + 1, end));
      i = end;
    } else out += quote(char);
  }
  try {
    return new RegExp(`^${out}$`, 's');
  } catch (error) {
    throw invalid(`.dockerignore: syntax error in pattern ${JSON.stringify(pattern)}`, error);
  }
}

function characterClass(body: string): string {
  const negated = /^[\^!]/.test(body);
  const inner = (negated ? body.slice(1) : body).replace(/[\\[\]^]/g, '\\$&');
  return `(?!/)[${negated ? '^' : ''}${inner}]`;
}
