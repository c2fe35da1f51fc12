/**
 * Runs every test, or those whose path holds one of the given words: `npm test -- archive`. Ends with the test runner's
 * own summary. Tests run real containers, so this needs root.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
if (process.getuid?.() !== 0) {
  console.error('The tests run real containers: run them as root.');
  process.exit(1);
}
const words = process.argv.slice(2);
const files = globSync(['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort();
if (files.length === 0) {
  console.error(`no test file has ${words.join(' or ')} in its path`);
  process.exit(1);
}
const options = [
  '--disable-warning=ExperimentalWarning',
  '--test',
  '--test-concurrency=2',
  '--test-timeout=240000',
  '--test-reporter=spec',
];
const child = spawn(process.execPath, [...options, ...files], { cwd: root, stdio: 'inherit' });
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
