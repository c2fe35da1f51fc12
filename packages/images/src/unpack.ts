import { Readable } from 'node:stream';
import { isKind } from '@corten/errors';
import type { ChainId, DiffId } from '@corten/oci';
import type { UnpackResult } from '@corten/snapshots';
import type { Context } from './context.ts';
import { Limit } from './limit.ts';
import { layerMismatch } from './registry-messages.ts';

/** A layer with its place in the stack. */
export interface Place {
  diffId: DiffId;
  chain: ChainId;
  parent?: ChainId;
}

interface UnpackOptions {
  signal: AbortSignal;
  onProgress?: (bytes: number) => void;
}

/** Layers unpacked at once, over all operations: each takes a worker, and commits and builds need some too. */
const unpacks = new Limit(3);

/** Unpacks one layer whose parent is here. */
export async function unpackLayer(
  ctx: Context,
  place: Place,
  stream: Readable,
  options: UnpackOptions,
): Promise<UnpackResult> {
  try {
    return await ctx.snapshots.unpack(stream, { ...options, parent: place.parent, expectedDiffId: place.diffId });
  } catch (error) {
    throw isKind(error, 'invalid') ? layerMismatch(place.diffId, error) : error;
  } finally {
    stream.destroy();
  }
}

/**
 * As unpackLayer, while the layers beneath are still being unpacked: their files are independent, so only the end of
 * the tar is held back until `below` is settled. Nothing here may wait for a network. Call it from the lowest layer up:
 * places are given in that order, so a layer that holds one never waits for a layer that has none.
 */
export function unpackBeside(
  ctx: Context,
  place: Place,
  open: () => Readable,
  below: Promise<unknown>,
  options: UnpackOptions,
): Promise<UnpackResult> {
  return unpacks.run(() => {
    const held = (async function* () {
      yield* open();
      await below;
    })();
    return unpackLayer(ctx, place, Readable.from(held, { objectMode: false, highWaterMark: 1 << 20 }), options);
  });
}
