import type { Readable } from 'node:stream';
import type { ChainId, Compression, DiffId, Digest } from '@corten/oci';

/**
 * Words. A *layer* is committed and read-only: one overlay diff directory plus the recipe that makes its exact tar
 * again. It is named by its chain ID. A *snapshot* is active and writable: an upper and a work directory on top of a
 * chain of layers, named by a key (a container's ID, a build step's ID).
 */
export interface Layer {
  chainId: ChainId;
  diffId: DiffId;
  parent?: ChainId;
  /** Bytes of the file contents in the diff directory. */
  size: number;
}

export interface UnpackResult {
  layer: Layer;
  /** The bytes as they arrived (compressed or not): what a registry would call this blob. */
  blob: { digest: Digest; size: number; compression: Compression };
}

export interface SnapshotMounts {
  /** Diff directories of the layers, topmost first. */
  lower: string[];
  upper: string;
  work: string;
  /** Where the overlay is (to be) mounted. */
  merged: string;
}

export type ChangeKind = 0 | 1 | 2; // modified, added, deleted: Engine API, ChangeType
export interface Change {
  Path: string;
  Kind: ChangeKind;
}

export interface Snapshots {
  /** Unpacks one layer tar (plain, gzip or zstd, by its magic) above `parent`. Verified before it is visible; idempotent by chain ID. */
  unpack(
    tar: Readable,
    options: { parent?: ChainId; expectedDiffId?: DiffId; signal?: AbortSignal; onProgress?: (bytes: number) => void },
  ): Promise<UnpackResult>;
  layer(chainId: ChainId): Layer | undefined;
  /** The layer's uncompressed tar, byte for byte: its digest is the diff ID. */
  tar(chainId: ChainId): Readable;
  /** Removes a layer that no layer and no snapshot stands on; conflict otherwise. */
  removeLayer(chainId: ChainId): Promise<void>;
  layers(): Layer[];

  /** Records and makes a writable snapshot. */
  prepare(key: string, parent?: ChainId): Promise<void>;
  mounts(key: string): SnapshotMounts;
  /** Mounts the overlay and returns the merged path; when it is mounted already, only the path. */
  mount(key: string): Promise<string>;
  unmount(key: string): Promise<void>;
  /** Unmounts, deletes the snapshot's files and its record. Fine when it is not there. */
  remove(key: string): Promise<void>;
  /**
   * Turns what the snapshot changed into a layer above its parent. `consume` moves the files (the snapshot is gone
   * after it; it must be unmounted); otherwise they are copied. `empty` is true when nothing changed; then no layer is made.
   */
  commit(key: string, options?: { consume?: boolean }): Promise<{ layer: Layer; empty: false } | { empty: true }>;
  /** What the snapshot changed, sorted by path: `docker diff`. */
  changes(key: string): Promise<Change[]>;
  /** Bytes of the files in the writable layer (SizeRw). */
  usage(key: string): Promise<number>;
  keys(): string[];
  /** Unmounts everything that is still mounted: for shutdown. Snapshots in `except` stay. */
  unmountAll(except: ReadonlySet<string>): Promise<void>;
}
