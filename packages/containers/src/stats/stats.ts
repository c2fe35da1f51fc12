import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '@corten/errors';
import { rfc3339Nano, ZERO_TIME } from '@corten/util';
import type { Context } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import { isCgroupV2 } from '../spec/cgroup.ts';
import { readUsage, type Usage } from './cgroup-reader.ts';

const INTERVAL_MS = 1000;

type Json = Record<string, unknown>;

/** GET /containers/{id}/stats: one sample a second. Not streaming: two samples a second apart, or with `oneShot` one at once. */
export async function* statsOf(
  ctx: Context,
  c: ContainerRecord,
  options: { stream: boolean; oneShot: boolean },
  signal: AbortSignal,
): AsyncGenerator<Json> {
  let before: Json | undefined;
  const pause = () => sleep(INTERVAL_MS, undefined, { signal }).catch(() => {});
  if (!options.stream) {
    if (!options.oneShot && isRunning(c)) {
      before = sample(c, undefined);
      await pause();
    }
    yield sample(c, before);
    return;
  }
  while (!signal.aborted && ctx.store.get(c.id) === c) {
    const now = sample(c, before);
    before = now;
    yield now;
    await pause();
  }
}

const NO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

function sample(c: ContainerRecord, before: Json | undefined): Json {
  const head = { id: c.id, name: `/${c.name}`, os_type: 'linux' };
  const previous = { preread: before?.['read'] ?? ZERO_TIME, precpu_stats: before?.['cpu_stats'] ?? NO_CPU };
  if (!isRunning(c) || c.state.pid === 0)
    return {
      ...head,
      read: ZERO_TIME,
      ...previous,
      pids_stats: {},
      blkio_stats: {},
      num_procs: 0,
      storage_stats: {},
      cpu_stats: NO_CPU,
      memory_stats: {},
      networks: null,
    };
  const usage = readUsage(c.state.pid, isCgroupV2());
  return {
    ...head,
    read: rfc3339Nano(),
    ...previous,
    pids_stats: { current: usage.pids.current, ...(usage.pids.limit ? { limit: usage.pids.limit } : {}) },
    blkio_stats: blkioJson(usage),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuJson(usage),
    memory_stats: memoryJson(usage),
    networks: networksOf(c.state.pid),
  };
}

function cpuJson({ cpu }: Usage): Json {
  return {
    cpu_usage: {
      total_usage: cpu.total,
      ...(cpu.perCpu ? { percpu_usage: cpu.perCpu } : {}),
      usage_in_kernelmode: cpu.kernel,
      usage_in_usermode: cpu.user,
    },
    system_cpu_usage: systemCpu(),
    online_cpus: cpus().length,
    throttling_data: cpu.throttling,
  };
}

/** Nanoseconds that all processors together spent since boot: proc_stat(5), first line. */
function systemCpu(): number {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/\s+/).slice(1, 9).map(Number);
  return fields.reduce((sum, n) => sum + n, 0) * 10_000_000;
}

function memoryJson({ memory }: Usage): Json {
  return {
    usage: memory.usage,
    ...(memory.max_usage === undefined ? {} : { max_usage: memory.max_usage }),
    stats: memory.stats,
    ...(memory.failcnt === undefined ? {} : { failcnt: memory.failcnt }),
    limit: memory.limit || totalmem(),
  };
}

const blkioJson = ({ blkio }: Usage): Json => ({
  io_service_bytes_recursive: blkio.bytes.length > 0 ? blkio.bytes : null,
  io_serviced_recursive: blkio.operations.length > 0 ? blkio.operations : null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
});

function networksOf(pid: number): Json | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(codeOf(error) ?? '')) return undefined; // it ended just now
    throw error;
  }
  return parseNetDev(text);
}

/** proc_net(5), dev: the counters of every interface but the loopback. */
export function parseNetDev(text: string): Json {
  const entries = text.split('\n').flatMap((line) => {
    const match = /^\s*([^:\s]+):\s*(.+)$/.exec(line);
    if (!match || match[1] === 'lo') return [];
    const n = match[2]!.trim().split(/\s+/).map(Number);
    const [rx_bytes, rx_packets, rx_errors, rx_dropped] = n;
    const [tx_bytes, tx_packets, tx_errors, tx_dropped] = n.slice(8);
    const counters = { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped };
    return [[match[1]!, counters] as const];
  });
  return Object.fromEntries(entries);
}
