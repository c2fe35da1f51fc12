import { spawn } from 'node:child_process';
import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { invalid, messageOf } from '@corten/errors';

export type ArchiveCompression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

const MAGIC: [ArchiveCompression, number[]][] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

export function detectCompression(head: Uint8Array): ArchiveCompression {
  return MAGIC.find(([, magic]) => magic.every((byte, i) => head[i] === byte))?.[0] ?? 'none';
}

/** Decompresses by what the first bytes say; `known` learns the kind when it is seen. */
export async function* decompressChunks(
  source: AsyncIterable<Uint8Array>,
  known: (kind: ArchiveCompression) => void = () => {},
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Uint8Array = Buffer.alloc(0);
  let ended = false;
  while (head.length < 6 && !ended) {
    const next = await iterator.next();
    if (next.done) ended = true;
    else head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const kind = detectCompression(head);
  known(kind);
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      await iterator.return?.();
    }
  }
  if (kind === 'none') return yield* all();
  const input = Readable.from(all(), { objectMode: false });
  try {
    yield* kind === 'gzip' || kind === 'zstd' ? inProcess(kind, input) : throughProgram(kind, input);
  } finally {
    input.destroy();
  }
}

async function* inProcess(kind: 'gzip' | 'zstd', input: Readable): AsyncGenerator<Uint8Array> {
  const options = { chunkSize: 256 << 10 };
  const engine: Transform = kind === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  let failed: unknown;
  pipeline(input, engine, (error) => {
    failed = error;
  });
  try {
    yield* engine as AsyncIterable<Uint8Array>;
  } catch (error) {
    const cause = input.errored ?? failed ?? error;
    if (input.errored) throw input.errored;
    throw invalid(`invalid ${kind} data: ${messageOf(cause)}`, cause);
  }
}

/** bzip2 and xz are rare: the host's program does them. */
async function* throughProgram(kind: 'bzip2' | 'xz', input: Readable): AsyncGenerator<Uint8Array> {
  const child = spawn(kind, ['-d', '-c'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < 4096) stderr += chunk;
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', () =>
      reject(invalid(`the archive is compressed with ${kind}, and this host has no ${kind} program`)),
    );
    child.once('close', (code) => resolve(code ?? -1));
  });
  ended.catch(() => {}); // awaited below
  pipeline(input, child.stdin, () => {}); // a program that ends early reports by its exit code
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const code = await ended;
    if (code !== 0) throw invalid(`invalid ${kind} data: ${stderr.trim() || `${kind} ended with ${code}`}`);
  } finally {
    child.kill();
  }
}

/** The decompressed bytes of a stream as a stream. */
export const decompress = (source: Readable): Readable =>
  Readable.from(decompressChunks(source), { objectMode: false, highWaterMark: 512 << 10 });
