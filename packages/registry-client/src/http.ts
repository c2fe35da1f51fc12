import { once } from 'node:events';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { cancelled, codeOf, messageOf, unavailable } from '@corten/errors';

export interface HttpRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  /** A small body, or a stream with `content-length` in the headers. */
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  signal: AbortSignal;
}

/** A connection that broke or could not be made: worth another attempt unless `permanent`. */
export class ConnectionError extends Error {
  readonly code: string | undefined;
  readonly permanent: boolean;
  /** A kept connection that the other side had closed meanwhile; a new one may do. */
  readonly stale: boolean;
  constructor(message: string, cause: unknown, stale = false) {
    super(message, { cause });
    this.stale = stale;
    this.code = codeOf(cause);
    this.permanent =
      ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EACCES'].includes(this.code ?? '') || this.isTls;
  }
  /** The other side does not speak TLS, or its certificate is not trusted. */
  get isTls(): boolean {
    return /^(EPROTO|ERR_SSL|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME)/.test(this.code ?? '');
  }
}

export interface Tls {
  verify: boolean;
  ca?: (string | Buffer)[];
}

/** Whether a body can be sent again: a stream cannot. */
export const isRepeatable = (body: HttpRequest['body']): body is Uint8Array | undefined =>
  body === undefined || body instanceof Uint8Array;

/** Time without any byte after which a connection counts as broken. */
const IDLE_TIMEOUT = 60_000;

/** HTTP/1.1 requests over kept connections, one pool for each TLS policy. */
export class Transport {
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: 32 });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: 32 });
  readonly #unverified = new HttpsAgent({ keepAlive: true, maxSockets: 32, rejectUnauthorized: false });

  /** Sends one request; resolves with the answer's head. Throws ConnectionError, or `cancelled` when the signal fires. */
  async send(request: HttpRequest, tls: Tls): Promise<IncomingMessage> {
    for (;;) {
      try {
        return await this.#sendOnce(request, tls);
      } catch (error) {
        if (!(error instanceof ConnectionError) || !error.stale || !isRepeatable(request.body)) throw error;
      }
    }
  }

  async #sendOnce(request: HttpRequest, tls: Tls): Promise<IncomingMessage> {
    const { url, method, headers, signal, body } = request;
    if (signal.aborted) throw cancelled();
    const secure = url.protocol === 'https:';
    const agent = secure ? (tls.verify ? this.#https : this.#unverified) : this.#http;
    const options = { method, headers, agent, signal, ca: tls.ca, timeout: IDLE_TIMEOUT };
    const outgoing = secure ? httpsRequest(url, options) : httpRequest(url, options);
    outgoing.on('timeout', () => outgoing.destroy(Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' })));
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.on('response', resolve);
      outgoing.on('error', (error) => {
        const stale = outgoing.reusedSocket && codeOf(error) === 'ECONNRESET';
        reject(signal.aborted ? cancelled() : connectionError(error, method, url, stale));
      });
    });
    answered.catch(() => {}); // also reported by `pump` when the body breaks first
    if (isRepeatable(body)) outgoing.end(body);
    else await pump(body, outgoing, answered);
    return answered;
  }

  close(): void {
    for (const agent of [this.#http, this.#https, this.#unverified]) agent.destroy();
  }
}

/** Writes a stream with back-pressure; stops early when the server has answered already. */
async function pump(
  body: AsyncIterable<Uint8Array>,
  outgoing: ReturnType<typeof httpRequest>,
  answered: Promise<IncomingMessage>,
): Promise<void> {
  let done = false;
  const stop = () => {
    done = true;
  };
  const finished = answered.then(stop, stop);
  try {
    for await (const chunk of body) {
      if (done) return;
      if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain').catch(() => {}), finished]);
    }
    outgoing.end();
  } catch (error) {
    outgoing.destroy();
    throw error;
  }
}

const GO_METHOD: Record<string, string> = {
  GET: 'Get',
  HEAD: 'Head',
  POST: 'Post',
  PUT: 'Put',
  PATCH: 'Patch',
  DELETE: 'Delete',
};

/** The message that Go's net/http gives for the same failure, which people (and scripts) know. */
function connectionError(error: unknown, method: string, url: URL, stale: boolean): ConnectionError {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = codeOf(inner);
  const e = inner as { address?: string; port?: number };
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const peer = e.address
    ? `${e.address.includes(':') ? `[${e.address}]` : e.address}:${e.port}`
    : `${url.hostname}:${port}`;
  const reasons: Record<string, string> = {
    ECONNREFUSED: `dial tcp ${peer}: connect: connection refused`,
    EHOSTUNREACH: `dial tcp ${peer}: connect: no route to host`,
    ENETUNREACH: `dial tcp ${peer}: connect: network is unreachable`,
    ENOTFOUND: `dial tcp: lookup ${url.hostname}: no such host`,
    EAI_AGAIN: `dial tcp: lookup ${url.hostname}: Temporary failure in name resolution`,
    ECONNRESET: 'read: connection reset by peer',
    ETIMEDOUT: `dial tcp ${peer}: i/o timeout`,
    EPROTO: 'http: server gave HTTP response to HTTPS client',
    ERR_SSL_WRONG_VERSION_NUMBER: 'http: server gave HTTP response to HTTPS client',
    ERR_SSL_PACKET_LENGTH_TOO_LONG: 'http: server gave HTTP response to HTTPS client',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    SELF_SIGNED_CERT_IN_CHAIN: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    CERT_HAS_EXPIRED: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  };
  const text = (code && reasons[code]) ?? messageOf(inner);
  return new ConnectionError(`${GO_METHOD[method] ?? method} "${url.href}": ${text}`, inner, stale);
}

/** Drops the rest of an answer so that its connection can be used again (or closed, when there is much). */
export async function discardBody(response: IncomingMessage): Promise<void> {
  let size = 0;
  try {
    for await (const chunk of response) {
      size += (chunk as Buffer).length;
      if (size > 256 << 10) break; // leaving the loop destroys the connection
    }
  } catch {
    // The answer's status was already understood; a broken tail only costs the connection.
  }
}

/** The whole answer; refuses more than `limit` bytes. */
export async function readBody(response: IncomingMessage, limit: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw unavailable(`${what} is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
