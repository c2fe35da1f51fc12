import { createHash } from 'node:crypto';
import type { Image, Images } from '@corten/images';
import type { Digest } from '@corten/oci';
import type { Database, Migration } from '@corten/state';

export const MIGRATIONS: readonly Migration[] = [
  `CREATE TABLE builder_cache (
     key TEXT PRIMARY KEY,
     image_id TEXT NOT NULL,
     used_ms INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX builder_cache_image ON builder_cache(image_id);`,
];

/** What a step's result depends on. */
export interface CacheQuestion {
  parent: Image | undefined;
  /** Counts where there is no parent. */
  platform: string;
  createdBy: string;
  /** Anything else: the image's configuration after the step, its network. */
  more: unknown;
}

/** Remembers which image each step made: key → image ID. A hit counts only while the image is here. */
export class StepCache {
  readonly #db: Database;
  readonly #images: Images;

  constructor(db: Database, images: Images) {
    this.#db = db;
    this.#images = images;
    db.migrate('builder', MIGRATIONS);
  }

  key({ parent, platform, createdBy, more }: CacheQuestion): string {
    const text = JSON.stringify([parent?.id ?? `scratch ${platform}`, createdBy, more]);
    return createHash('sha256').update(text).digest('hex');
  }

  find(key: string): Image | undefined {
    const row = this.#db.sql('SELECT image_id FROM builder_cache WHERE key = ?').get(key);
    if (!row) return undefined;
    const image = this.#images.find(String(row['image_id']));
    if (!image) this.#db.sql('DELETE FROM builder_cache WHERE key = ?').run(key);
    return image;
  }

  /** Marks entries as used now. */
  touch(keys: readonly string[]): void {
    this.#db.transaction(() => {
      const now = Date.now();
      for (const key of keys) this.#db.sql('UPDATE builder_cache SET used_ms = ? WHERE key = ?').run(now, key);
    });
  }

  put(key: string, image: Digest): void {
    this.#db
      .sql('INSERT OR REPLACE INTO builder_cache (key, image_id, used_ms) VALUES (?, ?, ?)')
      .run(key, image, Date.now());
  }

  /** Images that steps made, least recently used first. */
  imageIds(): Digest[] {
    return this.#db
      .sql('SELECT image_id FROM builder_cache GROUP BY image_id ORDER BY MAX(used_ms)')
      .all()
      .map((r) => r['image_id'] as Digest);
  }

  /** Forgets entries: all, or those whose image is gone. */
  forget(all: boolean): void {
    if (all) this.#db.sql('DELETE FROM builder_cache').run();
    else for (const id of this.imageIds()) if (!this.#images.find(id)) this.#forgetImage(id);
  }
  #forgetImage(id: Digest): void {
    this.#db.sql('DELETE FROM builder_cache WHERE image_id = ?').run(id);
  }
}
