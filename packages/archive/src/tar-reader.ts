import { invalid } from '@corten/errors';
import { applyPax, BLOCK, isZeroBlock, parseHeader, parsePax, type TarEntry } from './tar-header.ts';

/** Where a synchronous reader gets its bytes: chunks of any size, undefined at the end. */
export interface ByteSource {
  next(): Uint8Array | undefined;
}

const EXTENSION_LIMIT = 1 << 20; // a pax header or long name larger than this is an attack
const RECORD = 1 << 20;

/** What sees the tar's bytes as they pass: hashing, the recipe. */
export interface TarTap {
  /** Bytes that are not file content: headers, padding, the end. The view is valid during the call only. */
  skeleton(bytes: Uint8Array): void;
}

/**
 * Reads a tar from a synchronous source. Call next() for each entry, then content() until it is done (or skip it by
 * calling next() again). Every byte is handed to `tap`, in order, content excepted (that goes to the caller).
 */
export class TarReader {
  readonly #source: ByteSource;
  readonly #tap: TarTap | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #left = 0;
  #pad = 0;
  readonly #globals = new Map<string, Buffer>();

  constructor(source: ByteSource, tap?: TarTap) {
    this.#source = source;
    this.#tap = tap;
  }

  /** Position in the tar, for messages. */
  get offset(): number {
    return this.#offset;
  }

  next(): TarEntry | undefined {
    while (this.content()) {
      // what the caller did not read
    }
    this.#skipPadding();
    const records = new Map(this.#globals);
    let longName: string | undefined;
    let longLink: string | undefined;
    for (;;) {
      const at = this.#offset;
      const block = this.#block();
      if (block === undefined) return undefined;
      if (isZeroBlock(block)) {
        this.#drain();
        return undefined;
      }
      const { flag, entry, gnuSparse } = parseHeader(block, at);
      if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') {
        const data = this.#extension(entry.size, at);
        if (flag === 'x') for (const [k, v] of parsePax(data, at)) records.set(k, v);
        else if (flag === 'g') for (const [k, v] of parsePax(data, at)) this.#globals.set(k, v);
        else if (flag === 'L') longName = zeroEnded(data);
        else longLink = zeroEnded(data);
        continue;
      }
      if (longName !== undefined) entry.name = longName;
      if (longLink !== undefined) entry.linkName = longLink;
      applyPax(entry, records, at);
      if (gnuSparse || [...records.keys()].some((k) => k.startsWith('GNU.sparse.')))
        throw invalid(`archive/tar: sparse entry "${entry.name}" at byte ${at} is not supported`);
      if (entry.name.includes('\0') || entry.linkName.includes('\0'))
        throw invalid(`archive/tar: a name holds a zero byte at byte ${at}`);
      const hasContent = entry.type === 'file' || entry.type === 'other';
      this.#left = hasContent ? entry.size : 0;
      if (!hasContent) entry.size = 0;
      this.#pad = (BLOCK - (this.#left % BLOCK)) % BLOCK;
      return entry;
    }
  }

  /** The next piece of the entry's content (a view, valid until the next call), or undefined when it is complete. */
  content(): Uint8Array | undefined {
    if (this.#left === 0) return undefined;
    if (this.#chunk.length === 0) this.#fill();
    const piece = this.#chunk.subarray(0, Math.min(this.#left, this.#chunk.length));
    this.#advance(piece.length);
    this.#left -= piece.length;
    return piece;
  }

  #fill(): void {
    const next = this.#source.next();
    if (next === undefined) throw invalid(`archive/tar: unexpected EOF at byte ${this.#offset}`);
    this.#chunk = next;
  }

  #advance(size: number): void {
    this.#chunk = this.#chunk.subarray(size);
    this.#offset += size;
  }

  /** One header block, or undefined when the source ends before it begins. */
  #block(): Uint8Array | undefined {
    while (this.#chunk.length === 0) {
      const next = this.#source.next();
      if (next === undefined) return undefined;
      this.#chunk = next;
    }
    return this.#skeleton(BLOCK);
  }

  /** Exactly `size` bytes, copied, and shown to the tap. */
  #skeleton(size: number): Buffer {
    const bytes = Buffer.allocUnsafe(size);
    for (let done = 0; done < size; ) {
      if (this.#chunk.length === 0) this.#fill();
      const piece = this.#chunk.subarray(0, size - done);
      bytes.set(piece, done);
      done += piece.length;
      this.#advance(piece.length);
    }
    this.#tap?.skeleton(bytes);
    return bytes;
  }

  #skipPadding(): void {
    if (this.#pad > 0) this.#skeleton(this.#pad);
    this.#pad = 0;
  }

  #extension(size: number, at: number): Buffer {
    if (size > EXTENSION_LIMIT)
      throw invalid(`archive/tar: extended header of ${size} bytes at byte ${at} is too large`);
    return this.#skeleton(size + ((BLOCK - (size % BLOCK)) % BLOCK)).subarray(0, size);
  }

  /** What stands behind the end of the archive belongs to its digest too. */
  #drain(): void {
    for (;;) {
      if (this.#chunk.length > 0) this.#skeleton(Math.min(this.#chunk.length, RECORD));
      const next = this.#source.next();
      if (next === undefined) return;
      this.#chunk = next;
    }
  }
}

const zeroEnded = (data: Buffer): string => data.toString('latin1').replace(/\0.*$/s, '');
