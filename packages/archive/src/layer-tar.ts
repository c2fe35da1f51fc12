import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { system } from '@corten/errors';
import { readRecipe } from './recipe.ts';

const BUFFER = Buffer.allocUnsafe(1 << 20);

/** Writes a layer's exact tar from its directory (`diff`, `recipe`, perhaps `side`). */
export function writeLayerTar(layer: string, write: (bytes: Uint8Array) => void): void {
  const diff = join(layer, 'diff');
  for (const step of readRecipe(join(layer, 'recipe'))) {
    if ('bytes' in step) write(step.bytes);
    else writeContent(Buffer.concat([Buffer.from(`${diff}/`), Buffer.from(step.file, 'latin1')]), step.size, write);
  }
}

function writeContent(path: Buffer, size: number, write: (bytes: Uint8Array) => void): void {
  if (size === 0) return;
  const fd = openSync(path, 'r');
  try {
    for (let left = size; left > 0; ) {
      const count = readSync(fd, BUFFER, 0, Math.min(left, BUFFER.length), null);
      if (count === 0) throw system(`${path} of a layer is shorter than its recipe says: the layer is damaged`);
      write(BUFFER.subarray(0, count));
      left -= count;
    }
  } finally {
    closeSync(fd);
  }
}
