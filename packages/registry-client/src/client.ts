import { messageOf, unauthorized, unavailable } from '@corten/errors';
import { DEFAULT_DOMAIN, type Reference } from '@corten/oci';
import { Authorizer, userAndPassword } from './authorizer.ts';
import { type Endpoint, endpointsOf } from './endpoints.ts';
import { ConnectionError, discardBody, Transport } from './http.ts';
import { Repository } from './repository.ts';
import { Session } from './session.ts';
import type { Credentials, RegistryClient, RegistryClientOptions } from './types.ts';

/** A client for every registry; keeps connections, not credentials. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const transport = new Transport();
  /** Base URL that answered last for a registry with several: asked first the next time, so that http is not found anew. */
  const answered = new Map<string, string>();
  const sessions = (domain: string, access: 'pull' | 'push', credentials: Credentials | undefined): Session[] => {
    const insecure = options.insecureRegistries?.() ?? [];
    const endpoints = endpointsOf(domain, { insecure, mirrors: options.mirrors?.() ?? [], access });
    const first = answered.get(domain);
    if (domain !== DEFAULT_DOMAIN)
      endpoints.sort((a, b) => Number(b.base.href === first) - Number(a.base.href === first));
    return endpoints.map((endpoint: Endpoint) => {
      // A mirror is somebody else: it does not get the credentials of docker.io.
      const authorizer = new Authorizer(transport, endpoint.mirror ? undefined : credentials);
      return new Session(endpoint, transport, authorizer, options.certificateAuthorities?.(endpoint.base.host));
    });
  };
  return {
    open: (reference: Reference, { credentials, access, signal }) =>
      new Repository(sessions(reference.domain, access, credentials), reference.path, {
        access,
        signal,
        onFound: (endpoint) => void answered.set(reference.domain, endpoint.base.href),
      }),
    login: (credentials, signal) => login(transport, options, credentials, signal),
    close: () => transport.close(),
  };
}

/** Host of a server address as `docker login` gives it: a URL, a host, or '' for Docker Hub. */
export function serverDomain(address: string | undefined): string {
  const host = (address ?? '').replace(/^https?:\/\//, '').split('/')[0]!;
  return host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io' ? DEFAULT_DOMAIN : host;
}

async function login(
  transport: Transport,
  options: RegistryClientOptions,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<{ identityToken?: string }> {
  if (!userAndPassword(credentials) && !credentials.identitytoken) throw unauthorized('no username or token was given');
  const domain = serverDomain(credentials.serveraddress);
  const endpoints = endpointsOf(domain, {
    insecure: options.insecureRegistries?.() ?? [],
    mirrors: [],
    access: 'push',
  });
  let failure: unknown;
  for (const endpoint of endpoints) {
    const authorizer = new Authorizer(transport, credentials);
    const session = new Session(endpoint, transport, authorizer, options.certificateAuthorities?.(endpoint.base.host));
    try {
      const response = await session.send({ method: 'GET', target: '/v2/', scope: [], signal });
      await discardBody(response);
      return authorizer.refreshToken ? { identityToken: authorizer.refreshToken } : {};
    } catch (error) {
      failure = error;
      if (!isConnection(error)) break;
    }
  }
  if (isRefusal(failure)) {
    const url = new URL('/v2/', endpoints.at(-1)!.base).href;
    throw unauthorized(`login attempt to ${url} failed with status: 401 Unauthorized`, failure);
  }
  throw isConnection(failure) ? unavailable(messageOf(failure), failure) : failure;
}

const isConnection = (error: unknown): boolean => error instanceof ConnectionError;
const isRefusal = (error: unknown): boolean => error instanceof Error && 'status' in error && error.status === 401;
