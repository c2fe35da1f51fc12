import { createInterface } from 'node:readline';
import { type Context, command, none } from '../../cli/command.ts';
import { CliError, exitWith } from '../../cli/errors.ts';
import { bool, bytes, filter } from '../../cli/flag-types.ts';
import { humanSize } from '../../output/human.ts';
import { encodeFilters } from '../filters.ts';

const force = bool('f', 'Do not prompt for confirmation');
const filters = filter('', 'Provide filter values (e.g. "until=<timestamp>")');

/** Asks on the terminal; anything but y ends the command with 1. */
async function confirm(context: Context, question: string): Promise<void> {
  context.stdout.write(`${question}\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: context.stdin });
  for await (const line of lines) {
    lines.close();
    if (/^y(es)?$/i.test(line.trim())) return;
    break;
  }
  throw exitWith(1);
}

interface Report {
  ContainersDeleted?: string[] | null;
  ImagesDeleted?: { Untagged?: string; Deleted?: string }[] | null;
  NetworksDeleted?: string[] | null;
  VolumesDeleted?: string[] | null;
  CachesDeleted?: string[] | null;
  SpaceReclaimed?: number;
}

/** What each kind of prune calls and prints. */
async function prune(
  context: Context,
  kind: 'containers' | 'images' | 'networks' | 'volumes' | 'build',
  given: readonly string[],
  query = {},
): Promise<number> {
  const report = await context.engine.post<Report>(`/${kind}/prune`, {
    query: { filters: encodeFilters(given), ...query },
  });
  const section = (title: string, lines: readonly string[] | null | undefined) => {
    if (lines?.length) context.print(`${title}\n${lines.join('\n')}\n`);
  };
  section('Deleted Containers:', report.ContainersDeleted);
  section(
    'Deleted Images:',
    report.ImagesDeleted?.map((i) => (i.Untagged ? `untagged: ${i.Untagged}` : `deleted: ${i.Deleted}`)),
  );
  section('Deleted Networks:', report.NetworksDeleted);
  section('Deleted Volumes:', report.VolumesDeleted);
  section('Deleted build cache objects:', report.CachesDeleted);
  return report.SpaceReclaimed ?? 0;
}

const total = (context: Context, size: number) => context.print(`Total reclaimed space: ${humanSize(size, 4)}`);

export const pruneContainers = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: { filter: filters, force },
  async run(context, { flags }) {
    if (!flags.force) await confirm(context, 'WARNING! This will remove all stopped containers.');
    total(context, await prune(context, 'containers', flags.filter));
  },
});

export const pruneImages = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: { all: bool('a', 'Remove all unused images, not just dangling ones'), filter: filters, force },
  async run(context, { flags }) {
    const what = flags.all ? 'all images without at least one container associated to them' : 'all dangling images';
    if (!flags.force) await confirm(context, `WARNING! This will remove ${what}.`);
    total(context, await prune(context, 'images', [...flags.filter, `dangling=${!flags.all}`]));
  },
});

export const pruneNetworks = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: { filter: filters, force },
  async run(context, { flags }) {
    if (!flags.force)
      await confirm(context, 'WARNING! This will remove all custom networks not used by at least one container.');
    await prune(context, 'networks', flags.filter);
  },
});

export const pruneVolumes = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: { all: bool('a', 'Remove all unused volumes, not just anonymous ones'), filter: filters, force },
  async run(context, { flags }) {
    if (flags.all && flags.filter.some((f) => f.startsWith('all=')))
      throw new CliError('conflicting options: cannot specify both --all and --filter all=1');
    const what = flags.all ? 'all local volumes' : 'anonymous local volumes';
    if (!flags.force) await confirm(context, `WARNING! This will remove ${what} not used by at least one container.`);
    total(context, await prune(context, 'volumes', flags.all ? [...flags.filter, 'all=true'] : flags.filter));
  },
});

export const pruneBuilder = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    all: bool('a', 'Remove all unused build cache, not just dangling ones'),
    filter: filters,
    force,
    'keep-storage': bytes('', 'Amount of disk space to keep for cache'),
  },
  async run(context, { flags }) {
    const what = flags.all ? 'all build cache' : 'all dangling build cache';
    if (!flags.force) await confirm(context, `WARNING! This will remove ${what}.`);
    const query = { all: flags.all ? 1 : undefined, 'keep-storage': flags['keep-storage'] || undefined };
    context.print(`Total:\t${humanSize(await prune(context, 'build', flags.filter, query), 4)}`);
  },
});

export const pruneSystem = command({
  usage: '[OPTIONS]',
  arity: none,
  flags: {
    all: bool('a', 'Remove all unused images not just dangling ones'),
    filter: filters,
    force,
    volumes: bool('', 'Prune anonymous volumes'),
  },
  async run(context, { flags }) {
    const parts = [
      'all stopped containers',
      'all networks not used by at least one container',
      ...(flags.volumes ? ['all anonymous volumes not used by at least one container'] : []),
      flags.all ? 'all images without at least one container associated to them' : 'all dangling images',
      flags.all ? 'all build cache' : 'unused build cache',
    ];
    if (!flags.force) await confirm(context, `WARNING! This will remove:\n${parts.map((p) => `  - ${p}\n`).join('')}`);
    let size = await prune(context, 'containers', flags.filter);
    await prune(context, 'networks', flags.filter);
    if (flags.volumes) size += await prune(context, 'volumes', flags.filter);
    size += await prune(context, 'images', [...flags.filter, `dangling=${!flags.all}`]);
    size += await prune(
      context,
      'build',
      flags.filter.filter((f) => f.startsWith('until=')),
      { all: flags.all ? 1 : undefined },
    );
    total(context, size);
  },
});
