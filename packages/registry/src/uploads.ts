import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Ingest } from '@corten/content';
import { isKind } from '@corten/errors';
import type { Digest } from '@corten/oci';
import { digestParameter, type Exchange, empty } from './http.ts';
import { ProtocolError } from './protocol-error.ts';
import type { Store } from './store.ts';

interface Upload {
  id: string;
  name: string;
  ingest: Ingest;
  offset: number;
  /** A request is writing to it. */
  busy: boolean;
  lastUsed: number;
}

const MAX_UPLOADS = 4096;
const IDLE_LIFE = 60 * 60_000;

/** Blob uploads that are under way (OCI distribution-spec, Pushing blobs). They do not outlive the process. */
export class Uploads {
  readonly #store: Store;
  readonly #uploads = new Map<string, Upload>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(store: Store) {
    this.#store = store;
    this.#sweeper = setInterval(() => void this.#expire(), IDLE_LIFE / 10);
    this.#sweeper.unref();
  }

  async request(x: Exchange): Promise<void> {
    const id = x.target.slice('uploads/'.length);
    if (id === '') return x.method === 'POST' ? this.#start(x) : unsupported();
    const upload = this.#uploads.get(id);
    if (!upload || upload.name !== x.name)
      throw new ProtocolError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    switch (x.method) {
      case 'GET':
      case 'HEAD':
        return empty(x.response, 204, this.#headers(upload));
      case 'PATCH':
        await this.#exclusively(upload, () => this.#append(upload, x.request));
        return empty(x.response, 202, this.#headers(upload));
      case 'PUT':
        return this.#exclusively(upload, () => this.#finish(upload, x));
      case 'DELETE':
        await this.#exclusively(upload, () => this.#drop(upload));
        return empty(x.response, 204);
      default:
        return unsupported();
    }
  }

  async #start(x: Exchange): Promise<void> {
    const mount = x.query.get('mount');
    if (mount && (await this.#mount(x, mount))) return;
    const digest = x.query.get('digest');
    if (digest) digestParameter(digest);
    if (this.#uploads.size >= MAX_UPLOADS) throw new ProtocolError('TOOMANYREQUESTS', 'too many uploads are under way');
    const id = randomUUID();
    const ingest = await this.#store.content.ingest(`upload-${id}`);
    const upload: Upload = { id, name: x.name, ingest, offset: 0, busy: false, lastUsed: Date.now() };
    this.#uploads.set(id, upload);
    if (digest) return this.#exclusively(upload, () => this.#finish(upload, x));
    empty(x.response, 202, this.#headers(upload));
  }

  /** Cross-repository mount. Without `from` any repository that has the blob will do (spec: automatic discovery). */
  async #mount(x: Exchange, text: string): Promise<boolean> {
    const digest = digestParameter(text);
    using _held = await this.#store.locks.lock(digest);
    const from = x.query.get('from');
    const known = from ? this.#store.records.hasBlob(from, digest) : this.#store.records.inUse(digest);
    if (!known || this.#store.content.size(digest) === undefined) return false;
    this.#store.records.linkBlob(x.name, digest);
    empty(x.response, 201, blobHeaders(x.name, digest));
    return true;
  }

  async #exclusively(upload: Upload, work: () => Promise<void>): Promise<void> {
    if (upload.busy)
      throw new ProtocolError('BLOB_UPLOAD_INVALID', 'another request is writing to this upload', { status: 409 });
    upload.busy = true;
    try {
      await work();
    } finally {
      upload.busy = false;
      upload.lastUsed = Date.now();
    }
  }

  async #append(upload: Upload, request: IncomingMessage): Promise<void> {
    const range = request.headers['content-range'];
    const start = range === undefined ? upload.offset : Number(/^(?:bytes )?(\d+)-\d+/.exec(range)?.[1] ?? Number.NaN);
    if (start !== upload.offset)
      throw new ProtocolError('RANGE_INVALID', `the upload goes on at byte ${upload.offset}`, {
        headers: this.#headers(upload),
      });
    // What arrived before a broken connection stays: the client asks for the offset and goes on.
    for await (const chunk of request as AsyncIterable<Buffer>) {
      await upload.ingest.write(chunk);
      upload.offset += chunk.length;
    }
  }

  async #finish(upload: Upload, x: Exchange): Promise<void> {
    const digest = digestParameter(x.query.get('digest'));
    await this.#append(upload, x.request);
    using _held = await this.#store.locks.lock(digest);
    try {
      await upload.ingest.commit({ digest });
    } catch (error) {
      if (!isKind(error, 'invalid')) throw error;
      await upload.ingest.abort().catch(() => {}); // commit has dropped it already
      throw new ProtocolError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
        detail: { digest },
      });
    } finally {
      this.#uploads.delete(upload.id);
    }
    this.#store.records.linkBlob(x.name, digest);
    empty(x.response, 201, blobHeaders(x.name, digest));
  }

  async #drop(upload: Upload): Promise<void> {
    this.#uploads.delete(upload.id);
    await upload.ingest.abort();
  }

  #headers(upload: Upload): Record<string, string> {
    return {
      location: `/v2/${upload.name}/blobs/uploads/${upload.id}`,
      'docker-upload-uuid': upload.id,
      range: `0-${Math.max(upload.offset - 1, 0)}`,
    };
  }

  async #expire(): Promise<void> {
    for (const upload of [...this.#uploads.values()])
      if (!upload.busy && Date.now() - upload.lastUsed > IDLE_LIFE) await this.#drop(upload);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    for (const upload of [...this.#uploads.values()]) await this.#drop(upload);
  }
}

const blobHeaders = (name: string, digest: Digest): Record<string, string> => ({
  location: `/v2/${name}/blobs/${digest}`,
  'docker-content-digest': digest,
});
function unsupported(): never {
  throw new ProtocolError('UNSUPPORTED', 'the operation is unsupported');
}
