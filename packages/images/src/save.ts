import { Readable } from 'node:stream';
import {
  type ChainId,
  canonicalString,
  chainIds,
  type DiffId,
  type Digest,
  digestOf,
  familiarString,
  hexOf,
  layerMediaType,
  type Manifest,
  MediaType,
  parseReference,
  type Reference,
  tryParseReference,
} from '@corten/oci';
import { type Context, publish } from './context.ts';
import { isIdPrefix, requireId } from './lookup.ts';
import { OUTER_END, outerHeader, outerPadding } from './outer-tar.ts';
import type { Image } from './types.ts';

interface SavedImage {
  image: Image;
  references: Reference[];
}

/** A file of the archive: its bytes are asked for when its turn comes. */
interface File {
  name: string;
  size: number;
  open(): AsyncIterable<Uint8Array>;
}

interface SavedLayer {
  diffId: DiffId;
  digest: Digest;
  size: number;
  mediaType: string;
  open(): AsyncIterable<Uint8Array>;
}

const blobPath = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;
const small = (name: string, text: string | Buffer): File => {
  const bytes = Buffer.from(text as string);
  return {
    name,
    size: bytes.length,
    async *open() {
      yield bytes;
    },
  };
};

/**
 * One tar that is a `docker save` archive and an OCI layout at once. The documents come first and layers in the order
 * they are stacked, so that a load can unpack while it reads. Unknown names throw here, before the stream begins.
 */
export function saveImages(ctx: Context, names: readonly string[], signal?: AbortSignal): Readable {
  const images = selectImages(ctx, names);
  const stream = Readable.from(archive(ctx, images, signal), { objectMode: false, highWaterMark: 1 << 20 });
  return stream;
}

/** The images that the names mean. A bare repository name means all its tags, as in Docker. */
function selectImages(ctx: Context, names: readonly string[]): SavedImage[] {
  const selected = new Map<Digest, SavedImage>();
  const add = (id: Digest, reference?: Reference) => {
    const saved = selected.get(id) ?? { image: ctx.records.image(id)!, references: [] };
    selected.set(id, saved);
    if (reference && !saved.references.some((r) => canonicalString(r) === canonicalString(reference)))
      saved.references.push(reference);
  };
  for (const name of names) {
    const reference = tryParseReference(name);
    const bare = reference && !reference.tag && !reference.digest ? ctx.records.tagsOf(reference) : [];
    for (const tagged of bare) add(ctx.records.resolve(tagged)!, tagged);
    if (bare.length > 0) continue;
    const id = requireId(ctx, name);
    if (isIdPrefix(id, name)) add(id);
    else {
      const named = parseReference(name);
      add(id, named.digest ? undefined : named);
    }
  }
  return [...selected.values()];
}

async function* archive(
  ctx: Context,
  images: readonly SavedImage[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const chains = images.flatMap(({ image }) => chainIds(image.config.rootfs.diff_ids));
  using _pinned = await ctx.gc.pin([...new Set(chains)]);
  const files = await plan(ctx, images, signal);
  const mtime = Math.floor(Date.now() / 1000);
  for (const directory of ['blobs/', 'blobs/sha256/']) yield outerHeader(directory, 0, mtime);
  for (const file of files) {
    signal?.throwIfAborted();
    yield outerHeader(file.name, file.size, mtime);
    let written = 0;
    for await (const chunk of file.open()) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== file.size) throw new Error(`${file.name}: ${written} bytes came instead of ${file.size}`);
    yield outerPadding(file.size);
  }
  yield OUTER_END;
  for (const { image } of images) publish(ctx, 'save', image.id, image.id, image.id);
}

