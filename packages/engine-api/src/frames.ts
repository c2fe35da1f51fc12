import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';

export const STDOUT = 1;
export const STDERR = 2;

/** Docker's 8-byte stream header (Engine API, ContainerAttach, "Stream format") before the payload. */
export function frame(stream: number, payload: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(8 + payload.length);
  framed.writeUInt32BE(stream << 24, 0);
  framed.writeUInt32BE(payload.length, 4);
  framed.set(payload, 8);
  return framed;
}

/** Copies a stream to `sink`, framed (or raw when `stream` is undefined), reading only as fast as the sink takes it. */
export async function pump(source: Readable, sink: Writable, stream?: number): Promise<void> {
  for await (const chunk of source as AsyncIterable<Buffer>) {
    if (sink.destroyed) return;
    const flowing = sink.write(stream === undefined ? chunk : frame(stream, chunk));
    if (!flowing && !(await drained(sink))) return;
  }
}

/** Waits until `sink` takes more; false when it closed instead. */
async function drained(sink: Writable): Promise<boolean> {
  const abort = new AbortController();
  const options = { signal: abort.signal };
  try {
    const closed = once(sink, 'close', options).then(() => false);
    const ready = once(sink, 'drain', options).then(() => true);
    closed.catch(() => {}); // the loser of the race is aborted below
    ready.catch(() => {});
    return await Promise.race([closed, ready]);
  } finally {
    abort.abort();
  }
}
