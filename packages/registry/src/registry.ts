import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type Content, openContent } from '@corten/content';
import { messageOf } from '@corten/errors';
import { isDigest, isRepositoryPath, MediaType } from '@corten/oci';
import { type Database, openDatabase } from '@corten/state';
import type { Logger } from '@corten/util';
import { blobRequest } from './blobs.ts';
import { type Exchange, empty, nextLink, page, send, sendJson } from './http.ts';
import { manifestRequest } from './manifests.ts';
import { ProtocolError } from './protocol-error.ts';
import { Store } from './store.ts';
import { Uploads } from './uploads.ts';

export interface RegistryOptions {
  /** Directory of the registry's own data; made when missing. */
  root: string;
  /** Basic authentication: whether this user may come in. Without it everybody may. */
  authenticate?: (user: string, password: string) => boolean | Promise<boolean>;
  /** Refuses everything that writes. */
  readOnly?: boolean;
  log?: Logger;
  /** Where blobs are kept; by default a content store beneath `root`. */
  content?: Content;
}

export interface Registry {
  /** For `http.createServer(registry.handler)`: everything below `/v2/`. Never rejects. */
  handler(request: IncomingMessage, response: ServerResponse): void;
  /** Resolves when the store is open; rejects with the reason when it cannot be. */
  ready: Promise<void>;
  close(): Promise<void>;
}

interface Open {
  db: Database;
  store: Store;
  uploads: Uploads;
}

/** A registry server (OCI distribution-spec 1.1) over its own content store and database. */
export function createRegistry(options: RegistryOptions): Registry {
  const opening = open(options);
  opening.catch(() => {}); // reported by `ready` and by each request
  return {
    handler(request, response) {
      handle(opening, options, request, response).catch((error: unknown) => fail(options, request, response, error));
    },
    ready: opening.then(() => {}),
    async close() {
      const { uploads, db } = await opening;
      await uploads.close();
      db.close();
    },
  };
}

async function open(options: RegistryOptions): Promise<Open> {
  await mkdir(options.root, { recursive: true });
  const content: Content = options.content ?? (await openContent(join(options.root, 'content')));
  const db = openDatabase(join(options.root, 'registry.db'));
  const store = new Store(content, db);
  return { db, store, uploads: new Uploads(store) };
}

async function handle(
  opening: Promise<Open>,
  options: RegistryOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { store, uploads } = await opening;
  const url = new URL(request.url ?? '/', 'http://registry');
  const method = request.method ?? 'GET';
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  await authorize(options, request);
  const x = { request, response, method, query: url.searchParams };
  if (options.readOnly && method !== 'GET' && method !== 'HEAD')
    throw new ProtocolError('DENIED', 'this registry is read-only');
  if (url.pathname === '/v2/' || url.pathname === '/v2') return sendJson(x, {});
  if (url.pathname === '/v2/_catalog') return catalog(store, x);
  const match = route(url.pathname);
  if (!match) return empty(response, 404);
  const exchange: Exchange = { ...x, name: match.name, target: match.target };
  if (!isRepositoryPath(match.name))
    throw new ProtocolError('NAME_INVALID', 'invalid repository name', { detail: match.name });
  if (match.kind === 'manifests') return manifestRequest(store, exchange);
  if (match.kind === 'tags') return tags(store, exchange);
  if (match.kind === 'referrers') return referrers(store, exchange);
  return match.target.startsWith('uploads/') ? uploads.request(exchange) : blobRequest(store, exchange);
}

function route(path: string): { name: string; kind: string; target: string } | undefined {
  const parts = path.split('/').slice(2);
  const last = parts.length - 1;
  if (parts[last - 1] === 'uploads' && parts[last - 2] === 'blobs')
    return { name: parts.slice(0, last - 2).join('/'), kind: 'blobs', target: `uploads/${parts[last]}` };
  if (parts[last] === 'uploads' && parts[last - 1] === 'blobs')
    return { name: parts.slice(0, last - 1).join('/'), kind: 'blobs', target: 'uploads/' };
  const kind = parts[last - 1];
  if (!kind || !['blobs', 'manifests', 'tags', 'referrers'].includes(kind)) return undefined;
  return { name: parts.slice(0, last - 1).join('/'), kind, target: parts[last]! };
}

