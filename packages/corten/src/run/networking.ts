import { isIP } from 'node:net';
import { CliError, UsageError } from '../cli/errors.ts';
import { splitCsv, type Values } from '../cli/flag-types.ts';
import { keyValues } from './env.ts';
import type { createFlags } from './flags.ts';

export interface EndpointSettings {
  Aliases?: string[];
  Links?: string[];
  DriverOpts?: Record<string, string>;
  MacAddress?: string;
  GwPriority?: number;
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] };
}

/** `--network` (several, short or `name=…,alias=…,ip=…`) and the flags that are about the first one. */
export function parseNetworks(flags: Values<typeof createFlags>): {
  mode: string;
  endpoints: Record<string, EndpointSettings>;
} {
  const endpoints: Record<string, EndpointSettings> = {};
  const names: string[] = [];
  for (const spec of flags.network) {
    const { name, settings } = parseNetwork(spec);
    if (endpoints[name]) throw new CliError(`network ${JSON.stringify(name)} is specified multiple times`);
    endpoints[name] = settings;
    names.push(name);
  }
  const mode = names[0] ?? 'default';
  const first = endpoints[mode] ?? {};
  endpoints[mode] = first;
  if (flags['network-alias'].length > 0) {
    if (first.Aliases)
      throw new CliError('conflicting options: cannot specify both --network-alias and per-network alias');
    first.Aliases = [...flags['network-alias']];
  }
  const ipam = { ...first.IPAMConfig };
  for (const [flag, key] of [
    ['ip', 'IPv4Address'],
    ['ip6', 'IPv6Address'],
  ] as const) {
    if (!flags[flag]) continue;
    if (ipam[key])
      throw new CliError(
        `conflicting options: cannot specify both --${flag} and per-network ${flag === 'ip' ? 'IPv4' : 'IPv6'} address`,
      );
    if (isIP(flags[flag]) === 0) throw new CliError(`invalid IP address: ${flags[flag]}`);
    ipam[key] = flags[flag];
  }
  if (flags['link-local-ip'].length > 0) ipam.LinkLocalIPs = [...flags['link-local-ip']];
  if (Object.keys(ipam).length > 0) first.IPAMConfig = ipam;
  const special =
    mode === 'host' || mode === 'none' || mode === 'default' || mode === 'bridge' || mode.startsWith('container:');
  if (flags.link.length > 0 && !special) first.Links = [...flags.link];
  if (flags['mac-address']) first.MacAddress = flags['mac-address'];
  for (const name of Object.keys(endpoints))
    if (names.length > 1 && (name === 'host' || name === 'none' || name.startsWith('container:')))
      throw new CliError('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
  const used = Object.entries(endpoints).filter(
    ([name, settings]) => names.length > 1 || Object.keys(settings).length > 0 || (!special && name),
  );
  return { mode, endpoints: Object.fromEntries(used) };
}

function parseNetwork(spec: string): { name: string; settings: EndpointSettings } {
  if (!/[=,]/.test(spec)) return { name: spec, settings: {} };
  const settings: EndpointSettings = {};
  let name = '';
  const options: string[] = [];
  for (const part of splitCsv(spec)) {
    const at = part.indexOf('=');
    if (at < 0)
      throw new UsageError(`invalid argument ${JSON.stringify(spec)} for "--network" flag: invalid field ${part}`);
    const value = part.slice(at + 1).trim();
    switch (part.slice(0, at).trim().toLowerCase()) {
      case 'name':
        name = value;
        break;
      case 'alias':
        settings.Aliases = [...(settings.Aliases ?? []), value];
        break;
      case 'ip':
        settings.IPAMConfig = { ...settings.IPAMConfig, IPv4Address: value };
        break;
      case 'ip6':
        settings.IPAMConfig = { ...settings.IPAMConfig, IPv6Address: value };
        break;
      case 'link-local-ip':
        settings.IPAMConfig = {
          ...settings.IPAMConfig,
          LinkLocalIPs: [...(settings.IPAMConfig?.LinkLocalIPs ?? []), value],
        };
        break;
      case 'mac-address':
        settings.MacAddress = value;
        break;
      case 'gw-priority':
        settings.GwPriority = Number(value);
        break;
      case 'driver-opt':
        options.push(value);
        break;
      default:
        throw new UsageError(
          `invalid argument ${JSON.stringify(spec)} for "--network" flag: invalid field key ${part.slice(0, at)}`,
        );
    }
  }
  if (!name)
    throw new UsageError(
      `invalid argument ${JSON.stringify(spec)} for "--network" flag: network name/id is not specified`,
    );
  if (options.length > 0) settings.DriverOpts = keyValues(options);
  return { name, settings };
}
