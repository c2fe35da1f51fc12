import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { codeOf, messageOf } from '@corten/errors';
import { type BridgeRules, NftTable, RouteSocket } from '@corten/netlink';
import { type Logger, Mutex, run } from '@corten/util';
import { broadcastOf, macOf, parseSubnet } from './address.ts';
import type { NetworkRecord, NetworkStore, PortRow } from './store.ts';

export const OPTION = {
  name: 'com.docker.network.bridge.name',
  icc: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  mtu: 'com.docker.network.driver.mtu',
  isDefault: 'com.docker.network.bridge.default_bridge',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
} as const;

export const bridgeNameOf = (network: NetworkRecord): string =>
  network.Options[OPTION.name] ?? `br-${network.Id.slice(0, 12)}`;
export const mtuOf = (network: NetworkRecord): number | undefined => {
  const mtu = Number(network.Options[OPTION.mtu]);
  return Number.isInteger(mtu) && mtu > 0 ? mtu : undefined;
};

export function rulesOf(network: NetworkRecord): BridgeRules {
  return {
    name: bridgeNameOf(network),
    subnet: network.IPAM.Config[0]!.Subnet!,
    icc: network.Options[OPTION.icc] !== 'false',
    masquerade: network.Options[OPTION.masquerade] !== 'false',
    internal: network.Internal,
  };
}

/**
 * The links and the firewall table of this engine. Bridges are made when their first container comes, so that an engine
 * without containers leaves the host as it was.
 */
export class Bridges {
  readonly #store: NetworkStore;
  readonly #log: Logger;
  readonly #table: NftTable;
  readonly #comment: string;
  readonly #ipForward: boolean;
  readonly #route = new RouteSocket();
  /** Index of each bridge that stands, by network ID. */
  readonly #ready = new Map<string, number>();
  readonly #making = new Mutex();
  #tableReady = false;

  constructor(setting: { store: NetworkStore; log: Logger; instance: string; ipForward: boolean }) {
    this.#store = setting.store;
    this.#log = setting.log;
    this.#ipForward = setting.ipForward;
    this.#comment = `corten-${setting.instance}`;
    this.#table = new NftTable({ name: `corten_${setting.instance}` });
  }

  get route(): RouteSocket {
    return this.#route;
  }
  get table(): NftTable {
    return this.#table;
  }

  stands(network: NetworkRecord): boolean {
    return this.#ready.has(network.Id);
  }

  /** The link index of the network's bridge, made if it is not there. */
  async ensure(network: NetworkRecord): Promise<number> {
    const known = this.#ready.get(network.Id);
    if (known !== undefined) return known;
    using _lock = await this.#making.lock();
    const again = this.#ready.get(network.Id);
    if (again !== undefined) return again;
    const index = this.makeLink(network);
    await this.#ensureTable();
    await this.#table.addBridge(rulesOf(network));
    await this.#passForeignFilters(rulesOf(network).name, 'add');
    this.#ready.set(network.Id, index);
    return index;
  }

