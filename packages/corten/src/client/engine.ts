import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { CliError } from '../cli/errors.ts';
import type { Host } from './host.ts';

// Not by import: that would read every export of the module, which loads a whole WebSocket client (40 ms).
const http = process.getBuiltinModule('node:http');

/** The engine answered with an error. `message` is ready for people. */
export class EngineError extends CliError {
  readonly status: number;
  /** The engine's own words. */
  readonly detail: string;
  constructor(status: number, detail: string) {
    super(`Error response from daemon: ${detail}`, 1);
    this.name = 'EngineError';
    this.status = status;
    this.detail = detail;
  }
}

export const isNotFound = (error: unknown): error is EngineError =>
  error instanceof EngineError && error.status === 404;

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface CallOptions {
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  upload?: Readable | Buffer;
  contentType?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A client of the Engine API. Paths are without version: the engine takes its newest, unless DOCKER_API_VERSION is set. */
export class Engine {
  readonly host: Host;
  readonly #agent: Agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  readonly #headers: Record<string, string>;
  readonly #prefix: string;

  constructor(host: Host, headers: Record<string, string> = {}, apiVersion = process.env.DOCKER_API_VERSION) {
    this.host = host;
    this.#headers = headers;
    this.#prefix = host.basePath + (apiVersion ? `/v${apiVersion.replace(/^v/, '')}` : '');
  }

  get = <T>(path: string, options?: CallOptions): Promise<T> => this.json<T>('GET', path, options);
  post = <T>(path: string, options?: CallOptions): Promise<T> => this.json<T>('POST', path, options);
  delete = <T>(path: string, options?: CallOptions): Promise<T> => this.json<T>('DELETE', path, options);

  async json<T>(method: string, path: string, options?: CallOptions): Promise<T> {
    const text = await this.text(method, path, options);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async text(method: string, path: string, options?: CallOptions): Promise<string> {
    return readText(await this.stream(method, path, options));
  }

  /** The response with its body unread; an error status throws EngineError. */
  async stream(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const req = this.#open(method, path, options, reject);
      req.on('response', resolve);
      this.#send(req, options, reject);
    });
    if (response.statusCode! >= 400) throw await asError(response);
    return response;
  }

  /** A raw connection to a container's streams: the engine upgrades it, both ways are ours, each can be ended alone. */
  hijack(path: string, options: CallOptions = {}): Promise<{ socket: Duplex; contentType: string }> {
    return new Promise((resolve, reject) => {
      const upgrade = { ...options, headers: { ...options.headers, Connection: 'Upgrade', Upgrade: 'tcp' } };
      const req = this.#open('POST', path, upgrade, reject);
      req.on('upgrade', (response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve({ socket, contentType: response.headers['content-type'] ?? '' });
      });
      req.on('response', (response) => {
        if (response.statusCode! >= 400) asError(response).then(reject, reject);
        else reject(new CliError(`unable to upgrade to tcp, received ${response.statusCode}`));
      });
      this.#send(req, upgrade, reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(method: string, path: string, options: CallOptions, fail: (error: unknown) => void): ClientRequest {
    const { host } = this;
    const headers: Record<string, string> = {
      Host: 'api',
      'User-Agent': 'corten',
      ...this.#headers,
      ...options.headers,
    };
    if (options.body !== undefined) headers['Content-Type'] = 'application/json';
    if (options.upload && options.contentType) headers['Content-Type'] = options.contentType;
    if (host.hostname) headers.Host = `${host.hostname}:${host.port}`;
    const target: RequestOptions = {
      method,
      path: this.#prefix + path + encodeQuery(options.query),
      headers,
      socketPath: host.socketPath,
      host: host.hostname,
      port: host.port,
      signal: options.signal,
      agent: host.tls || headers.Upgrade ? false : this.#agent,
    };
    const req = host.tls ? secureRequest({ ...target, ...host.tls }) : http.request(target);
    req.on('error', (error: NodeJS.ErrnoException) => fail(explain(error, host)));
    return req;
  }

  #send(req: ClientRequest, options: CallOptions, fail: (error: unknown) => void): void {
    if (options.upload && !Buffer.isBuffer(options.upload)) {
      options.upload.on('error', (error) => {
        fail(error);
        req.destroy();
      });
      options.upload.pipe(req);
    } else if (options.upload) req.end(options.upload);
    else if (options.body !== undefined) {
      const text = JSON.stringify(options.body);
      req.setHeader('Content-Length', Buffer.byteLength(text));
      req.end(text);
    } else req.end();
  }
}

/** node:https is loaded only by those who use it. */
const secureRequest = (options: object): ClientRequest => process.getBuiltinModule('node:https').request(options);

export function encodeQuery(query: Query = {}): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [value === true ? 1 : value === false ? 0 : value];
    for (const one of values) parts.push(`${encodeURIComponent(key)}=${encodeURIComponent(String(one))}`);
  }
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

export async function readText(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function asError(response: IncomingMessage): Promise<EngineError> {
  const text = await readText(response);
  let detail = text.trim() || `request returned ${response.statusCode} for API route`;
  try {
    detail = (JSON.parse(text) as { message?: string }).message ?? detail;
  } catch {
    // not JSON: the text itself is the message
  }
  return new EngineError(response.statusCode!, detail.trim());
}

function explain(error: NodeJS.ErrnoException, host: Host): Error {
  if (error.name === 'AbortError') return error;
  if (error.code === 'EACCES')
    return new CliError(
      `permission denied while trying to connect to the engine's socket at ${host.url}: run as root or as a member of the socket's group`,
    );
  if (
    error.code &&
    ['ENOENT', 'ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENOTSOCK'].includes(error.code)
  )
    return new CliError(`Cannot connect to the Corten engine at ${host.url}. Is cortend running?`);
  return new CliError(`error during connect: ${error.message}`);
}
