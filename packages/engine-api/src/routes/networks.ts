import {
  NetworkConnectBodySchema,
  NetworkCreateBodySchema,
  NetworkDisconnectBodySchema,
  type NetworkInspect,
} from '@corten/api-types';
import { filtersOf, pruneFilters } from '../query.ts';
import type { Routes } from '../router.ts';
import type { Services } from '../services.ts';

export function networkRoutes(routes: Routes, { networks, containers }: Services): void {
  routes.on('GET', '/networks', (x) => {
    const filters = filtersOf(x.query);
    const found = networks.list().filter((n) => matches(n, filters));
    x.json(
      200,
      found.map((n) => ({ ...n, Containers: {} })),
    );
  });
  routes.on('POST', '/networks/create', async (x) => {
    const { id, warning } = await networks.create(await x.body(NetworkCreateBodySchema));
    x.json(201, { Id: id, Warning: warning });
  });
  routes.on('POST', '/networks/prune', async (x) => {
    const deleted = await networks.prune(pruneFilters(filtersOf(x.query, ['until', 'label', 'label!'])));
    x.json(200, { NetworksDeleted: deleted.length > 0 ? deleted : null });
  });
  routes.on('GET', '/networks/{id}', (x) => x.json(200, networks.get(x.param('id'))));
  routes.on('DELETE', '/networks/{id}', async (x) => {
    await networks.remove(x.param('id'));
    x.empty(204);
  });
  routes.on('POST', '/networks/{id}/connect', async (x) => {
    const body = await x.body(NetworkConnectBodySchema);
    await containers.connectNetwork(body.Container, x.param('id'), body.EndpointConfig);
    x.empty(200);
  });
  routes.on('POST', '/networks/{id}/disconnect', async (x) => {
    const body = await x.body(NetworkDisconnectBodySchema);
    await containers.disconnectNetwork(body.Container, x.param('id'), body.Force);
    x.empty(200);
  });
}

const PREDEFINED = ['bridge', 'host', 'none'];

function matches(network: NetworkInspect, filters: Record<string, string[]>): boolean {
  return Object.entries(filters).every(([name, values]) => {
    switch (name) {
      case 'name':
        return values.some((v) => network.Name.includes(v));
      case 'id':
        return values.some((v) => network.Id.startsWith(v));
      case 'driver':
        return values.includes(network.Driver);
      case 'scope':
        return values.includes(network.Scope);
      case 'type':
        return values.includes(PREDEFINED.includes(network.Name) ? 'builtin' : 'custom');
      case 'label':
        return values.every((v) => hasLabel(network.Labels, v));
      case 'dangling':
        return (
          ['1', 'true'].includes(values[0] ?? '') ===
          (Object.keys(network.Containers).length === 0 && !PREDEFINED.includes(network.Name))
        );
      default:
        return true;
    }
  });
}

export function hasLabel(labels: Record<string, string> | null, wanted: string): boolean {
  const [key, value] = wanted.split(/=(.*)/s);
  return labels !== null && key! in labels && (value === undefined || labels[key!] === value);
}
