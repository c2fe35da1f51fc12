import { readFileSync } from 'node:fs';
import { codeOf, invalid, messageOf } from '@corten/errors';
import { OPTION_LIST, type RawOptions } from './options.ts';
import { checkFileValue } from './values.ts';

/** Reads a daemon.json. A missing file is an error only when it was asked for by name. */
export function readConfigFile(path: string, required: boolean): RawOptions {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !required) return {};
    throw invalid(`unable to configure the engine with file ${path}: ${messageOf(error)}`, error);
  }
  try {
    return parseConfig(text);
  } catch (error) {
    throw invalid(`unable to configure the engine with file ${path}: ${messageOf(error)}`, error);
  }
}

function parseConfig(text: string): RawOptions {
  if (text.trim() === '') return {};
  const parsed: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw invalid('expected a JSON object');
  const known = new Map(
    OPTION_LIST.flatMap(([name, o]) => (o.key && o.only !== 'flag' ? [[o.key, { name, o }] as const] : [])),
  );
  const unknown = Object.keys(parsed).filter((key) => !known.has(key));
  if (unknown.length > 0)
    throw invalid(`the following directives don't match any configuration option: ${unknown.join(', ')}`);
  const found: RawOptions = {};
  for (const [key, value] of Object.entries(parsed)) {
    const { name, o } = known.get(key)!;
    try {
      found[name] = checkFileValue(o.kind, value);
    } catch (error) {
      throw invalid(`${key}: ${messageOf(error)}`);
    }
  }
  return found;
}

/** dockerd refuses an option given in both places, lists and maps too. */
export function mergeOptions(flags: RawOptions, file: RawOptions, path: string): RawOptions {
  const both = OPTION_LIST.filter(([name]) => name in flags && name in file).map(
    ([name, o]) => `${o.key}: (from flag: ${show(flags[name])}, from file: ${show(file[name])})`,
  );
  if (both.length > 0)
    throw invalid(
      `unable to configure the engine with file ${path}: the following directives are specified both as a flag and in the configuration file: ${both.join(', ')}`,
    );
  return { ...file, ...flags };
}

const show = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
