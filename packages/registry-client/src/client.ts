import { messageOf, unauthorized, unavailable } from '@corten/errors';
import { DEFAULT_DOMAIN, type Reference } from '@corten/oci';
import { Authorizer, userAndPassword } from './authorizer.ts';
import { registryAuthorities } from './certificates.ts';
import { type Endpoint, endpointsOf } from './endpoints.ts';
import { ConnectionError, discardBody, Transport } from './http.ts';
import { Repository } from './repository.ts';
import { Session } from './session.ts';
import type { Credentials, RegistryClient, RegistryClientOptions, RegistrySettings } from './types.ts';

/** A client for every registry; keeps connections, not credentials. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const transport = new Transport();
  let settings: RegistrySettings = options;
  /** Base URL that answered last for a registry with several: asked first the next time, so that http is not found anew. */
  const answered = new Map<string, string>();
  const sessions: OpenSessions = (domain, access, credentials) => {
    const { insecureRegistries: insecure = [], mirrors = [] } = settings;
    const endpoints = endpointsOf(domain, { insecure, mirrors, access });
    const first = answered.get(domain);
    if (domain !== DEFAULT_DOMAIN)
      endpoints.sort((a, b) => Number(b.base.href === first) - Number(a.base.href === first));
    return endpoints.map((endpoint: Endpoint) => {
      // A mirror is somebody else: it does not get the credentials of docker.io.
      const authorizer = new Authorizer(transport, endpoint.mirror ? undefined : credentials);
      const authorities = registryAuthorities(endpoint.base.host, options.certificates);
      const session = new Session(endpoint, transport, authorizer, {
        authorities,
        userAgent: options.userAgent ?? 'corten',
      });
      return { session, authorizer };
    });
  };
  return {
    open: (reference: Reference, { credentials, access, signal }) =>
      new Repository(
        sessions(reference.domain, access, credentials).map((s) => s.session),
        reference.path,
        {
          access,
          signal,
          onFound(endpoint) {
            answered.set(reference.domain, endpoint.base.href);
            options.log?.debug('registry found', { registry: reference.domain, endpoint: endpoint.base.href });
          },
        },
      ),
    login: (credentials, signal) => login(sessions, credentials, signal),
    configure(next) {
      settings = { ...settings, ...next };
      answered.clear();
    },
    close: () => transport.close(),
  };
}

type OpenSessions = (
  domain: string,
  access: 'pull' | 'push',
  credentials: Credentials | undefined,
) => { session: Session; authorizer: Authorizer }[];

/** Host of a server address as `docker login` gives it: a URL, a host, or '' for Docker Hub. */
export function serverDomain(address: string | undefined): string {
  const host = (address ?? '').replace(/^https?:\/\//, '').split('/')[0]!;
  return host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io' ? DEFAULT_DOMAIN : host;
}

async function login(
  open: OpenSessions,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<{ identityToken?: string }> {
  if (!userAndPassword(credentials) && !credentials.identitytoken) throw unauthorized('no username or token was given');
  let failure: unknown;
  for (const { session, authorizer } of open(serverDomain(credentials.serveraddress), 'push', credentials)) {
    try {
      const response = await session.send({ method: 'GET', target: '/v2/', scope: [], signal });
      await discardBody(response);
      return authorizer.refreshToken ? { identityToken: authorizer.refreshToken } : {};
    } catch (error) {
      failure = error;
      if (isRefusal(error))
        throw unauthorized(`login attempt to ${session.url('/v2/').href} failed with status: 401 Unauthorized`, error);
      if (!isConnection(error)) break;
    }
  }
  throw isConnection(failure) ? unavailable(messageOf(failure), failure) : failure;
}

const isConnection = (error: unknown): boolean => error instanceof ConnectionError;
const isRefusal = (error: unknown): boolean => error instanceof Error && 'status' in error && error.status === 401;
