import { command, none } from '../../cli/command.ts';
import { CliError } from '../../cli/errors.ts';
import { bool, filter, int, string } from '../../cli/flag-types.ts';
import { ellipsis, goTime, humanDuration, humanSize } from '../../output/human.ts';
import { type Listing, printListing, type Row } from '../../output/listing.ts';
import { encodeFilters } from '../filters.ts';
import { labelRow, quote, shortId } from '../rows.ts';
import { displayPorts, type PortSummary } from './display-ports.ts';

interface Summary {
  Id: string;
  Names: string[] | null;
  Image: string;
  ImageID: string;
  Command: string;
  Created: number;
  Ports: PortSummary[] | null;
  SizeRw?: number;
  SizeRootFs?: number;
  Labels: Record<string, string> | null;
  State: string;
  Status: string;
  NetworkSettings?: { Networks?: Record<string, unknown> };
  Mounts?: { Name?: string; Source?: string; Driver?: string }[];
}

const listing: Listing = {
  type: '*formatter.ContainerContext',
  headers: {
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    ID: 'CONTAINER ID',
    Image: 'IMAGE',
    Labels: 'LABELS',
    LocalVolumes: 'LOCAL VOLUMES',
    Mounts: 'MOUNTS',
    Names: 'NAMES',
    Networks: 'NETWORKS',
    Platform: 'PLATFORM',
    Ports: 'PORTS',
    RunningFor: 'CREATED',
    Size: 'SIZE',
    State: 'STATE',
    Status: 'STATUS',
  },
  columns: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
  quietColumn: 'ID',
};

export const ps = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    all: bool('a', 'Show all containers (default shows just running)'),
    filter: filter('f', 'Filter output based on conditions provided'),
    format: string('', 'Output as "table", "table TEMPLATE", "json", or a Go template'),
    last: int('n', 'Show n last created containers (includes all states)', { initial: -1 }),
    latest: bool('l', 'Show the latest created container (includes all states)'),
    'no-trunc': bool('', "Don't truncate output"),
    quiet: bool('q', 'Only display container IDs'),
    size: bool('s', 'Display total file sizes'),
  },
  async run(context, { flags }) {
    const format = flags.format || (flags.quiet ? '' : (context.config.file.psFormat ?? ''));
    if (flags.quiet && flags.format && !/^table|json/.test(flags.format) && flags.format.includes('{{'))
      context.warn('WARNING: Ignoring custom format, because both --format and --quiet are set.');
    const limit = flags.latest ? 1 : flags.last > 0 ? flags.last : undefined;
    const size = flags.size || /\.Size\b/.test(format);
    const found = await context.engine.get<Summary[]>('/containers/json', {
      query: {
        all: flags.all || limit !== undefined ? 1 : undefined,
        limit,
        size: size ? 1 : undefined,
        filters: encodeFilters(flags.filter),
      },
    });
    if (!Array.isArray(found)) throw new CliError('the engine did not answer with a list of containers');
    const rows = found.map((c) => containerRow(c, !flags['no-trunc']));
    printListing(context, listing, rows, {
      format,
      quiet: flags.quiet,
      columns: size ? [...listing.columns, 'Size'] : undefined,
    });
  },
});

function containerRow(c: Summary, truncate: boolean): Row {
  const names = (c.Names ?? []).map((name) => name.replace(/^\//, ''));
  const mounts = (c.Mounts ?? []).map((m) => m.Name || m.Source || '');
  const size = `${humanSize(c.SizeRw ?? 0)}`;
  return {
    ID: truncate ? shortId(c.Id) : c.Id,
    Names: (truncate ? names.filter((n) => !n.includes('/')) : names).join(','),
    Image: imageName(c, truncate),
    Command: quote(truncate ? ellipsis(c.Command, 20) : c.Command),
    CreatedAt: goTime(c.Created * 1000),
    RunningFor: `${humanDuration(Date.now() - c.Created * 1000)} ago`,
    Ports: displayPorts(c.Ports ?? []),
    Status: c.Status,
    State: c.State,
    Size: c.SizeRootFs ? `${size} (virtual ${humanSize(c.SizeRootFs)})` : size,
    Platform: null,
    Mounts: mounts.map((m) => (truncate ? ellipsis(m, 15) : m)).join(','),
    LocalVolumes: String((c.Mounts ?? []).filter((m) => m.Driver === 'local').length),
    Networks: Object.keys(c.NetworkSettings?.Networks ?? {}).join(','),
    ...labelRow(c.Labels),
  };
}

/** An image that lost its name is shown by its short id. */
function imageName(c: Summary, truncate: boolean): string {
  if (!c.Image) return '<no image>';
  if (!truncate) return c.Image;
  if (c.ImageID.replace('sha256:', '') === c.Image.replace('sha256:', '')) return shortId(c.Image);
  return c.Image.replace(/@sha256:[0-9a-f]{64}$/, '');
}
