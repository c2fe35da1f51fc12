import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { TreeChange } from './changes.ts';
import type { ArchiveCompression } from './compression.ts';
import { decompressChunks } from './compression.ts';
import type { ExtractJob } from './extract.ts';
import type { PackJob } from './pack.ts';
import { runJob, runJobOn, streamJob } from './pool.ts';

type Source = Readable | AsyncIterable<Uint8Array>;

export interface LayerApplied {
  diffId: string;
  /** Bytes of file content. */
  size: number;
  /** Digest and size of the bytes as they came. */
  blob: { digest: string; size: number; compression: ArchiveCompression };
}

/** Applies a layer tar (compressed or not) into `staging`: `diff`, `recipe`, perhaps `side`. Throws `invalid` on a bad tar. */
export async function applyLayerTar(
  source: Source,
  staging: string,
  options: { signal?: AbortSignal; onProgress?: (bytes: number) => void } = {},
): Promise<LayerApplied> {
  const hash = createHash('sha256');
  let size = 0;
  let compression: ArchiveCompression | undefined;
  let before: Uint8Array[] = []; // until the first bytes have told the compression
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (compression === undefined) before.push(chunk);
      else if (compression !== 'none') hash.update(chunk);
      size += chunk.length;
      options.onProgress?.(size);
      yield chunk;
    }
  }
  const chunks = decompressChunks(counted(), (kind) => {
    compression = kind;
    if (kind !== 'none') for (const chunk of before) hash.update(chunk);
    before = [];
  });
  const applied = (await runJobOn({ do: 'apply', staging }, chunks, options.signal)) as {
    diffId: string;
    size: number;
  };
  // a tar that came as it is has the digest that the worker found; hashing it here too would only hold up the main thread
  const kind = compression ?? 'none';
  const digest = kind === 'none' ? applied.diffId : `sha256:${hash.digest('hex')}`;
  return { ...applied, blob: { digest, size, compression: kind } };
}

/** The exact uncompressed tar of a layer directory. */
export const layerTar = (layer: string): Readable => streamJob({ do: 'layer-tar', layer });

/** Makes a layer of an upper directory: its recipe, its diff ID; with `copyTo` a copy of the files. */
export async function commitLayerTree(
  upper: string,
  recipe: string,
  copyTo?: string,
): Promise<{ diffId: string; size: number; empty: boolean }> {
  return (await runJob({ do: 'commit', upper, recipe, copyTo })) as never;
}

/** Extracts a tar (compressed or not) beneath a root; nothing leads out of it. */
export async function extractTar(
  source: Source,
  job: ExtractJob & { signal?: AbortSignal },
): Promise<{ entries: number; bytes: number }> {
  const { signal, ...rest } = job;
  return (await runJobOn({ do: 'extract', ...rest }, decompressChunks(source), signal)) as never;
}

/** The tar of a file or tree beneath a root. */
export const packTar = (job: PackJob): Readable => streamJob({ do: 'pack', ...job });

/** What an upper directory changes against its lowers (topmost first). */
export async function changesOf(upper: string, lowers: string[]): Promise<TreeChange[]> {
  return ((await runJob({ do: 'changes', upper, lowers })) as { changes: TreeChange[] }).changes;
}

/** Bytes of the files beneath a directory. */
export async function sizeOf(root: string): Promise<number> {
  return ((await runJob({ do: 'size', root })) as { size: number }).size;
}
