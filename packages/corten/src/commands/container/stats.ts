import { atLeast, type Context, command } from '../../cli/command.ts';
import { bool, string } from '../../cli/flag-types.ts';
import { isNotFound } from '../../client/engine.ts';
import { jsonLines } from '../../client/json-lines.ts';
import { bytesSize, humanSize } from '../../output/human.ts';
import { type Listing, type Row, renderListing } from '../../output/listing.ts';
import { containerPath } from './path.ts';

interface Cpu {
  cpu_usage: { total_usage: number; percpu_usage?: number[] };
  system_cpu_usage?: number;
  online_cpus?: number;
}
interface Stats {
  id?: string;
  name?: string;
  read: string;
  cpu_stats: Cpu;
  precpu_stats: Cpu;
  memory_stats: { usage?: number; limit?: number; stats?: Record<string, number> };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
  blkio_stats: { io_service_bytes_recursive: { op: string; value: number }[] | null };
  pids_stats: { current?: number };
}

const listing: Listing = {
  type: '*container.statsContext',
  headers: {
    BlockIO: 'BLOCK I/O',
    CPUPerc: 'CPU %',
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    MemPerc: 'MEM %',
    MemUsage: 'MEM USAGE / LIMIT',
    Name: 'NAME',
    NetIO: 'NET I/O',
    PIDs: 'PIDS',
  },
  columns: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
};

export const stats = command({
  usage: '[OPTIONS] [CONTAINER...]',
  arity: atLeast(0),
  flags: {
    all: bool('a', 'Show all containers (default shows just running)'),
    format: string('', 'Output as "table", "table TEMPLATE", "json", or a Go template'),
    'no-stream': bool('', 'Disable streaming stats and only pull the first result'),
    'no-trunc': bool('', 'Do not truncate output'),
  },
  async run(context, { flags, args }) {
    const format = flags.format || context.config.file.statsFormat || '';
    const live = new Map<string, Row>();
    const show = () => renderListing(listing, [...live.values()], { format });
    const names = () => (args.length > 0 ? Promise.resolve(args) : running(context, flags.all));
    if (flags['no-stream']) {
      for (const row of await Promise.all(
        (await names()).map((name) => once(context, name, !flags['no-trunc'], args.length === 0)),
      ))
        if (row) live.set(String(row.Container), row);
      context.stdout.write(show());
      return;
    }
    const following = new Set<string>();
    for (;;) {
      for (const name of await names()) {
        if (following.has(name)) continue;
        following.add(name);
        follow(context, name, !flags['no-trunc'], live)
          .finally(() => following.delete(name))
          .catch((e: Error) => context.warn(e.message));
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      context.stdout.write(`${context.stdout.isTTY ? '\x1b[2J\x1b[H' : ''}${show()}`);
      if (args.length > 0 && following.size === 0) return;
    }
  },
});

async function running(context: Context, all: boolean): Promise<string[]> {
  const found = await context.engine.get<{ Id: string }[]>('/containers/json', { query: { all: all ? 1 : undefined } });
  return found.map((c) => c.Id);
}

async function once(context: Context, name: string, truncate: boolean, listed: boolean): Promise<Row | undefined> {
  try {
    const sample = await context.engine.get<Stats>(containerPath(name, 'stats'), { query: { stream: 0 } });
    return statsRow(name, sample, truncate);
  } catch (error) {
    if (listed && isNotFound(error)) return undefined; // gone since the list was made
    throw error;
  }
}

async function follow(context: Context, name: string, truncate: boolean, live: Map<string, Row>): Promise<void> {
  try {
    const response = await context.engine.stream('GET', containerPath(name, 'stats'), { query: { stream: 1 } });
    for await (const sample of jsonLines<Stats>(response)) live.set(name, statsRow(name, sample, truncate));
  } finally {
    live.delete(name);
  }
}

/** Docker's arithmetic: CPU time of the container in the host's since the last sample; memory without the page cache. */
export function statsRow(name: string, s: Stats, truncate: boolean): Row {
  const cpuDelta = s.cpu_stats.cpu_usage.total_usage - s.precpu_stats.cpu_usage.total_usage;
  const systemDelta = (s.cpu_stats.system_cpu_usage ?? 0) - (s.precpu_stats.system_cpu_usage ?? 0);
  const cpus = s.cpu_stats.online_cpus || s.cpu_stats.cpu_usage.percpu_usage?.length || 1;
  const cpu = systemDelta > 0 && cpuDelta > 0 ? (cpuDelta / systemDelta) * cpus * 100 : 0;
  const { usage = 0, limit = 0, stats: detail = {} } = s.memory_stats;
  const cache = detail.total_inactive_file ?? detail.inactive_file ?? 0;
  const memory = cache < usage ? usage - cache : usage;
  const net = Object.values(s.networks ?? {});
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const io = (op: string) =>
    sum(
      (s.blkio_stats.io_service_bytes_recursive ?? []).filter((e) => e.op[0]?.toLowerCase() === op).map((e) => e.value),
    );
  const id = s.id ?? '';
  return {
    Container: name,
    ID: (truncate ? id.slice(0, 12) : id) || '--',
    Name: s.name?.replace(/^\//, '') || '--',
    CPUPerc: `${cpu.toFixed(2)}%`,
    MemUsage: `${bytesSize(memory)} / ${bytesSize(limit)}`,
    MemPerc: `${(limit > 0 ? (memory / limit) * 100 : 0).toFixed(2)}%`,
    NetIO: `${humanSize(sum(net.map((n) => n.rx_bytes)))} / ${humanSize(sum(net.map((n) => n.tx_bytes)))}`,
    BlockIO: `${humanSize(io('r'))} / ${humanSize(io('w'))}`,
    PIDs: String(s.pids_stats.current ?? 0),
  };
}
