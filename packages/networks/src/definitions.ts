import { isIPv4 } from 'node:net';
import type { NetworkCreateBody } from '@corten/api-types';
import { conflict, forbidden, invalid, notFound, notImplemented } from '@corten/errors';
import type { RouteSocket } from '@corten/netlink';
import { randomId, rfc3339Nano } from '@corten/util';
import {
  contains,
  DEFAULT_POOLS,
  formatSubnet,
  freeSubnet,
  overlaps,
  parseSubnet,
  type Subnet,
  toAddress,
} from './address.ts';
import { OPTION } from './bridges.ts';
import type { NetworkRecord, NetworkStore } from './store.ts';

export interface DefinitionSettings {
  bridgeName: string;
  bip?: string;
  fixedCidr?: string;
  mtu?: number;
  icc?: boolean;
  ipMasq?: boolean;
  defaultAddressPools?: { base: string; size: number }[];
}

const PREDEFINED = ['bridge', 'host', 'none'];
export const isPredefined = (name: string): boolean => PREDEFINED.includes(name);

/** Subnets that a new network must not overlap: our networks' and what the host routes already. */
function takenSubnets(store: NetworkStore, route: RouteSocket): Subnet[] {
  const own = store.networks().flatMap((n) => n.IPAM.Config.map((c) => parseSubnet(c.Subnet!)));
  const routed = route
    .routes()
    .filter((r) => r.prefix > 0)
    .map((r) => parseSubnet(`${r.destination}/${r.prefix}`));
  const assigned = route.addresses().map((a) => parseSubnet(`${a.address}/${a.prefix}`));
  return [...own, ...routed, ...assigned];
}

const poolsOf = (settings: DefinitionSettings) =>
  settings.defaultAddressPools && settings.defaultAddressPools.length > 0
    ? settings.defaultAddressPools
    : DEFAULT_POOLS;

const blank = (name: string, driver: string): NetworkRecord => ({
  Name: name,
  Id: randomId(),
  Created: rfc3339Nano(),
  Scope: 'local',
  Driver: driver,
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: { Driver: 'default', Options: null, Config: [] },
  Internal: false,
  Attachable: false,
  Ingress: false,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Options: {},
  Labels: {},
});

/** Makes bridge, host and none when they are not there, and brings the default bridge to today's settings. */
export function definePredefined(store: NetworkStore, route: RouteSocket, settings: DefinitionSettings): void {
  for (const [name, driver] of [
    ['host', 'host'],
    ['none', 'null'],
  ] as const)
    if (!store.byName(name)) store.save(blank(name, driver));
  const known = store.byName('bridge');
  if (settings.bridgeName === 'none') {
    if (known && store.endpointsOf(known.Id).length === 0) store.delete(known.Id);
    return;
  }
  const network = known ?? blank('bridge', 'bridge');
  const inUse = known !== undefined && store.endpointsOf(known.Id).length > 0;
  if (!inUse) network.IPAM.Config = [defaultBridgeAddresses(known, store, route, settings)];
  network.Options = {
    [OPTION.isDefault]: 'true',
    [OPTION.icc]: String(settings.icc ?? true),
    [OPTION.masquerade]: String(settings.ipMasq ?? true),
    [OPTION.hostBinding]: '0.0.0.0',
    [OPTION.name]: inUse ? known.Options[OPTION.name]! : settings.bridgeName,
    [OPTION.mtu]: String(settings.mtu ?? 1500),
  };
  store.save(network);
}

/** The configured address, else the one it had when the host does not use that itself now, else the next free pool. */
function defaultBridgeAddresses(
  known: NetworkRecord | undefined,
  store: NetworkStore,
  route: RouteSocket,
  settings: DefinitionSettings,
) {
  if (settings.bip) {
    const subnet = parseSubnet(settings.bip);
    return {
      Subnet: formatSubnet(subnet),
      Gateway: settings.bip.split('/')[0]!,
      ...(settings.fixedCidr ? { IPRange: settings.fixedCidr } : {}),
    };
  }
  const bridge = route.link(known?.Options[OPTION.name] ?? settings.bridgeName);
  const previous = known?.IPAM.Config[0];
  const others = takenSubnets(store, route).filter((s) => formatSubnet(s) !== previous?.Subnet);
  const usable =
    previous &&
    (bridge !== undefined || !route.addresses().some((a) => contains(parseSubnet(previous.Subnet!), a.address)));
  if (usable && !others.some((s) => overlaps(s, parseSubnet(previous.Subnet!)))) return previous;
  const subnet = freeSubnet(poolsOf(settings), takenSubnets(store, route));
  if (!subnet)
    throw conflict(
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    );
  return { Subnet: formatSubnet(subnet), Gateway: toAddress(subnet.base + 1) };
}

