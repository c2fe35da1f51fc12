import { atLeast, command, exactly, forEachName, none } from '../../cli/command.ts';
import { bool, filter, int, list, string, strings } from '../../cli/flag-types.ts';
import { isNotFound } from '../../client/engine.ts';
import { type Listing, printListing } from '../../output/listing.ts';
import { keyValues } from '../../run/env.ts';
import { encodeFilters } from '../filters.ts';
import { labelRow, shortId } from '../rows.ts';

interface Network {
  Id: string;
  Name: string;
  Driver: string;
  Scope: string;
  Created: string;
  EnableIPv6: boolean;
  EnableIPv4?: boolean;
  Internal: boolean;
  Labels: Record<string, string> | null;
}

export const networkPath = (name: string, verb = ''): string =>
  `/networks/${encodeURIComponent(name)}${verb ? `/${verb}` : ''}`;

const listing: Listing = {
  type: '*network.networkContext',
  headers: {
    CreatedAt: 'CREATED AT',
    Driver: 'DRIVER',
    ID: 'NETWORK ID',
    IPv4: 'IPV4',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    Labels: 'LABELS',
    Name: 'NAME',
    Scope: 'SCOPE',
  },
  columns: ['ID', 'Name', 'Driver', 'Scope'],
  quietColumn: 'ID',
};

export const ls = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    filter: filter('f', 'Provide filter values (e.g. "driver=bridge")'),
    format: string('', 'Output as "table", "table TEMPLATE", "json", or a Go template'),
    'no-trunc': bool('', 'Do not truncate the output'),
    quiet: bool('q', 'Only display network IDs'),
  },
  async run(context, { flags }) {
    const networks = await context.engine.get<Network[]>('/networks', {
      query: { filters: encodeFilters(flags.filter) },
    });
    const rows = networks
      .sort((a, b) => a.Name.localeCompare(b.Name, 'en', { numeric: true }))
      .map((n) => ({
        ID: flags['no-trunc'] ? n.Id : shortId(n.Id),
        Name: n.Name,
        Driver: n.Driver,
        Scope: n.Scope,
        IPv4: String(n.EnableIPv4 ?? false),
        IPv6: String(n.EnableIPv6),
        Internal: String(n.Internal),
        CreatedAt: n.Created.replace('T', ' ').replace(/Z$/, ' +0000 UTC'),
        ...labelRow(n.Labels),
      }));
    printListing(context, listing, rows, {
      format: flags.format || (flags.quiet ? '' : (context.config.file.networksFormat ?? '')),
      quiet: flags.quiet,
    });
  },
});

export const rm = command({
  usage: 'NETWORK [NETWORK...]',
  arity: atLeast(1),
  flags: { force: bool('f', 'Do not error if the network does not exist') },
  run: (context, { flags, args }) =>
    forEachName(
      context,
      args,
      async (name) => {
        try {
          await context.engine.delete(networkPath(name));
        } catch (error) {
          if (flags.force && isNotFound(error)) return undefined;
          throw error;
        }
        return name;
      },
      1,
    ),
});

export const connect = command({
  usage: '[OPTIONS] NETWORK CONTAINER',
  arity: exactly(2),
  flags: {
    alias: strings('', 'Add network-scoped alias for the container'),
    'driver-opt': strings('', 'Driver options for the network'),
    'gw-priority': int('', 'Highest gw-priority provides the default gateway'),
    ip: string('', 'IPv4 address'),
    ip6: string('', 'IPv6 address'),
    link: list('', 'Add link to another container'),
    'link-local-ip': strings('', 'Add a link-local address for the container'),
  },
  async run(context, { flags, given, args }) {
    const [network, container] = args;
    const address = flags.ip || flags.ip6 || flags['link-local-ip'].length > 0;
    await context.engine.post(networkPath(network!, 'connect'), {
      body: {
        Container: container,
        EndpointConfig: {
          IPAMConfig: address
            ? { IPv4Address: flags.ip, IPv6Address: flags.ip6, LinkLocalIPs: flags['link-local-ip'] }
            : undefined,
          Links: flags.link.length > 0 ? flags.link : undefined,
          Aliases: flags.alias.length > 0 ? flags.alias : undefined,
          DriverOpts: flags['driver-opt'].length > 0 ? keyValues(flags['driver-opt']) : undefined,
          GwPriority: given.has('gw-priority') ? flags['gw-priority'] : undefined,
        },
      },
    });
  },
});

export const disconnect = command({
  usage: '[OPTIONS] NETWORK CONTAINER',
  arity: exactly(2),
  flags: { force: bool('f', 'Force the container to disconnect from a network') },
  async run(context, { flags, args }) {
    const [network, container] = args;
    await context.engine.post(networkPath(network!, 'disconnect'), {
      body: { Container: container, Force: flags.force },
    });
  },
});