async function authorize(options: RegistryOptions, request: IncomingMessage): Promise<void> {
  if (!options.authenticate) return;
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const text = encoded ? Buffer.from(encoded, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon > 0 && (await options.authenticate(text.slice(0, colon), text.slice(colon + 1)))) return;
  throw new ProtocolError('UNAUTHORIZED', 'authentication required', {
    headers: { 'www-authenticate': 'Basic realm="corten"' },
  });
}

type Request = Pick<Exchange, 'response' | 'method' | 'query'>;

function catalog(store: Store, x: Request): void {
  readsOnly(x);
  const { limit, last } = page(x.query);
  const { shown, headers } = nextLink('/v2/_catalog', limit, store.records.repositories(last, limit + 1));
  sendJson(x, { repositories: shown }, headers);
}

function tags(store: Store, x: Exchange): void {
  readsOnly(x);
  if (x.target !== 'list') throw new ProtocolError('NAME_UNKNOWN', 'only tags/list is known here');
  if (!store.records.exists(x.name))
    throw new ProtocolError('NAME_UNKNOWN', 'repository name not known to registry', { detail: { name: x.name } });
  const { limit, last } = page(x.query);
  const { shown, headers } = nextLink(`/v2/${x.name}/tags/list`, limit, store.records.tags(x.name, last, limit + 1));
  sendJson(x, { name: x.name, tags: shown }, headers);
}

function referrers(store: Store, x: Exchange): void {
  readsOnly(x);
  if (!isDigest(x.target)) throw new ProtocolError('DIGEST_INVALID', 'provided digest is not a sha256 digest');
  const wanted = x.query.get('artifactType');
  const all = store.records.referrers(x.name, x.target);
  const manifests = wanted ? all.filter((m) => m.artifactType === wanted) : all;
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }));
  send(
    x,
    200,
    { 'content-type': MediaType.ociIndex, ...(wanted ? { 'oci-filters-applied': 'artifactType' } : {}) },
    body,
  );
}

function readsOnly(x: Request): void {
  if (x.method !== 'GET' && x.method !== 'HEAD') throw new ProtocolError('UNSUPPORTED', 'the operation is unsupported');
}

const MAX_DRAIN = 16 << 20;
const DRAIN_TIME = 2000;

/**
 * Reads some of a body that nobody wants: a client that is still sending when the connection closes would see a
 * reset instead of the answer. True when all was read.
 */
function drain(request: IncomingMessage): Promise<boolean> {
  return new Promise((resolve) => {
    if (request.complete || request.destroyed) return resolve(true);
    let size = 0;
    const timer = setTimeout(() => resolve(false), DRAIN_TIME);
    const stop = (all: boolean) => {
      clearTimeout(timer);
      resolve(all);
    };
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_DRAIN) stop(false);
    });
    request.once('end', () => stop(true));
    request.once('close', () => stop(false));
    request.resume();
  });
}

/** Answers an error. */
async function fail(
  options: RegistryOptions,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): Promise<void> {
  const known = error instanceof ProtocolError;
  const cut = request.destroyed && !request.complete; // the client broke off: there is nobody to answer
  if (!known && !cut) options.log?.error('request failed', { method: request.method, url: request.url, error });
  if (response.headersSent || cut) return void response.destroy();
  const answer = known ? error : new ProtocolError('UNKNOWN', `unknown error: ${messageOf(error)}`);
  const body = Buffer.from(answer.body());
  if (!(await drain(request))) response.setHeader('connection', 'close');
  send(
    { method: request.method ?? 'GET', response },
    answer.status,
    { 'content-type': 'application/json', ...answer.headers },
    body,
  );
}
