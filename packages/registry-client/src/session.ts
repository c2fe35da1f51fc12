import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelled, unavailable } from '@corten/errors';
import type { Authorizer } from './authorizer.ts';
import type { Endpoint } from './endpoints.ts';
import { ConnectionError, discardBody, isRepeatable, readBody, type Transport } from './http.ts';
import { toRegistryError } from './registry-error.ts';

const ATTEMPTS = 5;
const FIRST_DELAY = 200;
const MAX_DELAY = 10_000;
const MAX_REDIRECTS = 10;
const MAX_ERROR_BODY = 64 << 10;

export interface SessionRequest {
  method: string;
  /** Path below the endpoint (`/v2/…`) or a whole URL from a Location header. */
  target: string | URL;
  headers?: Record<string, string>;
  body?: Uint8Array | AsyncIterable<Uint8Array>;
  scope: readonly string[];
  signal: AbortSignal;
}

export interface SessionOptions {
  userAgent: string;
  /** Certificate authorities instead of the defaults. */
  authorities?: (string | Buffer)[];
}

/** Waits between attempts; `cancelled` when the signal fires. */
export async function backOff(attempt: number, signal: AbortSignal, retryAfter?: string): Promise<void> {
  const asked = Number(retryAfter) * 1000;
  const delay = Number.isFinite(asked) && asked > 0 ? asked : FIRST_DELAY * 2 ** attempt * (0.75 + Math.random() / 2);
  try {
    await sleep(Math.min(delay, MAX_DELAY), undefined, { signal });
  } catch {
    throw cancelled();
  }
}

/** Talks to one endpoint: authorization, redirects, and another attempt after trouble that may pass. */
export class Session {
  readonly endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #options: SessionOptions;
  #ready = false;

  constructor(endpoint: Endpoint, transport: Transport, authorizer: Authorizer, options: SessionOptions) {
    this.endpoint = endpoint;
    this.#transport = transport;
    this.#authorizer = authorizer;
    this.#options = options;
  }

  /** Version check (`GET /v2/`): finds out whether a registry is there and which authorization it wants. */
  async ping(signal: AbortSignal): Promise<void> {
    if (this.#ready) return;
    const response = await this.#retrying(
      () => this.#send({ method: 'GET', target: '/v2/', scope: [], signal }, undefined),
      signal,
    );
    if (response.statusCode === 401) this.#authorizer.accept(response, false);
    await discardBody(response);
    const status = response.statusCode ?? 0;
    if (status === 404)
      throw unavailable(`${this.url('/v2/').href}: registry does not speak the distribution API (404)`);
    if (status === 429 || status >= 500) throw toRegistryError(status, response.statusMessage ?? '', '');
    this.#ready = true;
  }

  /** Another attempt after trouble that may pass: answers of 5xx and 429, connections that broke. */
  async #retrying(send: () => Promise<IncomingMessage>, signal: AbortSignal): Promise<IncomingMessage> {
    // An unverified https endpoint is a guess (the registry may speak http only): a reset there is an answer.
    const isGuess = !this.endpoint.verify && this.endpoint.base.protocol === 'https:' && !this.#ready;
    for (let attempt = 0; ; attempt++) {
      const last = attempt + 1 >= ATTEMPTS;
      try {
        const response = await send();
        const status = response.statusCode ?? 0;
        if (last || !(status === 429 || (status >= 500 && status !== 501))) return response;
        await discardBody(response);
        await backOff(attempt, signal, response.headers['retry-after']);
      } catch (error) {
        if (last || isGuess || !(error instanceof ConnectionError) || error.permanent) throw error;
        await backOff(attempt, signal);
      }
    }
  }

  /** Sends with authorization; resolves with any answer below 400, else throws RegistryError. */
  async send(request: SessionRequest): Promise<IncomingMessage> {
    const response = await this.attempt(request);
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    const body =
      request.method === 'HEAD' ? '' : (await readBody(response, MAX_ERROR_BODY, 'error answer')).toString('utf8');
    if (request.method === 'HEAD') await discardBody(response);
    throw toRegistryError(status, response.statusMessage ?? '', body);
  }

  /** As send, with error answers returned too. Bodies that are streams are sent once only. */
  async attempt(request: SessionRequest): Promise<IncomingMessage> {
    await this.ping(request.signal);
    if (!isRepeatable(request.body)) return this.#authorized(request, false);
    return this.#retrying(() => this.#authorized(request, true), request.signal);
  }

  async #authorized(request: SessionRequest, repeatable: boolean): Promise<IncomingMessage> {
    const authorization = await this.#authorizer.header(request.scope, request.signal);
    const response = await this.#send(request, authorization);
    if (response.statusCode !== 401 || !repeatable) return response;
    // The challenge may be new (a token that ended, a scope that only this path wants).
    if (!this.#authorizer.accept(response, authorization !== undefined)) return response;
    await discardBody(response);
    return this.#send(request, await this.#authorizer.header(request.scope, request.signal));
  }

  async #send(request: SessionRequest, authorization: string | undefined): Promise<IncomingMessage> {
    let url = this.url(request.target);
    const origin = url.origin;
    for (let redirects = 0; ; redirects++) {
      const headers = { 'user-agent': this.#options.userAgent, ...request.headers };
      // Credentials are for the registry only: a redirect usually leads to somebody's storage.
      if (authorization && url.origin === origin) Object.assign(headers, { authorization });
      const { method, body, signal } = request;
      const tls = { verify: this.endpoint.verify, ca: this.#options.authorities };
      const response = await this.#transport.send({ method, url, headers, body, signal }, tls);
      const location = response.headers.location;
      const follows = method === 'GET' || method === 'HEAD';
      if (!follows || !location || ![301, 302, 303, 307, 308].includes(response.statusCode ?? 0)) return response;
      await discardBody(response);
      const next = new URL(location, url);
      if (
        !/^https?:$/.test(next.protocol) ||
        (url.protocol === 'https:' && next.protocol === 'http:' && this.endpoint.verify)
      )
        throw unavailable(`refusing the redirect from ${url.origin} to ${next.origin}`);
      if (redirects >= MAX_REDIRECTS) throw unavailable(`${url.origin}: stopped after ${MAX_REDIRECTS} redirects`);
      url = next;
    }
  }

  url(target: string | URL): URL {
    if (target instanceof URL) return target;
    const prefix = this.endpoint.base.pathname.replace(/\/$/, '');
    return new URL(prefix + target, this.endpoint.base);
  }
}
