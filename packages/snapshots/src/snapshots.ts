import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { applyLayerTar, changesOf, commitLayerTree, layerTar, sizeOf } from '@corten/archive';
import { codeOf, conflict, invalid, messageOf, notFound } from '@corten/errors';
import { mountInfo, unmount } from '@corten/host';
import { type ChainId, type Compression, chainOn, type DiffId } from '@corten/oci';
import type { Database } from '@corten/state';
import { KeyedLock, type Logger } from '@corten/util';
import { mountOverlay } from './overlay.ts';
import { MIGRATIONS } from './schema.ts';
import type { Change, Layer, SnapshotMounts, Snapshots, UnpackResult } from './types.ts';

export interface SnapshotsDependencies {
  root: string;
  db: Database;
  log: Logger;
}

/** Opens the store beneath `root`: `l/` layers, `s/` snapshots, `staging/` work in progress. Drops what a crash left. */
export async function openSnapshots({ root, db, log }: SnapshotsDependencies): Promise<Snapshots> {
  for (const dir of ['l', 's', 'staging', 'empty']) mkdirSync(join(root, dir), { recursive: true, mode: 0o711 });
  db.migrate('snapshots', MIGRATIONS);
  const store = new OverlaySnapshots(root, db, log);
  store.sweep();
  return store;
}

class OverlaySnapshots implements Snapshots {
  readonly #root: string;
  readonly #db: Database;
  readonly #log: Logger;
  readonly #locks = new KeyedLock();
  /** Snapshots whose overlay is mounted now. */
  readonly #mounted = new Set<string>();

  constructor(root: string, db: Database, log: Logger) {
    this.#root = root;
    this.#db = db;
    this.#log = log;
  }

