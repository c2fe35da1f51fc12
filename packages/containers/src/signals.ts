import { constants } from 'node:os';
import { invalid } from '@corten/errors';

const RTMIN = 34;
const RTMAX = 64;

/** A signal's number from `15`, `TERM`, `SIGTERM`, `sigterm`, `RTMIN+3`; invalid `Invalid signal: X`. */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number === 0) throw invalid(`Invalid signal: ${text}`);
    return number;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const known = constants.signals[`SIG${name}` as keyof typeof constants.signals];
  if (known !== undefined) return known;
  const realtime = /^RT(MIN|MAX)([+-]\d+)?$/.exec(name);
  if (realtime) {
    const number = (realtime[1] === 'MIN' ? RTMIN : RTMAX) + Number(realtime[2] ?? 0);
    if (number >= RTMIN && number <= RTMAX) return number;
  }
  throw invalid(`Invalid signal: ${text}`);
}

export const SIGKILL = 9;
export const SIGTERM = 15;
export const SIGCONT = 18;
