import { invalid } from '@corten/errors';
import type { HealthcheckConfig } from '@corten/oci';
import { goQuote, parseDuration } from './go-text.ts';
import { jsonList, parseFlags } from './words.ts';

const MINIMUM = 1e6;
const DURATIONS = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const;

/** HEALTHCHECK [flags] CMD …, or NONE. Durations become nanoseconds. */
export function parseHealthcheck({ flags, rest }: { flags: string[]; rest: string }): HealthcheckConfig {
  const [, word = '', tail = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  if (word === '') throw invalid('HEALTHCHECK requires at least one argument');
  const type = word.toUpperCase();
  if (type === 'NONE') {
    if (tail !== '') throw invalid('HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  const given = parseFlags(flags, { values: [...Object.keys(DURATIONS), 'retries'] });
  if (type !== 'CMD') throw invalid(`Unknown type ${goQuote(type)} in HEALTHCHECK (try CMD)`);
  const list = jsonList(tail);
  if ((list ?? [tail]).filter((a) => list || a !== '').length === 0)
    throw invalid('Missing command after HEALTHCHECK CMD');
  const health: HealthcheckConfig = { Test: list ? ['CMD', ...list] : ['CMD-SHELL', tail] };
  for (const [flag, field] of Object.entries(DURATIONS)) {
    const nanoseconds = duration(flag, given.get(flag)?.[0] ?? '');
    if (nanoseconds !== 0) health[field] = nanoseconds;
  }
  const retries = given.get('retries')?.[0];
  if (retries) health.Retries = count(retries);
  return health;
}

function duration(flag: string, text: string): number {
  if (text === '') return 0;
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined) throw invalid(`time: invalid duration ${goQuote(text)}`);
  if (nanoseconds !== 0 && nanoseconds < MINIMUM) throw invalid(`Interval ${goQuote(flag)} cannot be less than 1ms`);
  return nanoseconds;
}

function count(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`);
  const number = Number(text);
  if (Math.abs(number) > 0x7fff_ffff) throw invalid(`strconv.ParseInt: parsing ${goQuote(text)}: value out of range`);
  if (number < 0) throw invalid(`--retries cannot be negative (${number})`);
  return number;
}
