/** `--filter key=value …` as the API wants it: JSON of key → values. */
export function encodeFilters(filters: readonly string[]): string | undefined {
  if (filters.length === 0) return undefined;
  const byKey: Record<string, string[]> = {};
  for (const filter of filters) {
    const at = filter.indexOf('=');
    const key = filter.slice(0, at).trim().toLowerCase();
    const values = byKey[key] ?? [];
    values.push(filter.slice(at + 1).trim());
    byKey[key] = values;
  }
  return JSON.stringify(byKey);
}
