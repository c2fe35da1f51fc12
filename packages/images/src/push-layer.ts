import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { cancelled, system } from '@corten/errors';
import {
  type ChainId,
  type Compression,
  type Descriptor,
  type DiffId,
  type Digest,
  digester,
  layerMediaType,
  type Reference,
} from '@corten/oci';
import type { RemoteRepository } from '@corten/registry-client';
import { KeyedLock, randomId, shortId } from '@corten/util';
import type { Context } from './context.ts';
import { bar, layerLine } from './progress.ts';
import type { OnProgress } from './types.ts';

export interface PushedLayer {
  digest: Digest;
  size: number;
  mediaType: string;
}

/** A layer is compressed once, also when two pushes want it. */
const compressing = new KeyedLock();
const CHUNK = 256 << 10;

/** Brings single layers to a repository: finds them there, mounts them, or uploads them. */
export class LayerPusher {
  readonly #ctx: Context;
  readonly #remote: RemoteRepository;
  readonly #repository: Reference;
  readonly #onProgress: OnProgress;
  readonly #signal: AbortSignal;

  constructor(
    ctx: Context,
    remote: RemoteRepository,
    repository: Reference,
    onProgress: OnProgress,
    signal: AbortSignal,
  ) {
    this.#ctx = ctx;
    this.#remote = remote;
    this.#repository = repository;
    this.#onProgress = onProgress;
    this.#signal = signal;
  }

  /** `kept` is the layer's descriptor in the manifest that will be pushed, when there is one already. */
  async push(diffId: DiffId, chain: ChainId, kept: Descriptor | undefined): Promise<PushedLayer> {
    if (this.#signal.aborted) throw cancelled();
    const id = shortId(diffId);
    const blob =
      kept ??
      (await compressedLayer(this.#ctx, diffId, chain, this.#signal, bar(this.#onProgress, id, 'Preparing', 0)));
    const { digest, size, mediaType } = blob;
    layerLine(this.#onProgress, id, await this.#transfer(id, { digest, size, mediaType }));
    return { digest, size, mediaType };
  }

  async #transfer(id: string, blob: PushedLayer): Promise<string> {
    if (await this.#remote.blobExists(blob.digest)) return 'Layer already exists';
    for (const path of this.#ctx.records.sources(blob.digest, this.#repository.domain)) {
      if (path !== this.#repository.path && (await this.#remote.mount(blob.digest, path)))
        return `Mounted from ${path}`;
    }
    await this.#remote.upload(
      blob,
      () => this.#ctx.content.read(blob.digest),
      bar(this.#onProgress, id, 'Pushing', blob.size),
    );
    return 'Pushed';
  }
}

/** The kept compressed blob of a layer; made (gzip, fastest level) and kept when there is none. */
export async function compressedLayer(
  ctx: Context,
  diffId: DiffId,
  chain: ChainId,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<PushedLayer> {
  using _held = await compressing.lock(`${ctx.content.path(diffId)}`);
  const here = ctx.records.blobsOf(diffId).find((b) => ctx.content.size(b.digest) !== undefined);
  if (here) return described(here);
  const hash = digester();
  let tarSize = 0;
  let size = 0;
  await using ingest = await ctx.content.ingest(`compress-${randomId()}`);
  await pipeline(
    ctx.snapshots.tar(chain),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        hash.update(chunk);
        tarSize += chunk.length;
        onProgress(tarSize);
        yield chunk;
      }
    },
    createGzip({ level: constants.Z_BEST_SPEED, chunkSize: CHUNK }),
    async (compressed: AsyncIterable<Buffer>) => {
      for await (const chunk of compressed) {
        size += chunk.length;
        await ingest.write(chunk);
      }
    },
    { signal },
  );
  if (hash.digest() !== diffId) throw system(`layer ${shortId(chain)}: its tar no longer has the digest ${diffId}`);
  const digest = await ingest.commit({ size });
  ctx.records.transaction(() => {
    ctx.records.addBlob({ digest, diffId, size, compression: 'gzip' });
    ctx.records.setTarSize(diffId, tarSize);
  });
  return described({ digest, size, compression: 'gzip' });
}

const described = (blob: { digest: Digest; size: number; compression: Compression }): PushedLayer => ({
  digest: blob.digest,
  size: blob.size,
  mediaType: layerMediaType('docker', blob.compression),
});
