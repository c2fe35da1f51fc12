/** What Docker prints for a time that has not come: Go's zero time. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** Nanoseconds since 1970 as a bigint; the clock's true resolution is a microsecond here. */
export const nowNano = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;

/** RFC 3339 with nanoseconds, trailing zeros dropped, UTC: Go's time.RFC3339Nano. */
export function rfc3339Nano(nanoseconds: bigint = nowNano()): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const base = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${base}${fraction ? `.${fraction}` : ''}Z`;
}
