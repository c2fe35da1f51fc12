import { atLeast, between, command, forEachName, none } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, filter, list, map, string, unsupported } from '../../cli/flag-types.ts';
import { isNotFound } from '../../client/engine.ts';
import { type Listing, printListing } from '../../output/listing.ts';
import { keyValues } from '../../run/env.ts';
import { encodeFilters } from '../filters.ts';
import { labelRow } from '../rows.ts';

interface Volume {
  Name: string;
  Driver: string;
  Scope: string;
  Mountpoint: string;
  Labels: Record<string, string> | null;
}

export const volumePath = (name: string): string => `/volumes/${encodeURIComponent(name)}`;

const listing: Listing = {
  type: '*formatter.volumeContext',
  headers: {
    Availability: 'AVAILABILITY',
    Driver: 'DRIVER',
    Group: 'GROUP',
    Labels: 'LABELS',
    Links: 'LINKS',
    Mountpoint: 'MOUNTPOINT',
    Name: 'VOLUME NAME',
    Scope: 'SCOPE',
    Size: 'SIZE',
    Status: 'STATUS',
  },
  columns: ['Driver', 'Name'],
  quietColumn: 'Name',
};

export const ls = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    cluster: unsupported('', 'Display only cluster volumes', 'there are no cluster volumes'),
    filter: filter('f', 'Provide filter values (e.g. "dangling=true")'),
    format: string('', 'Output as "table", "table TEMPLATE", "json", or a Go template'),
    quiet: bool('q', 'Only display volume names'),
  },
  async run(context, { flags }) {
    const { Volumes } = await context.engine.get<{ Volumes: Volume[] | null }>('/volumes', {
      query: { filters: encodeFilters(flags.filter) },
    });
    const rows = (Volumes ?? [])
      .sort((a, b) => a.Name.localeCompare(b.Name, 'en', { numeric: true }))
      .map((v) => ({
        Name: v.Name,
        Driver: v.Driver,
        Scope: v.Scope,
        Mountpoint: v.Mountpoint,
        Availability: 'N/A',
        Group: 'N/A',
        Links: 'N/A',
        Size: 'N/A',
        Status: 'N/A',
        ...labelRow(v.Labels),
      }));
    printListing(context, listing, rows, {
      format: flags.format || (flags.quiet ? '' : (context.config.file.volumesFormat ?? '')),
      quiet: flags.quiet,
    });
  },
});

export const create = command({
  usage: '[OPTIONS] [VOLUME]',
  arity: between(0, 1),
  flags: {
    driver: string('d', 'Specify volume driver name', { initial: 'local' }),
    label: list('', 'Set metadata for a volume'),
    name: string('', 'Specify volume name', { hidden: true }),
    opt: map('o', 'Set driver specific options'),
  },
  async run(context, { flags, args }) {
    if (flags.name && args.length > 0)
      throw new CliError(
        'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
      );
    const { Name } = await context.engine.post<{ Name: string }>('/volumes/create', {
      body: {
        Name: args[0] ?? flags.name,
        Driver: flags.driver,
        DriverOpts: flags.opt,
        Labels: keyValues(flags.label),
      },
    });
    context.print(Name);
  },
});

export const rm = command({
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  arity: atLeast(1),
  flags: { force: bool('f', 'Force the removal of volumes') },
  run: (context, { flags, args }) =>
    forEachName(
      context,
      args,
      async (name) => {
        try {
          await context.engine.delete(volumePath(name), { query: { force: flags.force ? 1 : undefined } });
        } catch (error) {
          if (flags.force && isNotFound(error)) return name;
          throw error;
        }
        return name;
      },
      1,
    ),
});
