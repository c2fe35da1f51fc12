import { Readable } from 'node:stream';
import { invalid } from '@corten/errors';
import {
  applyPax,
  BLOCK,
  encodeHeader,
  fromPath,
  isZeroBlock,
  padding,
  parseHeader,
  parsePax,
  type TarEntry,
} from './tar-header.ts';

/** One entry of an archive read on the main thread. `body` must be read (or skipped with resume) before the next entry comes. */
export interface StreamEntry {
  header: TarEntry;
  /** The name as text. */
  name: string;
  body: AsyncIterable<Uint8Array>;
}

const EXTENSION_LIMIT = 1 << 20;

/** Reads small outer archives (docker load, build contexts in tests) without a worker. Content that is not read is skipped. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEntry> {
  const bytes = new ByteFeed(source);
  const globals = new Map<string, Buffer>();
  let records = new Map<string, Buffer>();
  let longName: string | undefined;
  let longLink: string | undefined;
  try {
    for (;;) {
      const at = bytes.offset;
      const block = await bytes.exactly(BLOCK, true);
      if (!block || isZeroBlock(block)) break;
      const { flag, entry } = parseHeader(block, at);
      if ('xgLK'.includes(flag)) {
        if (entry.size > EXTENSION_LIMIT)
          throw invalid(`archive/tar: extended header of ${entry.size} bytes at byte ${at} is too large`);
        const data = (await bytes.exactly(entry.size))!;
        await bytes.exactly((BLOCK - (entry.size % BLOCK)) % BLOCK);
        const text = data.toString('latin1').replace(/\0.*$/s, '');
        if (flag === 'x') records = parsePax(data, at);
        else if (flag === 'g') for (const [k, v] of parsePax(data, at)) globals.set(k, v);
        else if (flag === 'L') longName = text;
        else longLink = text;
        continue;
      }
      entry.name = longName ?? entry.name;
      entry.linkName = longLink ?? entry.linkName;
      applyPax(entry, new Map([...globals, ...records]), at);
      records = new Map();
      longName = longLink = undefined;
      const size = entry.type === 'file' || entry.type === 'other' ? entry.size : 0;
      const body = bytes.body(size);
      yield { header: entry, name: Buffer.from(entry.name, 'latin1').toString('utf8'), body };
      await body.skip();
      await bytes.exactly((BLOCK - (size % BLOCK)) % BLOCK);
    }
    await bytes.drain();
  } finally {
    await bytes.close();
  }
}

/** Bytes of a chunked source, by count. */
class ByteFeed {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** At most `most` bytes, or undefined at the end of the source. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#iterator.next();
      if (next.done) return undefined;
      this.#chunk = next.value;
    }
    const piece = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.offset += piece.length;
    return piece;
  }

  async exactly(size: number, endAllowed = false): Promise<Buffer | undefined> {
    const parts: Uint8Array[] = [];
    for (let left = size; left > 0; ) {
      const piece = await this.some(left);
      if (!piece) {
        if (endAllowed && left === size) return undefined;
        throw invalid(`archive/tar: unexpected EOF at byte ${this.offset}`);
      }
      parts.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(parts, size);
  }

  body(size: number): AsyncIterable<Uint8Array> & { skip(): Promise<void> } {
    let left = size;
    const take = async (): Promise<Uint8Array | undefined> => {
      if (left === 0) return undefined;
      const piece = await this.some(left);
      if (!piece) throw invalid(`archive/tar: unexpected EOF at byte ${this.offset}`);
      left -= piece.length;
      return piece;
    };
    return {
      async *[Symbol.asyncIterator]() {
        for (let piece = await take(); piece; piece = await take()) yield piece;
      },
      async skip() {
        while (await take()) {
          // dropped
        }
      },
    };
  }

  async drain(): Promise<void> {
    while (await this.some(1 << 20)) {
      // padding behind the end
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

export interface NewEntry {
  name: string;
  type?: 'file' | 'directory' | 'symlink';
  linkName?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  /** Nanoseconds. */
  mtime?: bigint;
  /** Content; with a stream, `size` must say its length. */
  content?: Uint8Array | string | AsyncIterable<Uint8Array>;
  size?: number;
}

/** An archive made of the given entries, as a stream. */
export function tarStream(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>): Readable {
  return Readable.from(chunksOf(entries), { objectMode: false, highWaterMark: 512 << 10 });
}

async function* chunksOf(entries: Iterable<NewEntry> | AsyncIterable<NewEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    const content = typeof entry.content === 'string' ? Buffer.from(entry.content) : entry.content;
    const size = content instanceof Uint8Array ? content.length : (entry.size ?? 0);
    yield encodeHeader(headerOf(entry, size));
    if (content instanceof Uint8Array) yield content;
    else if (content) yield* exactly(content, size, entry.name);
    yield padding(size);
  }
  yield Buffer.alloc(1024);
}

async function* exactly(content: AsyncIterable<Uint8Array>, size: number, name: string): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of content) {
    sent += chunk.length;
    if (sent > size) throw invalid(`${name}: more than the announced ${size} bytes`);
    yield chunk;
  }
  if (sent !== size) throw invalid(`${name}: ${sent} bytes came, ${size} were announced`);
}

function headerOf(entry: NewEntry, size: number): TarEntry {
  const type = entry.type ?? 'file';
  return {
    name: fromPath(entry.name),
    linkName: fromPath(entry.linkName ?? ''),
    type,
    mode: entry.mode ?? (type === 'directory' ? 0o755 : 0o644),
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    size,
    mtime: entry.mtime ?? 0n,
    major: 0,
    minor: 0,
    userName: '',
    groupName: '',
    xattrs: new Map(),
  };
}
