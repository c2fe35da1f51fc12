import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import type { Readable } from 'node:stream';
import { invalid } from '@corten/errors';
import { parsePlatform } from '@corten/oci';
import type { Exchange } from '../exchange.ts';
import { imageFilter } from '../image-filters.ts';
import { renderImage, renderSummary } from '../image-json.ts';
import { jsonLines } from '../json-lines.ts';
import { boolOr, boolValue, filtersOf, pruneFilters } from '../query.ts';
import { registryAuth } from '../registry-auth.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';

export function imageRoutes(routes: Routes, services: Services): void {
  const { images, containers } = services;
  routes.on('GET', '/images/json', (x) => {
    const filters = filtersOf(x.query);
    if (x.query.get('filter') && !x.atLeast('1.41')) filters['reference'] = [x.query.get('filter')!];
    const all = boolValue(x.query.get('all'));
    const wanted = imageFilter(filters, images);
    const list = images.list({ intermediate: all }).filter(wanted);
    x.json(
      200,
      list.map((image) => renderSummary(image, x.atLeast('1.44'))),
    );
  });
  routes.on('POST', '/images/create', (x) => create(x, services));
  routes.on('POST', '/images/load', async (x) => {
    const quiet = boolOr(x.query.get('quiet'), true);
    await jsonLines(x, (line) => images.load(x.request, { quiet, onProgress: line, signal: x.signal }));
  });
  routes.on('POST', '/images/prune', async (x) => {
    const filters = filtersOf(x.query, ['dangling', 'until', 'label', 'label!']);
    const dangling = boolOr(filters['dangling']?.[0] ?? null, true);
    const { deleted, reclaimed } = await images.prune({ dangling, ...pruneFilters(filters) });
    x.json(200, { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed });
  });
  routes.on('GET', '/images/get', (x) => save(x, services, x.query.getAll('names')));
  routes.on('GET', '/images/{name*}/get', (x) => save(x, services, [x.param('name')]));
  routes.on('GET', '/images/{name*}/json', (x) => x.json(200, renderImage(images.get(x.param('name')))));
  routes.on('GET', '/images/{name*}/history', (x) => x.json(200, images.history(x.param('name'))));
  routes.on('POST', '/images/{name*}/tag', (x) => {
    const repo = x.query.get('repo');
    if (!repo) throw invalid('invalid reference format');
    const tag = x.query.get('tag');
    images.tag(x.param('name'), tag ? `${repo}:${tag}` : repo);
    x.empty(201);
  });
  routes.on('POST', '/images/{name*}/push', async (x) => {
    const auth = registryAuth(x.header('x-registry-auth'));
    const tag = x.query.get('tag') || undefined;
    await jsonLines(x, (line) =>
      images.push(x.param('name'), { tag, allTags: tag === undefined, auth, onProgress: line, signal: x.signal }),
    );
  });
  routes.on('DELETE', '/images/{name*}', async (x) => {
    const force = boolValue(x.query.get('force'));
    x.json(200, await images.remove(x.param('name'), { force, noprune: boolValue(x.query.get('noprune')) }));
  });
  routes.on('GET', '/distribution/{name*}/json', async (x) =>
    x.json(200, await images.distribution(x.param('name'), registryAuth(x.header('x-registry-auth')))),
  );
  routes.on('POST', '/commit', async (x) => {
    const container = x.query.get('container');
    if (!container) throw invalid('no container given: the parameter "container" is missing');
    const body = (await x.rawJson()) as never;
    const id = await containers.commit(container, {
      repo: x.query.get('repo') || undefined,
      tag: x.query.get('tag') || undefined,
      comment: x.query.get('comment') ?? '',
      author: x.query.get('author') ?? '',
      pause: boolOr(x.query.get('pause'), true),
      changes: x.query
        .getAll('changes')
        .flatMap((c) => c.split('\n'))
        .filter((c) => c.trim() !== ''),
      config: body,
    });
    x.json(201, { Id: id });
  });
}

async function save(x: Exchange, { images }: Services, names: string[]): Promise<void> {
  if (names.length === 0) throw invalid('no image given: the parameter "names" is missing');
  for (const name of names) images.get(name);
  await x.stream(200, { 'Content-Type': 'application/x-tar' }, images.save(names, { signal: x.signal }));
}

/** POST /images/create: a pull (`fromImage`) or an import (`fromSrc`). */
async function create(x: Exchange, services: Services): Promise<void> {
  const image = x.query.get('fromImage');
  const source = x.query.get('fromSrc');
  const platformText = x.query.get('platform');
  const platform = platformText ? parsePlatform(platformText) : undefined;
  if (image) {
    const tag = x.query.get('tag');
    const reference = !tag ? image : tag.includes(':') ? `${image}@${tag}` : `${image}:${tag}`;
    const auth = registryAuth(x.header('x-registry-auth'));
    await jsonLines(x, async (line) => {
      await services.images.pull(reference, { platform, auth, allTags: false, onProgress: line, signal: x.signal });
    });
    return;
  }
  if (!source) throw invalid('fromImage or fromSrc must be given');
  const repo = x.query.get('repo');
  const tag = x.query.get('tag');
  const changes = x.query.getAll('changes');
  await jsonLines(x, async (line) => {
    const tar = source === '-' ? x.request : await download(source, x.signal, (status) => line({ status }));
    const made = await services.images.import(tar, {
      reference: repo ? (tag ? `${repo}:${tag}` : repo) : undefined,
      message: x.query.get('message') ?? undefined,
      platform,
      changes: (config) => services.applyChanges(config, changes),
      signal: x.signal,
    });
    line({ status: made.id });
  });
}

/** `docker import URL`: the answer's body. Follows up to 5 redirects. */
function download(url: string, signal: AbortSignal, say: (status: string) => void, redirects = 5): Promise<Readable> {
  const full = /^https?:\/\//.test(url) ? url : `http://${url}`;
  say(`Downloading from ${full}`);
  return new Promise((resolve, reject) => {
    const get = full.startsWith('https:') ? httpsGet : httpGet;
    const request = get(full, { signal }, (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location && redirects > 0) {
        response.resume();
        resolve(download(new URL(headers.location, full).href, signal, say, redirects - 1));
      } else if (statusCode === 200) resolve(response);
      else {
        response.resume();
        reject(invalid(`failed to GET ${full}: the server answered ${statusCode} ${response.statusMessage}`));
      }
    });
    request.on('error', (error) => reject(invalid(`failed to GET ${full}: ${error.message}`, error)));
  });
}
