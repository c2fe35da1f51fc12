import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { cancelled, codeOf, invalid, messageOf } from '@corten/errors';
import type { Context } from './context.ts';
import { ArchiveLoader } from './load-archive.ts';
import { outerEntries } from './outer-tar.ts';
import type { OnProgress } from './types.ts';

/** As Images.load: a `docker save` archive or an OCI layout, plain or compressed. An image is visible when it is whole. */
export async function loadImages(
  ctx: Context,
  tar: Readable,
  options: { quiet?: boolean; onProgress: OnProgress; signal?: AbortSignal },
): Promise<void> {
  const signal = options.signal ?? new AbortController().signal;
  const loader = new ArchiveLoader(ctx, { onProgress: options.onProgress, quiet: options.quiet ?? true, signal });
  try {
    for await (const entry of outerEntries(await decompressed(tar))) {
      signal.throwIfAborted();
      await loader.take(entry);
    }
    await loader.finish();
  } catch (error) {
    throw signal.aborted ? cancelled() : error;
  } finally {
    await loader.close();
  }
}

const MAGIC_BYTES = 4;

/** Looks at the first bytes and inflates gzip or zstd. */
async function decompressed(source: Readable): Promise<AsyncIterable<Buffer>> {
  const iterator = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  let size = 0;
  while (size < MAGIC_BYTES) {
    const { value, done } = await iterator.next();
    if (done) throw invalid('archive/tar: unexpected EOF: the archive is empty');
    head.push(Buffer.from(value));
    size += value.length;
  }
  const first = Buffer.concat(head);
  const whole = (async function* () {
    yield first;
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return;
      yield value;
    }
  })();
  const inflate =
    first[0] === 0x1f && first[1] === 0x8b
      ? createGunzip({ chunkSize: 256 << 10 })
      : first.readUInt32LE(0) === 0xfd2fb528
        ? createZstdDecompress()
        : undefined;
  if (!inflate) return whole;
  pipeline(Readable.from(whole), inflate, () => {}); // an error reaches the reader of `inflate`
  return (async function* () {
    try {
      yield* inflate as AsyncIterable<Buffer>;
    } catch (error) {
      throw codeOf(error)?.startsWith('Z_') ? invalid(`archive: ${messageOf(error)}`, error) : error;
    }
  })();
}
