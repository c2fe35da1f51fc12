import { isKind, messageOf } from '@corten/errors';
import {
  type Descriptor,
  type Digest,
  digestOf,
  type Index,
  isDigest,
  isIndexType,
  isTag,
  type Manifest,
  parseIndex,
  parseJson,
  parseManifest,
} from '@corten/oci';
import { collect } from '@corten/util';
import { type Exchange, empty, send } from './http.ts';
import { ProtocolError } from './protocol-error.ts';
import type { ManifestRecord } from './records.ts';
import type { Store } from './store.ts';

const MAX_MANIFEST = 4 << 20;

/** PUT, GET, HEAD and DELETE of `/v2/<name>/manifests/<tag or digest>`. */
export function manifestRequest(store: Store, x: Exchange): Promise<void> {
  if (!isDigest(x.target) && !isTag(x.target)) {
    if (x.target.includes(':')) throw new ProtocolError('DIGEST_INVALID', 'provided digest is not a sha256 digest');
    throw new ProtocolError('MANIFEST_INVALID', 'invalid tag', { detail: x.target });
  }
  switch (x.method) {
    case 'PUT':
      return put(store, x);
    case 'GET':
    case 'HEAD':
      return get(store, x);
    case 'DELETE':
      return remove(store, x);
    default:
      throw new ProtocolError('UNSUPPORTED', 'the operation is unsupported');
  }
}

function find(store: Store, x: Exchange): ManifestRecord {
  const digest = isDigest(x.target) ? x.target : store.records.tag(x.name, x.target);
  const record = digest && store.records.manifest(x.name, digest);
  if (!record)
    throw new ProtocolError('MANIFEST_UNKNOWN', 'manifest unknown', { detail: { name: x.name, reference: x.target } });
  return record;
}

async function get(store: Store, x: Exchange): Promise<void> {
  const record = find(store, x);
  const headers = {
    'content-type': record.mediaType,
    'docker-content-digest': record.digest,
    etag: `"${record.digest}"`,
  };
  if (x.request.headers['if-none-match'] === headers.etag) {
    x.response.writeHead(304, headers).end();
    return;
  }
  send(x, 200, headers, await store.content.readBytes(record.digest, MAX_MANIFEST));
}

async function put(store: Store, x: Exchange): Promise<void> {
  const bytes = await readManifest(x);
  const digest = digestOf(bytes);
  if (isDigest(x.target) && x.target !== digest)
    throw new ProtocolError('DIGEST_INVALID', 'provided digest did not match uploaded content', { detail: { digest } });
  const { mediaType, value, needed, children } = parse(x.request.headers['content-type'], bytes);
  const missing = [
    ...needed.filter((d) => !store.records.hasBlob(x.name, d.digest)),
    ...children.filter((d) => !store.records.manifest(x.name, d.digest)),
  ];
  if (missing.length > 0)
    throw new ProtocolError('MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', {
      detail: missing.map((d) => ({ digest: d.digest })),
    });
  const subject = value.subject?.digest;
  {
    using _held = await store.locks.lock(digest);
    await store.content.put(bytes);
    store.records.putManifest(
      x.name,
      {
        digest,
        mediaType,
        size: bytes.length,
        subject,
        artifactType: value.artifactType ?? ('config' in value ? value.config.mediaType : undefined),
        annotations: value.annotations,
      },
      isDigest(x.target) ? undefined : x.target,
    );
  }
  empty(x.response, 201, {
    location: `/v2/${x.name}/manifests/${digest}`,
    'docker-content-digest': digest,
    ...(subject ? { 'oci-subject': subject } : {}),
  });
}

async function readManifest(x: Exchange): Promise<Buffer> {
  try {
    return await collect(x.request.iterator({ destroyOnReturn: false }), MAX_MANIFEST, 'manifest');
  } catch (error) {
    if (isKind(error, 'tooLarge')) throw new ProtocolError('MANIFEST_INVALID', messageOf(error), { status: 413 });
    throw error;
  }
}

interface Parsed {
  mediaType: string;
  value: Manifest | Index;
  /** Blobs and manifests that must be here first. */
  needed: Descriptor[];
  children: Descriptor[];
}

function parse(contentType: string | undefined, bytes: Buffer): Parsed {
  try {
    const json = parseJson(bytes, 'manifest');
    const own = (json as { mediaType?: unknown } | null)?.mediaType;
    const given = contentType?.split(';')[0]?.trim();
    const mediaType = given || (typeof own === 'string' ? own : '');
    if (isIndexType(mediaType)) {
      const value = parseIndex(json, mediaType);
      return { mediaType, value, needed: [], children: value.manifests };
    }
    const value = parseManifest(json, mediaType);
    const distributable = value.layers.filter((l) => !l.urls?.length);
    return {
      mediaType: mediaType || 'application/vnd.oci.image.manifest.v1+json',
      value,
      needed: [value.config, ...distributable],
      children: [],
    };
  } catch (error) {
    if (isKind(error, 'invalid')) throw new ProtocolError('MANIFEST_INVALID', messageOf(error));
    throw error;
  }
}

async function remove(store: Store, x: Exchange): Promise<void> {
  const { digest } = find(store, x);
  if (isDigest(x.target)) {
    store.records.deleteManifest(x.name, digest as Digest);
    await store.collect(digest);
  } else store.records.deleteTag(x.name, x.target);
  empty(x.response, 202);
}
