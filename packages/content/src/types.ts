import type { Readable } from 'node:stream';
import type { Digest } from '@corten/oci';

/** Reading side of the content store. */
export interface ContentReader {
  /** Size in bytes, or undefined when the blob is not here. */
  size(digest: Digest): number | undefined;
  /** The bytes from `start` (inclusive) to `end` (exclusive); notFound when the blob is not here. */
  read(digest: Digest, range?: { start?: number; end?: number }): Readable;
  /** The whole blob in memory; refuses one of more than `limit` bytes (manifests and configs only). */
  readBytes(digest: Digest, limit?: number): Promise<Buffer>;
}

/** One blob being written. Nothing is visible before commit; a crash leaves only a partial that `ingest` resumes or a sweep drops. */
export interface Ingest extends AsyncDisposable {
  /** Bytes already here: where a resumed download goes on. */
  readonly offset: number;
  /** Appends; resolves when the caller may write more (back-pressure). */
  write(chunk: Uint8Array): Promise<void>;
  /** Verifies size and digest, syncs, makes it visible. `invalid` on a mismatch, and the partial is gone. Returns the digest. */
  commit(expected?: { digest?: Digest; size?: number }): Promise<Digest>;
  /** Drops what was written. Disposing without commit keeps the partial for a resume when `resumable` was set, else drops it. */
  abort(): Promise<void>;
}

/** Content-addressed, verified blobs beneath one directory. */
export interface Content extends ContentReader {
  /** `ref` names the ingestion, so that a second attempt with the same ref (and `resumable`) continues it. One writer a ref: conflict otherwise. */
  ingest(ref: string, options?: { resumable?: boolean }): Promise<Ingest>;
  /** Stores small bytes whole; returns their digest. */
  put(bytes: Uint8Array): Promise<Digest>;
  delete(digest: Digest): Promise<void>;
  /** Every blob with its size. */
  list(): AsyncIterable<{ digest: Digest; size: number }>;
  /** Path of a blob's file, for workers that read it themselves. */
  path(digest: Digest): string;
}
