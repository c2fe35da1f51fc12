import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { codeOf } from '@corten/errors';
import { type Context, pathsOf } from '../context.ts';
import type { ContainerRecord } from '../record.ts';

const LOOPBACK = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

export interface NetworkFiles {
  resolvConf: string;
  hosts: { ip: string; names: string[] }[];
  /** Whole file instead of the usual beginning: host networking. */
  base?: string;
}

const readHost = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
};

/** `--add-host` entries; `host-gateway` is the default bridge's address or what the engine was configured with. */
export function extraHosts(ctx: Context, entries: readonly string[]): { ip: string; names: string[] }[] {
  return entries.flatMap((entry) => {
    const cut = entry.indexOf(':');
    const name = entry.slice(0, cut);
    const ip = entry.slice(cut + 1).replace(/^\[(.*)\]$/, '$1');
    const ips = ip === 'host-gateway' ? gateways(ctx) : [ip];
    return ips.map((address) => ({ ip: address, names: [name] }));
  });
}

function gateways(ctx: Context): string[] {
  if (ctx.defaults.hostGatewayIps?.length) return ctx.defaults.hostGatewayIps;
  return ctx.networks.get('bridge').IPAM.Config.flatMap((c) => (c.Gateway ? [c.Gateway.split('/')[0]!] : []));
}

/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, beside its other files. */
export async function writeNetworkFiles(ctx: Context, c: ContainerRecord, files: NetworkFiles): Promise<void> {
  const paths = pathsOf(ctx, c.id);
  await mkdir(paths.directory, { recursive: true, mode: 0o710 });
  await Promise.all([
    writeFile(paths.hosts, hostsText(files)),
    writeFile(paths.hostname, c.config.Hostname ? `${c.config.Hostname}\n` : ''),
    writeFile(paths.resolvConf, files.resolvConf),
  ]);
}

export function hostsText({ base, hosts }: Pick<NetworkFiles, 'base' | 'hosts'>): string {
  const start = base ?? LOOPBACK;
  const rest = hosts.map((h) => `${h.ip}\t${h.names.join(' ')}\n`).join('');
  return start === '' || start.endsWith('\n') ? start + rest : `${start}\n${rest}`;
}

/** The host's own files with the container's overrides: for `--network host` and `none`. */
export async function hostFiles(ctx: Context, c: ContainerRecord): Promise<NetworkFiles> {
  const { hostConfig: h } = c;
  const dns = ctx.defaults.dns;
  const servers = h.Dns.length > 0 ? h.Dns : (dns?.servers ?? []);
  const search = h.DnsSearch.length > 0 ? h.DnsSearch : (dns?.search ?? []);
  const options = h.DnsOptions.length > 0 ? h.DnsOptions : (dns?.options ?? []);
  const [own, resolv] = await Promise.all([
    h.NetworkMode === 'host' ? readHost('/etc/hosts') : undefined,
    readHost('/etc/resolv.conf'),
  ]);
  return {
    base: own,
    hosts: extraHosts(ctx, h.ExtraHosts),
    resolvConf: overrideResolvConf(resolv, servers, search, options),
  };
}

/** resolv.conf(5) with nameservers, search list and options replaced where given. */
export function overrideResolvConf(text: string, servers: string[], search: string[], options: string[]): string {
  if (servers.length + search.length + options.length === 0) return text;
  const replaced = new Set([
    ...(servers.length > 0 ? ['nameserver'] : []),
    ...(search.length > 0 ? ['search', 'domain'] : []),
    ...(options.length > 0 ? ['options'] : []),
  ]);
  const kept = text.split('\n').filter((line) => line !== '' && !replaced.has(line.trim().split(/\s+/)[0]!));
  const searchLine = search.length > 0 && search.join() !== '.' ? [`search ${search.join(' ')}`] : [];
  return `${[
    ...kept,
    ...servers.map((s) => `nameserver ${s}`),
    ...searchLine,
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ].join('\n')}\n`;
}
