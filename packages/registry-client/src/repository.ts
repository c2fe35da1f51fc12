import type { Content } from '@corten/content';
import { invalid, unavailable } from '@corten/errors';
import { type Descriptor, type Digest, digestOf, isDigest, MANIFEST_ACCEPT, MediaType, parseJson } from '@corten/oci';
import { Mutex } from '@corten/util';
import { downloadBlob } from './download.ts';
import type { Endpoint } from './endpoints.ts';
import { ConnectionError, discardBody, readBody } from './http.ts';
import { RegistryError } from './registry-error.ts';
import type { Session } from './session.ts';
import type { RemoteManifest, RemoteRepository } from './types.ts';
import { mountBlob, type UploadContext, uploadBlob } from './upload.ts';

const MAX_MANIFEST = 4 << 20;
const MAX_TAG_PAGES = 1000;
/** Docker's schema 1 types are asked for last, so that an old image is recognised and refused with a reason. */
const ACCEPT = [...MANIFEST_ACCEPT, `${MediaType.dockerManifestV1Signed};q=0.1`].join(', ');

/** RemoteRepository over the first endpoint that answers. */
export class Repository implements RemoteRepository {
  readonly #sessions: readonly Session[];
  readonly #path: string;
  readonly #scope: readonly string[];
  readonly #signal: AbortSignal;
  #active: Session | undefined;
  readonly #search = new Mutex();

  readonly #onFound: (endpoint: Endpoint) => void;

  constructor(
    sessions: readonly Session[],
    path: string,
    options: { access: 'pull' | 'push'; signal: AbortSignal; onFound: (endpoint: Endpoint) => void },
  ) {
    this.#sessions = sessions;
    this.#path = path;
    this.#scope = [`repository:${path}:${options.access === 'pull' ? 'pull' : 'pull,push'}`];
    this.#signal = options.signal;
    this.#onFound = options.onFound;
  }

