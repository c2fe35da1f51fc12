import type { Image } from '@corten/images';
import type { DiffId, History } from '@corten/oci';

const sameEntry = (a: History, b: History | undefined): boolean =>
  b !== undefined && a.created_by === b.created_by && (a.empty_layer ?? false) === (b.empty_layer ?? false);

/** What an image given with --cache-from knows of a step: the layer that it made, or that it made none. */
export interface Remembered {
  created?: string;
  diffId?: DiffId;
  /** The step is the image's last: the image itself is the result. */
  image?: Image;
}

/** Looks for a step in an image's history: the image must begin with everything that stands beneath the step. */
export function remembered(source: Image, parent: Image | undefined, createdBy: string): Remembered | undefined {
  const history = source.config.history ?? [];
  const before = parent?.config.history ?? [];
  const diffIds = source.config.rootfs.diff_ids;
  const beneath = parent?.config.rootfs.diff_ids ?? [];
  const entry = history[before.length];
  if (!entry || entry.created_by !== createdBy) return undefined;
  if (!before.every((h, i) => sameEntry(h, history[i])) || !beneath.every((d, i) => d === diffIds[i])) return undefined;
  const diffId = entry.empty_layer ? undefined : diffIds[beneath.length];
  if (!entry.empty_layer && diffId === undefined) return undefined;
  return {
    ...(entry.created ? { created: entry.created } : {}),
    ...(diffId ? { diffId } : {}),
    ...(history.length === before.length + 1 ? { image: source } : {}),
  };
}