/** Every file of the archive, documents first. */
async function plan(ctx: Context, images: readonly SavedImage[], signal: AbortSignal | undefined): Promise<File[]> {
  const blobs = new Map<string, File>();
  const layerFiles = new Map<string, File>();
  const dockerManifest: object[] = [];
  const index: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, references } of images) {
    const layers = await layersOf(ctx, image, signal);
    const config = ctx.records.configBytes(image.id);
    const manifest = await manifestOf(ctx, image, config.length, layers);
    blobs.set(image.id, small(blobPath(image.id), config));
    blobs.set(digestOf(manifest.bytes), small(blobPath(digestOf(manifest.bytes)), manifest.bytes));
    for (const layer of layers)
      layerFiles.set(layer.digest, { name: blobPath(layer.digest), size: layer.size, open: layer.open });
    dockerManifest.push({
      Config: blobPath(image.id),
      RepoTags: references.length > 0 ? references.map(familiarString) : null,
      Layers: layers.map((l) => blobPath(l.digest)),
      LayerSources: Object.fromEntries(
        layers.map((l) => [l.diffId, { mediaType: l.mediaType, size: l.size, digest: l.digest }]),
      ),
    });
    index.push(...indexEntries(image, references, manifest));
    for (const { tag, ...name } of references) {
      const top = image.config.rootfs.diff_ids.at(-1);
      if (tag && top) repositories[familiarString(name)] = { ...repositories[familiarString(name)], [tag]: hexOf(top) };
    }
  }
  return [
    small('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    small('manifest.json', JSON.stringify(dockerManifest)),
    small('index.json', JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: index })),
    ...(Object.keys(repositories).length > 0 ? [small('repositories', JSON.stringify(repositories))] : []),
    ...blobs.values(),
    ...layerFiles.values(),
  ];
}

function indexEntries(
  image: Image,
  references: readonly Reference[],
  manifest: { bytes: Buffer; mediaType: string },
): object[] {
  const { os, architecture, variant } = image.config;
  const descriptor = {
    mediaType: manifest.mediaType,
    digest: digestOf(manifest.bytes),
    size: manifest.bytes.length,
    platform: { os, architecture, ...(variant ? { variant } : {}) },
  };
  if (references.length === 0) return [descriptor];
  return references.map((r) => ({
    ...descriptor,
    annotations: { 'io.containerd.image.name': canonicalString(r), 'org.opencontainers.image.ref.name': r.tag ?? '' },
  }));
}

/** The manifest that the image came or went as, when the saved blobs are the ones it names; else one made for them. */
async function manifestOf(
  ctx: Context,
  image: Image,
  configSize: number,
  layers: readonly SavedLayer[],
): Promise<{ bytes: Buffer; mediaType: string }> {
  for (const digest of image.manifests) {
    if (ctx.content.size(digest) === undefined) continue;
    const bytes = await ctx.content.readBytes(digest);
    const manifest = JSON.parse(bytes.toString('utf8')) as Manifest;
    if (manifest.layers.every((l, i) => l.digest === layers[i]?.digest))
      return { bytes, mediaType: manifest.mediaType ?? MediaType.ociManifest };
  }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, digest: image.id, size: configSize },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  };
  return { bytes: Buffer.from(JSON.stringify(manifest)), mediaType: MediaType.ociManifest };
}

async function layersOf(ctx: Context, image: Image, signal: AbortSignal | undefined): Promise<SavedLayer[]> {
  const diffIds = image.config.rootfs.diff_ids;
  const chains = chainIds(diffIds);
  const layers: SavedLayer[] = [];
  for (const [i, diffId] of diffIds.entries()) layers.push(await layerOf(ctx, diffId, chains[i]!, signal));
  return layers;
}

/** The kept compressed blob where there is one (it is smaller and the same bytes come back), else the tar. */
async function layerOf(
  ctx: Context,
  diffId: DiffId,
  chain: ChainId,
  signal: AbortSignal | undefined,
): Promise<SavedLayer> {
  const kept = ctx.records.blobsOf(diffId).find((b) => ctx.content.size(b.digest) !== undefined);
  if (kept)
    return {
      diffId,
      digest: kept.digest,
      size: kept.size,
      mediaType: layerMediaType('oci', kept.compression),
      open: () => ctx.content.read(kept.digest),
    };
  let size = ctx.records.tarSize(diffId);
  if (size === undefined) {
    // A tar's header comes before its content: the length must be known, so it is counted once and noted.
    size = 0;
    for await (const chunk of ctx.snapshots.tar(chain)) {
      signal?.throwIfAborted();
      size += (chunk as Buffer).length;
    }
    ctx.records.setTarSize(diffId, size);
  }
  return { diffId, digest: diffId, size, mediaType: MediaType.ociLayer, open: () => ctx.snapshots.tar(chain) };
}
