import type { Content } from '@corten/content';
import type { Digest } from '@corten/oci';
import type { Database } from '@corten/state';
import { KeyedLock } from '@corten/util';
import { RegistryRecords } from './records.ts';

/** What the parts of the registry share. */
export class Store {
  readonly content: Content;
  readonly records: RegistryRecords;
  /** Held while bytes become visible and linked, or are collected: one of the two at a time for a digest. */
  readonly locks = new KeyedLock();

  constructor(content: Content, db: Database) {
    this.content = content;
    this.records = new RegistryRecords(db);
  }

  /** Deletes bytes that no repository has any more. */
  async collect(digest: Digest): Promise<void> {
    using _held = await this.locks.lock(digest);
    if (!this.records.inUse(digest) && this.content.size(digest) !== undefined) await this.content.delete(digest);
  }
}
