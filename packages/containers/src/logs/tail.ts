import type { FileHandle } from 'node:fs/promises';
import { isFull } from './k8s-file.ts';

const BLOCK = 64 << 10;
const HEAD = 64;

export interface TailStart {
  /** Where to begin reading. */
  offset: number;
  /** Messages found behind the offset. */
  found: number;
}

/** Finds where the last `count` messages begin, reading backwards block by block. */
export async function tailOffset(file: FileHandle, size: number, count: number): Promise<TailStart> {
  if (count <= 0) return { offset: size, found: 0 };
  const buffer = Buffer.allocUnsafe(BLOCK + HEAD);
  let found = 0;
  let start = size;
  let after = Buffer.alloc(0); // the first bytes behind the block: a line's head may reach into them
  /** Beginning of the line that was looked at last. */
  let lineStart = size;
  while (start > 0) {
    const length = Math.min(BLOCK, start);
    start -= length;
    await file.read(buffer, 0, length, start);
    after.copy(buffer, length);
    const known = length + after.length;
    for (let at = length - 1; at >= -1; at--) {
      if (at >= 0 ? buffer[at] !== 0x0a : start > 0) continue;
      const begin = start + at + 1;
      if (begin >= lineStart || begin === size) continue; // the newline at the very end begins no line
      const full = isFull(buffer.subarray(at + 1, Math.min(at + 1 + HEAD, known)));
      // a line that ends a message: if we have enough, what we want begins behind it
      if (full || lineStart === size) {
        if (found === count) return { offset: lineStart, found };
        found++;
      }
      lineStart = begin;
    }
    after = Buffer.from(buffer.subarray(0, Math.min(HEAD, known)));
  }
  return { offset: 0, found };
}
