import { atLeast, command, forEachName } from '../../cli/command.ts';
import { bytes, decimal, int, string, swapBytes, uint16 } from '../../cli/flag-types.ts';
import { parseRestart } from '../../run/body.ts';
import { containerPath } from './path.ts';

const KEYS = {
  'blkio-weight': 'BlkioWeight',
  'cpu-period': 'CpuPeriod',
  'cpu-quota': 'CpuQuota',
  'cpu-rt-period': 'CpuRealtimePeriod',
  'cpu-rt-runtime': 'CpuRealtimeRuntime',
  'cpu-shares': 'CpuShares',
  cpus: 'NanoCpus',
  'cpuset-cpus': 'CpusetCpus',
  'cpuset-mems': 'CpusetMems',
  memory: 'Memory',
  'memory-reservation': 'MemoryReservation',
  'memory-swap': 'MemorySwap',
  'pids-limit': 'PidsLimit',
} as const;

export const update = command({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  arity: atLeast(1),
  flags: {
    'blkio-weight': uint16('', 'Block IO weight, between 10 and 1000, or 0 to disable'),
    'cpu-period': int('', 'Limit the CFS period, in microseconds'),
    'cpu-quota': int('', 'Limit the CFS quota, in microseconds'),
    'cpu-rt-period': int('', 'Limit the real-time period, in microseconds'),
    'cpu-rt-runtime': int('', 'Limit the real-time runtime, in microseconds'),
    'cpu-shares': int('c', 'CPU shares (relative weight)'),
    cpus: decimal('', 'Number of CPUs'),
    'cpuset-cpus': string('', 'CPUs in which to allow execution (0-3, 0,1)'),
    'cpuset-mems': string('', 'Memory nodes in which to allow execution (0-3, 0,1)'),
    memory: bytes('m', 'Memory limit'),
    'memory-reservation': bytes('', 'Memory soft limit'),
    'memory-swap': swapBytes('', 'Memory limit plus swap; -1 for unlimited swap'),
    'pids-limit': int('', 'Limit the number of processes (-1 for unlimited)'),
    restart: string('', 'Restart policy to apply when a container exits'),
  },
  async run(context, { flags, given, args }) {
    const body: Record<string, unknown> = {};
    for (const [flag, key] of Object.entries(KEYS)) if (given.has(flag)) body[key] = flags[flag as keyof typeof KEYS];
    if (given.has('restart')) body.RestartPolicy = parseRestart(flags.restart);
    return forEachName(context, args, async (name) => {
      const { Warnings } = await context.engine.post<{ Warnings: string[] | null }>(containerPath(name, 'update'), {
        body,
      });
      for (const warning of Warnings ?? []) context.warn(warning);
      return name;
    });
  },
});
