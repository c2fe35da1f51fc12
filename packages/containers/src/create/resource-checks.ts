import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { HostConfig } from '@corten/api-types';
import { invalid } from '@corten/errors';
import { isCgroupV2 } from '../spec/cgroup.ts';

const MINIMUM_MEMORY = 6 << 20;

type Resources = Pick<
  HostConfig,
  | 'Memory'
  | 'MemorySwap'
  | 'MemoryReservation'
  | 'MemorySwappiness'
  | 'NanoCpus'
  | 'CpuPeriod'
  | 'CpuQuota'
  | 'CpuShares'
  | 'CpusetCpus'
  | 'CpusetMems'
  | 'BlkioWeight'
  | 'OomKillDisable'
  | 'IOMaximumBandwidth'
  | 'IOMaximumIOps'
>;

/** Docker's checks of limits, with its messages. Returns warnings. */
export function checkResources(r: Resources): string[] {
  const warnings: string[] = [];
  checkMemory(r);
  if (r.OomKillDisable) {
    if (isCgroupV2()) warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.');
    else if (r.Memory === 0)
      warnings.push(
        'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
      );
  }
  checkCpu(r);
  checkSet(
    r.CpusetCpus,
    'cpuset.cpus',
    'Requested CPUs are not available - requested',
    '/sys/devices/system/cpu/online',
  );
  checkSet(
    r.CpusetMems,
    'cpuset.mems',
    'Requested memory nodes are not available - requested',
    '/sys/devices/system/node/online',
  );
  if (r.BlkioWeight !== 0 && (r.BlkioWeight < 10 || r.BlkioWeight > 1000))
    throw invalid('Range of blkio weight is from 10 to 1000');
  if (r.IOMaximumBandwidth !== 0 || r.IOMaximumIOps !== 0)
    throw invalid('Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps');
  return warnings;
}

function checkMemory(r: Resources): void {
  if (r.Memory !== 0 && r.Memory < MINIMUM_MEMORY) throw invalid('Minimum memory limit allowed is 6MB');
  if (r.Memory > 0 && r.MemorySwap > 0 && r.MemorySwap < r.Memory)
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  if (r.Memory === 0 && r.MemorySwap > 0)
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  const { MemorySwappiness: swappiness } = r;
  if (swappiness !== undefined && (swappiness < -1 || swappiness > 100))
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  if (r.MemoryReservation > 0 && r.MemoryReservation < MINIMUM_MEMORY)
    throw invalid('Minimum memory reservation allowed is 6MB');
  if (r.Memory > 0 && r.MemoryReservation > 0 && r.Memory < r.MemoryReservation)
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
}

function checkCpu(r: Resources): void {
  if (r.NanoCpus > 0 && r.CpuPeriod > 0)
    throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (r.NanoCpus > 0 && r.CpuQuota > 0)
    throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  const count = cpus().length;
  if (r.NanoCpus < 0 || r.NanoCpus > count * 1e9)
    throw invalid(`range of CPUs is from 0.01 to ${count}.00, as there are only ${count} CPUs available`);
  if (r.CpuShares < 0) throw invalid(`invalid CPU shares (${r.CpuShares}): value must be a positive integer`);
  if (r.CpuPeriod !== 0 && (r.CpuPeriod < 1000 || r.CpuPeriod > 1_000_000))
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (r.CpuQuota > 0 && r.CpuQuota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
}

/** `0-2,4` as a set of numbers, or undefined when it is no such list. */
export function parseSet(text: string): Set<number> | undefined {
  const set = new Set<number>();
  for (const part of text.split(',').filter(Boolean)) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (!match) return undefined;
    const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (to < from || to > 8191) return undefined;
    for (let i = from; i <= to; i++) set.add(i);
  }
  return set;
}

function checkSet(text: string, what: string, message: string, onlineFile: string): void {
  if (!text) return;
  const wanted = parseSet(text);
  if (!wanted) throw invalid(`Invalid value ${text} for ${what}`);
  let online: string;
  try {
    online = readFileSync(onlineFile, 'utf8').trim();
  } catch {
    online = '0'; // a kernel without NUMA has one node
  }
  const available = parseSet(online);
  for (const n of wanted) if (!available?.has(n)) throw invalid(`${message} ${text}, available: ${online}`);
}
