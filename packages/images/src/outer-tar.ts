import { invalid } from '@corten/errors';

/**
 * The tar *around* an image (`docker save` archive, OCI layout): few entries, each of them either small or a layer that
 * is passed on as a stream. Layers themselves are unpacked by the snapshots room.
 */
export interface OuterEntry {
  name: string;
  kind: 'file' | 'link' | 'symlink' | 'other';
  size: number;
  linkName: string;
  /** The content; what is not read of it is skipped. */
  body(): AsyncGenerator<Buffer>;
}

const BLOCK = 512;
const MAX_EXTENSION = 1 << 20;
const KINDS: Record<string, OuterEntry['kind']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
};

/** Reads exact amounts from a stream of chunks. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next piece of at most `max` bytes; undefined at the end. Not copied. */
  async some(max: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done) return undefined;
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, max);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Exactly `size` bytes; undefined when the stream ends before the first of them. */
  async exactly(size: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    for (let missing = size; missing > 0; ) {
      const piece = await this.some(missing);
      if (!piece) {
        if (missing === size) return undefined;
        throw invalid('archive/tar: unexpected EOF');
      }
      pieces.push(piece);
      missing -= piece.length;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, size);
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

/** The entries of a tar, in order. Checks every header's checksum; a tar that ends early is an error. */
export async function* outerEntries(stream: AsyncIterable<Buffer>): AsyncGenerator<OuterEntry> {
  const reader = new ByteReader(stream);
  let long: { name?: string; linkName?: string; size?: number } = {};
  try {
    for (;;) {
      const block = await reader.exactly(BLOCK);
      if (!block) throw invalid('archive/tar: unexpected EOF: the end of the archive is missing');
      if (block.every((byte) => byte === 0)) break;
      const header = parseHeader(block);
      if ('xLKg'.includes(header.flag)) {
        if (header.size > MAX_EXTENSION) throw invalid('archive/tar: an extended header is too large');
        const data = (await reader.exactly(padded(header.size)))?.subarray(0, header.size) ?? Buffer.alloc(0);
        if (header.flag !== 'g') long = { ...long, ...extension(header.flag, data) };
        continue;
      }
      const size = long.size ?? header.size;
      let left = size;
      const body = async function* () {
        while (left > 0) {
          const piece = await reader.some(left);
          if (!piece) throw invalid(`archive/tar: unexpected EOF in ${entry.name}`);
          left -= piece.length;
          yield piece;
        }
      };
      const entry: OuterEntry = {
        name: normalize(long.name ?? header.name),
        kind: KINDS[header.flag] ?? 'other',
        size,
        linkName: long.linkName ?? header.linkName,
        body,
      };
      long = {};
      yield entry;
      for await (const _ of body()); // what the caller left
      if (padded(size) > size && !(await reader.exactly(padded(size) - size)))
        throw invalid('archive/tar: unexpected EOF');
    }
  } finally {
    await reader.close();
  }
}

const padded = (size: number): number => Math.ceil(size / BLOCK) * BLOCK;
/** Names are keys here, never paths of the host; only their spelling is made one. */
const normalize = (name: string): string => name.replace(/^(\.?\/+)+/, '');

function field(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString('utf8', at, end < 0 || end > at + length ? at + length : end);
}

function parseHeader(block: Buffer): { name: string; linkName: string; size: number; flag: string } {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i]!;
  if (Number.parseInt(field(block, 148, 8).trim(), 8) !== sum) throw invalid('archive/tar: invalid tar header');
  const prefix = field(block, 257, 6) === 'ustar' ? field(block, 345, 155) : '';
  const name = field(block, 0, 100);
  return {
    name: prefix ? `${prefix}/${name}` : name,
    linkName: field(block, 157, 100),
    size: sizeField(block),
    flag: String.fromCharCode(block[156]!),
  };
}

function sizeField(block: Buffer): number {
  if (block[124]! & 0x80) {
    const size = block.readBigUInt64BE(128);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('archive/tar: invalid tar header: size out of range');
    return Number(size);
  }
  const digits = field(block, 124, 12).trim();
  if (!/^[0-7]*$/.test(digits)) throw invalid('archive/tar: invalid tar header: size is no number');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function extension(flag: string, data: Buffer): { name?: string; linkName?: string; size?: number } {
  const text = data.toString('utf8');
  if (flag === 'L') return { name: text.replace(/\0.*$/s, '') };
  if (flag === 'K') return { linkName: text.replace(/\0.*$/s, '') };
  const found: { name?: string; linkName?: string; size?: number } = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(data.toString('latin1', at, space));
    if (!Number.isSafeInteger(length) || length < 5 || at + length > data.length)
      throw invalid('archive/tar: malformed pax record');
    const [key, value] = data.toString('utf8', space + 1, at + length - 1).split(/=(.*)/s) as [string, string];
    if (key === 'path') found.name = value;
    if (key === 'linkpath') found.linkName = value;
    if (key === 'size' && /^\d{1,15}$/.test(value)) found.size = Number(value);
    at += length;
  }
  return found;
}

/** The header of a file or directory (name ending in `/`); names here are short and plain. */
export function outerHeader(name: string, size: number, mtime: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const directory = name.endsWith('/');
  block.write(name, 0, 100);
  block.write(directory ? '0000755\0' : '0000644\0', 100);
  block.write('0000000\x000000000\0', 108);
  if (size < 8 ** 11) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  block.write(`${Math.max(mtime, 0).toString(8).padStart(11, '0')}\0`, 136);
  block.write('        ', 148);
  block.write(directory ? '5' : '0', 156);
  block.write('ustar\x0000', 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** What follows a file's content. */
export const outerPadding = (size: number): Buffer => Buffer.alloc(padded(size) - size);
export const OUTER_END = Buffer.alloc(2 * BLOCK);
