import { invalid } from '@corten/errors';

/** Docker's idea of a true query value: anything but these. */
export function boolValue(value: string | null): boolean {
  return !(value === null || ['', '0', 'no', 'false', 'none'].includes(value.trim().toLowerCase()));
}

export function boolOr(value: string | null, fallback: boolean): boolean {
  return value === null ? fallback : boolValue(value);
}

/** A whole number, or undefined when the parameter is absent or empty. */
export function intValue(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^[+-]?\d+$/.test(value)) throw invalid(`strconv.Atoi: parsing "${value}": invalid syntax`);
  return Number(value);
}

/** The `filters` parameter: `{"name":["a"]}` or, from old clients, `{"name":{"a":true}}`. */
export function filtersOf(query: URLSearchParams, accepted?: readonly string[]): Record<string, string[]> {
  const text = query.get('filters');
  if (!text) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid filter: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw invalid('invalid filter');
  const filters: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(parsed)) {
    if (accepted && !accepted.includes(name)) throw invalid(`invalid filter '${name}'`);
    filters[name] = filterValues(values);
  }
  return filters;
}

function filterValues(values: unknown): string[] {
  if (Array.isArray(values) && values.every((v) => typeof v === 'string')) return values;
  if (typeof values === 'object' && values !== null && !Array.isArray(values))
    return Object.entries(values).flatMap(([value, on]) => (on ? [value] : []));
  throw invalid('invalid filter');
}

/** `seconds[.nanoseconds]` since 1970, an RFC 3339 time, or a Go duration before now; as nanoseconds. */
export function timestampValue(query: URLSearchParams, name: string): bigint | undefined {
  const value = query.get(name);
  if (!value) return undefined;
  const unix = /^(-?\d+)(?:\.(\d{1,9}))?$/.exec(value);
  if (unix) return BigInt(unix[1]!) * 1_000_000_000n + BigInt((unix[2] ?? '').padEnd(9, '0'));
  const time = Date.parse(value);
  if (!Number.isNaN(time)) return BigInt(time) * 1_000_000n;
  const duration = goDuration(value);
  if (duration !== undefined) return BigInt(Date.now()) * 1_000_000n - duration;
  throw invalid(`invalid value for "${name}": "${value}"`);
}

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's duration syntax (`1h10m`, `1.5s`) in nanoseconds, or undefined. */
export function goDuration(text: string): bigint | undefined {
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * UNITS[unit!]!;
  return BigInt(Math.round(total));
}

/** label filters: `label` and `label!`, `until`, shared by the prune calls. */
export function pruneFilters(filters: Record<string, string[]>): {
  until?: number;
  labels?: string[];
  notLabels?: string[];
} {
  const until = filters['until']?.[0];
  return {
    until: until === undefined ? undefined : untilSeconds(until),
    labels: filters['label'],
    notLabels: filters['label!'],
  };
}

function untilSeconds(text: string): number {
  const value = timestampValue(new URLSearchParams({ until: text }), 'until');
  return Number(value! / 1_000_000_000n);
}
