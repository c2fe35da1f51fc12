import { notFound } from '@corten/errors';
import {
  bareName,
  type ChainId,
  type Compression,
  chainIds,
  type DiffId,
  type Digest,
  familiarString,
  type ImageConfig,
  parseImageConfig,
  parseJson,
  type Reference,
  repositoryName,
} from '@corten/oci';
import type { Database } from '@corten/state';
import type { Image } from './types.ts';

export interface BlobRecord {
  digest: Digest;
  diffId: DiffId;
  size: number;
  compression: Compression;
}

/** The rows of the images room: every query is here, no decision is. Synchronous. */
export class ImageRecords {
  readonly #db: Database;
  /** Configs never change under an ID, so the parsed form is kept. */
  readonly #configs = new Map<Digest, ImageConfig>();

  constructor(db: Database) {
    this.#db = db;
  }

  transaction<T>(work: () => T): T {
    return this.#db.transaction(work);
  }
  durable<T>(work: () => T): T {
    return this.#db.durable(work);
  }
  #all<T>(sql: string, ...args: (string | number)[]): T[] {
    return this.#db.sql(sql).all(...args) as T[];
  }
  #run(sql: string, ...args: (string | number | null | Uint8Array)[]): number {
    return Number(this.#db.sql(sql).run(...args).changes);
  }

  /** Adds the image unless it is here. The caller has checked the config and that the layers exist. */
  insert(id: Digest, bytes: Uint8Array, config: ImageConfig, size: number, parent: Digest | undefined): void {
    const created = Date.parse(config.created ?? '');
    const added = this.#run(
      'INSERT OR IGNORE INTO image_images (id, config, parent, size, created_ms) VALUES (?, ?, ?, ?, ?)',
      id,
      bytes,
      parent ?? null,
      size,
      Number.isNaN(created) ? 0 : created,
    );
    if (added === 0) return;
    const chains = chainIds(config.rootfs.diff_ids);
    config.rootfs.diff_ids.forEach((diffId, i) => {
      this.#run(
        'INSERT INTO image_layers (image_id, position, diff_id, chain_id) VALUES (?, ?, ?, ?)',
        id,
        i,
        diffId,
        chains[i]!,
      );
    });
  }

  setParent(id: Digest, parent: Digest): void {
    this.#run('UPDATE image_images SET parent = ? WHERE id = ? AND parent IS NULL', parent, id);
  }

  delete(id: Digest): void {
    this.#run('UPDATE image_images SET parent = NULL WHERE parent = ?', id);
    this.#run('DELETE FROM image_images WHERE id = ?', id);
    this.#configs.delete(id);
  }

  has(id: Digest): boolean {
    return this.#all('SELECT 1 FROM image_images WHERE id = ?', id).length > 0;
  }

  configBytes(id: Digest): Buffer {
    const row = this.#db.sql('SELECT config FROM image_images WHERE id = ?').get(id);
    if (!row) throw notFound(`No such image: ${id}`);
    return Buffer.from(row['config'] as Uint8Array);
  }

  config(id: Digest): ImageConfig {
    let config = this.#configs.get(id);
    if (!config) {
      config = parseImageConfig(parseJson(this.configBytes(id), 'image config'));
      this.#configs.set(id, config);
    }
    return structuredClone(config);
  }

  image(id: Digest): Image | undefined {
    const row = this.#db.sql('SELECT parent, size, last_tag_time FROM image_images WHERE id = ?').get(id);
    if (!row) return undefined;
    const references = this.referencesOf(id);
    const config = this.config(id);
    return {
      id,
      config,
      topLayer: chainIds(config.rootfs.diff_ids).at(-1),
      repoTags: references.filter((r) => r.tag).map(familiarString),
      repoDigests: references.filter((r) => r.digest).map(familiarString),
      ...(row['parent'] ? { parent: row['parent'] as Digest } : {}),
      size: Number(row['size']),
      ...(row['last_tag_time'] ? { lastTagTime: row['last_tag_time'] as string } : {}),
      manifests: this.manifestsOf(id),
    };
  }

  /** Every ID, newest first. */
  ids(): Digest[] {
    return this.#all<{ id: Digest }>('SELECT id FROM image_images ORDER BY created_ms DESC, id').map((r) => r.id);
  }

  /** IDs that begin with these hex digits; at most two, since more than one is ambiguous. */
  idsWithPrefix(hex: string): Digest[] {
    return this.#all<{ id: Digest }>(
      'SELECT id FROM image_images WHERE id >= ? AND id < ? LIMIT 2',
      `sha256:${hex}`,
      `sha256:${hex}g`,
    ).map((r) => r.id);
  }

  children(parent: Digest): Digest[] {
    return this.#all<{ id: Digest }>('SELECT id FROM image_images WHERE parent = ?', parent).map((r) => r.id);
  }
  parentOf(id: Digest): Digest | undefined {
    return (
      (this.#db.sql('SELECT parent FROM image_images WHERE id = ?').get(id)?.['parent'] as Digest | null) ?? undefined
    );
  }

  // ── references ──

  /** What a reference points at; a digest counts more than a tag. */
  resolve(reference: Reference): Digest | undefined {
    const { tag = '', digest } = reference;
    const row = this.#db
      .sql('SELECT image_id FROM image_references WHERE repository = ? AND tag = ? AND digest = ?')
      .get(repositoryName(reference), digest ? '' : tag, digest ?? '');
    return row?.['image_id'] as Digest | undefined;
  }

  /** Tags first, each sorted by name. */
  referencesOf(id: Digest): Reference[] {
    return this.#all<{ repository: string; tag: string; digest: Digest | '' }>(
      'SELECT repository, tag, digest FROM image_references WHERE image_id = ? ORDER BY digest, repository, tag',
      id,
    ).map(toReference);
  }

  /** Tagged references of one repository. */
  tagsOf(repository: Reference): Reference[] {
    return this.#all<{ repository: string; tag: string; digest: Digest | '' }>(
      "SELECT repository, tag, digest FROM image_references WHERE repository = ? AND tag <> '' ORDER BY tag",
      repositoryName(repository),
    ).map(toReference);
  }

  /** Points a tag or a digest reference at an image. */
  point(reference: Reference, id: Digest, at?: string): void {
    this.#run(
      'INSERT OR REPLACE INTO image_references (repository, tag, digest, image_id) VALUES (?, ?, ?, ?)',
      repositoryName(reference),
      reference.digest ? '' : (reference.tag ?? ''),
      reference.digest ?? '',
      id,
    );
    if (at) this.#run('UPDATE image_images SET last_tag_time = ? WHERE id = ?', at, id);
  }

  unpoint(reference: Reference): boolean {
    return (
      this.#run(
        'DELETE FROM image_references WHERE repository = ? AND tag = ? AND digest = ?',
        repositoryName(reference),
        reference.digest ? '' : (reference.tag ?? ''),
        reference.digest ?? '',
      ) > 0
    );
  }

  // ── layers ──

  layerInUse(chain: ChainId): boolean {
    return this.#all('SELECT 1 FROM image_layers WHERE chain_id = ? LIMIT 1', chain).length > 0;
  }
  layerUsers(): Map<ChainId, number> {
    const rows = this.#all<{ chain_id: ChainId; n: number }>(
      'SELECT chain_id, COUNT(*) AS n FROM image_layers GROUP BY chain_id',
    );
    return new Map(rows.map((r) => [r.chain_id, r.n]));
  }

  // ── blobs and manifests ──

  addBlob(blob: BlobRecord): void {
    this.#run(
      'INSERT OR IGNORE INTO image_blobs (digest, diff_id, size, compression) VALUES (?, ?, ?, ?)',
      blob.digest,
      blob.diffId,
      blob.size,
      blob.compression,
    );
  }
  blob(digest: Digest): BlobRecord | undefined {
    return this.#all<BlobRecord>(
      'SELECT digest, diff_id AS diffId, size, compression FROM image_blobs WHERE digest = ?',
      digest,
    )[0];
  }
  blobsOf(diffId: DiffId): BlobRecord[] {
    return this.#all<BlobRecord>(
      'SELECT digest, diff_id AS diffId, size, compression FROM image_blobs WHERE diff_id = ? ORDER BY digest',
      diffId,
    );
  }
  allBlobs(): Digest[] {
    return this.#all<{ digest: Digest }>('SELECT digest FROM image_blobs').map((r) => r.digest);
  }
  /** Forgets blobs of layers that no image has any more; returns them. */
  dropUnusedBlobs(): Digest[] {
    return this.#all<{ digest: Digest }>(
      'DELETE FROM image_blobs WHERE diff_id NOT IN (SELECT diff_id FROM image_layers) RETURNING digest',
    ).map((r) => r.digest);
  }
  dropBlob(digest: Digest): void {
    this.#run('DELETE FROM image_blobs WHERE digest = ?', digest);
  }

  addSource(digest: Digest, repository: Reference): void {
    this.#run(
      'INSERT OR IGNORE INTO image_blob_sources (digest, domain, path) VALUES (?, ?, ?)',
      digest,
      repository.domain,
      repository.path,
    );
  }
  /** Repositories of a registry that are known to hold a blob. */
  sources(digest: Digest, domain: string): string[] {
    return this.#all<{ path: string }>(
      'SELECT path FROM image_blob_sources WHERE digest = ? AND domain = ? LIMIT 3',
      digest,
      domain,
    ).map((r) => r.path);
  }

  addManifest(id: Digest, digest: Digest): void {
    this.#run('INSERT OR IGNORE INTO image_manifests (image_id, digest) VALUES (?, ?)', id, digest);
  }
  manifestsOf(id: Digest): Digest[] {
    return this.#all<{ digest: Digest }>(
      'SELECT digest FROM image_manifests WHERE image_id = ? ORDER BY digest',
      id,
    ).map((r) => r.digest);
  }
  manifestInUse(digest: Digest): boolean {
    return this.#all('SELECT 1 FROM image_manifests WHERE digest = ? LIMIT 1', digest).length > 0;
  }

  tarSize(diffId: DiffId): number | undefined {
    const row = this.#db.sql('SELECT size FROM image_tar_sizes WHERE diff_id = ?').get(diffId);
    return row ? Number(row['size']) : undefined;
  }
  setTarSize(diffId: DiffId, size: number): void {
    this.#run('INSERT OR REPLACE INTO image_tar_sizes (diff_id, size) VALUES (?, ?)', diffId, size);
  }
}

function toReference(row: { repository: string; tag: string; digest: Digest | '' }): Reference {
  const slash = row.repository.indexOf('/');
  const name = bareName({ domain: row.repository.slice(0, slash), path: row.repository.slice(slash + 1) });
  return { ...name, ...(row.tag ? { tag: row.tag } : {}), ...(row.digest ? { digest: row.digest } : {}) };
}
