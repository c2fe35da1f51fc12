import { type CortenError, notFound } from '@corten/errors';
import { type Digest, familiarString, parseAnyReference, withDefaultTag } from '@corten/oci';
import type { Context } from './context.ts';
import type { HistoryEntry, Image } from './types.ts';

const ID_PREFIX = /^(?:sha256:)?([a-f0-9]{1,64})$/;

/** The ID that a reference, an ID or an unambiguous ID prefix means; `invalid` for text that is no reference. */
export function resolveId(ctx: Context, nameOrId: string): Digest | undefined {
  const parsed = parseAnyReference(nameOrId);
  if ('id' in parsed) return ctx.records.has(parsed.id) ? parsed.id : undefined;
  const named = ctx.records.resolve(withDefaultTag(parsed.reference));
  if (named) return named;
  const hex = ID_PREFIX.exec(nameOrId)?.[1];
  const ids = hex ? ctx.records.idsWithPrefix(hex) : [];
  return ids.length === 1 ? ids[0] : undefined;
}

/** Docker's "No such image", with the tag that was understood. */
export function noSuchImage(nameOrId: string): CortenError {
  const parsed = parseAnyReference(nameOrId);
  return notFound(`No such image: ${'id' in parsed ? parsed.id : familiarString(withDefaultTag(parsed.reference))}`);
}

export function requireId(ctx: Context, nameOrId: string): Digest {
  const id = resolveId(ctx, nameOrId);
  if (!id) throw noSuchImage(nameOrId);
  return id;
}

/** Whether the text means this image by its ID (or a prefix), not by a name. */
export function isIdPrefix(id: Digest, text: string): boolean {
  return id.startsWith(text) || id.slice('sha256:'.length).startsWith(text);
}

/** Every image that is tagged or that nothing was built on; with `intermediate` all. Newest first. */
export function listImages(ctx: Context, intermediate: boolean): Image[] {
  const images: Image[] = [];
  for (const id of ctx.records.ids()) {
    const image = ctx.records.image(id)!;
    const named = image.repoTags.length + image.repoDigests.length > 0;
    if (named || intermediate || ctx.records.children(id).length === 0) images.push(image);
  }
  return images;
}

/** `docker history`: newest first, IDs of the build's parents where they are here. */
export function historyOf(ctx: Context, id: Digest): HistoryEntry[] {
  const image = ctx.records.image(id)!;
  const sizes = layerSizes(ctx, image);
  let layer = 0;
  const entries = (image.config.history ?? []).map((h): HistoryEntry => {
    const size = h.empty_layer ? 0 : (sizes[layer++] ?? 0);
    return {
      Id: '<missing>',
      Created: h.created ? Math.floor(Date.parse(h.created) / 1000) : 0,
      CreatedBy: h.created_by ?? '',
      Tags: null,
      Size: size,
      Comment: h.comment ?? '',
    };
  });
  entries.reverse();
  let at: Digest | undefined = id;
  for (const entry of entries) {
    const of: Image | undefined = at && ctx.records.image(at);
    if (!of) break;
    entry.Id = of.id;
    entry.Tags = of.repoTags.length > 0 ? of.repoTags : null;
    at = of.parent;
  }
  return entries;
}

function layerSizes(ctx: Context, image: Image): number[] {
  const sizes: number[] = [];
  for (let at = image.topLayer; at; ) {
    const layer = ctx.snapshots.layer(at);
    sizes.unshift(layer?.size ?? 0);
    at = layer?.parent;
  }
  return sizes;
}
