import { cancelled, invalid, notFound } from '@corten/errors';
import {
  bareName,
  chainIds,
  choosePlatform,
  currentPlatform,
  type Digest,
  familiarName,
  familiarString,
  type ImageConfig,
  isConfigType,
  isIndexType,
  type Manifest,
  type Platform,
  parseImageConfig,
  parseIndex,
  parseJson,
  parseManifest,
  parseReference,
  type Reference,
  withDefaultTag,
  withDigest,
  withTag,
} from '@corten/oci';
import type { RemoteManifest, RemoteRepository } from '@corten/registry-client';
import { type Context, publish } from './context.ts';
import { recordImage } from './create.ts';
import { allOrNothing } from './limit.ts';
import { type Below, LayerPuller, type PulledLayer } from './pull-layer.ts';
import { explainPullError, noMatchingManifest } from './registry-messages.ts';
import { discard } from './remove.ts';
import type { Image, Images, OnProgress } from './types.ts';

type PullOptions = Parameters<Images['pull']>[1];
const MAX_INDEX_DEPTH = 3;
const MAX_CONFIG = 16 << 20;

/** As Images.pull. With `allTags` and a bare name every tag of the repository; the last image is returned. */
export async function pullImages(ctx: Context, text: string, options: PullOptions): Promise<Image> {
  const parsed = parseReference(text);
  const open = (signal: AbortSignal) =>
    ctx.registryClient.open(parsed, { credentials: options.auth, access: 'pull', signal });
  try {
    if (!options.allTags || parsed.tag || parsed.digest)
      return await pullOne(ctx, open, withDefaultTag(parsed), options);
    let last: Image | undefined;
    for (const tag of await open(options.signal).tags()) last = await pullOne(ctx, open, withTag(parsed, tag), options);
    if (!last) throw notFound(`repository ${familiarName(parsed)} has no tags`);
    return last;
  } catch (error) {
    throw options.signal.aborted ? cancelled() : explainPullError(error, withDefaultTag(parsed));
  }
}

async function pullOne(
  ctx: Context,
  open: (signal: AbortSignal) => RemoteRepository,
  reference: Reference,
  options: PullOptions,
): Promise<Image> {
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const remote = open(signal);
  const wanted = reference.digest ?? reference.tag!;
  const top = await remote.manifest(wanted);
  options.onProgress({ status: `Pulling from ${reference.path}`, id: wanted });
  const { manifest, record } = await resolve(remote, top, options.platform ?? currentPlatform());
  const before = ctx.records.resolve(reference);
  const known = ctx.records.has(manifest.config.digest);
  const bytes = known ? ctx.records.configBytes(manifest.config.digest) : await fetchConfig(remote, manifest);
  const config = checkConfig(bytes, manifest);
  const layers = await pullLayers(ctx, remote, { manifest, config, signal, abort, onProgress: options.onProgress });
  const image = await keep(ctx, { bytes, reference, top, record, layers });
  const name = familiarString(reference);
  options.onProgress({ status: `Digest: ${top.digest}` });
  options.onProgress({
    status:
      before === image.id ? `Status: Image is up to date for ${name}` : `Status: Downloaded newer image for ${name}`,
  });
  publish(ctx, 'pull', name, familiarName(reference), image.id);
  return image;
}

/** Goes from an index to the manifest for a platform. */
async function resolve(
  remote: RemoteRepository,
  top: RemoteManifest,
  platform: Platform,
): Promise<{ manifest: Manifest; record: RemoteManifest }> {
  let record = top;
  for (let depth = 0; depth < MAX_INDEX_DEPTH; depth++) {
    const value = parseJson(record.bytes, 'manifest');
    if (!isIndexType(record.mediaType)) return { manifest: parseManifest(value, record.mediaType), record };
    const entry = choosePlatform(parseIndex(value, record.mediaType).manifests, platform);
    if (!entry) throw noMatchingManifest(platform);
    record = await remote.manifest(entry.digest);
  }
  throw invalid(`index: nested more than ${MAX_INDEX_DEPTH} deep`);
}

async function fetchConfig(remote: RemoteRepository, manifest: Manifest): Promise<Buffer> {
  if (!isConfigType(manifest.config.mediaType))
    throw invalid(`unsupported media type ${manifest.config.mediaType}: not an image that can be run`);
  return remote.blobBytes(manifest.config, MAX_CONFIG);
}

function checkConfig(bytes: Buffer, manifest: Manifest): ImageConfig {
  const config = parseImageConfig(parseJson(bytes, 'image config'));
  if (config.os !== 'linux') throw invalid(`image operating system "${config.os}" cannot be used on this platform`);
  const [diffs, layers] = [config.rootfs.diff_ids.length, manifest.layers.length];
  if (diffs !== layers) throw invalid(`image config.rootfs.diff_ids: has ${diffs} layers, the manifest has ${layers}`);
  return config;
}

interface LayersRequest {
  manifest: Manifest;
  config: ImageConfig;
  signal: AbortSignal;
  abort: AbortController;
  onProgress: OnProgress;
}

interface PulledLayers {
  layers: PulledLayer[];
  pins: Disposable;
  /** Removes what this pull made, when the image is not recorded after all. */
  undo(): Promise<void>;
}

/** Brings every layer here; on failure nothing that this pull made stays. */
async function pullLayers(ctx: Context, remote: RemoteRepository, request: LayersRequest): Promise<PulledLayers> {
  const { manifest, config, signal, abort } = request;
  const chains = chainIds(config.rootfs.diff_ids);
  const blobs = manifest.layers.map((l) => l.digest);
  const pins = await ctx.gc.pin([...new Set([...chains, ...blobs])]);
  const undo = async () => {
    pins[Symbol.dispose]();
    await discard(ctx, chains, blobs);
  };
  const puller = new LayerPuller(ctx, remote, signal, request.onProgress);
  const ready = Promise.resolve();
  let below: Below = { downloaded: ready, started: ready, done: ready };
  const works = manifest.layers.map((descriptor, i) => {
    const layer = { descriptor, diffId: config.rootfs.diff_ids[i]!, chain: chains[i]!, parent: chains[i - 1] };
    const work = puller.pull(layer, below);
    below = work;
    return work.done;
  });
  try {
    return { layers: await allOrNothing(works, (reason) => abort.abort(reason)), pins, undo };
  } catch (error) {
    await undo();
    throw error;
  }
}

/** The moment that the image becomes visible: config, manifest, blobs and names in one transaction. */
async function keep(
  ctx: Context,
  pulled: { bytes: Buffer; reference: Reference; top: RemoteManifest; record: RemoteManifest; layers: PulledLayers },
): Promise<Image> {
  const { bytes, reference, top, record, layers } = pulled;
  try {
    using _pinned = await ctx.gc.pin([record.digest]);
    await ctx.content.put(record.bytes);
    const name = bareName(reference);
    const references = [...(reference.digest ? [] : [reference]), withDigest(name, top.digest)];
    const image = await recordImage(ctx, bytes, {
      references,
      also: (id: Digest) => {
        ctx.records.addManifest(id, record.digest);
        for (const { blob } of layers.layers) {
          if (!blob || ctx.content.size(blob.digest) === undefined) continue;
          ctx.records.addBlob(blob);
          ctx.records.addSource(blob.digest, reference);
        }
      },
    });
    layers.pins[Symbol.dispose]();
    return image;
  } catch (error) {
    await layers.undo();
    throw error;
  }
}
