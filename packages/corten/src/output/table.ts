/** Aligns lines whose cells are separated by tabs: at least 10 wide, 3 blanks between, the last cell as it is. */
export function alignColumns(lines: readonly string[]): string {
  const rows = lines.map((line) => line.split('\t'));
  const widths: number[] = [];
  for (const cells of rows)
    for (let i = 0; i < cells.length - 1; i++) widths[i] = Math.max(widths[i] ?? 10, [...cells[i]!].length + 3);
  return rows
    .map((cells) => `${cells.map((cell, i) => (i < cells.length - 1 ? pad(cell, widths[i]!) : cell)).join('')}\n`)
    .join('');
}

const pad = (cell: string, width: number): string => cell + ' '.repeat(Math.max(0, width - [...cell].length));
