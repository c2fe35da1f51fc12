import { constants, existsSync, unlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '@corten/errors';
import type { ProbedRuntime } from './runtimes.ts';

const PATIENCE_MS = 5000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Lets a created container go through the runtime's own exec.fifo, which saves the process that `RUNTIME start` is (5–7 ms).
 * Returns false when that is not possible here; the caller then runs `start`.
 * crun's init waits to read from the fifo, runc's to write into it.
 */
export async function startThroughFifo(
  runtime: ProbedRuntime,
  runtimeRoot: string,
  id: string,
  alive: () => boolean,
): Promise<boolean> {
  const fifo = join(runtimeRoot, id, 'exec.fifo');
  if (!existsSync(fifo)) return false;
  const done = runtime.family === 'crun' ? await writeInto(fifo, alive) : await readFrom(fifo, alive);
  if (done) unlinkSync(fifo);
  return done;
}

async function writeInto(fifo: string, alive: () => boolean): Promise<boolean> {
  for (let waited = 0; waited < PATIENCE_MS && alive(); waited++) {
    try {
      const file = await open(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      await file.write('0').finally(() => file.close());
      return true;
    } catch (error) {
      if (codeOf(error) !== 'ENXIO') return false; // ENXIO: init is not there yet
    }
    await pause(1);
  }
  return false;
}

async function readFrom(fifo: string, alive: () => boolean): Promise<boolean> {
  const file = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const byte = Buffer.alloc(1);
    for (let waited = 0; waited < PATIENCE_MS && alive(); waited++) {
      try {
        if ((await file.read(byte, 0, 1, null)).bytesRead === 1) return true;
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN') return false;
      }
      await pause(1);
    }
    return false;
  } finally {
    await file.close();
  }
}
