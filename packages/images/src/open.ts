import type { Content } from '@corten/content';
import type { Events } from '@corten/events';
import type { RegistryClient } from '@corten/registry-client';
import type { Snapshots } from '@corten/snapshots';
import type { Database } from '@corten/state';
import type { Logger } from '@corten/util';
import { createImages } from './images.ts';
import { LayerGc } from './layer-gc.ts';
import { ImageRecords } from './records.ts';
import { migrateImages } from './schema.ts';
import type { Images, ImageUsers } from './types.ts';

export interface ImagesDependencies {
  db: Database;
  /** Owned by this room: blobs that no image needs are deleted from it. */
  content: Content;
  snapshots: Snapshots;
  registryClient: RegistryClient;
  events: Events;
  users: ImageUsers;
  log: Logger;
}

/** Opens the image store and removes layers and blobs that a crash left without an image. */
export async function openImages(deps: ImagesDependencies): Promise<Images> {
  migrateImages(deps.db);
  const records = new ImageRecords(deps.db);
  const gc = new LayerGc({ ...deps, records });
  await gc.sweep();
  return createImages({ ...deps, records, gc });
}
