import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { invalid } from '@corten/errors';
import { makeNode, S_IFCHR, setXattr } from '@corten/host';
import { RecipeWriter } from './recipe.ts';
import type { TarEntry } from './tar-header.ts';
import { type ByteSource, TarReader } from './tar-reader.ts';
import { cleanName, TreeWriter } from './tree-writer.ts';

export const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** AUFS bookkeeping that old images carry. */
const META = '.wh..wh.';

export interface AppliedLayer {
  diffId: string;
  /** Bytes of file content. */
  size: number;
}

/**
 * Turns a layer tar (OCI image-spec, layer.md) into an overlay diff directory: a `.wh.x` becomes a 0:0 device, an opaque
 * marker an attribute. Hashes the tar and writes its recipe in the same pass. `staging` holds `diff` and `side` after it.
 */
export function applyLayer(source: ByteSource, staging: string): AppliedLayer {
  const diff = join(staging, 'diff');
  const side = join(staging, 'side');
  mkdirSync(diff, { recursive: true });
  const recipe = new RecipeWriter(join(staging, 'recipe'));
  const hash = createHash('sha256');
  let sides = 0;
  const tree = new TreeWriter(diff, {
    displace(name, absolute) {
      // what a later entry replaces is still part of the tar: keep it aside
      mkdirSync(side, { recursive: true });
      const kept = `../side/${sides++}`;
      recipe.moved(name, kept);
      renameSync(absolute, join(diff, kept));
      return true;
    },
  });
  const reader = new TarReader(source, {
    skeleton(bytes) {
      hash.update(bytes);
      recipe.bytes(bytes);
    },
  });
  let size = 0;
  try {
    for (let entry = reader.next(); entry; entry = reader.next()) {
      const content = () => {
        const piece = reader.content();
        if (piece) {
          hash.update(piece);
          size += piece.length;
        }
        return piece;
      };
      applyEntry(tree, entry, content, recipe);
    }
    tree.finish();
    recipe.close();
  } catch (error) {
    tree.close();
    recipe.abort();
    throw error;
  }
  return { diffId: `sha256:${hash.digest('hex')}`, size };
}

function applyEntry(
  tree: TreeWriter,
  entry: TarEntry,
  content: () => Uint8Array | undefined,
  recipe: RecipeWriter,
): void {
  const parts = cleanName(entry.name);
  const base = parts.at(-1) ?? '';
  const ignored = base.startsWith(META) && base !== OPAQUE;
  if (base === OPAQUE) setXattr(tree.at(parts.slice(0, -1)), 'trusted.overlay.opaque', Buffer.from('y'));
  else if (base.startsWith(WHITEOUT) && !ignored)
    whiteout(tree, [...parts.slice(0, -1), base.slice(WHITEOUT.length)], entry.name);
  else if (!ignored) {
    let named = entry.type !== 'file';
    tree.write(entry, parts, () => {
      // only now is what stood in the way moved aside, and the directories' links are known
      if (!named) recipe.file(tree.realName(parts), entry.size);
      named = true;
      return content();
    });
    return;
  }
  keepAsBytes(content, recipe);
}

/** Content of an entry that makes no file (a whiteout with bytes in it) goes into the recipe as it is. */
function keepAsBytes(content: () => Uint8Array | undefined, recipe: RecipeWriter): void {
  for (let piece = content(); piece; piece = content()) recipe.bytes(piece);
}

function whiteout(tree: TreeWriter, parts: string[], name: string): void {
  const hidden = parts.at(-1)!;
  if (hidden === '' || hidden === '.' || hidden === '..') throw invalid(`archive/tar: invalid whiteout "${name}"`);
  const path = tree.at(parts);
  if (lstatSync(path, { throwIfNoEntry: false })) return; // the layer itself brings the name: nothing to hide
  makeNode(path, S_IFCHR, 0);
}
