import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { parse, type schema as schemas } from '@corten/api-types';
import { invalid } from '@corten/errors';
import { collect } from '@corten/util';
import { compareVersions } from './versions.ts';

type BodySchema = Parameters<typeof parse>[0];
type Parsed<S extends BodySchema> = ReturnType<typeof parse<S>>;

export type { schemas };

const BODY_LIMIT = 16 << 20;

/** One request and its answer. Handlers use this instead of Node's request and response. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly version: string;
  readonly params: Record<string, string>;
  readonly query: URLSearchParams;
  /** Aborts when the client goes away before the answer is complete. */
  readonly signal: AbortSignal;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    details: { version: string; params: Record<string, string>; query: URLSearchParams },
  ) {
    this.request = request;
    this.response = response;
    this.version = details.version;
    this.params = details.params;
    this.query = details.query;
    const controller = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) controller.abort();
    });
    this.signal = controller.signal;
  }

  param(name: string): string {
    return this.params[name]!;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name.toLowerCase()];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Whether the client speaks at least this API version. */
  atLeast(version: string): boolean {
    return compareVersions(this.version, version) >= 0;
  }

  /** The JSON body, or undefined when it is empty. */
  async rawJson(): Promise<unknown> {
    const bytes = await collect(this.request, BODY_LIMIT, 'request body');
    if (bytes.length === 0) return undefined;
    requireJsonType(this.header('content-type'));
    return parseJson(bytes.toString('utf8'));
  }

  /** The body, validated; an empty body is refused. */
  async body<S extends BodySchema>(schema: S): Promise<Parsed<S>> {
    const value = await this.rawJson();
    if (value === undefined || value === null) throw invalid('invalid JSON: got EOF while reading request body');
    return parse(schema, value);
  }

  json(status: number, value: unknown, headers: Record<string, string> = {}): void {
    const body = `${JSON.stringify(value)}\n`;
    this.response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...headers,
    });
    this.response.end(body);
  }

  text(status: number, body: string, headers: Record<string, string> = {}): void {
    this.response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      ...headers,
    });
    this.response.end(this.request.method === 'HEAD' ? undefined : body);
  }

  empty(status: number): void {
    this.response.writeHead(status, status === 204 || status === 304 ? {} : { 'Content-Length': 0 });
    this.response.end();
  }

  /** Sends the head now, so that the client knows its request was taken, and writes follow. */
  begin(status: number, headers: Record<string, string>): void {
    this.response.writeHead(status, headers);
    this.response.flushHeaders();
  }

  /** Writes and waits until the client has taken enough of it. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.response.destroyed) return;
    if (this.response.write(chunk)) return;
    await once(this.response, 'drain', { signal: this.signal }).catch((error: unknown) => {
      if (!this.signal.aborted) throw error;
    });
  }

  end(): void {
    this.response.end();
  }

  /** Sends a stream whole; an error after the first byte can only cut the connection. */
  async stream(status: number, headers: Record<string, string>, source: Readable): Promise<void> {
    this.begin(status, headers);
    source.on('error', (error) => this.response.destroy(error));
    source.pipe(this.response);
    this.signal.addEventListener('abort', () => source.destroy(), { once: true });
    await finished(this.response, { cleanup: true }).catch(() => source.destroy());
  }
}

function requireJsonType(type: string | undefined): void {
  const media = type?.split(';')[0]?.trim().toLowerCase();
  if (media !== undefined && media !== '' && media !== 'application/json')
    throw invalid(`unsupported Content-Type header (${type}): must be 'application/json'`);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid JSON: ${(error as Error).message}`);
  }
}
