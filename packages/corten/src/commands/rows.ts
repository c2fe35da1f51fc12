/** Pieces that rows of several listings share. */

export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

/** A string in Go's double quotes; what prints stays readable. */
export const quote = (text: string): string => JSON.stringify(text);

/** `Labels` for the column and `.Label "key"` for templates. */
export function labelRow(labels: Readonly<Record<string, string>> | null | undefined) {
  const own = labels ?? {};
  return {
    Labels: Object.entries(own)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Label: (name: string) => own[name] ?? '',
  };
}
