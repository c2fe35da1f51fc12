import { Readable } from 'node:stream';
import { invalid } from '@corten/errors';
import {
  type ChainId,
  type Compression,
  chainIds,
  type DiffId,
  type Digest,
  digestOf,
  familiarString,
  type ImageConfig,
  parseImageConfig,
  parseJson,
} from '@corten/oci';
import type { UnpackResult } from '@corten/snapshots';
import { randomId, shortId } from '@corten/util';
import { type Context, publish } from './context.ts';
import { recordImage } from './create.ts';
import { allOrNothing } from './limit.ts';
import { type ArchivedImage, imagesOfArchive } from './load-documents.ts';
import type { OuterEntry } from './outer-tar.ts';
import { bar } from './progress.ts';
import { discard } from './remove.ts';
import type { OnProgress } from './types.ts';
import { type Place, unpackBeside, unpackLayer } from './unpack.ts';

const MAX_DOCUMENT = 8 << 20;
const MAX_DOCUMENTS = 64 << 20;
const MAX_ENTRIES = 100_000;

/** A file of the archive that is no document: kept in the content store until its place is known. */
interface Spooled {
  digest: Digest;
  size: number;
}

/**
 * Takes the entries of an archive as they arrive. Documents are kept in memory. A layer whose place is known by then
 * (documents first, as our save writes them) is unpacked from the stream; any other waits in the content store.
 */
export class ArchiveLoader {
  readonly #ctx: Context;
  readonly #options: { onProgress: OnProgress; quiet: boolean; signal: AbortSignal };
  readonly #documents = new Map<string, Buffer>();
  readonly #spooled = new Map<string, Spooled>();
  readonly #links = new Map<string, string>();
  readonly #pins: Disposable[] = [];
  readonly #made: ChainId[][] = [];
  #documentBytes = 0;
  #entries = 0;
  /** Where layers belong, by entry name; rebuilt when a document came since. */
  #places: Map<string, Place[]> | undefined;

  constructor(ctx: Context, options: { onProgress: OnProgress; quiet: boolean; signal: AbortSignal }) {
    this.#ctx = ctx;
    this.#options = options;
  }

