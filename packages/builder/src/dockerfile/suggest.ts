/** The option that a mistyped word most likely means: at most two edits away. */
export function suggest(word: string, options: readonly string[]): string | undefined {
  const lower = word.toLowerCase().slice(0, 64);
  let best: string | undefined;
  let least = 3;
  for (const option of options) {
    const distance = editDistance(lower, option.toLowerCase());
    if (distance === 0) return undefined;
    if (distance < least) [best, least] = [option, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
