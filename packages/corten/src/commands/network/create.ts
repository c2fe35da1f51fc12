import { isIP } from 'node:net';
import { command, exactly } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, list, map, string, strings } from '../../cli/flag-types.ts';
import { keyValues } from '../../run/env.ts';

interface Pool {
  Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

export const create = command({
  usage: '[OPTIONS] NETWORK',
  arity: exactly(1),
  flags: {
    attachable: bool('', 'Enable manual container attachment'),
    'aux-address': map('', 'Auxiliary IPv4 or IPv6 addresses used by the network driver'),
    'config-from': string('', 'The network from which to copy the configuration'),
    'config-only': bool('', 'Create a configuration only network'),
    driver: string('d', 'Driver to manage the network', { initial: 'bridge' }),
    gateway: strings('', 'IPv4 or IPv6 gateway for the subnet'),
    ingress: bool('', 'Create a swarm routing-mesh network'),
    internal: bool('', 'Restrict external access to the network'),
    'ip-range': strings('', 'Allocate container addresses from a sub-range'),
    'ipam-driver': string('', 'IP address management driver', { initial: 'default' }),
    'ipam-opt': map('', 'Set IPAM driver specific options'),
    ipv4: bool('', 'Enable or disable IPv4 address assignment', { initial: true }),
    ipv6: bool('', 'Enable or disable IPv6 address assignment'),
    label: list('', 'Set metadata on a network'),
    opt: map('o', 'Set driver specific options'),
    scope: string('', "Control the network's scope"),
    subnet: strings('', 'Subnet in CIDR format that represents a network segment'),
  },
  async run(context, { flags, given, args }) {
    const pools = ipamPools(flags.subnet, flags['ip-range'], flags.gateway, flags['aux-address']);
    const { Id, Warning } = await context.engine.post<{ Id: string; Warning?: string }>('/networks/create', {
      body: {
        Name: args[0],
        Driver: flags.driver,
        Scope: flags.scope || undefined,
        EnableIPv4: given.has('ipv4') ? flags.ipv4 : undefined,
        EnableIPv6: given.has('ipv6') ? flags.ipv6 : undefined,
        Internal: flags.internal,
        Attachable: flags.attachable,
        Ingress: flags.ingress,
        ConfigOnly: flags['config-only'],
        ConfigFrom: flags['config-from'] ? { Network: flags['config-from'] } : undefined,
        IPAM: { Driver: flags['ipam-driver'], Options: flags['ipam-opt'], Config: pools },
        Options: flags.opt,
        Labels: keyValues(flags.label),
      },
    });
    if (Warning) context.warn(`WARNING: ${Warning}`);
    context.print(Id);
  },
});

/** Each range, gateway and auxiliary address goes to the subnet that holds it. */
export function ipamPools(
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
  auxiliary: Readonly<Record<string, string>>,
): Pool[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw new CliError('every ip-range or gateway must have a corresponding subnet');
  const pools = subnets.map((Subnet): Pool & { holds: (ip: string) => boolean } => ({
    Subnet,
    holds: subnetTest(Subnet),
  }));
  const owner = (address: string, what: string) => {
    const pool = pools.find((p) => p.holds(address.split('/')[0]!));
    if (!pool) throw new CliError(`no matching subnet for ${what} ${address}`);
    return pool;
  };
  for (const range of ranges) owner(range, 'range').IPRange = range;
  for (const gateway of gateways) owner(gateway, 'gateway').Gateway = gateway;
  for (const [name, address] of Object.entries(auxiliary)) {
    const pool = owner(address, 'aux-address');
    pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [name]: address };
  }
  return pools.map(({ holds: _, ...pool }) => pool);
}

function subnetTest(subnet: string): (ip: string) => boolean {
  const [base = '', bits = ''] = subnet.split('/');
  const version = isIP(base);
  if (version === 0 || !/^\d+$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128))
    throw new CliError(`invalid subnet ${subnet}: it is not an address with a prefix length`);
  const width = version === 4 ? 32n : 128n;
  const shift = width - BigInt(bits);
  const net = toNumber(base) >> shift;
  return (ip) => isIP(ip) === version && toNumber(ip) >> shift === net;
}

function toNumber(ip: string): bigint {
  if (isIP(ip) === 4) return ip.split('.').reduce((n, part) => (n << 8n) + BigInt(part), 0n);
  const host = new URL(`http://[${ip}]`).hostname.slice(1, -1);
  const [left = '', right] = host.split('::');
  const words = (text: string) => (text === '' ? [] : text.split(':'));
  const head = words(left);
  const tail = right === undefined ? [] : words(right);
  const all = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return all.reduce((n, word) => (n << 16n) + BigInt(`0x${word}`), 0n);
}
