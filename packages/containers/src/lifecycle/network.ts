import { emptyEndpoint } from '@corten/api-types';
import { conflict } from '@corten/errors';
import type { Context } from '../context.ts';
import type { ContainerRecord, NetworkState } from '../record.ts';
import { extraHosts, hostFiles, writeNetworkFiles } from '../rootfs/network-files.ts';
import { containerOf, joined, type Namespace } from '../spec/namespaces.ts';

export interface NetworkSetup {
  /** undefined for the host's. */
  namespace: Namespace | undefined;
  state: NetworkState | undefined;
}

/** Attaches the container to its networks and writes its three files. */
export async function setUpNetwork(ctx: Context, c: ContainerRecord): Promise<NetworkSetup> {
  const { hostConfig: h } = c;
  if (containerOf(h.NetworkMode) !== undefined) {
    const other = joined(ctx, h.NetworkMode, 'network');
    if (other.id === c.id) throw conflict('cannot join own network namespace');
    return { namespace: { type: 'network', path: `/proc/${other.state.pid}/ns/net` }, state: undefined };
  }
  if (h.NetworkMode === 'host' || h.NetworkMode === 'none' || c.config.NetworkDisabled) {
    await writeNetworkFiles(ctx, c, await hostFiles(ctx, c));
    const state = predefined(ctx, c);
    return { namespace: h.NetworkMode === 'host' ? undefined : { type: 'network' }, state };
  }
  const sandbox = await ctx.networks.attach({
    containerId: c.id,
    name: c.name,
    hostname: c.config.Hostname,
    endpoints: structuredClone(c.endpoints),
    ports: publishedPorts(c),
    exposed: Object.keys(c.config.ExposedPorts),
    dns: { servers: h.Dns, search: h.DnsSearch, options: h.DnsOptions },
    sysctls: h.Sysctls,
  });
  await writeNetworkFiles(ctx, c, {
    resolvConf: sandbox.resolvConf,
    hosts: [...extraHosts(ctx, h.ExtraHosts), ...sandbox.hosts],
  });
  return {
    namespace: { type: 'network', path: sandbox.namespacePath },
    state: {
      sandboxId: sandbox.sandboxId,
      sandboxKey: sandbox.namespacePath,
      endpoints: sandbox.endpoints,
      ports: sandbox.ports,
    },
  };
}

/** `-p` bindings, and with `-P` a free host port for each exposed one. */
function publishedPorts(c: ContainerRecord) {
  const ports = { ...c.hostConfig.PortBindings };
  if (c.hostConfig.PublishAllPorts)
    for (const port of Object.keys(c.config.ExposedPorts))
      if (!ports[port]?.length) ports[port] = [{ HostIp: '', HostPort: '' }];
  return ports;
}

/** `none` and `host` are networks by name only: there is nothing to set up. */
function predefined(ctx: Context, c: ContainerRecord): NetworkState {
  const name = c.config.NetworkDisabled ? 'none' : c.hostConfig.NetworkMode;
  const known = ctx.networks.list().find((n) => n.Name === name);
  const settings = { ...emptyEndpoint(), ...c.endpoints[name], NetworkID: known?.Id ?? '' };
  return { sandboxId: '', sandboxKey: '', endpoints: { [name]: settings }, ports: {} };
}
