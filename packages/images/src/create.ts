import type { Readable } from 'node:stream';
import { cancelled, invalid, notFound } from '@corten/errors';
import {
  chainIds,
  currentPlatform,
  type Digest,
  digestOf,
  familiarString,
  type ImageConfig,
  type Platform,
  parseImageConfig,
  parseReference,
  type Reference,
  withDefaultTag,
} from '@corten/oci';
import { rfc3339Nano } from '@corten/util';
import { type Context, publish } from './context.ts';
import type { Image } from './types.ts';

/** References that can be put on an image: names with a tag. */
export function tagReference(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest) throw invalid('refusing to create a tag with a digest reference');
  return withDefaultTag(reference);
}

/**
 * Records an image whose layers are here. `bytes` is the config exactly as its ID was computed over. The whole
 * record, with references, manifests and blobs that `also` adds, is one durable transaction.
 */
export async function recordImage(
  ctx: Context,
  bytes: Uint8Array,
  options: { parent?: Digest; references?: readonly Reference[]; also?: (id: Digest) => void } = {},
): Promise<Image> {
  const config = parseImageConfig(JSON.parse(Buffer.from(bytes).toString('utf8')));
  const id = digestOf(bytes);
  const chains = chainIds(config.rootfs.diff_ids);
  using _pinned = await ctx.gc.pin(chains);
  let size = 0;
  for (const chain of chains) {
    const layer = ctx.snapshots.layer(chain);
    if (!layer) throw notFound(`layer ${chain} does not exist`);
    size += layer.size;
  }
  ctx.records.durable(() => {
    ctx.records.insert(id, bytes, config, size, options.parent);
    if (options.parent && options.parent !== id) ctx.records.setParent(id, options.parent);
    for (const reference of options.references ?? []) ctx.records.point(reference, id, rfc3339Nano());
    options.also?.(id);
  });
  return ctx.records.image(id)!;
}

const publishTags = (ctx: Context, id: Digest, references: readonly Reference[]): void => {
  for (const reference of references) publish(ctx, 'tag', id, familiarString(reference), id);
};

/** As Images.create. */
export async function createImage(
  ctx: Context,
  config: ImageConfig,
  options: { parent?: Digest; references?: string[] } = {},
): Promise<Image> {
  const references = (options.references ?? []).map(tagReference);
  const image = await recordImage(ctx, Buffer.from(JSON.stringify(config)), { parent: options.parent, references });
  publishTags(ctx, image.id, references);
  return image;
}

/** As Images.import: one tar becomes an image of one layer. */
export async function importImage(
  ctx: Context,
  tar: Readable,
  options: {
    reference?: string;
    message?: string;
    changes?: (config: ImageConfig) => void;
    platform?: Platform;
    signal?: AbortSignal;
  },
): Promise<Image> {
  const references = options.reference ? [tagReference(options.reference)] : [];
  const created = rfc3339Nano();
  const config: ImageConfig = {
    ...(options.platform ?? currentPlatform()),
    created,
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
    history: [{ created, comment: options.message || 'Imported from -' }],
  };
  options.changes?.(config); // before the work: a bad --change is refused at once
  const { layer, blob } = await ctx.snapshots.unpack(tar, { signal: options.signal }).catch((error: unknown) => {
    throw options.signal?.aborted ? cancelled() : error;
  });
  config.rootfs.diff_ids = [layer.diffId];
  try {
    const image = await recordImage(ctx, Buffer.from(JSON.stringify(config)), {
      references,
      also: () => {
        if (blob.compression === 'none') ctx.records.setTarSize(layer.diffId, blob.size);
      },
    });
    publishTags(ctx, image.id, references);
    publish(ctx, 'import', image.id, image.id, image.id);
    return image;
  } catch (error) {
    await ctx.gc.releaseChain([layer.chainId]);
    throw error;
  }
}
