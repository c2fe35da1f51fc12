import { isIPv4 } from 'node:net';
import { invalid, system } from '@corten/errors';
import { contains, parseSubnet, toAddress } from './address.ts';
import type { NetworkRecord, NetworkStore } from './store.ts';

/** Gives out a network's IPv4 addresses; what is taken stands in the endpoint rows. */
export class Addresses {
  readonly #store: NetworkStore;
  /** Where the next search begins: an address is not given again at once, while somebody may still remember its MAC. */
  readonly #next = new Map<string, number>();

  constructor(store: NetworkStore) {
    this.#store = store;
  }

  take(network: NetworkRecord, wanted?: string): string {
    const config = network.IPAM.Config[0]!;
    const subnet = parseSubnet(config.Subnet!);
    const taken = new Set(this.#store.endpointsOf(network.Id).map((e) => e.ip));
    taken.add(config.Gateway!);
    for (const address of Object.values(config.AuxiliaryAddresses ?? {})) taken.add(address);
    if (wanted) {
      if (!isIPv4(wanted)) throw invalid(`invalid IPv4 address: ${wanted}`);
      if (!contains(subnet, wanted)) throw invalid(`no configured subnet contains IP address ${wanted}`);
      if (taken.has(wanted)) throw system('Address already in use');
      return wanted;
    }
    const range = config.IPRange ? parseSubnet(config.IPRange) : subnet;
    const first = Math.max(range.base, subnet.base + 1);
    const last = Math.min(range.base + range.size - 1, subnet.base + subnet.size - 2);
    const count = last - first + 1;
    const start = Math.max(this.#next.get(network.Id) ?? first, first);
    for (let i = 0; i < count; i++) {
      const number = first + ((start - first + i) % count);
      const address = toAddress(number);
      if (taken.has(address)) continue;
      this.#next.set(network.Id, number + 1);
      return address;
    }
    throw system(`no available IPv4 addresses on this network's address pools: ${network.Name} (${network.Id})`);
  }
}
