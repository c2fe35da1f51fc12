import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Content } from '@corten/content';
import { conflict, invalid, notFound } from '@corten/errors';
import { createEvents, type EngineEvent } from '@corten/events';
import { type ChainId, type Compression, chainOn, type Digest, digestOf } from '@corten/oci';
import { createRegistryClient } from '@corten/registry-client';
import type { Layer, Snapshots } from '@corten/snapshots';
import { openDatabase } from '@corten/state';
import { createLogger } from '@corten/util';
import { openImages } from './open.ts';
import type { Images } from './types.ts';

/** For tests only: blobs in memory. */
export function memoryContent(): Content & { blobs: Map<string, Buffer>; partials: Map<string, Buffer> } {
  const blobs = new Map<string, Buffer>();
  const partials = new Map<string, Buffer>();
  const need = (digest: string) => {
    const bytes = blobs.get(digest);
    if (!bytes) throw notFound(`blob ${digest} not found`);
    return bytes;
  };
  return {
    blobs,
    partials,
    size: (d) => blobs.get(d)?.length,
    read: (d, range) => Readable.from([need(d).subarray(range?.start ?? 0, range?.end)]),
    readBytes: async (d) => need(d),
    async ingest(ref, options) {
      let bytes = partials.get(ref) ?? Buffer.alloc(0);
      let done = false;
      return {
        offset: bytes.length,
        async write(chunk) {
          bytes = Buffer.concat([bytes, chunk]);
        },
        async commit(expected) {
          done = true;
          partials.delete(ref);
          const digest = digestOf(bytes);
          if (expected?.digest && expected.digest !== digest) throw invalid(`digest mismatch: ${digest}`);
          blobs.set(digest, bytes);
          return digest;
        },
        async abort() {
          done = true;
          partials.delete(ref);
        },
        async [Symbol.asyncDispose]() {
          if (!done && options?.resumable) partials.set(ref, bytes);
        },
      };
    },
    async put(bytes) {
      const digest = digestOf(bytes);
      blobs.set(digest, Buffer.from(bytes));
      return digest;
    },
    async delete(d) {
      blobs.delete(d);
    },
    async *list() {
      for (const [digest, bytes] of blobs) yield { digest: digest as Digest, size: bytes.length };
    },
    path: (d) => `/nowhere/${d}`,
  };
}

function inflate(bytes: Buffer): { tar: Buffer; compression: Compression } {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return { tar: gunzipSync(bytes), compression: 'gzip' };
  if (bytes.readUInt32LE(0) === 0xfd2fb528) return { tar: zstdDecompressSync(bytes), compression: 'zstd' };
  return { tar: bytes, compression: 'none' };
}

/** For tests only: layers in memory; the methods that images does not use are absent. */
export function memorySnapshots(): Snapshots & { held: Set<ChainId>; add(tar: Buffer, parent?: ChainId): Layer } {
  const layers = new Map<ChainId, { layer: Layer; tar: Buffer }>();
  const held = new Set<ChainId>();
  const add = (tar: Buffer, parent?: ChainId): Layer => {
    const diffId = digestOf(tar);
    const layer: Layer = { chainId: chainOn(parent, diffId), diffId, ...(parent ? { parent } : {}), size: tar.length };
    layers.set(layer.chainId, { layer, tar });
    return layer;
  };
  const fake: Partial<Snapshots> & { held: Set<ChainId>; add: typeof add } = {
    held,
    add,
    async unpack(stream, options) {
      const chunks: Buffer[] = [];
      const hash = createHash('sha256');
      for await (const chunk of stream) {
        chunks.push(chunk as Buffer);
        hash.update(chunk as Buffer);
      }
      const bytes = Buffer.concat(chunks);
      if (bytes.length < 4) throw invalid('unexpected EOF');
      const { tar, compression } = inflate(bytes);
      if (options.parent && !layers.has(options.parent))
        throw notFound(`parent layer ${options.parent} does not exist`);
      if (options.expectedDiffId && digestOf(tar) !== options.expectedDiffId) throw invalid('diff ID mismatch');
      const digest = `sha256:${hash.digest('hex')}` as Digest;
      return { layer: add(tar, options.parent), blob: { digest, size: bytes.length, compression } };
    },
    layer: (c) => layers.get(c)?.layer,
    layers: () => [...layers.values()].map((l) => l.layer),
    tar(c) {
      const layer = layers.get(c);
      if (!layer) throw notFound(`layer ${c} does not exist`);
      return Readable.from([layer.tar]);
    },
    async removeLayer(c) {
      if (held.has(c) || [...layers.values()].some((l) => l.layer.parent === c)) throw conflict(`layer ${c} is in use`);
      layers.delete(c);
    },
  };
  return fake as ReturnType<typeof memorySnapshots>;
}

/** For tests only: an image store without a disk. */
export async function testImages() {
  const db = openDatabase(':memory:');
  const content = memoryContent();
  const snapshots = memorySnapshots();
  const events = createEvents();
  const seen: EngineEvent[] = [];
  events.subscribe((e) => void seen.push(e));
  const users: { id: string; running: boolean; image: Digest }[] = [];
  const registryClient = createRegistryClient();
  const deps = {
    db,
    content,
    snapshots,
    registryClient,
    events,
    users: { containersUsing: (id: Digest) => users.filter((u) => u.image === id) },
    log: createLogger(() => 'error'),
  };
  const images: Images = await openImages(deps);
  const close = () => {
    registryClient.close();
    db.close();
  };
  return { images, content, snapshots, seen, users, deps, reopen: () => openImages(deps), [Symbol.dispose]: close };
}
