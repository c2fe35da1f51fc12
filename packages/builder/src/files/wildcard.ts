import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { invalid } from '@corten/errors';

/** Whether a source is a pattern (Go's filepath.Match): `*`, `?` or `[` that is not escaped. */
export function hasWildcard(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    if (path[i] === '\\') i++;
    else if ('*?['.includes(path[i]!)) return true;
  }
  return false;
}

/** Paths beneath `root` that match, in order. Links on the way are not entered. */
export function matchPaths(root: string, pattern: string): string[] {
  const elements = pattern
    .split('/')
    .filter((p) => p !== '' && p !== '.')
    .map(elementPattern);
  const found: string[] = [];
  const visit = (directory: string, depth: number): void => {
    const last = depth === elements.length - 1;
    for (const entry of readdirSync(join(root, directory), { withFileTypes: true }).sort(byName)) {
      if (!elements[depth]!.test(entry.name)) continue;
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (last) found.push(path);
      else if (entry.isDirectory()) visit(path, depth + 1);
    }
  };
  if (elements.length > 0) visit('', 0);
  return found;
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
const quote = (char: string) => char.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
const bad = () => invalid('syntax error in pattern');

/** One path element's pattern. */
function elementPattern(element: string): RegExp {
  let out = '';
  for (let i = 0; i < element.length; i++) {
    const char = element[i]!;
    if (char === '*') {
      while (element[i + 1] === '*') i++;
      out += '.*';
    } else if (char === '?') out += '.';
    else if (char === '\\') {
      if (++i === element.length) throw bad();
      out += quote(element[i]!);
    } else if (char === '[') {
      const end = classEnd(element, i);
      out += characterClass(element.slice(i + 1, end));
      i = end;
    } else out += quote(char);
  }
  return new RegExp(`^${out}$`, 'su');
}

function classEnd(element: string, start: number): number {
  for (let i = start + 1; i < element.length; i++) {
    if (element[i] === '\\') i++;
    else if (element[i] === ']' && i > start + 1) return i;
  }
  throw bad();
}

function characterClass(body: string): string {
  const negated = body.startsWith('^');
  const inner = (negated ? body.slice(1) : body).replace(/\\(.)|[[\]^&~|(){}/]/gs, (all, escaped?: string) =>
    escaped === undefined ? `\\${all}` : quote(escaped),
  );
  try {
    new RegExp(`[${inner}]`, 'u');
  } catch (error) {
    throw invalid('syntax error in pattern', error);
  }
  return `[${negated ? '^' : ''}${inner}]`;
}