/** Checks a create request and gives the record; nothing is stored. */
export function defineNetwork(
  body: NetworkCreateBody,
  store: NetworkStore,
  route: RouteSocket,
  settings: DefinitionSettings,
): NetworkRecord {
  if (body.Name.trim() === '') throw invalid('invalid network name: name is empty');
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(body.Name))
    throw invalid(`invalid network name: ${body.Name}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  if (isPredefined(body.Name)) throw forbidden(`operation is not permitted on predefined ${body.Name} network`);
  if (store.byName(body.Name)) throw conflict(`network with name ${body.Name} already exists`);
  const driver = body.Driver || 'bridge';
  if (driver === 'host' || driver === 'null') throw forbidden(`only one instance of "${driver}" network is allowed`);
  if (driver === 'overlay')
    throw forbidden(
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    );
  if (['macvlan', 'ipvlan'].includes(driver)) throw notImplemented(`network driver ${driver} is not supported yet`);
  if (driver !== 'bridge')
    throw notFound(`could not resolve driver ${driver} in remote plugins: plugin "${driver}" not found`);
  if (body.EnableIPv6) throw notImplemented('IPv6 networks are not supported yet');
  if (body.ConfigOnly || body.ConfigFrom) throw notImplemented('config-only networks are not supported yet');
  const network = blank(body.Name, driver);
  return {
    ...network,
    Internal: body.Internal,
    Attachable: body.Attachable,
    Options: body.Options,
    Labels: body.Labels,
    IPAM: {
      Driver: 'default',
      Options: Object.keys(body.IPAM?.Options ?? {}).length > 0 ? body.IPAM!.Options : null,
      Config: [addressesOf(body, store, route, settings)],
    },
  };
}

function addressesOf(
  body: NetworkCreateBody,
  store: NetworkStore,
  route: RouteSocket,
  settings: DefinitionSettings,
): NetworkRecord['IPAM']['Config'][number] {
  if (body.IPAM && !['', 'default'].includes(body.IPAM.Driver))
    throw notFound(`could not resolve IPAM driver ${body.IPAM.Driver}: plugin "${body.IPAM.Driver}" not found`);
  const configs = body.IPAM?.Config ?? [];
  if (configs.length > 1) throw notImplemented('more than one subnet in a network is not supported yet');
  const given = configs[0];
  const taken = takenSubnets(store, route);
  if (!given || given.Subnet === '') {
    const subnet = freeSubnet(poolsOf(settings), taken);
    if (!subnet)
      throw conflict(
        'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
      );
    return { Subnet: formatSubnet(subnet), Gateway: toAddress(subnet.base + 1) };
  }
  const subnet = parseSubnet(given.Subnet);
  if (subnet.prefix > 30) throw invalid(`invalid subnet ${given.Subnet}: it has no room for containers`);
  if (taken.some((t) => overlaps(t, subnet))) throw forbidden('Pool overlaps with other one on this address space');
  for (const [what, address] of [['gateway', given.Gateway], ...Object.entries(given.AuxiliaryAddresses)] as const) {
    if (address !== '' && (!isIPv4(address) || !contains(subnet, address)))
      throw invalid(`invalid ${what} ${address}: it is not in the subnet ${given.Subnet}`);
  }
  if (given.IPRange !== '' && !contains(subnet, toAddress(parseSubnet(given.IPRange).base)))
    throw invalid(`invalid ip-range ${given.IPRange}: it is not in the subnet ${given.Subnet}`);
  return {
    Subnet: given.Subnet,
    ...(given.IPRange ? { IPRange: given.IPRange } : {}),
    Gateway: given.Gateway || toAddress(subnet.base + 1),
    ...(Object.keys(given.AuxiliaryAddresses).length > 0 ? { AuxiliaryAddresses: given.AuxiliaryAddresses } : {}),
  };
}