  async take(entry: OuterEntry): Promise<void> {
    if (++this.#entries > MAX_ENTRIES) throw invalid(`archive: has more than ${MAX_ENTRIES} entries`);
    if (entry.kind === 'link' || entry.kind === 'symlink') {
      const base = entry.kind === 'link' ? '' : entry.name.replace(/[^/]*$/, '');
      this.#links.set(entry.name, resolvePath(base, entry.linkName));
      return;
    }
    if (entry.kind !== 'file' || entry.name.endsWith('/')) return;
    const body = entry.body();
    const first = await body.next();
    const head = first.done ? Buffer.alloc(0) : first.value;
    const whole = (async function* () {
      yield head;
      yield* body;
    })();
    if (entry.size <= MAX_DOCUMENT && looksLikeDocument(entry.name, head)) return this.#document(entry, whole);
    for (const place of this.#placesOf(entry.name)) if (await this.#unpackNow(place, whole, entry.size)) return;
    await this.#spool(entry, whole);
  }

  async #document(entry: OuterEntry, body: AsyncIterable<Buffer>): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    this.#documentBytes += entry.size;
    if (this.#documentBytes > MAX_DOCUMENTS)
      throw invalid(`archive: its documents are larger than ${MAX_DOCUMENTS} bytes`);
    this.#documents.set(entry.name, Buffer.concat(chunks));
    this.#places = undefined;
  }

  /** True when the layer was unpacked from the stream, or is here already. */
  async #unpackNow(place: Place, body: AsyncIterable<Buffer>, size: number): Promise<boolean> {
    if (this.#ctx.snapshots.layer(place.chain)) return true;
    if (place.parent && !this.#ctx.snapshots.layer(place.parent)) return false;
    const stream = Readable.from(body, { objectMode: false, highWaterMark: 1 << 20 });
    const onProgress = this.#line(place.diffId, size);
    this.#noteSize(await unpackLayer(this.#ctx, place, stream, { signal: this.#options.signal, onProgress }));
    onProgress(size);
    return true;
  }

  async #spool(entry: OuterEntry, body: AsyncIterable<Buffer>): Promise<void> {
    await using ingest = await this.#ctx.content.ingest(`load-${randomId()}`);
    for await (const chunk of body) await ingest.write(chunk);
    const digest = await ingest.commit({ size: entry.size });
    this.#pins.push(await this.#ctx.gc.pin([digest]));
    this.#spooled.set(entry.name, { digest, size: entry.size });
  }

  #placesOf(name: string): Place[] {
    if (!this.#documents.has('manifest.json') && !this.#documents.has('index.json')) return [];
    this.#places ??= this.#findPlaces();
    return this.#places.get(name) ?? [];
  }

  #findPlaces(): Map<string, Place[]> {
    const places = new Map<string, Place[]>();
    for (const image of imagesOfArchive(this.#documents, 'partial')) {
      const diffIds = parseConfig(image).rootfs.diff_ids;
      const chains = chainIds(diffIds);
      if (diffIds.length !== image.layers.length) continue; // refused with a reason at the end
      this.#made.push(chains);
      image.layers.forEach((name, i) => {
        const place = { diffId: diffIds[i]!, chain: chains[i]!, parent: chains[i - 1] };
        places.set(name, [...(places.get(name) ?? []), place]);
      });
    }
    return places;
  }

  /** After the last entry: unpacks what waited and records the images, all in their archive's order. */
  async finish(): Promise<void> {
    const images = imagesOfArchive(this.#documents, 'complete');
    const lines: string[] = [];
    for (const image of images) lines.push(...(await this.#finishImage(image)));
    for (const line of lines) this.#options.onProgress({ stream: `${line}\n` });
  }

  async #finishImage(image: ArchivedImage): Promise<string[]> {
    const config = parseConfig(image);
    const diffIds = config.rootfs.diff_ids;
    if (diffIds.length !== image.layers.length)
      throw invalid(`invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${image.layers.length}`);
    const chains = chainIds(diffIds);
    this.#pins.push(await this.#ctx.gc.pin(chains));
    this.#made.push(chains);
    await this.#unpackWaiting(image, diffIds, chains);
    return this.#record(image, diffIds);
  }

  /** Unpacks the layers of an image that are not here yet, side by side. */
  async #unpackWaiting(image: ArchivedImage, diffIds: readonly DiffId[], chains: readonly ChainId[]): Promise<void> {
    const missing = [...image.layers.entries()].filter(([i]) => !this.#ctx.snapshots.layer(chains[i]!));
    const files = missing.map(([i, name]) => {
      const file = this.#find(name);
      if (file) return file;
      throw invalid(`archive: ${name} is missing (layer ${i + 1} of the image ${shortId(digestOf(image.config))})`);
    });
    const abort = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, abort.signal]);
    let below: Promise<unknown> = Promise.resolve();
    const works = missing.map(([i], n) => {
      const file = files[n]!;
      const place = { diffId: diffIds[i]!, chain: chains[i]!, parent: chains[i - 1] };
      const size = Buffer.isBuffer(file) ? file.length : file.size;
      const options = { signal, onProgress: this.#line(place.diffId, size) };
      const work = unpackBeside(this.#ctx, place, () => this.#open(file), below, options);
      below = work;
      return work;
    });
    for (const result of await allOrNothing(works, (reason) => abort.abort(reason))) this.#noteSize(result);
  }

  #line(diffId: DiffId, size: number): (bytes: number) => void {
    if (this.#options.quiet) return () => {};
    const line = bar(this.#options.onProgress, shortId(diffId), 'Loading layer', size);
    return (bytes) => line(Math.min(bytes, size));
  }

  #noteSize({ layer, blob }: UnpackResult): void {
    if (blob.compression === 'none') this.#ctx.records.setTarSize(layer.diffId, blob.size);
  }

  #find(name: string): Spooled | Buffer | undefined {
    let at = name;
    for (let hops = 0; hops < 10; hops++) {
      const found = this.#spooled.get(at) ?? this.#documents.get(at);
      if (found) return found;
      const next = this.#links.get(at);
      if (next === undefined) return undefined;
      at = next;
    }
    return undefined;
  }

  #open(file: Spooled | Buffer): Readable {
    return Buffer.isBuffer(file) ? Readable.from([file]) : this.#ctx.content.read(file.digest);
  }

  async #record(image: ArchivedImage, diffIds: readonly DiffId[]): Promise<string[]> {
    const manifest = image.manifest && (await this.#ctx.content.put(image.manifest));
    const lines: string[] = [];
    for (const reference of image.references) {
      const old = this.#ctx.records.resolve(reference);
      if (old && old !== digestOf(image.config))
        lines.push(
          `The image ${familiarString(reference)} already exists, renaming the old one with ID ${old} to empty string`,
        );
    }
    const blobs = await this.#keptBlobs(image, diffIds);
    const made = await recordImage(this.#ctx, image.config, {
      references: image.references,
      also: (id) => {
        if (manifest) this.#ctx.records.addManifest(id, manifest);
        for (const blob of blobs) this.#ctx.records.addBlob(blob);
      },
    });
    publish(this.#ctx, 'load', made.id, made.id, made.id);
    if (image.references.length === 0) return [...lines, `Loaded image ID: ${made.id}`];
    return [...lines, ...image.references.map((r) => `Loaded image: ${familiarString(r)}`)];
  }

  /** Compressed layers that waited here are worth keeping: a push then has the archive's own digests. */
  async #keptBlobs(image: ArchivedImage, diffIds: readonly DiffId[]) {
    const kept: { digest: Digest; diffId: DiffId; size: number; compression: Compression }[] = [];
    for (const [i, name] of image.layers.entries()) {
      const file = this.#find(name);
      if (!file || Buffer.isBuffer(file) || file.digest === diffIds[i]) continue;
      const [first] = await this.#ctx.content.read(file.digest, { start: 0, end: 1 }).toArray();
      kept.push({ ...file, diffId: diffIds[i]!, compression: first?.[0] === 0x1f ? 'gzip' : 'zstd' });
    }
    return kept;
  }

  /** Gives everything back that no image took: after success the spooled tars, after a failure all of it. */
  async close(): Promise<void> {
    for (const pin of this.#pins) pin[Symbol.dispose]();
    const digests = [...this.#spooled.values()].map((s) => s.digest);
    for (const chains of this.#made) await this.#ctx.gc.releaseChain(chains);
    await discard(this.#ctx, [], digests);
  }
}

/** What is read into memory: JSON by its name, or a blob that begins like a JSON object. */
function looksLikeDocument(name: string, head: Buffer): boolean {
  if (/(^|\/)(VERSION|json|repositories|oci-layout)$/.test(name) || name.endsWith('.json')) return true;
  return (
    name.startsWith('blobs/') &&
    head[0] === 0x7b &&
    (head[1] === 0x22 || head[1] === 0x0a || head[1] === 0x20 || head[1] === 0x0d)
  );
}

function parseConfig(image: ArchivedImage): ImageConfig {
  const config = parseImageConfig(parseJson(image.config, 'image config'));
  if (config.os !== 'linux') throw invalid(`cannot load ${config.os} image on linux`);
  return config;
}

/** A link's target as an entry name; it never leaves the archive. */
function resolvePath(base: string, target: string): string {
  const parts: string[] = [];
  for (const part of `${target.startsWith('/') ? '' : base}${target}`.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
