import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '@corten/errors';
import { cgroupDirectory } from '@corten/runtime';

/** Text of a cgroup file; '' when the controller or the cgroup is not there. */
function read(directory: string | undefined, file: string): string {
  if (!directory) return '';
  try {
    return readFileSync(join(directory, file), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'EACCES'].includes(codeOf(error) ?? '')) return '';
    throw error;
  }
}

const number = (text: string): number => (/^\d+/.test(text) ? Number(text.trim()) : 0);
const limit = (text: string): number => (text.trim() === 'max' || text.trim() === '' ? 0 : number(text));

/** `key value` lines. */
export const keyed = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [key = '', value = '0'] = line.split(/\s+/);
        return [key, Number(value)];
      }),
  );

export interface BlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** What a container uses now; definitions/ContainerStatsResponse without the parts that need two samples. */
export interface Usage {
  cpu: {
    total: number;
    user: number;
    kernel: number;
    perCpu?: number[];
    throttling: { periods: number; throttled_periods: number; throttled_time: number };
  };
  memory: { usage: number; max_usage?: number; limit: number; failcnt?: number; stats: Record<string, number> };
  pids: { current: number; limit: number };
  blkio: { bytes: BlkioEntry[]; operations: BlkioEntry[] };
}

/** Reads a process's cgroup, v1 or v2. */
export function readUsage(pid: number, v2: boolean): Usage {
  return v2 ? readV2(cgroupDirectory(pid, '')) : readV1(pid);
}

function readV2(dir: string | undefined): Usage {
  const cpu = keyed(read(dir, 'cpu.stat'));
  const micro = (key: string) => (cpu[key] ?? 0) * 1000;
  return {
    cpu: {
      total: micro('usage_usec'),
      user: micro('user_usec'),
      kernel: micro('system_usec'),
      throttling: {
        periods: cpu['nr_periods'] ?? 0,
        throttled_periods: cpu['nr_throttled'] ?? 0,
        throttled_time: micro('throttled_usec'),
      },
    },
    memory: {
      usage: number(read(dir, 'memory.current')),
      limit: limit(read(dir, 'memory.max')),
      stats: keyed(read(dir, 'memory.stat')),
    },
    pids: { current: number(read(dir, 'pids.current')), limit: limit(read(dir, 'pids.max')) },
    blkio: ioStat(read(dir, 'io.stat')),
  };
}

/** cgroup v2 io.stat: `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`. */
export function ioStat(text: string): Usage['blkio'] {
  const bytes: BlkioEntry[] = [];
  const operations: BlkioEntry[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const [device = '', ...rest] = line.split(' ');
    const [major = 0, minor = 0] = device.split(':').map(Number);
    const values = Object.fromEntries(rest.map((r) => r.split('=')));
    const entry = (op: string, key: string) => ({ major, minor, op, value: Number(values[key] ?? 0) });
    bytes.push(entry('read', 'rbytes'), entry('write', 'wbytes'));
    operations.push(entry('read', 'rios'), entry('write', 'wios'));
  }
  return { bytes, operations };
}

const TICK_NS = 10_000_000; // USER_HZ is 100 on every architecture
const UNLIMITED = 2 ** 62;

function readV1(pid: number): Usage {
  const cpuacct = cgroupDirectory(pid, 'cpuacct');
  const memory = cgroupDirectory(pid, 'memory');
  const pids = cgroupDirectory(pid, 'pids');
  const throttle = keyed(read(cgroupDirectory(pid, 'cpu'), 'cpu.stat'));
  const ticks = keyed(read(cpuacct, 'cpuacct.stat'));
  const max = number(read(memory, 'memory.limit_in_bytes'));
  const blkio = cgroupDirectory(pid, 'blkio');
  return {
    cpu: {
      total: number(read(cpuacct, 'cpuacct.usage')),
      user: (ticks['user'] ?? 0) * TICK_NS,
      kernel: (ticks['system'] ?? 0) * TICK_NS,
      perCpu: read(cpuacct, 'cpuacct.usage_percpu').trim().split(/\s+/).filter(Boolean).map(Number),
      throttling: {
        periods: throttle['nr_periods'] ?? 0,
        throttled_periods: throttle['nr_throttled'] ?? 0,
        throttled_time: throttle['throttled_time'] ?? 0,
      },
    },
    memory: {
      usage: number(read(memory, 'memory.usage_in_bytes')),
      max_usage: number(read(memory, 'memory.max_usage_in_bytes')),
      limit: max > UNLIMITED ? 0 : max,
      failcnt: number(read(memory, 'memory.failcnt')),
      stats: keyed(read(memory, 'memory.stat')),
    },
    pids: { current: number(read(pids, 'pids.current')), limit: limit(read(pids, 'pids.max')) },
    blkio: {
      bytes: v1Blkio(read(blkio, 'blkio.throttle.io_service_bytes_recursive')),
      operations: v1Blkio(read(blkio, 'blkio.throttle.io_serviced_recursive')),
    },
  };
}

/** cgroup v1 blkio: `8:0 Read 4096` lines. */
const v1Blkio = (text: string): BlkioEntry[] =>
  text.split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    return match
      ? [{ major: Number(match[1]), minor: Number(match[2]), op: match[3]!.toLowerCase(), value: Number(match[4]) }]
      : [];
  });
