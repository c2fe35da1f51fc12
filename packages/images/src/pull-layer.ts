import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { cancelled, isKind } from '@corten/errors';
import { compressionOf, type Descriptor } from '@corten/oci';
import type { RemoteRepository } from '@corten/registry-client';
import type { UnpackResult } from '@corten/snapshots';
import { type Deferred, deferred, KeyedLock, shortId } from '@corten/util';
import type { Context } from './context.ts';
import { Limit } from './limit.ts';
import { bar, layerLine } from './progress.ts';
import type { BlobRecord } from './records.ts';
import type { OnProgress } from './types.ts';
import { type Place, unpackBeside, unpackLayer } from './unpack.ts';

/** As Docker's max-concurrent-downloads. */
const DOWNLOADS = 3;
/** Unpacking straight from the network takes a worker for as long as the network likes: few may. */
const streaming = new Limit(2);
/** Two pulls at once share their downloads: the second waits and finds the layer here. */
const locks = new KeyedLock();

export interface WantedLayer extends Place {
  descriptor: Descriptor;
}
/** How far the layers beneath have come: each promise is about all of them. */
export interface Below {
  /** Their blobs are here (or they themselves). */
  downloaded: Promise<unknown>;
  /** Their unpacking has its turn before ours. */
  started: Promise<unknown>;
  done: Promise<unknown>;
}
export interface PulledLayer {
  /** The compressed blob, when it is kept here. */
  blob?: BlobRecord;
}

/** Brings the layers of one image: downloads run side by side, unpacking goes from the lowest layer up. */
export class LayerPuller {
  readonly #ctx: Context;
  readonly #remote: RemoteRepository;
  readonly #signal: AbortSignal;
  readonly #onProgress: OnProgress;
  readonly #downloads = new Limit(DOWNLOADS);

  constructor(ctx: Context, remote: RemoteRepository, signal: AbortSignal, onProgress: OnProgress) {
    this.#ctx = ctx;
    this.#remote = remote;
    this.#signal = signal;
    this.#onProgress = onProgress;
  }

  /** Begins to bring a layer here. Call it from the lowest layer up, each with what the one before gave. */
  pull(layer: WantedLayer, below: Below): Below & { done: Promise<PulledLayer> } {
    const downloaded = deferred();
    const started = deferred();
    const done = this.#pull(layer, below, downloaded, started);
    for (const step of [downloaded, started]) {
      done.then(() => step.resolve(), step.reject);
      step.promise.catch(() => {}); // `done` carries the error
    }
    return { downloaded: downloaded.promise, started: started.promise, done };
  }

  async #pull(
    layer: WantedLayer,
    below: Below,
    downloaded: Deferred<void>,
    started: Deferred<void>,
  ): Promise<PulledLayer> {
    const id = shortId(layer.descriptor.digest);
    const here = this.#ctx.snapshots.layer(layer.chain) !== undefined;
    layerLine(this.#onProgress, id, here ? 'Already exists' : 'Pulling fs layer');
    using _held = await locks.lock(`${this.#ctx.content.path(layer.descriptor.digest)} ${layer.chain}`);
    if (!this.#ctx.snapshots.layer(layer.chain)) {
      if (this.#downloads.full) layerLine(this.#onProgress, id, 'Waiting');
      await this.#fetch(layer, id, below, downloaded, started);
      layerLine(this.#onProgress, id, 'Pull complete');
    }
    await below.done;
    const { digest, size, mediaType } = layer.descriptor;
    if (this.#ctx.content.size(digest) === undefined) return {};
    return {
      blob: this.#ctx.records.blob(digest) ?? {
        digest,
        diffId: layer.diffId,
        size,
        compression: compressionOf(mediaType),
      },
    };
  }

  async #fetch(
    layer: WantedLayer,
    id: string,
    below: Below,
    downloaded: Deferred<void>,
    started: Deferred<void>,
  ): Promise<void> {
    let ready = layer.parent === undefined;
    below.done.then(
      () => {
        ready = true;
      },
      () => {},
    );
    const streamed = await this.#downloads.run(() => this.#download(layer, id, () => ready));
    await below.downloaded;
    downloaded.resolve();
    await below.started;
    if (streamed) return started.resolve();
    if (this.#signal.aborted) throw cancelled();
    const { digest, size } = layer.descriptor;
    const options = { signal: this.#signal, onProgress: bar(this.#onProgress, id, 'Extracting', size) };
    const unpacked = unpackBeside(this.#ctx, layer, () => this.#ctx.content.read(digest), below.done, options);
    started.resolve();
    await unpacked;
  }

  /** Downloads the blob; true when it was unpacked on the way. */
  async #download(layer: WantedLayer, id: string, isReady: () => boolean): Promise<boolean> {
    const { digest, size } = layer.descriptor;
    using _held = await locks.lock(this.#ctx.content.path(digest));
    if (this.#signal.aborted) throw cancelled();
    if (this.#ctx.content.size(digest) !== undefined) {
      layerLine(this.#onProgress, id, 'Download complete');
      return false;
    }
    let pipe: PassThrough | undefined;
    let unpacked: Promise<UnpackResult> | undefined;
    try {
      await this.#remote.download(layer.descriptor, this.#ctx.content, {
        onBytes: bar(this.#onProgress, id, 'Downloading', size),
        onVerify: () => layerLine(this.#onProgress, id, 'Verifying Checksum'),
        onStart: (offset) => {
          // A resumed download lacks its beginning, and a layer needs the one below it: then unpack afterwards.
          if (offset > 0 || !isReady() || streaming.full) return undefined;
          const stream = new PassThrough({ highWaterMark: 1 << 20 });
          pipe = stream;
          unpacked = unpackLayer(this.#ctx, layer, stream, { signal: this.#signal });
          unpacked.catch((error: unknown) => stream.destroy(error as Error));
          const running = unpacked;
          void streaming.run(() =>
            running.then(
              () => {},
              () => {},
            ),
          );
          return (chunk) => feed(stream, chunk);
        },
      });
    } catch (error) {
      pipe?.destroy(error as Error);
      // The layer's own failure (a bad tar) says more than the pipe that it closed.
      const reason = await unpacked?.then(
        () => undefined,
        (e: unknown) => e,
      );
      throw isKind(error, 'cancelled') || !reason || !isKind(reason, 'invalid') ? error : reason;
    }
    layerLine(this.#onProgress, id, 'Download complete');
    if (!pipe) return false;
    bar(this.#onProgress, id, 'Extracting', size)(size);
    // Only now, with the blob verified, may the layer end and become visible.
    pipe.end();
    await unpacked;
    return true;
  }
}

/** Writes with back-pressure; throws when the reader has gone. */
async function feed(stream: PassThrough, chunk: Buffer): Promise<void> {
  if (stream.destroyed) throw stream.errored ?? cancelled();
  if (stream.write(chunk)) return;
  const gone = new AbortController();
  const closed = () => gone.abort();
  stream.once('close', closed);
  try {
    await once(stream, 'drain', { signal: gone.signal });
  } catch (error) {
    throw stream.errored ?? error;
  } finally {
    stream.off('close', closed);
  }
}
