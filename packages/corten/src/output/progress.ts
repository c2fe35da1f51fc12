import type { Writable } from 'node:stream';
import { CliError } from '../cli/errors.ts';
import { humanSize } from './human.ts';

/** One line of a pull, push, load, import or build stream. */
export interface ProgressMessage {
  id?: string;
  status?: string;
  stream?: string;
  progress?: string;
  progressDetail?: { current?: number; total?: number; hidecounts?: boolean; units?: string };
  error?: string;
  errorDetail?: { code?: number; message?: string };
  aux?: unknown;
}

/** Shows progress: on a terminal one line per id, redrawn; else a plain line for each change of state. Throws the stream's error. */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  out: Writable & { isTTY?: boolean; columns?: number },
  onAux?: (aux: unknown) => void,
): Promise<void> {
  const terminal = Boolean(out.isTTY);
  const lines = new Map<string, number>();
  for await (const message of messages) {
    if (message.errorDetail || message.error)
      throw new CliError(message.errorDetail?.message ?? message.error!, message.errorDetail?.code || 1);
    if (message.aux !== undefined) {
      onAux?.(message.aux);
      continue;
    }
    if (message.stream !== undefined) {
      out.write(message.stream);
      continue;
    }
    const bar = progressBar(message, out.columns ?? 200);
    const text = `${message.id ? `${message.id}: ` : ''}${message.status ?? ''}`;
    if (!terminal) {
      if (!bar) out.write(`${text}\n`);
      continue;
    }
    if (!message.id || !(message.progressDetail || lines.has(message.id))) {
      out.write(`${text}${bar ? ` ${bar}` : ''}\n`);
      if (message.id === undefined) lines.clear();
      else for (const [id, up] of lines) lines.set(id, up + 1);
      continue;
    }
    redraw(out, lines, message.id, `${text}${bar ? ` ${bar}` : ''}`);
  }
}

/** Draws the line of `id` again where it stands; a new id gets a line at the bottom. */
function redraw(out: Writable, lines: Map<string, number>, id: string, text: string): void {
  let up = lines.get(id);
  if (up === undefined) {
    for (const [other, distance] of lines) lines.set(other, distance + 1);
    lines.set(id, 1);
    up = 1;
    out.write('\n');
  }
  out.write(`\x1b[${up}A\x1b[2K\r${text}\x1b[${up}B\r`);
}

function progressBar({ progress, progressDetail: detail }: ProgressMessage, columns: number): string {
  if (!detail || (!detail.current && !detail.total)) return progress ?? '';
  const current = detail.current ?? 0;
  const total = detail.total ?? 0;
  const unit = (n: number) => (detail.units ? `${n} ${detail.units}` : humanSize(n, 4));
  if (total <= 0 || current > total) return unit(current).padStart(8);
  const count = detail.hidecounts ? '' : ` ${unit(current).padStart(8)}/${unit(total)}`;
  if (columns < 110) return count.trim();
  const done = Math.min(50, Math.floor((current / total) * 50));
  return `[${'='.repeat(done)}>${' '.repeat(50 - done)}]${count}`;
}
