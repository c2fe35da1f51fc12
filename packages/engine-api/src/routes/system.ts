import { AuthSchema, parse } from '@corten/api-types';
import { invalid } from '@corten/errors';
import type { EngineEvent } from '@corten/events';
import type { Exchange } from '../exchange.ts';
import { filtersOf, timestampValue } from '../query.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';
import { API_VERSION, MIN_API_VERSION } from '../versions.ts';

const PING_HEADERS = {
  'Builder-Version': '1',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
  Swarm: 'inactive',
};

export function systemRoutes(routes: Routes, { system, events, images }: Services): void {
  routes.on('GET', '/_ping', (x) => x.text(200, 'OK', PING_HEADERS));
  routes.on('HEAD', '/_ping', (x) => x.text(200, '', PING_HEADERS));
  routes.on('GET', '/version', (x) =>
    x.json(200, { ...system.version(), ApiVersion: API_VERSION, MinAPIVersion: MIN_API_VERSION }),
  );
  routes.on('GET', '/info', async (x) => x.json(200, await system.info()));
  routes.on('GET', '/system/df', async (x) => x.json(200, await system.diskUsage(x.query.getAll('type'))));
  routes.on('POST', '/auth', async (x) => x.json(200, await images.login(parse(AuthSchema, await x.rawJson()))));
  routes.on('GET', '/events', (x) => streamEvents(x, events.history(), (listener) => events.subscribe(listener)));
}

/** Events as JSON lines: first the remembered ones since `since`, then live until `until` or the client leaves. */
async function streamEvents(
  x: Exchange,
  history: readonly EngineEvent[],
  subscribe: (listener: (event: EngineEvent) => void) => Disposable,
): Promise<void> {
  const since = timestampValue(x.query, 'since');
  const until = timestampValue(x.query, 'until');
  if (since !== undefined && until !== undefined && until < since) {
    throw invalid(`\`since\` time (${x.query.get('since')}) cannot be after \`until\` time (${x.query.get('until')})`);
  }
  const wanted = eventFilter(filtersOf(x.query));
  x.begin(200, { 'Content-Type': 'application/json' });
  const send = (event: EngineEvent) => {
    if (wanted(event) && !x.response.destroyed) x.response.write(`${JSON.stringify(event)}\n`);
  };
  const limit = until === undefined ? Number.POSITIVE_INFINITY : Number(until);
  if (since !== undefined || until !== undefined) {
    for (const event of history) {
      if (event.timeNano >= Number(since ?? 0n) && event.timeNano <= limit) send(event);
    }
  }
  const remaining = limit - Date.now() * 1e6;
  if (remaining > 0) {
    using _subscription = subscribe(send);
    await left(x.signal, remaining / 1e6);
  }
  x.end();
}

/** Resolves when the client left or `ms` milliseconds have passed. */
function left(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = Number.isFinite(ms) ? setTimeout(resolve, Math.min(ms, 0x7fffffff)) : undefined;
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const matchesName = (event: EngineEvent, kind: string, values: string[]) =>
  event.Type === kind &&
  values.some((v) => event.Actor.ID === v || event.Actor.ID.startsWith(v) || event.Actor.Attributes['name'] === v);

/** All filters must hold; within one, any value. */
function eventFilter(filters: Record<string, string[]>): (event: EngineEvent) => boolean {
  const tests: ((event: EngineEvent) => boolean)[] = Object.entries(filters).map(([name, values]) => {
    switch (name) {
      case 'type':
        return (e) => values.includes(e.Type);
      case 'event':
        return (e) => values.some((v) => e.Action === v || e.Action.startsWith(`${v}:`));
      case 'scope':
        return (e) => values.includes(e.scope);
      case 'label':
        return (e) => values.every((v) => hasLabel(e.Actor.Attributes, v));
      case 'image':
        return (e) =>
          [e.Actor.ID, e.Actor.Attributes['image'], e.Actor.Attributes['name']].some(
            (n) => n !== undefined && imageMatches(n, values),
          ) && ['container', 'image'].includes(e.Type);
      case 'container':
      case 'network':
      case 'volume':
      case 'daemon':
      case 'plugin':
        return (e) => matchesName(e, name, values);
      default:
        throw invalid(`invalid filter '${name}'`);
    }
  });
  return (event) => tests.every((test) => test(event));
}

const imageMatches = (name: string, values: string[]) => values.some((v) => name === v || name.split(':')[0] === v);

function hasLabel(attributes: Record<string, string>, wanted: string): boolean {
  const [key, value] = wanted.split(/=(.*)/s);
  return key! in attributes && (value === undefined || attributes[key!] === value);
}
