import { isKind } from '@corten/errors';
import type { Images } from '@corten/images';
import type { Digest } from '@corten/oci';
import type { StepCache } from './cache.ts';

/**
 * Removes images of build steps that have no name and that nothing stands on, least recently used first, until
 * `keepStorage` bytes of them are left. With `all` the cache forgets every other step too.
 */
export async function pruneCache(
  images: Images,
  cache: StepCache,
  { all, keepStorage = 0 }: { all: boolean; keepStorage?: number },
): Promise<{ deleted: string[]; reclaimed: number }> {
  const deleted: string[] = [];
  let reclaimed = 0;
  const candidates = cache.imageIds().filter((id) => isUnused(images, id));
  let total = candidates.reduce((sum, id) => sum + ownSize(images, id), 0);
  for (const id of candidates) {
    if (keepStorage > 0 && total <= keepStorage) break;
    const own = ownSize(images, id);
    try {
      await images.remove(id, {});
      deleted.push(id);
      reclaimed += own;
    } catch (error) {
      if (!isKind(error, 'conflict') && !isKind(error, 'notFound')) throw error; // in use, or gone meanwhile
    }
    total -= own;
  }
  cache.forget(all);
  return { deleted, reclaimed };
}

function isUnused(images: Images, id: Digest): boolean {
  const image = images.find(id);
  return image !== undefined && image.repoTags.length === 0 && images.children(id).length === 0;
}

/** Bytes that go with an image: its own and those of the nameless steps beneath it. */
function ownSize(images: Images, id: Digest): number {
  const image = images.find(id);
  if (!image) return 0;
  let base = image.parent ? images.find(image.parent) : undefined;
  while (base && base.repoTags.length === 0 && images.children(base.id).length === 1)
    base = base.parent ? images.find(base.parent) : undefined;
  return image.size - (base?.size ?? 0);
}