  /** The bridge's link with its address, up; made if it is not there. */
  makeLink(network: NetworkRecord): number {
    const name = bridgeNameOf(network);
    const { Gateway, Subnet } = network.IPAM.Config[0]!;
    const subnet = parseSubnet(Subnet!);
    if (!this.#route.link(name)) this.#route.addBridge(name, macOf(Gateway!), mtuOf(network));
    const { index } = this.#route.link(name)!;
    try {
      this.#route.addAddress(index, Gateway!, subnet.prefix, broadcastOf(subnet));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error; // the bridge is left from before
    }
    setting(`net/ipv6/conf/${name}/disable_ipv6`, '1');
    setting(`net/ipv4/conf/${name}/route_localnet`, '1'); // 127.0.0.1 reaches published ports
    this.#route.setUp(index);
    if (this.#ipForward) setting('net/ipv4/ip_forward', '1');
    return index;
  }

  async #ensureTable(): Promise<void> {
    if (this.#tableReady) return;
    await this.#table.install([], []);
    this.#tableReady = true;
  }

  /** After a restart: one transaction brings the table to what the rows say. */
  async restore(networks: readonly NetworkRecord[], ports: readonly PortRow[]): Promise<void> {
    for (const network of networks) this.#ready.set(network.Id, this.makeLink(network));
    await this.#table.install(networks.map(rulesOf), ports.map(published));
    this.#tableReady = true;
    for (const network of networks) await this.#passForeignFilters(bridgeNameOf(network), 'add');
  }

  async publish(rows: readonly PortRow[]): Promise<void> {
    await this.#table.publish(rows.map(published));
  }

  async unpublish(rows: readonly PortRow[]): Promise<void> {
    if (this.#tableReady) await this.#table.unpublish(rows.map(published));
  }

  /** Removes a network's bridge, if it stands. */
  async remove(network: NetworkRecord): Promise<void> {
    using _lock = await this.#making.lock();
    const name = bridgeNameOf(network);
    if (this.#ready.has(network.Id)) {
      await this.#table.removeBridge(rulesOf(network));
      await this.#passForeignFilters(name, 'remove');
    }
    this.#ready.delete(network.Id);
    const link = this.#route.link(name);
    if (link) this.#route.remove(link.index);
  }

  /** Takes everything back from the host: bridges, table, foreign rules. */
  async removeAll(): Promise<void> {
    for (const network of this.#store.networks()) if (network.Driver === 'bridge') await this.#removeLeft(network);
    if (this.#tableReady || (await this.#tableExists())) await this.#table.remove();
    this.#tableReady = false;
    this.#ready.clear();
  }

  async #removeLeft(network: NetworkRecord): Promise<void> {
    const link = this.#route.link(bridgeNameOf(network));
    if (!link) return;
    await this.#passForeignFilters(bridgeNameOf(network), 'remove');
    try {
      this.#route.remove(link.index);
    } catch (error) {
      this.#log.warn('cannot remove a bridge', { name: link.name, error: messageOf(error) });
    }
  }

  async #tableExists(): Promise<boolean> {
    return (await run('nft', ['list', 'table', 'inet', `${this.#comment.replace('-', '_')}`])).code === 0;
  }

  /**
   * Another engine's or firewall's `FORWARD` chain with policy DROP would drop what our table accepts: every chain of a
   * hook must accept. Two rules, marked with our name, let our bridges pass; without such a chain nothing is done.
   */
  async #passForeignFilters(bridge: string, what: 'add' | 'remove'): Promise<void> {
    const chains = await run('iptables', ['-w', '-S']);
    if (chains.code !== 0) return; // no iptables here: nothing of its kind can be in the way
    const chain = /^-N DOCKER-USER$/m.test(chains.stdout) ? 'DOCKER-USER' : 'FORWARD';
    const dropping = /^-P FORWARD DROP$/m.test(chains.stdout);
    for (const direction of ['-i', '-o']) {
      const rule = [direction, bridge, '-m', 'comment', '--comment', this.#comment, '-j', 'ACCEPT'];
      const present = chains.stdout.includes(`${direction} ${bridge} -m comment --comment ${this.#comment} -j ACCEPT`);
      if (what === 'add' && dropping && !present) await run('iptables', ['-w', '-I', chain, ...rule]);
      if (what === 'remove' && present) await run('iptables', ['-w', '-D', chain, ...rule]);
    }
  }

  close(): void {
    this.#route.close();
  }
}

export const published = (row: PortRow) => ({
  protocol: row.protocol,
  address: row.hostIp === '0.0.0.0' ? undefined : row.hostIp,
  port: row.hostPort,
  target: { address: row.targetIp, port: row.targetPort },
});

/** Writes a sysctl when it is there and differs. */
function setting(name: string, value: string): void {
  const path = `/proc/sys/${name}`;
  if (existsSync(path) && readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
}
