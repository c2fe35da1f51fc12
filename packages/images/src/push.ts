import { cancelled, invalid, notFound } from '@corten/errors';
import {
  bareName,
  chainIds,
  type Digest,
  digestOf,
  familiarName,
  familiarString,
  type Manifest,
  MediaType,
  parseJson,
  parseManifest,
  parseReference,
  type Reference,
  repositoryName,
  withDefaultTag,
  withDigest,
  withTag,
} from '@corten/oci';
import type { RemoteRepository } from '@corten/registry-client';
import { shortId } from '@corten/util';
import { type Context, publish } from './context.ts';
import { allOrNothing, Limit } from './limit.ts';
import { layerLine } from './progress.ts';
import { LayerPusher, type PushedLayer } from './push-layer.ts';
import type { Images, OnProgress } from './types.ts';

type PushOptions = Parameters<Images['push']>[1];
/** As Docker's max-concurrent-uploads. */
const UPLOADS = 5;

/** As Images.push: one tag, or with `allTags` and no tag every tag of the repository. */
export async function pushImages(ctx: Context, text: string, options: PushOptions): Promise<void> {
  const parsed = parseReference(text);
  if (parsed.digest) throw invalid('cannot push a digest reference');
  const tagged = options.tag ? withTag(parsed, options.tag) : options.allTags ? parsed : withDefaultTag(parsed);
  const all = ctx.records.tagsOf(parsed);
  if (all.length === 0) throw notFound(`An image does not exist locally with the tag: ${familiarName(parsed)}`);
  options.onProgress({ status: `The push refers to repository [${repositoryName(parsed)}]` });
  for (const reference of tagged.tag ? [tagged] : all) {
    const id = ctx.records.resolve(reference);
    if (!id) throw notFound(`tag does not exist: ${familiarString(reference)}`);
    try {
      await pushOne(ctx, reference, id, options);
    } catch (error) {
      throw options.signal.aborted ? cancelled() : error;
    }
  }
}

async function pushOne(ctx: Context, reference: Reference, id: Digest, options: PushOptions): Promise<void> {
  const abort = new AbortController();
  const signal = AbortSignal.any([options.signal, abort.signal]);
  const remote = ctx.registryClient.open(reference, { credentials: options.auth, access: 'push', signal });
  const config = ctx.records.config(id);
  const chains = chainIds(config.rootfs.diff_ids);
  using _pinned = await ctx.gc.pin([
    ...new Set([...chains, ...config.rootfs.diff_ids.flatMap((d) => ctx.records.blobsOf(d).map((b) => b.digest))]),
  ]);
  const kept = await keptManifest(ctx, id);
  const layers = await pushLayers(ctx, remote, reference, {
    id,
    kept: kept?.manifest,
    signal,
    abort,
    onProgress: options.onProgress,
  });
  const configBytes = ctx.records.configBytes(id);
  if (!(await remote.blobExists(id)))
    await remote.upload({ digest: id, size: configBytes.length }, async function* () {
      yield configBytes;
    });
  const manifest = kept ?? makeManifest(id, configBytes.length, layers);
  const digest = await remote.putManifest(reference.tag!, manifest.mediaType, manifest.bytes);
  await recordPush(ctx, id, reference, manifest.bytes, layers);
  const size = manifest.bytes.length;
  options.onProgress({ status: `${reference.tag}: digest: ${digest} size: ${size}` });
  options.onProgress({ progressDetail: {}, aux: { Tag: reference.tag, Digest: digest, Size: size } });
  publish(ctx, 'push', familiarString(reference), familiarName(reference), id);
}

interface ReadyManifest {
  bytes: Buffer;
  mediaType: string;
}

/** A manifest that the image was pulled or pushed as, when every blob it names is still here: pushing it gives the same digest. */
async function keptManifest(ctx: Context, id: Digest): Promise<(ReadyManifest & { manifest: Manifest }) | undefined> {
  for (const digest of ctx.records.manifestsOf(id)) {
    if (ctx.content.size(digest) === undefined) continue;
    const bytes = await ctx.content.readBytes(digest);
    const manifest = parseManifest(parseJson(bytes, 'manifest'));
    if (manifest.layers.every((l) => ctx.content.size(l.digest) !== undefined))
      return { bytes, manifest, mediaType: manifest.mediaType ?? MediaType.ociManifest };
  }
  return undefined;
}

function makeManifest(id: Digest, configSize: number, layers: readonly PushedLayer[]): ReadyManifest {
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.dockerManifest,
    config: { mediaType: MediaType.dockerConfig, size: configSize, digest: id },
    layers: layers.map(({ mediaType, size, digest }) => ({ mediaType, size, digest })),
  };
  return { bytes: Buffer.from(JSON.stringify(manifest, null, 3)), mediaType: MediaType.dockerManifest };
}

interface LayersRequest {
  id: Digest;
  kept: Manifest | undefined;
  signal: AbortSignal;
  abort: AbortController;
  onProgress: OnProgress;
}

async function pushLayers(
  ctx: Context,
  remote: RemoteRepository,
  reference: Reference,
  request: LayersRequest,
): Promise<PushedLayer[]> {
  const diffIds = ctx.records.config(request.id).rootfs.diff_ids;
  const chains = chainIds(diffIds);
  const distinct = [...new Set(diffIds)];
  for (const diffId of distinct.toReversed()) layerLine(request.onProgress, shortId(diffId), 'Preparing');
  const pusher = new LayerPusher(ctx, remote, bareName(reference), request.onProgress, request.signal);
  const limit = new Limit(UPLOADS);
  const works = distinct.map((diffId) => {
    const position = diffIds.indexOf(diffId);
    if (limit.full) layerLine(request.onProgress, shortId(diffId), 'Waiting');
    return limit.run(() => pusher.push(diffId, chains[position]!, request.kept?.layers[position]));
  });
  const pushed = await allOrNothing(works, (reason) => request.abort.abort(reason));
  return diffIds.map((d) => pushed[distinct.indexOf(d)]!);
}

/** Keeps the manifest and its blobs, so that the next push anywhere has the same digest, and notes where they are now. */
async function recordPush(
  ctx: Context,
  id: Digest,
  reference: Reference,
  bytes: Buffer,
  layers: readonly PushedLayer[],
): Promise<void> {
  using _pinned = await ctx.gc.pin([digestOf(bytes)]);
  const digest = await ctx.content.put(bytes);
  ctx.records.durable(() => {
    if (!ctx.records.has(id)) return; // deleted while it was pushed
    ctx.records.addManifest(id, digest);
    ctx.records.point(withDigest(bareName(reference), digest), id);
    for (const layer of layers) if (ctx.records.blob(layer.digest)) ctx.records.addSource(layer.digest, reference);
  });
}
