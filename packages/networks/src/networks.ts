import { randomBytes } from 'node:crypto';
import {
  type EndpointSettings,
  emptyEndpoint,
  type IPAM,
  type NetworkCreateBody,
  type NetworkInspect,
} from '@corten/api-types';
import { conflict, forbidden, messageOf } from '@corten/errors';
import type { Events } from '@corten/events';
import { lockFile } from '@corten/host';
import type { Database } from '@corten/state';
import { type Logger, randomId } from '@corten/util';
import { broadcastOf, macOf, parseSubnet } from './address.ts';
import { Addresses } from './addresses.ts';
import { Bridges, mtuOf } from './bridges.ts';
import { type DefinitionSettings, defineNetwork, definePredefined, isPredefined } from './definitions.ts';
import { Ports } from './ports.ts';
import { resolvConf } from './resolv.ts';
import { type Interface, NetworkSandbox } from './sandbox.ts';
import { MIGRATIONS } from './schema.ts';
import { type Endpoint, type NetworkRecord, NetworkStore, type PortRow } from './store.ts';
import type { Networks, Sandbox, SandboxRequest } from './types.ts';

export interface NetworksDependencies extends DefinitionSettings {
  db: Database;
  events: Events;
  log: Logger;
  execRoot: string;
  /** Short and unique on this host; names the firewall table. */
  instance: string;
  ipForward?: boolean;
  dns?: { servers: string[]; search: string[]; options: string[] };
}

/** Taken by every engine on this host while it chooses addresses and puts them on a bridge. */
const HOST_LOCK = '/run/corten-networks.lock';

export async function openNetworks(dependencies: NetworksDependencies): Promise<Networks> {
  dependencies.db.migrate('networks', MIGRATIONS);
  return new LocalNetworks(dependencies);
}

class LocalNetworks implements Networks {
  readonly #settings: NetworksDependencies;
  readonly #store: NetworkStore;
  readonly #addresses: Addresses;
  readonly #bridges: Bridges;
  readonly #ports: Ports;
  readonly #events: Events;
  readonly #log: Logger;
  /** Namespaces made by this process that are still held. */
  readonly #sandboxes = new Map<string, NetworkSandbox>();
  readonly ipamDefaults: IPAM = { Driver: 'default', Config: [], Options: {} };

