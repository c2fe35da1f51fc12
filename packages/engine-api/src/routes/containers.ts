import { ContainerCreateBodySchema, ContainerUpdateBodySchema, parse } from '@corten/api-types';
import type { WaitCondition } from '@corten/containers';
import { invalid } from '@corten/errors';
import type { Exchange } from '../exchange.ts';
import { forVersion } from '../inspect-compat.ts';
import { boolValue, filtersOf, intValue } from '../query.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';

export function containerRoutes(routes: Routes, { containers }: Services): void {
  routes.on('GET', '/containers/json', async (x) => {
    const limit = intValue(x.query, 'limit');
    const list = await containers.list({
      all: boolValue(x.query.get('all')),
      limit: limit !== undefined && limit > 0 ? limit : undefined,
      size: boolValue(x.query.get('size')),
      filters: filtersOf(x.query),
    });
    x.json(200, list);
  });
  routes.on('POST', '/containers/create', async (x) => {
    const value = await x.rawJson();
    if (value === undefined) throw invalid('invalid JSON: got EOF while reading request body');
    if (value === null || Object.keys(value).length === 0)
      throw invalid('config cannot be empty in order to create a container');
    const body = parse(ContainerCreateBodySchema, value);
    const created = await containers.create(body, {
      name: x.query.get('name') || undefined,
      platform: x.query.get('platform') || undefined,
    });
    x.json(201, created);
  });
  routes.on('POST', '/containers/prune', async (x) => {
    const { deleted, reclaimed } = await containers.prune(filtersOf(x.query, ['until', 'label', 'label!']));
    x.json(200, { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed });
  });
  routes.on('GET', '/containers/{id}/json', async (x) => {
    const found = await containers.inspect(x.param('id'), { size: boolValue(x.query.get('size')) });
    x.json(200, forVersion(found, x));
  });
  routes.on('GET', '/containers/{id}/top', async (x) =>
    x.json(200, await containers.top(x.param('id'), x.query.get('ps_args') || '-ef')),
  );
  routes.on('GET', '/containers/{id}/changes', async (x) => {
    const changes = await containers.changes(x.param('id'));
    x.json(200, changes.length > 0 ? changes : null);
  });
  routes.on('POST', '/containers/{id}/start', async (x) => {
    await containers.start(x.param('id'));
    x.empty(204);
  });
  routes.on('POST', '/containers/{id}/stop', async (x) => {
    await containers.stop(x.param('id'), stopOptions(x));
    x.empty(204);
  });
  routes.on('POST', '/containers/{id}/restart', async (x) => {
    await containers.restart(x.param('id'), stopOptions(x));
    x.empty(204);
  });
  routes.on('POST', '/containers/{id}/kill', async (x) => {
    await containers.kill(x.param('id'), x.query.get('signal') || undefined);
    x.empty(204);
  });
  routes.on('POST', '/containers/{id}/pause', async (x) => {
    await containers.pause(x.param('id'));
    x.empty(204);
  });
  routes.on('POST', '/containers/{id}/unpause', async (x) => {
    await containers.unpause(x.param('id'));
    x.empty(204);
  });
  routes.on('POST', '/containers/{id}/rename', (x) => {
    containers.rename(x.param('id'), x.query.get('name') ?? '');
    x.empty(204);
  });
  routes.on('POST', '/containers/{id}/resize', async (x) => {
    await containers.resize(x.param('id'), ...terminalSize(x));
    x.empty(200);
  });
  routes.on('POST', '/containers/{id}/update', async (x) => {
    const value = await x.rawJson();
    const body = parse(ContainerUpdateBodySchema, value ?? {});
    x.json(200, await containers.update(x.param('id'), body, new Set(Object.keys((value as object) ?? {}))));
  });
  routes.on('POST', '/containers/{id}/wait', (x) => wait(x, containers));
  routes.on('DELETE', '/containers/{id}', async (x) => {
    await containers.remove(x.param('id'), {
      force: boolValue(x.query.get('force')),
      volumes: boolValue(x.query.get('v')),
      link: boolValue(x.query.get('link')),
    });
    x.empty(204);
  });
}

function stopOptions(x: Exchange): { signal?: string; timeout?: number } {
  return { signal: x.query.get('signal') || undefined, timeout: intValue(x.query, 't') };
}

/** `h` and `w`, both needed. */
export function terminalSize(x: Exchange): [rows: number, columns: number] {
  const rows = intValue(x.query, 'h');
  const columns = intValue(x.query, 'w');
  if (rows === undefined || columns === undefined || rows < 0 || columns < 0)
    throw invalid('invalid resize height or width: both h and w must be given as whole numbers');
  return [rows, columns];
}

const CONDITIONS: readonly WaitCondition[] = ['not-running', 'next-exit', 'removed'];

/** The head is sent as soon as the wait is registered: `docker run` starts the container only after it. */
async function wait(x: Exchange, containers: Services['containers']): Promise<void> {
  const condition = (x.query.get('condition') || 'not-running') as WaitCondition;
  if (!CONDITIONS.includes(condition)) throw invalid(`invalid condition: "${condition}"`);
  const id = containers.resolve(x.param('id'));
  const result = containers.wait(id, condition, x.signal);
  x.begin(200, { 'Content-Type': 'application/json' });
  try {
    x.response.write(`${JSON.stringify(await result)}\n`);
  } catch (error) {
    if (!x.signal.aborted)
      x.response.write(`${JSON.stringify({ StatusCode: -1, Error: { Message: (error as Error).message } })}\n`);
  }
  x.end();
}
