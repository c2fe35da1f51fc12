import { invalid } from '@corten/errors';
import type { OptionKind } from './options.ts';

export interface Runtime {
  path: string;
  args?: string[];
}
export interface AddressPool {
  base: string;
  size: number;
}
export interface Ulimit {
  Name: string;
  Soft: number;
  Hard: number;
}

/** One flag occurrence added to what earlier ones gave. Errors carry only the reason; the caller names the flag. */
export function addFlagValue(kind: OptionKind, previous: unknown, text: string): unknown {
  switch (kind) {
    case 'bool':
      return parseBool(text);
    case 'string':
      return text;
    case 'int':
      return parseInteger(text);
    case 'bytes':
      return parseBytes(text);
    case 'list':
      return [...((previous as string[]) ?? []), ...text.split(',').filter((t) => t !== '')];
    case 'map':
      return { ...(previous as object), ...pair(text) };
    case 'runtimes':
      return { ...(previous as object), ...runtimePair(text) };
    case 'pools':
      return [...((previous as AddressPool[]) ?? []), poolOf(text)];
    case 'ulimits':
      return { ...(previous as object), ...ulimitPair(text) };
  }
}

/** Checks a daemon.json value and brings it to the same form that flags give. */
export function checkFileValue(kind: OptionKind, value: unknown): unknown {
  switch (kind) {
    case 'bool':
      return expectType(value, 'boolean');
    case 'string':
      return expectType(value, 'string');
    case 'int':
      return expectInteger(value);
    case 'bytes':
      return typeof value === 'number' ? value : parseBytes(expectType(value, 'string') as string);
    case 'list':
      if (typeof value === 'string') return [value];
      return expectList(value, (item) => expectType(item, 'string'));
    case 'map':
      return expectType(value, 'object');
    case 'runtimes':
      return expectType(value, 'object');
    case 'pools':
      return expectList(value, (item) => {
        const { base, size } = expectType(item, 'object') as Record<string, unknown>;
        return { base: expectType(base, 'string'), size: expectInteger(size) };
      });
    case 'ulimits':
      return expectType(value, 'object');
  }
}

function expectType(value: unknown, type: 'string' | 'boolean' | 'object'): unknown {
  const fits =
    type === 'object' ? typeof value === 'object' && value !== null && !Array.isArray(value) : typeof value === type;
  if (!fits) throw invalid(`expected a ${type}, but got ${JSON.stringify(value)}`);
  return value;
}

function expectInteger(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw invalid(`expected an integer, but got ${JSON.stringify(value)}`);
  return value;
}

function expectList<T>(value: unknown, item: (v: unknown) => T): T[] {
  if (!Array.isArray(value)) throw invalid(`expected a list, but got ${JSON.stringify(value)}`);
  return value.map(item);
}

function parseBool(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw invalid(`strconv.ParseBool: parsing "${text}": invalid syntax`);
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  return Number(text);
}

/** `64m`, `1gb`, `1024`: powers of 1024, as Docker reads memory sizes. */
export function parseBytes(text: string): number {
  const found = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?b)?$/i.exec(text.trim());
  if (!found) throw invalid(`invalid size: '${text}'`);
  return Math.floor(Number(found[1]) * 1024 ** ' kmgtp'.indexOf((found[2] || ' ').toLowerCase()));
}

function pair(text: string): Record<string, string> {
  const [key, value] = text.split(/=(.*)/s);
  if (!key) throw invalid(`invalid key=value: "${text}"`);
  return { [key]: value ?? '' };
}

function runtimePair(text: string): Record<string, Runtime> {
  const [name, path] = text.split(/=(.*)/s);
  if (!name || !path) throw invalid(`invalid runtime value: ${text} (expected name=path)`);
  return { [name.toLowerCase()]: { path } };
}

function poolOf(text: string): AddressPool {
  const fields = Object.fromEntries(text.split(',').map((part) => part.split('=', 2)));
  for (const key of Object.keys(fields))
    if (key !== 'base' && key !== 'size') throw invalid(`unexpected key '${key}' in '${text}'`);
  if (!fields['base'] || !/^\d+$/.test(fields['size'] ?? ''))
    throw invalid(`invalid pool '${text}': expected base=CIDR,size=N`);
  return { base: fields['base'], size: Number(fields['size']) };
}

function ulimitPair(text: string): Record<string, Ulimit> {
  const found = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (!found) throw invalid(`invalid ulimit argument: ${text}`);
  const soft = Number(found[2]);
  return { [found[1]!]: { Name: found[1]!, Soft: soft, Hard: found[3] === undefined ? soft : Number(found[3]) } };
}
