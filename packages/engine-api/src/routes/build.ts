import type { BuildOptions } from '@corten/builder';
import { invalid, notImplemented } from '@corten/errors';
import { type Exchange, parseJson } from '../exchange.ts';
import { jsonLines } from '../json-lines.ts';
import { boolOr, boolValue, filtersOf, intValue } from '../query.ts';
import { registryConfig } from '../registry-auth.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';

export function buildRoutes(routes: Routes, { builder }: Services): void {
  routes.on('POST', '/build', async (x) => {
    const options = buildOptions(x);
    await jsonLines(x, async (line) => {
      await builder.build(x.request, options, line, x.signal);
    });
  });
  routes.on('POST', '/build/prune', async (x) => {
    filtersOf(x.query);
    const all = boolValue(x.query.get('all'));
    const keepStorage = intValue(x.query, 'keep-storage') ?? intValue(x.query, 'reserved-space');
    const { deleted, reclaimed } = await builder.prune({ all, keepStorage });
    x.json(200, { CachesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed });
  });
  routes.on('POST', '/build/cancel', (x) => x.empty(204)); // classic builds are cancelled by closing the connection
}

function buildOptions(x: Exchange): BuildOptions {
  const { query } = x;
  if (query.get('version') === '2')
    throw notImplemented('BuildKit builds are not supported yet: use the classic builder (DOCKER_BUILDKIT=0)');
  if (query.get('remote'))
    throw notImplemented(`building from a remote context is not supported yet: ${query.get('remote')}`);
  const number = (name: string) => intValue(query, name) ?? 0;
  const text = (name: string) => query.get(name) ?? '';
  return {
    dockerfile: text('dockerfile') || 'Dockerfile',
    tags: query.getAll('t').filter((t) => t !== ''),
    noCache: boolValue(query.get('nocache')),
    pull: boolValue(query.get('pull')),
    quiet: boolValue(query.get('q')),
    remove: boolOr(query.get('rm'), true),
    forceRemove: boolValue(query.get('forcerm')),
    buildArgs: textMap<string | null>(query, 'buildargs'),
    labels: textMap<string>(query, 'labels'),
    target: text('target'),
    networkMode: text('networkmode') || 'default',
    platform: text('platform'),
    extraHosts: query
      .getAll('extrahosts')
      .flatMap((h) => h.split(','))
      .filter((h) => h !== ''),
    cacheFrom: textList(query, 'cachefrom'),
    squash: boolValue(query.get('squash')),
    shmSize: number('shmsize'),
    memory: number('memory'),
    memorySwap: number('memswap'),
    cpuShares: number('cpushares'),
    cpuPeriod: number('cpuperiod'),
    cpuQuota: number('cpuquota'),
    cpuSetCpus: text('cpusetcpus'),
    cpuSetMems: text('cpusetmems'),
    cgroupParent: text('cgroupparent'),
    ulimits: ulimits(query),
    securityOpt: textList(query, 'securityopt'),
    isolation: text('isolation'),
    auths: registryConfig(x.header('x-registry-config')),
  };
}

function jsonParameter(query: URLSearchParams, name: string): unknown {
  const text = query.get(name);
  if (!text) return undefined;
  try {
    return parseJson(text) ?? undefined;
  } catch (error) {
    throw invalid(`error reading ${name}: ${(error as Error).message}`, error);
  }
}

function textMap<V extends string | null>(query: URLSearchParams, name: string): Record<string, V> {
  const value = jsonParameter(query, name) ?? {};
  const good =
    typeof value === 'object' &&
    !Array.isArray(value) &&
    Object.values(value).every((v) => v === null || typeof v === 'string');
  if (!good) throw invalid(`error reading ${name}: expected an object of strings`);
  return value as Record<string, V>;
}

function textList(query: URLSearchParams, name: string): string[] {
  const value = jsonParameter(query, name) ?? [];
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'string'))
    throw invalid(`error reading ${name}: expected a list of strings`);
  return value;
}

function ulimits(query: URLSearchParams): BuildOptions['ulimits'] {
  const value = jsonParameter(query, 'ulimits') ?? [];
  if (!Array.isArray(value)) throw invalid('error reading ulimits: expected a list');
  return value.map(({ Name, Soft, Hard }) => {
    if (typeof Name !== 'string' || typeof Soft !== 'number' || typeof Hard !== 'number')
      throw invalid('error reading ulimits: each needs Name, Soft and Hard');
    return { Name, Soft, Hard };
  });
}
