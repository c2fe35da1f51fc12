import { command, none } from '../../cli/command.ts';
import { bool, string } from '../../cli/flag-types.ts';
import { ellipsis, humanDuration, humanSize } from '../../output/human.ts';
import { type Listing, printListing, type Row } from '../../output/listing.ts';
import { alignColumns } from '../../output/table.ts';
import { splitReference } from '../image/reference.ts';
import { quote, shortId } from '../rows.ts';

interface DiskUsage {
  LayersSize: number;
  Images:
    | { Id: string; RepoTags: string[] | null; Created: number; Size: number; SharedSize: number; Containers: number }[]
    | null;
  Containers:
    | {
        Id: string;
        Names: string[];
        Image: string;
        Command: string;
        State: string;
        Status: string;
        Created: number;
        SizeRw?: number;
        Mounts?: { Driver?: string }[];
      }[]
    | null;
  Volumes: { Name: string; UsageData?: { RefCount: number; Size: number } | null }[] | null;
  BuildCache:
    | {
        ID: string;
        Type: string;
        Size: number;
        CreatedAt: string;
        LastUsedAt?: string | null;
        UsageCount: number;
        InUse: boolean;
        Shared: boolean;
      }[]
    | null;
}

const listing: Listing = {
  type: '*formatter.diskUsageContext',
  headers: { Active: 'ACTIVE', Reclaimable: 'RECLAIMABLE', Size: 'SIZE', TotalCount: 'TOTAL', Type: 'TYPE' },
  columns: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
};

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export const df = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    format: string('', 'Output as "table", "table TEMPLATE", "json", or a Go template'),
    verbose: bool('v', 'Show detailed information on space usage'),
  },
  async run(context, { flags }) {
    const usage = await context.engine.get<DiskUsage>('/system/df');
    if (flags.verbose && !flags.format) context.stdout.write(verbose(usage));
    else printListing(context, listing, summaryRows(usage), { format: flags.format });
  },
});

function summaryRows(usage: DiskUsage): Row[] {
  const images = usage.Images ?? [];
  const containers = usage.Containers ?? [];
  const volumes = usage.Volumes ?? [];
  const cache = usage.BuildCache ?? [];
  const usedImages = images.filter((i) => i.Containers > 0);
  const used = sum(usedImages.filter((i) => i.Size !== -1 && i.SharedSize !== -1).map((i) => i.Size - i.SharedSize));
  const idle = containers.filter((c) => !/^(running|paused|restarting)/.test(c.State));
  const volumeSize = (some: typeof volumes) => sum(some.map((v) => Math.max(0, v.UsageData?.Size ?? 0)));
  const row = (Type: string, total: number, active: number, size: number, free: number): Row => ({
    Type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(size, 4),
    Reclaimable:
      size > 0 && Type !== 'Build Cache'
        ? `${humanSize(free, 4)} (${Math.trunc((free * 100) / size)}%)`
        : humanSize(free, 4),
  });
  return [
    row('Images', images.length, usedImages.length, usage.LayersSize, usage.LayersSize - used),
    row(
      'Containers',
      containers.length,
      containers.length - idle.length,
      sum(containers.map((c) => c.SizeRw ?? 0)),
      sum(idle.map((c) => c.SizeRw ?? 0)),
    ),
    row(
      'Local Volumes',
      volumes.length,
      volumes.filter((v) => (v.UsageData?.RefCount ?? 0) > 0).length,
      volumeSize(volumes),
      volumeSize(volumes.filter((v) => v.UsageData?.RefCount === 0)),
    ),
    row(
      'Build Cache',
      cache.length,
      cache.filter((c) => c.InUse).length,
      sum(cache.filter((c) => !c.Shared).map((c) => c.Size)),
      sum(cache.filter((c) => !c.InUse && !c.Shared).map((c) => c.Size)),
    ),
  ];
}

function verbose(usage: DiskUsage): string {
  const ago = (seconds: number) => `${humanDuration(Date.now() - seconds * 1000)} ago`;
  const table = (title: string, rows: string[][]) => `${title}\n\n${alignColumns(rows.map((r) => r.join('\t')))}\n`;
  const images = (usage.Images ?? []).map((i) => {
    const { name, suffix } = i.RepoTags?.[0] ? splitReference(i.RepoTags[0]) : { name: '<none>', suffix: '<none>' };
    const shared = Math.max(0, i.SharedSize);
    return [
      name,
      suffix,
      shortId(i.Id),
      ago(i.Created),
      humanSize(i.Size),
      humanSize(shared),
      humanSize(i.Size - shared, 4),
      String(i.Containers),
    ];
  });
  const containers = (usage.Containers ?? []).map((c) => [
    shortId(c.Id),
    c.Image,
    quote(ellipsis(c.Command, 20)),
    String(c.Mounts?.filter((m) => m.Driver === 'local').length ?? 0),
    humanSize(c.SizeRw ?? 0),
    ago(c.Created),
    c.Status,
    c.Names.map((n) => n.slice(1)).join(','),
  ]);
  const volumes = (usage.Volumes ?? []).map((v) => [
    v.Name,
    String(v.UsageData?.RefCount ?? 0),
    humanSize(Math.max(0, v.UsageData?.Size ?? 0)),
  ]);
  const cache = (usage.BuildCache ?? []).map((c) => [
    c.ID.slice(0, 12),
    c.Type,
    humanSize(c.Size),
    ago(Date.parse(c.CreatedAt) / 1000),
    c.LastUsedAt ? ago(Date.parse(c.LastUsedAt) / 1000) : '',
    String(c.UsageCount),
    String(c.Shared),
  ]);
  const cacheSize = humanSize(sum((usage.BuildCache ?? []).filter((c) => !c.Shared).map((c) => c.Size)));
  return (
    table('Images space usage:', [
      ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'CONTAINERS'],
      ...images,
    ]) +
    table('Containers space usage:', [
      ['CONTAINER ID', 'IMAGE', 'COMMAND', 'LOCAL VOLUMES', 'SIZE', 'CREATED', 'STATUS', 'NAMES'],
      ...containers,
    ]) +
    table('Local Volumes space usage:', [['VOLUME NAME', 'LINKS', 'SIZE'], ...volumes]) +
    table(`Build cache usage: ${cacheSize}`, [
      ['CACHE ID', 'CACHE TYPE', 'SIZE', 'CREATED', 'LAST USED', 'USAGE', 'SHARED'],
      ...cache,
    ]).replace(/\n$/, '')
  );
}
