import type { ContainerInspect } from '@corten/containers';
import type { Exchange } from './exchange.ts';

type Json = Record<string, unknown>;

/** Adds to an inspect what clients of older API versions read: the default bridge's address beside the networks. */
export function forVersion(inspect: ContainerInspect, x: Exchange): Json {
  if (x.atLeast('1.52')) return inspect;
  const settings = (inspect['NetworkSettings'] ?? {}) as Json;
  const networks = (settings['Networks'] ?? {}) as Record<string, Json>;
  const bridge = networks['bridge'] ?? {};
  return {
    ...inspect,
    NetworkSettings: {
      Bridge: '',
      HairpinMode: false,
      LinkLocalIPv6Address: '',
      LinkLocalIPv6PrefixLen: 0,
      SecondaryIPAddresses: null,
      SecondaryIPv6Addresses: null,
      EndpointID: bridge['EndpointID'] ?? '',
      Gateway: bridge['Gateway'] ?? '',
      GlobalIPv6Address: bridge['GlobalIPv6Address'] ?? '',
      GlobalIPv6PrefixLen: bridge['GlobalIPv6PrefixLen'] ?? 0,
      IPAddress: bridge['IPAddress'] ?? '',
      IPPrefixLen: bridge['IPPrefixLen'] ?? 0,
      IPv6Gateway: bridge['IPv6Gateway'] ?? '',
      MacAddress: bridge['MacAddress'] ?? '',
      ...settings,
    },
  };
}
