import type { Content } from '@corten/content';
import type { Events } from '@corten/events';
import type { Digest } from '@corten/oci';
import type { RegistryClient } from '@corten/registry-client';
import type { Snapshots } from '@corten/snapshots';
import type { Logger } from '@corten/util';
import type { LayerGc } from './layer-gc.ts';
import type { ImageRecords } from './records.ts';
import type { ImageUsers } from './types.ts';

/** What the parts of the images room share: its records and the mechanisms beneath it. */
export interface Context {
  readonly records: ImageRecords;
  readonly gc: LayerGc;
  readonly content: Content;
  readonly snapshots: Snapshots;
  readonly registryClient: RegistryClient;
  readonly events: Events;
  readonly users: ImageUsers;
  readonly log: Logger;
}

/** Publishes an image event as Docker does: the labels of the image and `name` as attributes. */
export function publish(ctx: Context, action: string, id: string, name: string, image?: Digest): void {
  const labels = image && ctx.records.has(image) ? (ctx.records.config(image).config?.Labels ?? {}) : {};
  ctx.events.publish('image', action, id, { ...labels, name });
}
