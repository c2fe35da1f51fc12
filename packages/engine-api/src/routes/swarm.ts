import { unavailable } from '@corten/errors';
import type { Routes } from '../router.ts';

const NOT_A_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

/** Until the cluster is there, swarm calls answer what a Docker engine outside a swarm answers. */
export function swarmRoutes(routes: Routes): void {
  const refuse = () => {
    throw unavailable(NOT_A_MANAGER);
  };
  for (const path of ['/swarm', '/nodes', '/services', '/tasks', '/secrets', '/configs']) {
    routes.on('GET', path, refuse);
    routes.on('GET', `${path}/{id}`, refuse);
  }
  for (const path of ['/services/create', '/secrets/create', '/configs/create', '/swarm/update', '/swarm/leave']) {
    routes.on('POST', path, refuse);
  }
  routes.on('GET', '/plugins', (x) => x.json(200, []));
}
