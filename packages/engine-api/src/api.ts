import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { invalid } from '@corten/errors';
import { randomId, shortId } from '@corten/util';
import { toHttpError } from './errors.ts';
import { Exchange } from './exchange.ts';
import { Hijack } from './hijack.ts';
import { Router } from './router.ts';
import { archiveRoutes } from './routes/archive.ts';
import { buildRoutes } from './routes/build.ts';
import { containerRoutes } from './routes/containers.ts';
import { execRoutes } from './routes/exec.ts';
import { imageRoutes } from './routes/images.ts';
import { networkRoutes } from './routes/networks.ts';
import { streamRoutes, upgrades } from './routes/streams.ts';
import { swarmRoutes } from './routes/swarm.ts';
import { systemRoutes } from './routes/system.ts';
import { volumeRoutes } from './routes/volumes.ts';
import type { Services } from './services.ts';
import { API_VERSION, compareVersions, MIN_API_VERSION } from './versions.ts';

/** Headers that every answer carries (Engine API, SystemPing). */
const commonHeaders = (server: string): [string, string][] => [
  ['Api-Version', API_VERSION],
  ['Docker-Experimental', 'false'],
  ['Ostype', 'linux'],
  ['Server', server],
];

/** The Engine API as a Node HTTP server that does not listen yet; one instance serves any number of listeners. */
export function createApi(services: Services, options: { serverHeader: string }): { newServer(): Server } {
  const router = new Router();
  systemRoutes(router, services);
  containerRoutes(router, services);
  streamRoutes(router, services);
  execRoutes(router, services);
  archiveRoutes(router, services);
  imageRoutes(router, services);
  buildRoutes(router, services);
  networkRoutes(router, services);
  volumeRoutes(router, services);
  swarmRoutes(router);
  const upgradeHandlers = upgrades(services);
  const headers = commonHeaders(options.serverHeader);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of headers) response.setHeader(name, value);
    const id = shortId(randomId());
    const started = performance.now();
    try {
      const { path, version, query } = parseTarget(request);
      const match = router.match(request.method!, path);
      if (match === undefined) return sendError(response, 404, 'page not found');
      if (match === 'method') return sendError(response, 405, 'method not allowed');
      await match.handler(new Exchange(request, response, { version, params: match.params, query }));
    } catch (error) {
      answerError(services, response, error, id);
    } finally {
      const ms = (performance.now() - started).toFixed(1);
      services.log.debug('request', { id, method: request.method, url: request.url, status: response.statusCode, ms });
    }
  }

  async function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy()); // the peer went away; 'close' ends what was joined to it
    const hijack = new Hijack(socket, head);
    try {
      const { path, version, query } = parseTarget(request);
      const match = upgradeHandlers.match(request.method!, path);
      if (!match) return hijack.refuse(404, 'Not Found', 'page not found');
      await match.handler({ request, hijack, version, query, params: match.params });
    } catch (error) {
      const { status, message } = toHttpError(error);
      if (status >= 500) services.log.error('request failed', { url: request.url, error: message });
      hijack.refuse(status, STATUS_CODES[status] ?? '', message);
    }
  }

  return {
    newServer() {
      const server = createServer({
        keepAliveTimeout: 0, // Go's clients keep idle connections; closing one under them fails their next request
        requestTimeout: 0, // a build context or an image may take long to arrive
        shouldUpgradeCallback: (request: IncomingMessage) => {
          const target = safely(() => parseTarget(request));
          return target !== undefined && upgradeHandlers.match(request.method!, target.path) !== undefined;
        },
      });
      server.on('request', (request, response) => void serve(request, response));
      server.on('upgrade', (request, socket, head) => void upgrade(request, socket as Socket, head));
      server.on('checkContinue', (request, response) => {
        response.writeContinue();
        void serve(request, response);
      });
      return server;
    },
  };
}

interface Target {
  path: string;
  version: string;
  query: URLSearchParams;
}

/** Splits `/v1.47/containers/json?all=1`; refuses versions outside the range in Docker's words. */
function parseTarget(request: IncomingMessage): Target {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  let path: string;
  try {
    path = decodeURIComponent(mark < 0 ? url : url.slice(0, mark));
  } catch {
    throw invalid(`malformed URL path: ${url}`);
  }
  const versioned = /^\/v(\d+\.\d+)(\/.*)$/.exec(path);
  if (!versioned) return { path, version: API_VERSION, query };
  const version = versioned[1]!;
  if (compareVersions(version, API_VERSION) > 0)
    throw invalid(`client version ${version} is too new. Maximum supported API version is ${API_VERSION}`);
  if (compareVersions(version, MIN_API_VERSION) < 0)
    throw invalid(
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
  return { path: versioned[2]!, version, query };
}

function answerError(services: Services, response: ServerResponse, error: unknown, id: string): void {
  const { status, message } = toHttpError(error);
  if (status >= 500) {
    const stack = error instanceof Error ? error.stack : undefined;
    services.log.error('request failed', { id, error: message, stack });
  }
  if (response.headersSent) response.destroy();
  else sendError(response, status, message);
}

function sendError(response: ServerResponse, status: number, message: string): void {
  if (status === 304) {
    response.writeHead(304).end();
    return;
  }
  const body = `${JSON.stringify({ message })}\n`;
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function safely<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
