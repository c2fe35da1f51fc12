import { parse, VolumeCreateBodySchema, type VolumeInspect } from '@corten/api-types';
import { boolValue, filtersOf, pruneFilters } from '../query.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';
import { hasLabel } from './networks.ts';

export function volumeRoutes(routes: Routes, { volumes }: Services): void {
  routes.on('GET', '/volumes', (x) => {
    const filters = filtersOf(x.query, ['dangling', 'driver', 'label', 'name']);
    const found = volumes.list().filter((v) => matches(v, filters, volumes));
    x.json(200, { Volumes: found, Warnings: null });
  });
  routes.on('POST', '/volumes/create', async (x) => {
    const body = parse(VolumeCreateBodySchema, (await x.rawJson()) ?? {});
    x.json(201, await volumes.create(body));
  });
  routes.on('POST', '/volumes/prune', async (x) => {
    const filters = filtersOf(x.query, ['all', 'label', 'label!']);
    // before 1.42 every unused volume was pruned, not only anonymous ones
    const all = !x.atLeast('1.42') || boolValue(filters['all']?.[0] ?? null);
    const { deleted, reclaimed } = await volumes.prune({ ...pruneFilters(filters), all });
    x.json(200, { VolumesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed });
  });
  routes.on('GET', '/volumes/{name}', (x) => x.json(200, volumes.get(x.param('name'))));
  routes.on('DELETE', '/volumes/{name}', async (x) => {
    await volumes.remove(x.param('name'), boolValue(x.query.get('force')));
    x.empty(204);
  });
}

function matches(volume: VolumeInspect, filters: Record<string, string[]>, volumes: Services['volumes']): boolean {
  return Object.entries(filters).every(([name, values]) => {
    switch (name) {
      case 'dangling':
        return boolValue(values[0] ?? null) === (volumes.usersOf(volume.Name).length === 0);
      case 'driver':
        return values.includes(volume.Driver);
      case 'label':
        return values.every((v) => hasLabel(volume.Labels, v));
      default:
        return values.some((v) => volume.Name.includes(v));
    }
  });
}
