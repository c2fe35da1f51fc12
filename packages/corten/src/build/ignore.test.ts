import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIgnore } from './ignore.ts';

test('patterns of .dockerignore', () => {
  const cases: [string, string[], string[]][] = [
    ['*.log', ['a.log'], ['sub/a.log', 'a.txt']],
    ['**/*.log', ['a.log', 'x/y/a.log'], ['a.txt']],
    ['node_modules', ['node_modules', 'node_modules/x/y'], ['a/node_modules']],
    ['/dist/', ['dist', 'dist/a'], ['distant']],
    ['*\n!keep', ['a', 'b/c'], ['keep', 'keep/x']],
    ['sub/*\n!sub/deep', ['sub/a'], ['sub/deep', 'sub/deep/c']],
    ['# comment\n\n a?c ', ['abc'], ['ac', 'a/c']],
    ['[a-c]x', ['bx'], ['dx']],
    ['a/**/b', ['a/b', 'a/x/y/b'], ['ab', 'a/x']],
    ['a/../b', ['b'], ['a']],
    ['docs/**\n!docs/*.md\ndocs/secret.md', ['docs/x/y', 'docs/secret.md'], ['docs/a.md']],
    ['we.ird+(name)', ['we.ird+(name)'], ['weXird+(name)']],
  ];
  for (const [text, out, stays] of cases) {
    const rules = parseIgnore(text);
    for (const path of out) assert.equal(rules.excludes(path), true, `${JSON.stringify(text)} keeps out ${path}`);
    for (const path of stays) assert.equal(rules.excludes(path), false, `${JSON.stringify(text)} lets in ${path}`);
  }
  assert.equal(parseIgnore('# only\n').empty, true);
  assert.throws(() => parseIgnore('!'), /illegal exclusion pattern/);
  assert.throws(() => parseIgnore('[a'), /syntax error/);
});