  /** Removes directories that no row names, and learns which snapshots are mounted. */
  sweep(): void {
    rmSync(join(this.#root, 'staging'), { recursive: true, force: true });
    mkdirSync(join(this.#root, 'staging'), { mode: 0o711 });
    const mountPoints = new Set(mountInfo().map((m) => m.mountPoint));
    const rows = this.#db.sql('SELECT key, dir FROM snapshot_active').all();
    const keyOf = new Map(rows.map((r) => [String(r['dir']), String(r['key'])]));
    for (const dir of readdirSync(join(this.#root, 's'))) {
      const merged = join(this.#root, 's', dir, 'm');
      const key = keyOf.get(dir);
      if (key !== undefined) {
        if (mountPoints.has(merged)) this.#mounted.add(key);
        continue;
      }
      if (mountPoints.has(merged)) unmount(merged, { detach: true });
      this.#log.info('removing a snapshot that a crash left', { dir });
      rmSync(join(this.#root, 's', dir), { recursive: true, force: true });
    }
    const layers = new Set(
      this.#db
        .sql('SELECT dir FROM snapshot_layers')
        .all()
        .map((r) => String(r['dir'])),
    );
    for (const dir of readdirSync(join(this.#root, 'l'))) {
      if (!layers.has(dir)) rmSync(join(this.#root, 'l', dir), { recursive: true, force: true });
    }
  }

  async unpack(
    tar: Readable,
    options: {
      parent?: ChainId;
      expectedDiffId?: DiffId;
      signal?: AbortSignal;
      onProgress?: (bytes: number) => void;
    } = {},
  ): Promise<UnpackResult> {
    const dir = this.#number();
    const staging = join(this.#root, 'staging', dir);
    mkdirSync(staging);
    try {
      const { diffId, size, blob } = await applyLayerTar(tar, staging, options);
      if (options.expectedDiffId !== undefined && diffId !== options.expectedDiffId)
        throw invalid(
          `layer verification failed: the content's diff ID is ${diffId}, expected ${options.expectedDiffId}`,
        );
      const layer = this.#publish(staging, dir, diffId as DiffId, size, options.parent);
      return { layer, blob: { ...blob, compression: blob.compression as Compression } as UnpackResult['blob'] };
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  /** Makes a complete staging directory the layer's, unless the same layer came meanwhile. */
  #publish(staging: string, dir: string, diffId: DiffId, size: number, parent?: ChainId): Layer {
    const chainId = chainOn(parent, diffId);
    const known = this.layer(chainId);
    if (known) return known;
    if (parent !== undefined && !this.layer(parent)) throw notFound(`layer ${parent} not found`);
    chmodSync(join(staging, 'diff'), 0o755);
    renameSync(staging, join(this.#root, 'l', dir));
    this.#db
      .sql('INSERT INTO snapshot_layers (chain_id, diff_id, parent, dir, size) VALUES (?, ?, ?, ?, ?)')
      .run(chainId, diffId, parent ?? null, dir, size);
    return { chainId, diffId, parent, size };
  }

  #number(): string {
    const row = this.#db.sql('UPDATE snapshot_numbers SET next = next + 1 RETURNING next').get()!;
    return Number(row['next']).toString(36);
  }

  layer(chainId: ChainId): Layer | undefined {
    const row = this.#db.sql('SELECT * FROM snapshot_layers WHERE chain_id = ?').get(chainId);
    return row && layerOf(row);
  }

  layers(): Layer[] {
    return this.#db.sql('SELECT * FROM snapshot_layers').all().map(layerOf);
  }

  #layerDir(chainId: ChainId): string {
    const row = this.#db.sql('SELECT dir FROM snapshot_layers WHERE chain_id = ?').get(chainId);
    if (!row) throw notFound(`layer ${chainId} not found`);
    return join(this.#root, 'l', String(row['dir']));
  }

  tar(chainId: ChainId): Readable {
    return layerTar(this.#layerDir(chainId));
  }

  async removeLayer(chainId: ChainId): Promise<void> {
    const dir = this.#layerDir(chainId);
    const used = (sql: string) => this.#db.sql(sql).get(chainId) !== undefined;
    if (
      used('SELECT 1 FROM snapshot_layers WHERE parent = ?') ||
      used('SELECT 1 FROM snapshot_active WHERE parent = ?')
    )
      throw conflict(`layer ${chainId} is in use`);
    this.#db.sql('DELETE FROM snapshot_layers WHERE chain_id = ?').run(chainId);
    await rm(dir, { recursive: true, force: true });
  }

  async prepare(key: string, parent?: ChainId): Promise<void> {
    if (parent !== undefined && !this.layer(parent)) throw notFound(`layer ${parent} not found`);
    if (this.#row(key)) throw conflict(`snapshot ${key} exists already`);
    const dir = this.#number();
    this.#db.sql('INSERT INTO snapshot_active (key, parent, dir) VALUES (?, ?, ?)').run(key, parent ?? null, dir);
    const { upper, work, merged } = this.mounts(key);
    mkdirSync(upper, { recursive: true, mode: 0o755 });
    mkdirSync(work, { mode: 0o700 });
    mkdirSync(merged, { mode: 0o700 });
  }

  #row(key: string): { parent?: ChainId; dir: string } | undefined {
    const row = this.#db.sql('SELECT parent, dir FROM snapshot_active WHERE key = ?').get(key);
    return row && { parent: (row['parent'] as ChainId | null) ?? undefined, dir: String(row['dir']) };
  }

  mounts(key: string): SnapshotMounts {
    const row = this.#row(key);
    if (!row) throw notFound(`snapshot ${key} not found`);
    const lower: string[] = [];
    for (let at = row.parent; at !== undefined; at = this.layer(at)?.parent)
      lower.push(join(this.#layerDir(at), 'diff'));
    if (lower.length === 0) lower.push(join(this.#root, 'empty'));
    const base = join(this.#root, 's', row.dir);
    return { lower, upper: join(base, 'u'), work: join(base, 'w'), merged: join(base, 'm') };
  }

  async mount(key: string): Promise<string> {
    const mounts = this.mounts(key);
    if (this.#mounted.has(key)) return mounts.merged;
    mountOverlay(join(this.#root, 'l'), mounts);
    this.#mounted.add(key);
    return mounts.merged;
  }

  async unmount(key: string): Promise<void> {
    if (!this.#mounted.has(key)) return;
    const { merged } = this.mounts(key);
    try {
      unmount(merged, { detach: true });
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error; // somebody else unmounted it
    }
    this.#mounted.delete(key);
  }

  async remove(key: string): Promise<void> {
    using _lock = await this.#locks.lock(key);
    const row = this.#row(key);
    if (!row) return;
    await this.unmount(key);
    this.#db.sql('DELETE FROM snapshot_active WHERE key = ?').run(key);
    await rm(join(this.#root, 's', row.dir), { recursive: true, force: true });
  }

  async commit(key: string, { consume = false } = {}): Promise<{ layer: Layer; empty: false } | { empty: true }> {
    using _lock = await this.#locks.lock(key);
    const row = this.#row(key);
    if (!row) throw notFound(`snapshot ${key} not found`);
    if (consume) await this.unmount(key);
    const { upper } = this.mounts(key);
    const dir = this.#number();
    const staging = join(this.#root, 'staging', dir);
    mkdirSync(staging);
    try {
      const target = join(staging, 'diff');
      const committed = await commitLayerTree(upper, join(staging, 'recipe'), consume ? undefined : target);
      if (committed.empty) return { empty: true };
      if (consume) renameSync(upper, target);
      const layer = this.#publish(staging, dir, committed.diffId as DiffId, committed.size, row.parent);
      return { layer, empty: false };
    } finally {
      await rm(staging, { recursive: true, force: true });
      if (consume) {
        this.#db.sql('DELETE FROM snapshot_active WHERE key = ?').run(key);
        await rm(join(this.#root, 's', row.dir), { recursive: true, force: true });
      }
    }
  }

  async changes(key: string): Promise<Change[]> {
    const { upper, lower } = this.mounts(key);
    return changesOf(upper, lower);
  }

  async usage(key: string): Promise<number> {
    const { upper } = this.mounts(key);
    return existsSync(upper) ? sizeOf(upper) : 0;
  }

  keys(): string[] {
    return this.#db
      .sql('SELECT key FROM snapshot_active')
      .all()
      .map((r) => String(r['key']));
  }

  async unmountAll(except: ReadonlySet<string>): Promise<void> {
    for (const key of [...this.#mounted]) {
      if (except.has(key)) continue;
      await this.unmount(key).catch((error) => this.#log.warn('cannot unmount', { key, error: messageOf(error) }));
    }
  }
}

const layerOf = (row: Record<string, unknown>): Layer => ({
  chainId: row['chain_id'] as ChainId,
  diffId: row['diff_id'] as DiffId,
  parent: (row['parent'] as ChainId | null) ?? undefined,
  size: Number(row['size']),
});
