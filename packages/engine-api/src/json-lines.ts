import { messageOf } from '@corten/errors';
import type { Progress } from '@corten/images';
import { toHttpError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * A stream of JSON lines (pull, push, build, load). Nothing is sent before the first line, so that an early error is
 * still a plain HTTP error; a later one becomes an `errorDetail` line, as Docker's clients expect.
 */
export async function jsonLines(
  exchange: Exchange,
  produce: (line: (progress: Progress) => void) => Promise<void>,
): Promise<void> {
  let begun = false;
  const line = (progress: Progress) => {
    if (!begun) {
      begun = true;
      exchange.begin(200, { 'Content-Type': 'application/json' });
    }
    // A client that does not read loses intermediate progress, never a result; memory stays bounded.
    if (exchange.response.writableNeedDrain && progress.progressDetail?.total !== undefined) return;
    if (!exchange.response.destroyed) exchange.response.write(`${JSON.stringify(progress)}\r\n`);
  };
  try {
    await produce(line);
    if (!begun) exchange.begin(200, { 'Content-Type': 'application/json' });
  } catch (error) {
    if (!begun) throw error;
    line(errorLine(error));
  }
  exchange.end();
}

function errorLine(error: unknown): Progress {
  const code = (error as { exitCode?: unknown }).exitCode;
  const message = messageOf(error);
  const { status } = toHttpError(error);
  const detail = typeof code === 'number' ? { code, message } : status === 401 ? { code: 401, message } : { message };
  return { errorDetail: detail, error: message };
}
