import { closeSync, fsyncSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { invalid } from '@corten/errors';

/**
 * A recipe is what a layer's tar holds besides file content, with references to the files of the diff directory in
 * between: with it the exact tar can be written again. Format: blocks of `u32 length, zstd`, each holding records
 * `1 u32 length bytes` (write these bytes) and `2 u32 index u32 pathLength path f64 size` (write this file's content);
 * `index` counts files. Records `3 u32 before u32 len prefix u32 len side` say that files with an index below `before`
 * at or beneath `prefix` were replaced later in the same layer and are kept at `side`.
 */
const BLOCK = 1 << 20;

export class RecipeWriter {
  readonly #fd: number;
  #parts: Buffer[] = [];
  #size = 0;
  #files = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  bytes(bytes: Uint8Array): void {
    const head = Buffer.allocUnsafe(5);
    head[0] = 1;
    head.writeUInt32LE(bytes.length, 1);
    this.#add(head, Buffer.from(bytes));
  }

  file(path: string, size: number): void {
    const name = Buffer.from(path, 'latin1');
    const record = Buffer.allocUnsafe(17 + name.length);
    record[0] = 2;
    record.writeUInt32LE(this.#files++, 1);
    record.writeUInt32LE(name.length, 5);
    name.copy(record, 9);
    record.writeDoubleLE(size, 9 + name.length);
    this.#add(record);
  }

  /** `prefix` is about to be replaced: its files so far are from now on at `side`. */
  moved(prefix: string, side: string): void {
    const [from, to] = [Buffer.from(prefix, 'latin1'), Buffer.from(side, 'latin1')];
    const record = Buffer.allocUnsafe(13 + from.length + to.length);
    record[0] = 3;
    record.writeUInt32LE(this.#files, 1);
    record.writeUInt32LE(from.length, 5);
    from.copy(record, 9);
    record.writeUInt32LE(to.length, 9 + from.length);
    to.copy(record, 13 + from.length);
    this.#add(record);
  }

  #add(...parts: Buffer[]): void {
    for (const part of parts) {
      this.#parts.push(part);
      this.#size += part.length;
    }
    if (this.#size >= BLOCK) this.#flush();
  }

  #flush(): void {
    if (this.#size === 0) return;
    const packed = zstdCompressSync(Buffer.concat(this.#parts));
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(packed.length);
    writeSync(this.#fd, length);
    writeSync(this.#fd, packed);
    this.#parts = [];
    this.#size = 0;
  }

  close(): void {
    this.#flush();
    fsyncSync(this.#fd);
    closeSync(this.#fd);
  }

  abort(): void {
    closeSync(this.#fd);
  }
}

export type RecipeStep = { bytes: Buffer } | { file: string; size: number };
interface Moved {
  before: number;
  prefix: string;
  side: string;
}

/** The steps that write the tar, in order. */
export function* readRecipe(path: string): Generator<RecipeStep> {
  const moved: Moved[] = [];
  for (const record of records(path)) if (record[0] === 3) moved.push(parseMoved(record));
  for (const record of records(path)) {
    if (record[0] === 1) yield { bytes: record.subarray(5) };
    else if (record[0] === 2) {
      const index = record.readUInt32LE(1);
      const end = 9 + record.readUInt32LE(5);
      yield { file: locate(record.toString('latin1', 9, end), index, moved), size: record.readDoubleLE(end) };
    }
  }
}

function locate(path: string, index: number, moved: Moved[]): string {
  const found = moved.find((m) => index < m.before && (path === m.prefix || path.startsWith(`${m.prefix}/`)));
  return found ? found.side + path.slice(found.prefix.length) : path;
}

function parseMoved(record: Buffer): Moved {
  const end = 9 + record.readUInt32LE(5);
  return {
    before: record.readUInt32LE(1),
    prefix: record.toString('latin1', 9, end),
    side: record.toString('latin1', end + 4),
  };
}

function* records(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r');
  try {
    const total = statSync(path).size;
    const head = Buffer.allocUnsafe(4);
    for (let at = 0; at < total; ) {
      readSync(fd, head, 0, 4, at);
      const packed = Buffer.allocUnsafe(head.readUInt32LE());
      if (readSync(fd, packed, 0, packed.length, at + 4) !== packed.length)
        throw invalid(`the recipe ${path} is cut short`);
      at += 4 + packed.length;
      const block = zstdDecompressSync(packed);
      for (let i = 0; i < block.length; ) {
        const size = recordSize(block, i);
        yield block.subarray(i, i + size);
        i += size;
      }
    }
  } finally {
    closeSync(fd);
  }
}

function recordSize(block: Buffer, at: number): number {
  const kind = block[at];
  if (kind === 1) return 5 + block.readUInt32LE(at + 1);
  const first = block.readUInt32LE(at + 5);
  if (kind === 2) return 17 + first;
  if (kind === 3) return 13 + first + block.readUInt32LE(at + 9 + first);
  throw invalid(`the recipe holds an unknown record ${kind}`);
}
