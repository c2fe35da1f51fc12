import { invalid } from '@corten/errors';
import { chainId, type Digest, familiarString, type Manifest, parseJson, parseManifest } from '@corten/oci';
import { rfc3339Nano } from '@corten/util';
import { type Context, publish } from './context.ts';
import { createImage, importImage, tagReference } from './create.ts';
import { distribution, login } from './distribution.ts';
import { loadImages } from './load.ts';
import { historyOf, listImages, requireId, resolveId } from './lookup.ts';
import { pruneImages } from './prune.ts';
import { pullImages } from './pull.ts';
import { pushImages } from './push.ts';
import { removeImage } from './remove.ts';
import { saveImages } from './save.ts';
import type { Image, Images } from './types.ts';

/** The Images interface over its parts; each verb is a file of its own. */
export function createImages(ctx: Context): Images {
  const { records } = ctx;
  const imageOf = (id: Digest): Image => records.image(id)!;
  return {
    get: (nameOrId) => imageOf(requireId(ctx, nameOrId)),
    find(nameOrId) {
      const id = resolveId(ctx, nameOrId);
      return id && imageOf(id);
    },
    list: (options = {}) => listImages(ctx, options.intermediate ?? false),
    history: (nameOrId) => historyOf(ctx, requireId(ctx, nameOrId)),
    tag(nameOrId, text) {
      const reference = tagReference(text);
      const id = requireId(ctx, nameOrId);
      records.durable(() => records.point(reference, id, rfc3339Nano()));
      publish(ctx, 'tag', id, familiarString(reference), id);
    },
    remove: (nameOrId, options) => removeImage(ctx, nameOrId, options),
    prune: (options) => pruneImages(ctx, options),
    create: (config, options) => createImage(ctx, config, options),
    children(parent) {
      if (parent) return records.children(parent).map(imageOf);
      return records
        .ids()
        .filter((id) => !records.parentOf(id))
        .map(imageOf);
    },
    chainOf: (diffIds) => chainId(diffIds),
    pull: (reference, options) => pullImages(ctx, reference, options),
    push: (reference, options) => pushImages(ctx, reference, options),
    import: (tar, options) => importImage(ctx, tar, options),
    load: (tar, options) => loadImages(ctx, tar, options),
    save: (names, options = {}) => saveImages(ctx, names, options.signal),
    async manifest(digest): Promise<Manifest> {
      const bytes = await ctx.content.readBytes(digest);
      return parseManifest(parseJson(bytes, 'manifest'));
    },
    layerUsers: () => records.layerUsers(),
    login(auth) {
      if (!auth.username && !auth.auth && !auth.identitytoken) throw invalid('no username given');
      return login(ctx, auth);
    },
    distribution: (reference, auth) => distribution(ctx, reference, auth),
  };
}
