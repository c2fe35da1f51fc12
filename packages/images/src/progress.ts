import type { OnProgress } from './types.ts';

const INTERVAL = 100;

/** A progress line with a bar, at most ten a second and always the last. */
export function bar(onProgress: OnProgress, id: string, status: string, total: number): (current: number) => void {
  let last = 0;
  return (current) => {
    const now = performance.now();
    if (now - last < INTERVAL && (current < total || total <= 0)) return;
    last = now;
    onProgress({ status, progressDetail: { current, total }, progress: barText(current, total), id });
  };
}

/** A line without a bar, as Docker sends it for a layer. */
export const layerLine = (onProgress: OnProgress, id: string, status: string): void =>
  onProgress({ status, progressDetail: {}, id });

const WIDTH = 50;
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

function units(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${UNITS[unit]}`;
}

/** `[====>     ]  1.2MB/3MB`: for clients that show the text and do not draw themselves. */
function barText(current: number, total: number): string {
  if (total <= 0) return units(current);
  const filled = Math.min(Math.floor((current / total) * WIDTH), WIDTH);
  const head = filled < WIDTH ? '>' : '';
  return `[${'='.repeat(filled)}${head}${' '.repeat(Math.max(WIDTH - filled - head.length, 0))}]  ${units(current)}/${units(total)}`;
}
