import type { Finding } from './examine.ts';
import { read, tried } from './probe.ts';

/** Kinds of link, each tried in a network namespace that goes away at once. */
const LINKS: readonly [name: string, arguments_: string, state: 'missing' | 'warning', consequence: string][] = [
  ['bridge', 'link add b0 type bridge', 'missing', 'no container networks'],
  ['veth', 'link add v0 type veth peer name v1', 'missing', 'containers cannot be connected to networks'],
  [
    'vxlan',
    'link add x0 type vxlan id 42 dstport 4789 local 127.0.0.1',
    'warning',
    'no overlay networks between hosts',
  ],
  ['macvlan', 'link add d0 type dummy && ip link add link d0 m0 type macvlan', 'warning', 'no macvlan networks'],
  ['ipvlan', 'link add d0 type dummy && ip link add link d0 i0 type ipvlan', 'warning', 'no ipvlan networks'],
];

export async function networkFindings(): Promise<Finding[]> {
  const links = await Promise.all(
    LINKS.map(async ([name, args, state, consequence]): Promise<Finding> => {
      if (await tried('-n', 'sh', '-c', `PATH=$PATH:/usr/sbin:/sbin; ip ${args}`))
        return { name, state: 'ok', found: 'can be made' };
      return { name, state, found: 'cannot be made', consequence };
    }),
  );
  const nat = await tried(
    '-n',
    'sh',
    '-c',
    'PATH=$PATH:/usr/sbin:/sbin; nft "add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c masquerade"',
  );
  const forward = read('/proc/sys/net/ipv4/ip_forward').trim() === '1';
  const bridgeFilter = read('/proc/sys/net/bridge/bridge-nf-call-iptables').trim();
  return [
    ...links,
    nat
      ? { name: 'nftables NAT', state: 'ok', found: 'rules can be made' }
      : {
          name: 'nftables NAT',
          state: 'warning',
          found: 'rules cannot be made',
          consequence: 'containers do not reach other hosts, ports cannot be published',
        },
    forward
      ? { name: 'ip_forward', state: 'ok', found: '1' }
      : {
          name: 'ip_forward',
          state: 'info',
          found: '0',
          consequence: 'the engine switches it on when it makes its first network',
        },
    {
      name: 'bridge-nf-call',
      state: 'info',
      found: bridgeFilter === '' ? 'module not loaded' : bridgeFilter,
      consequence:
        bridgeFilter === '1' ? "the host's firewall also sees traffic between containers of one network" : undefined,
    },
  ];
}