  constructor(settings: NetworksDependencies) {
    const { db, events, log, instance, ipForward = true } = settings;
    this.#settings = settings;
    this.#store = new NetworkStore(db);
    this.#addresses = new Addresses(this.#store);
    this.#bridges = new Bridges({ store: this.#store, log, instance, ipForward });
    this.#ports = new Ports(this.#store);
    this.#events = events;
    this.#log = log;
    definePredefined(this.#store, this.#bridges.route, settings);
  }

  async create(body: NetworkCreateBody): Promise<{ id: string; warning: string }> {
    const network = defineNetwork(body, this.#store, this.#bridges.route, this.#settings);
    this.#store.save(network);
    this.#publishEvent('create', network);
    return { id: network.Id, warning: '' };
  }

  #publishEvent(action: string, network: NetworkRecord, more: Record<string, string> = {}): void {
    this.#events.publish('network', action, network.Id, { name: network.Name, type: network.Driver, ...more });
  }

  get(nameOrId: string): NetworkInspect {
    return this.#inspect(this.#store.find(nameOrId));
  }

  list(): NetworkInspect[] {
    return this.#store.networks().map((network) => this.#inspect(network));
  }

  #inspect(network: NetworkRecord): NetworkInspect {
    const prefix = network.IPAM.Config[0]?.Subnet?.split('/')[1];
    const entries = this.#store.endpointsOf(network.Id).map((e) => [
      e.containerId,
      {
        Name: e.containerName,
        EndpointID: e.endpointId,
        MacAddress: e.mac,
        IPv4Address: e.ip ? `${e.ip}/${prefix}` : '',
        IPv6Address: '',
      },
    ]);
    return { ...network, Containers: Object.fromEntries(entries) };
  }

  async remove(nameOrId: string): Promise<void> {
    const network = this.#store.find(nameOrId);
    if (isPredefined(network.Name)) throw forbidden(`${network.Name} is a pre-defined network and cannot be removed`);
    const users = this.#store.endpointsOf(network.Id);
    if (users.length > 0) {
      const named = users.map((e) => `name:"${e.containerName}" id:"${e.containerId.slice(0, 12)}"`);
      throw forbidden(
        `error while removing network: network ${network.Name} has active endpoints (${named.join(', ')})`,
      );
    }
    await this.#bridges.remove(network);
    this.#store.delete(network.Id);
    this.#publishEvent('destroy', network);
  }

  async prune({
    until,
    labels = [],
    notLabels = [],
  }: {
    until?: number;
    labels?: string[];
    notLabels?: string[];
  }): Promise<string[]> {
    const removed: string[] = [];
    for (const network of this.#store.networks()) {
      const has = (wanted: string) => hasLabel(network.Labels, wanted);
      if (isPredefined(network.Name) || this.#store.endpointsOf(network.Id).length > 0) continue;
      if (until !== undefined && Date.parse(network.Created) / 1000 >= until) continue;
      if (!labels.every(has) || notLabels.some(has)) continue;
      await this.remove(network.Id);
      removed.push(network.Name);
    }
    this.#events.publish('network', 'prune', '', { reclaimed: '0' });
    return removed;
  }

  async attach(request: SandboxRequest): Promise<Sandbox> {
    if (Object.keys(request.endpoints).some((name) => this.#store.find(name).Name === 'bridge'))
      this.#settleDefaultBridge();
    const wanted = Object.entries(request.endpoints).map(([name, settings]) => ({
      network: this.#store.find(name),
      name,
      settings,
    }));
    const onHost = wanted.some(({ network }) => network.Driver === 'host');
    const sandbox = onHost ? undefined : NetworkSandbox.create();
    if (sandbox) this.#sandboxes.set(request.containerId, sandbox);
    try {
      const endpoints: Record<string, EndpointSettings> = {};
      const hosts: Sandbox['hosts'] = [];
      const first = [...wanted].sort((a, b) => b.settings.GwPriority - a.settings.GwPriority)[0];
      for (const { network, name, settings } of wanted) {
        const endpoint = this.#reserve(network, request, settings);
        endpoints[name] = await this.#join(network, endpoint, settings, sandbox, network === first?.network);
        if (endpoint.ip) hosts.push({ ip: endpoint.ip, names: [request.hostname] });
      }
      const ports = await this.#publish(request, wanted[0]?.network, Object.values(endpoints)[0]);
      return {
        namespacePath: sandbox?.path ?? `/proc/${process.pid}/ns/net`,
        sandboxId: randomId(),
        endpoints,
        ports,
        resolvConf: resolvConf({
          servers: request.dns.servers.length > 0 ? request.dns.servers : (this.#settings.dns?.servers ?? []),
          search: request.dns.search.length > 0 ? request.dns.search : (this.#settings.dns?.search ?? []),
          options: request.dns.options.length > 0 ? request.dns.options : (this.#settings.dns?.options ?? []),
        }),
        hosts,
      };
    } catch (error) {
      await this.detach(request.containerId);
      throw error;
    }
  }

  /** Until its bridge stands, the default network's addresses may be taken by somebody else on the host: look again then. */
  #settleDefaultBridge(): void {
    const bridge = this.#store.byName('bridge');
    if (!bridge || this.#bridges.stands(bridge)) return;
    using _lock = lockFile(HOST_LOCK); // two engines must not find the same addresses free
    definePredefined(this.#store, this.#bridges.route, this.#settings);
    this.#bridges.makeLink(this.#store.byName('bridge')!);
  }

  /** The endpoint's row, with its address, before anything is made. */
  #reserve(
    network: NetworkRecord,
    container: { containerId: string; name: string },
    settings: EndpointSettings,
  ): Endpoint {
    return this.#store.transaction(() => {
      const bridged = network.Driver === 'bridge';
      const ip = bridged ? this.#addresses.take(network, settings.IPAMConfig?.IPv4Address || undefined) : '';
      const endpoint: Endpoint = {
        containerId: container.containerId,
        networkId: network.Id,
        containerName: container.name.replace(/^\//, ''),
        endpointId: randomId(),
        ip,
        mac: bridged ? settings.MacAddress || macOf(ip) : '',
      };
      this.#store.addEndpoint(endpoint);
      return endpoint;
    });
  }

  async #join(
    network: NetworkRecord,
    endpoint: Endpoint,
    settings: EndpointSettings,
    sandbox: NetworkSandbox | undefined,
    isDefault: boolean,
  ): Promise<EndpointSettings> {
    const joined = { ...emptyEndpoint(), ...settings, NetworkID: network.Id, EndpointID: endpoint.endpointId };
    if (network.Driver !== 'bridge') {
      this.#publishEvent('connect', network, { container: endpoint.containerId });
      return joined;
    }
    const bridgeIndex = await this.#bridges.ensure(network);
    const { Subnet, Gateway } = network.IPAM.Config[0]!;
    const subnet = parseSubnet(Subnet!);
    const plug: Interface = {
      hostName: `veth${randomBytes(4).toString('hex').slice(0, 7)}`,
      bridgeIndex,
      address: endpoint.ip,
      prefix: subnet.prefix,
      broadcast: broadcastOf(subnet),
      mac: endpoint.mac,
      mtu: mtuOf(network),
      gateway: isDefault && !network.Internal ? Gateway : undefined,
    };
    sandbox!.plug(this.#bridges.route, plug);
    this.#publishEvent('connect', network, { container: endpoint.containerId });
    const gateway = network.Internal ? '' : Gateway!;
    return {
      ...joined,
      Gateway: gateway,
      IPAddress: endpoint.ip,
      IPPrefixLen: subnet.prefix,
      MacAddress: endpoint.mac,
    };
  }

  async #publish(request: SandboxRequest, network: NetworkRecord | undefined, endpoint: EndpointSettings | undefined) {
    const exposed = Object.fromEntries(request.exposed.map((key) => [key, null]));
    if (network?.Driver !== 'bridge' || !endpoint) return {};
    const { rows, map } = this.#ports.reserve(
      request.containerId,
      request.name.replace(/^\//, ''),
      endpoint.EndpointID,
      request.ports,
      endpoint.IPAddress,
    );
    await this.#bridges.publish(rows);
    return { ...exposed, ...map };
  }

  async detach(containerId: string): Promise<void> {
    const rows = this.#store.portsOfContainer(containerId);
    if (rows.length > 0) await this.#unpublish(rows);
    for (const endpoint of this.#store.endpointsOfContainer(containerId)) {
      this.#store.removeEndpoint(containerId, endpoint.networkId);
      const network = this.#store.networks().find((n) => n.Id === endpoint.networkId);
      if (network) this.#publishEvent('disconnect', network, { container: containerId });
    }
    this.#store.removePorts(containerId);
    this.#sandboxes.get(containerId)?.close();
    this.#sandboxes.delete(containerId);
  }

  async #unpublish(rows: readonly PortRow[]): Promise<void> {
    try {
      await this.#bridges.unpublish(rows);
    } catch (error) {
      // a row whose element was never made (a failed start): the transaction as a whole was refused
      this.#log.debug('ports were not published', { error: messageOf(error) });
      for (const row of rows) await this.#bridges.unpublish([row]).catch(() => {});
    }
    this.#ports.releaseRows(rows);
  }

  async connect(
    nameOrId: string,
    container: { id: string; name: string; pid: number },
    settings: EndpointSettings,
  ): Promise<EndpointSettings> {
    const network = this.#store.find(nameOrId);
    if (network.Driver !== 'bridge') throw forbidden(`container cannot be connected to ${network.Name} network`);
    if (this.#store.endpointsOfContainer(container.id).some((e) => e.networkId === network.Id))
      throw forbidden(
        `endpoint with name ${container.name.replace(/^\//, '')} already exists in network ${network.Name}`,
      );
    const endpoint = this.#reserve(network, { containerId: container.id, name: container.name }, settings);
    const sandbox = NetworkSandbox.of(container.pid);
    try {
      return await this.#join(network, endpoint, settings, sandbox, false);
    } catch (error) {
      this.#store.removeEndpoint(container.id, network.Id);
      throw error;
    } finally {
      sandbox.close();
    }
  }

  async disconnect(nameOrId: string, containerId: string, force: boolean): Promise<void> {
    const network = this.#store.find(nameOrId);
    const endpoint = this.#store.endpointsOfContainer(containerId).find((e) => e.networkId === network.Id);
    if (!endpoint) {
      if (force) return;
      throw conflict(`container ${containerId} is not connected to network ${network.Name}`);
    }
    this.#sandboxes.get(containerId)?.unplug(endpoint.ip);
    this.#store.removeEndpoint(containerId, network.Id);
    this.#publishEvent('disconnect', network, { container: containerId });
  }

  async reconcile(running: readonly { id: string; name: string; pid: number }[]): Promise<void> {
    const alive = new Map(running.map((r) => [r.id, r]));
    const stale = new Set(
      [...this.#store.endpoints(), ...this.#store.ports()].map((row) => row.containerId).filter((id) => !alive.has(id)),
    );
    for (const id of stale) {
      for (const { networkId } of this.#store.endpointsOfContainer(id)) this.#store.removeEndpoint(id, networkId);
      this.#store.removePorts(id);
    }
    const used = new Set(this.#store.endpoints().map((e) => e.networkId));
    const ports = this.#store.ports();
    this.#ports.adopt(ports, (row, error) =>
      this.#log.warn('a published port is taken by another process', { port: row.hostPort, error: messageOf(error) }),
    );
    const networks = this.#store.networks().filter((n) => n.Driver === 'bridge' && used.has(n.Id));
    if (networks.length > 0) await this.#bridges.restore(networks, ports);
    else await this.#bridges.removeAll(); // what a crash may have left
    for (const { id, pid } of running) {
      if (this.#store.endpointsOfContainer(id).some((e) => e.ip !== ''))
        this.#sandboxes.set(id, NetworkSandbox.of(pid));
    }
  }

  async close(): Promise<void> {
    const inUse = this.#store.endpoints().some((e) => e.ip !== '');
    for (const sandbox of this.#sandboxes.values()) sandbox.close();
    this.#sandboxes.clear();
    if (!inUse) await this.#bridges.removeAll();
    this.#ports.close();
    this.#bridges.close();
  }
}

function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const [key, value] = wanted.split(/=(.*)/s);
  return key! in labels && (value === undefined || labels[key!] === value);
}
