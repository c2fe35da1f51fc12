import { type EndpointSettings, emptyEndpoint } from '@corten/api-types';
import { conflict, forbidden, invalid, isKind, system } from '@corten/errors';
import type { Context } from './context.ts';
import { type ContainerRecord, isRunning } from './record.ts';

/** The name under which the container is on a network, whatever form that was given in. */
function membership(c: ContainerRecord, network: { Name: string; Id: string }): string | undefined {
  const all = { ...c.endpoints, ...c.state.network?.endpoints };
  return Object.keys(all).find(
    (key) => key === network.Name || key === network.Id || all[key]!.NetworkID === network.Id,
  );
}

function refuseShared(c: ContainerRecord, network: string): void {
  if (c.hostConfig.NetworkMode.startsWith('container:'))
    throw invalid(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  if (network === 'host' || c.hostConfig.NetworkMode === 'host')
    throw invalid('container cannot be disconnected from host network or connected to host network');
  if (network === 'none' || c.hostConfig.NetworkMode === 'none')
    throw invalid('container cannot be connected to multiple networks with one of the networks in private (none) mode');
}

/** `docker network connect`. */
export async function connectNetwork(
  ctx: Context,
  c: ContainerRecord,
  nameOrId: string,
  settings: EndpointSettings = emptyEndpoint(),
): Promise<void> {
  using _lock = await ctx.locks.lock(c.id);
  const network = ctx.networks.get(nameOrId);
  if (['removing', 'dead'].includes(c.state.status))
    throw conflict(`Container ${c.id} is marked for removal and cannot be connected or disconnected to the network`);
  refuseShared(c, network.Name);
  if (isRunning(c)) {
    if (membership(c, network) && c.state.network?.endpoints[membership(c, network)!])
      throw forbidden(`endpoint with name ${c.name} already exists in network ${network.Name}`);
    const made = await ctx.networks.connect(network.Id, { id: c.id, name: c.name, pid: c.state.pid }, settings);
    const state = c.state.network ?? { sandboxId: '', sandboxKey: '', endpoints: {}, ports: {} };
    ctx.store.setState(c, { network: { ...state, endpoints: { ...state.endpoints, [network.Name]: made } } });
  }
  c.endpoints = { ...c.endpoints, [network.Name]: settings };
  ctx.store.save(c);
}

/** `docker network disconnect`. */
export async function disconnectNetwork(
  ctx: Context,
  c: ContainerRecord,
  nameOrId: string,
  force: boolean,
): Promise<void> {
  using _lock = await ctx.locks.lock(c.id);
  const network = ctx.networks.get(nameOrId);
  if (network.Name === 'host' || c.hostConfig.NetworkMode === 'host')
    throw invalid('container cannot be disconnected from host network or connected to host network');
  const key = membership(c, network);
  if (key === undefined) {
    if (force) return;
    throw system(`container ${c.id} is not connected to network ${network.Name}`);
  }
  if (isRunning(c)) {
    try {
      await ctx.networks.disconnect(network.Id, c.id, force);
    } catch (error) {
      if (!(force && isKind(error, 'notFound'))) throw error;
    }
    const state = c.state.network;
    if (state) {
      const { [key]: _gone, ...endpoints } = state.endpoints;
      ctx.store.setState(c, { network: { ...state, endpoints } });
    }
  }
  const { [key]: _gone, ...rest } = c.endpoints;
  c.endpoints = rest;
  ctx.store.save(c);
}
