import type { IncomingMessage } from 'node:http';
import { messageOf, unauthorized, unavailable } from '@corten/errors';
import { type Challenge, parseChallenges } from './challenge.ts';
import { readBody, type Transport } from './http.ts';
import type { Credentials } from './types.ts';

const MAX_TOKEN_ANSWER = 1 << 20;
const DEFAULT_TOKEN_LIFE = 60;
/** Tokens are renewed this many seconds before they end. */
const MARGIN = 10;

/** User and password of credentials in either form. */
export function userAndPassword(c: Credentials | undefined): { user: string; password: string } | undefined {
  if (c?.username) return { user: c.username, password: c.password ?? '' };
  if (!c?.auth) return undefined;
  const text = Buffer.from(c.auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

const basic = (c: { user: string; password: string }): string =>
  `Basic ${Buffer.from(`${c.user}:${c.password}`).toString('base64')}`;

/** Answers a registry's challenges: basic, and bearer tokens as in the distribution token specification. */
export class Authorizer {
  readonly #transport: Transport;
  readonly #credentials: Credentials | undefined;
  readonly #tokens = new Map<string, { value: string; expires: number }>();
  #challenge: Challenge | undefined;
  /** Refresh token that the token server gave at login. */
  refreshToken: string | undefined;

  constructor(transport: Transport, credentials: Credentials | undefined) {
    this.#transport = transport;
    this.#credentials = credentials;
  }

  /** The Authorization header for a scope, as far as a challenge told what is wanted. */
  async header(scope: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    if (this.#credentials?.registrytoken) return `Bearer ${this.#credentials.registrytoken}`;
    if (!this.#challenge) return undefined;
    if (this.#challenge.scheme === 'basic') {
      const login = userAndPassword(this.#credentials);
      if (!login) throw unauthorized('no basic auth credentials');
      return basic(login);
    }
    return `Bearer ${await this.#token(this.#challenge, scope, signal)}`;
  }

  /** Takes up a 401's challenge; false when it is the one that was just answered, so that trying again is useless. */
  accept(response: IncomingMessage, answered: boolean): boolean {
    const challenges = parseChallenges(response.headers['www-authenticate']);
    const wanted = challenges.find((c) => c.scheme === 'bearer') ?? challenges.find((c) => c.scheme === 'basic');
    if (!wanted || answered) return false;
    this.#challenge = wanted;
    this.#tokens.clear();
    return true;
  }

  async #token(challenge: Challenge, wanted: readonly string[], signal: AbortSignal): Promise<string> {
    const scopes = wanted.length > 0 ? wanted : challenge.parameters['scope'] ? [challenge.parameters['scope']] : [];
    const key = scopes.join(' ');
    const known = this.#tokens.get(key);
    if (known && known.expires > Date.now()) return known.value;
    const answer = await this.#fetchToken(challenge, scopes, signal);
    const value = answer['token'] || answer['access_token'];
    if (typeof value !== 'string') throw unauthorized('authorization server did not include a token in the response');
    if (typeof answer['refresh_token'] === 'string') this.refreshToken = answer['refresh_token'];
    const life = typeof answer['expires_in'] === 'number' ? answer['expires_in'] : DEFAULT_TOKEN_LIFE;
    this.#tokens.set(key, { value, expires: Date.now() + Math.max(life - MARGIN, 1) * 1000 });
    return value;
  }

  async #fetchToken(
    challenge: Challenge,
    scopes: readonly string[],
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const realm = challenge.parameters['realm'] ?? '';
    if (!URL.canParse(realm) || !/^https?:$/.test(new URL(realm).protocol))
      throw unauthorized(`invalid realm in the authentication challenge: ${JSON.stringify(realm)}`);
    const url = new URL(realm);
    const service = challenge.parameters['service'] ?? '';
    const login = userAndPassword(this.#credentials);
    const refresh = this.#credentials?.identitytoken;
    const headers: Record<string, string> = {};
    let body: Buffer | undefined;
    if (refresh) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: refresh,
        service,
        client_id: 'corten',
        scope: scopes.join(' '),
      });
      body = Buffer.from(form.toString());
      headers['content-type'] = 'application/x-www-form-urlencoded';
      headers['content-length'] = String(body.length);
    } else {
      if (service) url.searchParams.set('service', service);
      for (const scope of scopes) url.searchParams.append('scope', scope);
      if (login) {
        url.searchParams.set('account', login.user);
        headers['authorization'] = basic(login);
      }
    }
    const response = await this.#transport.send(
      { method: body ? 'POST' : 'GET', url, headers, body, signal },
      { verify: true },
    );
    const text = (await readBody(response, MAX_TOKEN_ANSWER, 'token answer')).toString('utf8');
    const status = response.statusCode ?? 0;
    if (status === 401 || status === 403)
      throw unauthorized(
        `Get ${JSON.stringify(url.href)}: unauthorized: ${detail(text) || 'incorrect username or password'}`,
      );
    if (status !== 200) throw unavailable(`failed to fetch a token: the authorization server answered ${status}`);
    return parseObject(text);
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw unavailable(`unable to decode token response: ${messageOf(error)}`, error);
  }
  throw unavailable('unable to decode token response: not an object');
}

/** What a token server says about a refusal, in the shapes that are in use. */
function detail(text: string): string {
  try {
    const value = JSON.parse(text) as { details?: unknown; message?: unknown; errors?: { message?: unknown }[] };
    const found = value.details ?? value.errors?.[0]?.message ?? value.message;
    return typeof found === 'string' ? found : '';
  } catch {
    return ''; // a page, not JSON: nothing to quote
  }
}
