import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIgnore } from './ignore.ts';

const CASES: [patterns: string, path: string, ignored: boolean][] = [
  ['*.md', 'a.md', true],
  ['*.md', 'd/a.md', false],
  ['**/*.md', 'a.md', true],
  ['**/*.md', 'd/e/a.md', true],
  ['*/temp*', 'a/temporary', true],
  ['*/temp*', 'a/b/temp', false],
  ['temp?', 'tempa', true],
  ['temp?', 'temp', false],
  ['d', 'd/e/f', true],
  ['d/', 'd/e', true],
  ['/d', 'd', true],
  ['./d', 'd', true],
  ['d/../e', 'e', true],
  ['*\n!a', 'a', false],
  ['*\n!a', 'b', true],
  ['*\n!d/x', 'd/x', false],
  ['*\n!d/x', 'd/y', true],
  ['!a\n*', 'a', true],
  ['*.md\n!README*.md\nREADME-secret.md', 'README-secret.md', true],
  ['*.md\n!README*.md\nREADME-secret.md', 'README-x.md', false],
  ['a**', 'a/b/c', true],
  ['a/**', 'a/b', true],
  ['a/**', 'a', false],
  ['**', 'anything/at/all', true],
  ['**/node_modules', 'x/node_modules/y', true],
  ['[a-c]x', 'bx', true],
  ['[^a-c]x', 'bx', false],
  ['[^a-c]x', 'zx', true],
  ['\\*x', '*x', true],
  ['\\*x', 'ax', false],
  ['# comment\n  b  ', 'b', true],
  ['a.b', 'axb', false],
  ['.', 'x', false],
];

test('patterns', () => {
  for (const [text, path, ignored] of CASES)
    assert.equal(parseIgnore(text).ignores(path), ignored, `${JSON.stringify(text)} ${path}`);
});

test('bad patterns', () => {
  assert.throws(() => parseIgnore('!'), { message: 'illegal exclusion pattern: "!"' });
  assert.throws(() => parseIgnore('[a'), /syntax error in pattern/);
  assert.throws(() => parseIgnore('[z-a]'), /syntax error in pattern/);
});
