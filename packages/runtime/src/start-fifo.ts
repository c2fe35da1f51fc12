import { closeSync, constants, existsSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '@corten/errors';
import type { ProbedRuntime } from './runtimes.ts';

const PATIENCE_MS = 5000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Lets a created container go through the runtime's own exec.fifo, which saves the process that `RUNTIME start` is (5–7 ms).
 * Returns false when that is not possible; the caller then runs `start`.
 * crun's init waits to read from the fifo, runc's to write into it.
 */
export async function startThroughFifo(
  family: ProbedRuntime['family'],
  runtimeRoot: string,
  id: string,
  alive: () => boolean,
): Promise<boolean> {
  const fifo = join(runtimeRoot, id, 'exec.fifo');
  if (!existsSync(fifo)) return false;
  const done = family === 'crun' ? await writeInto(fifo, alive) : await readFrom(fifo, alive);
  if (done) rmSync(fifo, { force: true });
  return done;
}

/** Every open is non-blocking: an init that died must not hold up the engine. */
async function writeInto(fifo: string, alive: () => boolean): Promise<boolean> {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until && alive()) {
    try {
      const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        writeSync(fd, '0');
      } finally {
        closeSync(fd);
      }
      return true;
    } catch (error) {
      if (codeOf(error) !== 'ENXIO') return false; // ENXIO: init is not there yet
    }
    await pause(1);
  }
  return false;
}

async function readFrom(fifo: string, alive: () => boolean): Promise<boolean> {
  const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until) {
      const living = alive(); // before the read: an init that wrote, ran and ended since has left its byte
      if (readByte(fd)) return true;
      if (!living) return false;
      await pause(1);
    }
    return false;
  } finally {
    closeSync(fd);
  }
}

function readByte(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1)) === 1; // 0: no writer yet
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return false;
    throw error;
  }
}
