import type { Readable } from 'node:stream';
import { CortenError } from '@corten/errors';

/** Reads a stream to its end into memory; refuses more than `limit` bytes. */
export async function collect(
  stream: Readable | AsyncIterable<Uint8Array>,
  limit: number,
  what = 'body',
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > limit) throw new CortenError('tooLarge', `${what} is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