  get #base(): string {
    return `/v2/${this.#path}`;
  }

  /**
   * Works at the endpoint that was found before, else finds it: one that cannot be reached, or a mirror that lacks
   * what `work` asks for, yields to the next. Only one call at a time looks for it.
   */
  async #with<T>(work: (session: Session) => Promise<T>): Promise<T> {
    try {
      using _searching = this.#active ? undefined : await this.#search.lock();
      if (!this.#active) return await this.#find(work);
    } catch (error) {
      throw plain(error);
    }
    return work(this.#active).catch((error: unknown) => Promise.reject(plain(error)));
  }

  async #find<T>(work: (session: Session) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const session of this.#sessions) {
      try {
        await session.ping(this.#signal);
        // A registry that answered is the one, whatever it says; a mirror must also have what is asked for.
        if (!session.endpoint.mirror) {
          this.#active = session;
          this.#onFound(session.endpoint);
        }
        const result = await work(session);
        this.#active = session;
        return result;
      } catch (error) {
        const next = session.endpoint.mirror || (error instanceof ConnectionError && this.#active === undefined);
        if (!next || this.#signal.aborted) throw error;
        // Docker reports the last way that it tried, and for an insecure registry that is http.
        if (failure === undefined || session.endpoint.base.protocol === 'http:' || session.endpoint.verify)
          failure = error;
      }
    }
    throw failure;
  }

  manifest(tagOrDigest: string): Promise<RemoteManifest> {
    return this.#with(async (session) => {
      const response = await session.send({
        method: 'GET',
        target: `${this.#base}/manifests/${tagOrDigest}`,
        headers: { accept: ACCEPT },
        scope: this.#scope,
        signal: this.#signal,
      });
      const bytes = await readBody(response, MAX_MANIFEST, 'manifest');
      const digest = digestOf(bytes);
      const said = response.headers['docker-content-digest'];
      const expected = isDigest(tagOrDigest) ? tagOrDigest : isDigest(said) ? said : undefined;
      if (expected && expected !== digest) throw invalid(`manifest verification failed for digest ${expected}`);
      return { digest, mediaType: manifestType(response.headers['content-type'], bytes), bytes };
    });
  }

  async tags(): Promise<string[]> {
    const tags: string[] = [];
    let target: string | URL = `${this.#base}/tags/list`;
    for (let page = 0; page < MAX_TAG_PAGES; page++) {
      const at: string | URL = target;
      const { body, next }: { body: unknown; next: URL | undefined } = await this.#with(async (session) => {
        const response = await session.send({ method: 'GET', target: at, scope: this.#scope, signal: this.#signal });
        const text = await readBody(response, MAX_MANIFEST, 'tag list');
        const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(response.headers['link'] ?? ''))?.[1];
        return { body: parseJson(text, 'tag list'), next: link ? new URL(link, session.url(at)) : undefined };
      });
      const list = (body as { tags?: unknown } | null)?.tags ?? [];
      if (!Array.isArray(list)) throw invalid('tag list: "tags" must be an array');
      tags.push(...list.filter((t): t is string => typeof t === 'string'));
      if (!next) return tags;
      target = next;
    }
    throw unavailable(`the tag list of ${this.#path} has more than ${MAX_TAG_PAGES} pages`);
  }

  blobBytes(descriptor: Descriptor, limit = MAX_MANIFEST): Promise<Buffer> {
    return this.#with(async (session) => {
      const response = await session.send({ method: 'GET', ...this.#blob(descriptor.digest) });
      const bytes = await readBody(response, limit, `blob ${descriptor.digest}`);
      if (digestOf(bytes) !== descriptor.digest)
        throw invalid(`blob ${descriptor.digest}: the bytes received have the digest ${digestOf(bytes)}`);
      return bytes;
    });
  }

  download(
    descriptor: Descriptor,
    content: Content,
    options: Parameters<RemoteRepository['download']>[2] = {},
  ): Promise<void> {
    return this.#with((session) => downloadBlob(session, this.#blob(descriptor.digest), descriptor, content, options));
  }

  blobExists(digest: Digest): Promise<boolean> {
    return this.#with(async (session) => {
      try {
        const response = await session.send({ method: 'HEAD', ...this.#blob(digest) });
        await discardBody(response);
        return true;
      } catch (error) {
        if (error instanceof RegistryError && error.status === 404) return false;
        throw error;
      }
    });
  }

  mount(digest: Digest, from: string): Promise<boolean> {
    return this.#with((session) => mountBlob(this.#upload(session), digest, from));
  }

  upload(
    blob: { digest: Digest; size: number },
    open: () => AsyncIterable<Uint8Array>,
    onBytes: (sent: number) => void = () => {},
  ): Promise<void> {
    return this.#with((session) => uploadBlob(this.#upload(session), blob, open, onBytes));
  }

  putManifest(tagOrDigest: string, mediaType: string, bytes: Uint8Array): Promise<Digest> {
    return this.#with(async (session) => {
      const response = await session.send({
        method: 'PUT',
        target: `${this.#base}/manifests/${tagOrDigest}`,
        headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
        body: bytes,
        scope: this.#scope,
        signal: this.#signal,
      });
      await discardBody(response);
      return digestOf(bytes);
    });
  }

  #blob(digest: Digest) {
    return { target: `${this.#base}/blobs/${digest}`, scope: this.#scope, signal: this.#signal };
  }
  #upload(session: Session): UploadContext {
    return { session, base: this.#base, scope: this.#scope, signal: this.#signal };
  }
}

/** What a caller sees of a connection that failed for good. */
const plain = (error: unknown): unknown => (error instanceof ConnectionError ? unavailableFor(error) : error);
const unavailableFor = (error: ConnectionError) => unavailable(error.message, error);

/** The Content-Type without parameters; what the document says of itself when the registry says nothing useful. */
function manifestType(header: string | undefined, bytes: Buffer): string {
  const type = header?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type.startsWith('application/vnd.')) return type;
  const value = parseJson(bytes, 'manifest') as { mediaType?: unknown; manifests?: unknown } | null;
  if (typeof value?.mediaType === 'string') return value.mediaType;
  return value && 'manifests' in Object(value) ? MediaType.ociIndex : MediaType.ociManifest;
}
