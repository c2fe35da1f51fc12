/** The patterns of a .dockerignore file. */
export interface IgnoreRules {
  /** Whether a path (relative, with slashes) stays out of the context. */
  excludes(path: string): boolean;
  /** Whether something beneath an excluded directory could be let in again. */
  readonly hasExceptions: boolean;
  readonly empty: boolean;
}

interface Rule {
  allow: boolean;
  test: RegExp;
}

/** Parses .dockerignore: one pattern a line, `#` comments, `!` exceptions, the last match decides. */
export function parseIgnore(text: string): IgnoreRules {
  const rules: Rule[] = [];
  for (const raw of text.replace(/^\uFEFF/, '').split('\n')) {
    const line = raw.startsWith('#') ? '' : raw.trim();
    if (line === '') continue;
    const allow = line.startsWith('!');
    const pattern = clean(allow ? line.slice(1).trim() : line);
    if (pattern === '' && !allow) continue;
    if (pattern === '') throw new Error('illegal exclusion pattern: "!"');
    if (pattern !== '.') rules.push({ allow, test: toRegExp(pattern) });
  }
  return {
    hasExceptions: rules.some((rule) => rule.allow),
    empty: rules.length === 0,
    excludes(path) {
      let excluded = false;
      for (const { allow, test } of rules) if (allow === excluded && matchesItOrParent(test, path)) excluded = !allow;
      return excluded;
    },
  };
}

function matchesItOrParent(test: RegExp, path: string): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1))
    if (test.test(path.slice(0, end))) return true;
  return false;
}

/** As a path: no leading or trailing slash, `.` and `..` resolved. */
function clean(pattern: string): string {
  const out: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '..') out.pop();
    else if (part !== '' && part !== '.') out.push(part);
  }
  return out.join('/');
}

/** `**` any directories, `*` and `?` within a name, `[…]` classes, backslash escapes. */
function toRegExp(pattern: string): RegExp {
  let source = '^';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!;
    if (c === '*' && pattern[i + 1] === '*') {
      i++;
      if (pattern[i + 1] === '/') i++;
      source += i + 1 >= pattern.length ? '.*' : '(?:.*/)?';
    } else if (c === '*') source += '[^/]*';
    else if (c === '?') source += '[^/]';
    else if (c === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) throw new Error(`syntax error in pattern: ${JSON.stringify(pattern)}`);
      source += `[${pattern.slice(i + 1, end).replaceAll('\\', '\\\\')}]`;
      i = end;
    } else if (c === '\\' && i + 1 < pattern.length) source += literal(pattern[++i]!);
    else source += literal(c);
  }
  return new RegExp(`${source}$`, 's');
}
const literal = (c: string): string => c.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
