import { goJson } from './json-text.ts';

export type TemplateFunction = (...args: never[]) => unknown;

/** Go's idea of an empty value. */
export function truth(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (Array.isArray(value) || typeof value === 'string') return value.length > 0;
  if (typeof value === 'object') return Object.keys(value).length > 0;
  return Boolean(value);
}

/** A value as Go's fmt prints it with %v. */
export function show(value: unknown): string {
  if (value === undefined) return '<no value>';
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([k, v]) => `${k}:${show(v)}`).join(' ')}]`;
  }
  return String(value);
}

/** Go's Sprint: a blank between operands when neither is a string. */
const sprint = (...args: unknown[]): string =>
  args
    .map((arg, i) => {
      const blank = i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string';
      return `${blank ? ' ' : ''}${show(arg)}`;
    })
    .join('');

function format(pattern: string, ...args: unknown[]): string {
  let next = 0;
  return pattern.replace(/%([-+ #0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g, (_, flags, width, precision, verb) => {
    if (verb === '%') return '%';
    if (next >= args.length) return `%!${verb}(MISSING)`;
    const value = args[next++];
    let text = show(value);
    if (verb === 'q') text = JSON.stringify(String(value));
    else if (verb === 'x')
      text = typeof value === 'number' ? value.toString(16) : Buffer.from(String(value)).toString('hex');
    else if (verb === 'f') text = Number(value).toFixed(precision === undefined ? 6 : Number(precision));
    else if (verb === 's' && precision !== undefined) text = text.slice(0, Number(precision));
    const size = Number(width || 0);
    if (flags.includes('-')) return text.padEnd(size);
    return text.padStart(size, flags.includes('0') ? '0' : ' ');
  });
}

function index(value: unknown, ...keys: unknown[]): unknown {
  let current = value;
  for (const key of keys) {
    if (current === null || current === undefined) throw new Error('error calling index: index of untyped nil');
    if (Array.isArray(current) || typeof current === 'string') {
      if (typeof key !== 'number') throw new Error(`error calling index: cannot index slice/array with type string`);
      if (key < 0 || key >= current.length) throw new Error(`error calling index: index out of range: ${key}`);
      current = typeof current === 'string' ? current.charCodeAt(key) : current[key];
    } else current = Object.hasOwn(current, String(key)) ? (current as Record<string, unknown>)[String(key)] : '';
  }
  return current;
}

const compare = (a: unknown, b: unknown): number => {
  if (typeof a !== typeof b) throw new Error('incompatible types for comparison');
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
};

/** The functions of Go's text/template and those that Docker adds. `and` and `or` are evaluated by the executor. */
// biome-ignore lint/suspicious/noExplicitAny: what a template passes is only known when it runs
export const templateFunctions: Readonly<Record<string, (...args: any[]) => unknown>> = {
  json: (value) => goJson(value),
  join: (values: unknown[] | null, separator: string) => (values ?? []).map(show).join(separator),
  split: (text: string, separator: string) => text.split(separator),
  lower: (text: string) => text.toLowerCase(),
  upper: (text: string) => text.toUpperCase(),
  title: (text: string) => text.replace(/(^|\s)(\S)/g, (_, blank, letter) => blank + letter.toUpperCase()),
  pad: (text: string, left: number, right: number) =>
    text === '' ? text : ' '.repeat(left) + text + ' '.repeat(right),
  truncate: (text: string, size: number) => text.slice(0, size),
  println: (...args) => `${args.map(show).join(' ')}\n`,
  print: sprint,
  printf: format,
  len: (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.keys(value).length
      : (value?.length ?? 0),
  index,
  slice: (value: string | unknown[], from = 0, to?: number) => value.slice(from, to),
  not: (value) => !truth(value),
  eq: (first, ...others) => others.some((other) => first === other),
  ne: (a, b) => a !== b,
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  urlquery: (...args) => encodeURIComponent(sprint(...args)),
  html: (...args) => sprint(...args).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`),
};
