import { system } from '@corten/errors';
import { run } from '@corten/util';

/** An address and port on the host, or a port on all of its addresses when `address` is undefined. */
export interface Published {
  protocol: 'tcp' | 'udp';
  address?: string;
  port: number;
  target: { address: string; port: number };
}

export interface BridgeRules {
  name: string;
  subnet: string;
  /** Whether its containers may reach each other. */
  icc: boolean;
  /** Whether they reach the world, behind the host's address. */
  masquerade: boolean;
  internal: boolean;
}

export interface TableSettings {
  /** Table name: one an engine. */
  name: string;
}

/**
 * The engine's one nftables table. Rules are static; bridges and published ports are elements of sets and maps, so that
 * the ten-thousandth published port costs what the first did. Every change is one transaction.
 */
export class NftTable {
  readonly #name: string;

  constructor(settings: TableSettings) {
    this.#name = settings.name;
  }

  /** Makes the table anew with all that shall be in it: also what cleans up after a crash. */
  async install(bridges: readonly BridgeRules[], published: readonly Published[]): Promise<void> {
    const lines = [...bridges.flatMap((b) => this.#bridge('add', b)), ...published.map((p) => this.#port('add', p))];
    await apply(`${RESET(this.#name)}\n${TABLE(this.#name)}\n${lines.join('\n')}\n`);
  }

  async remove(): Promise<void> {
    await apply(RESET(this.#name));
  }

  async addBridge(bridge: BridgeRules): Promise<void> {
    await apply(this.#bridge('add', bridge).join('\n'));
  }

  async removeBridge(bridge: BridgeRules): Promise<void> {
    await apply(this.#bridge('delete', bridge).join('\n'));
  }

  async publish(ports: readonly Published[]): Promise<void> {
    if (ports.length > 0) await apply(ports.map((p) => this.#port('add', p)).join('\n'));
  }

  async unpublish(ports: readonly Published[]): Promise<void> {
    if (ports.length > 0) await apply(ports.map((p) => this.#port('delete', p)).join('\n'));
  }

  #bridge(verb: 'add' | 'delete', b: BridgeRules): string[] {
    const element = (set: string, value: string) => `${verb} element inet ${this.#name} ${set} { ${value} }`;
    return [
      element('bridges', `"${b.name}"`),
      element('subnets', b.subnet),
      element('pairs', `"${b.name}" . "${b.name}"${verb === 'add' ? ` : ${b.icc ? 'accept' : 'drop'}` : ''}`),
      ...(b.internal ? [element('internal', `"${b.name}"`)] : []),
      ...(b.masquerade && !b.internal ? [element('masqueraded', b.subnet)] : []),
    ];
  }

  #port(verb: 'add' | 'delete', p: Published): string {
    const key = `${p.address ? `${p.address} . ` : ''}${p.protocol} . ${p.port}`;
    const value = verb === 'add' ? ` : ${p.target.address} . ${p.target.port}` : '';
    return `${verb} element inet ${this.#name} ${p.address ? 'published_at' : 'published'} { ${key}${value} }`;
  }
}

const RESET = (name: string): string => `add table inet ${name}\ndelete table inet ${name}`;

const TABLE = (name: string): string => `table inet ${name} {
  set bridges { type ifname; }
  map pairs { type ifname . ifname : verdict; }
  set internal { type ifname; }
  set subnets { type ipv4_addr; flags interval; }
  set masqueraded { type ipv4_addr; flags interval; }
  map published { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map published_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }

  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @published_at
    dnat ip to meta l4proto . th dport map @published
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp } fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp } fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @masqueraded oifname != @bridges masquerade
    ip saddr 127.0.0.0/8 oifname @bridges masquerade
    ct status dnat ip saddr @subnets ip daddr @subnets masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges return
    ct state established,related accept
    ct status dnat accept
    iifname . oifname vmap @pairs
    iifname @internal drop
    iifname @bridges oifname != @bridges accept
    drop
  }
}`;

async function apply(script: string): Promise<void> {
  const { code, stderr } = await run('nft', ['-f', '-'], { input: script });
  if (code !== 0)
    throw system(`nftables refused a change: ${stderr.trim().split('\n')[0] ?? `nft ended with ${code}`}`);
}
