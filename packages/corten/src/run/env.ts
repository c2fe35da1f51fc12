import { readFileSync } from 'node:fs';
import { CliError } from '../cli/errors.ts';

/** `KEY` alone takes the value of this environment, and nothing when it is not set there. */
export function parseEnv(files: readonly string[], given: readonly string[], what = 'environment variable'): string[] {
  const all = [...files.flatMap((file) => readVariables(file, what)), ...given];
  return all.flatMap((entry) => {
    if (entry.startsWith('=') || entry === '') throw new CliError(`invalid ${what}: ${entry}`);
    if (entry.includes('=')) return [entry];
    const value = process.env[entry];
    return value === undefined ? [] : [`${entry}=${value}`];
  });
}

/** Lines `KEY=value`, `KEY`; blank lines and comments are skipped. */
function readVariables(file: string, what: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CliError(
      `open ${file}: ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : (error as Error).message}`,
    );
  }
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const key = line.split('=')[0]!;
      if (key === '') throw new CliError(`invalid env file (${file}): no variable name on line '${line}'`);
      if (/\s/.test(key)) throw new CliError(`invalid env file (${file}): ${what} '${key}' contains whitespaces`);
      return line;
    });
}

/** `key=value` and `key` as a map. */
export function keyValues(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}

export const parseLabels = (files: readonly string[], given: readonly string[]): Record<string, string> =>
  keyValues([...files.flatMap((file) => readVariables(file, 'label')), ...given]);
