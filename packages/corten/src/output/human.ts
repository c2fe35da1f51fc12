/** Sizes, durations and times as Docker prints and reads them. */

const scale = (size: number, base: number, units: readonly string[], digits: number): string => {
  let i = 0;
  let value = size;
  while (value >= base && i < units.length - 1) {
    value /= base;
    i++;
  }
  return `${Number(value.toPrecision(digits))}${units[i]}`;
};
const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** 1000-based: `77.8MB`. */
export const humanSize = (size: number, digits = 3): string => scale(size, 1000, DECIMAL, digits);
/** 1024-based: `3.906MiB`. */
export const bytesSize = (size: number): string => scale(size, 1024, BINARY, 4);

/** A span of time the way people say it; `ms` milliseconds. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(ms / 60_000);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(ms / 3_600_000 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(ms / 3_600_000 / 24 / 365)} years`;
}

/** `2026-01-02 03:04:05 +0000 UTC`, in the local zone. */
export function goTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${clock} ${offset(date).replace(':', '')} ${zone(date)}`;
}

/** `+00:00`, local. */
export function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const absolute = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.trunc(absolute / 60))}:${two(absolute % 60)}`;
}

const zone = (date: Date): string => {
  if (date.getTimezoneOffset() === 0) return 'UTC';
  return /\(([^)]+)\)$/.exec(date.toString())?.[1]?.replace(/[^A-Z]/g, '') || offset(date).replace(':', '');
};

/** `10m`, `1.5g`, `512`, `2kb`, `1GiB`: powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text);
  if (!match) throw new Error(`invalid size: '${text}'`);
  const power = match[2] ? 'kmgtp'.indexOf(match[2].toLowerCase()) + 1 : 0;
  return Math.trunc(Number(match[1]) * 1024 ** power);
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's duration syntax (`1h30m`, `1.5s`, `300ms`) in nanoseconds. */
export function parseDuration(text: string): number {
  const wrong = () => new Error(`time: invalid duration ${JSON.stringify(text)}`);
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  if (body === '') throw wrong();
  let total = 0;
  const pattern = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h|)/y;
  while (pattern.lastIndex < body.length) {
    const match = pattern.exec(body);
    if (!match) throw wrong();
    if (match[2] === '') {
      const unit = /^[^\d.]+/.exec(body.slice(pattern.lastIndex))?.[0];
      const what = unit ? `unknown unit ${JSON.stringify(unit)}` : 'missing unit';
      throw new Error(`time: ${what} in duration ${JSON.stringify(text)}`);
    }
    total += Number(match[1]) * UNITS[match[2]!]!;
  }
  return text.startsWith('-') ? -total : total;
}

/**
 * A point in time as `--since` and `--until` take it, as the API wants it: seconds (with a fraction) since 1970.
 * Accepts seconds, Go durations (relative to now) and RFC 3339 dates in full or in part (local zone when none is named).
 */
export function parseTimestamp(text: string, now = Date.now()): string {
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  try {
    return stamp(now - parseDuration(text) / 1e6);
  } catch {
    // not a duration: a date
  }
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d(?::\d\d(\.\d{1,9})?)?)?))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!match) throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  const [, day, clock = '00', fraction = '', where = ''] = match;
  const whole = [...clock.replace(fraction, '').split(':'), '00', '00'].slice(0, 3).join(':');
  const ms = Date.parse(`${day}T${whole}${where}`);
  if (Number.isNaN(ms)) throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return `${ms / 1000}${fraction}`;
}
const stamp = (ms: number): string =>
  `${Math.floor(ms / 1000)}.${String(Math.floor(ms % 1000)).padStart(3, '0')}000000`;

/** At most `width` characters, the last an ellipsis when something was cut. */
export function ellipsis(text: string, width: number): string {
  const letters = [...text];
  if (letters.length <= width) return text;
  return width <= 1 ? letters.slice(0, width).join('') : `${letters.slice(0, width - 1).join('')}…`;
}
