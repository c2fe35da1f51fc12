import type { HostConfig } from '@corten/api-types';
import { isCgroupV2 } from './cgroup.ts';
import { blockDevice, type DeviceRule } from './devices.ts';

export interface UlimitConfig {
  Name: string;
  Soft: number;
  Hard: number;
}

type Limits = Partial<
  Pick<
    HostConfig,
    | 'Memory'
    | 'MemorySwap'
    | 'MemoryReservation'
    | 'MemorySwappiness'
    | 'OomKillDisable'
    | 'CpuShares'
    | 'CpuPeriod'
    | 'CpuQuota'
    | 'CpuRealtimePeriod'
    | 'CpuRealtimeRuntime'
    | 'CpusetCpus'
    | 'CpusetMems'
    | 'NanoCpus'
    | 'PidsLimit'
    | 'BlkioWeight'
    | 'BlkioWeightDevice'
    | 'BlkioDeviceReadBps'
    | 'BlkioDeviceWriteBps'
    | 'BlkioDeviceReadIOps'
    | 'BlkioDeviceWriteIOps'
  >
>;

/** Drops undefined values; undefined when nothing is left. */
function compact<T extends object>(object: T): Partial<T> | undefined {
  const entries = Object.entries(object).filter(([, v]) => v !== undefined && v !== 0 && v !== '');
  return entries.length > 0 ? (Object.fromEntries(entries) as Partial<T>) : undefined;
}

/** OCI `linux.resources` of a container's limits (runtime-spec, config-linux.md, Control groups). */
export function ociResources(r: Limits, devices?: readonly DeviceRule[]): Record<string, unknown> {
  const memory = memoryOf(r);
  const cpu = cpuOf(r);
  const blockIO = blockIoOf(r);
  const pids = r.PidsLimit && r.PidsLimit !== 0 ? { limit: r.PidsLimit < 0 ? -1 : r.PidsLimit } : undefined;
  return {
    ...(devices ? { devices } : {}),
    ...(memory ? { memory } : {}),
    ...(cpu ? { cpu } : {}),
    ...(pids ? { pids } : {}),
    ...(blockIO ? { blockIO } : {}),
  };
}

function memoryOf(r: Limits) {
  const v2 = isCgroupV2();
  return compact({
    limit: r.Memory,
    reservation: r.MemoryReservation,
    swap: r.MemorySwap,
    swappiness: !v2 && r.MemorySwappiness !== undefined && r.MemorySwappiness >= 0 ? r.MemorySwappiness : undefined,
    disableOOMKiller: !v2 && r.OomKillDisable ? true : undefined,
  });
}

const DEFAULT_PERIOD = 100_000;

function cpuOf(r: Limits) {
  const nano = r.NanoCpus ?? 0;
  return compact({
    shares: r.CpuShares,
    period: nano > 0 ? DEFAULT_PERIOD : r.CpuPeriod,
    quota: nano > 0 ? Math.floor((nano * DEFAULT_PERIOD) / 1e9) : r.CpuQuota,
    realtimePeriod: r.CpuRealtimePeriod,
    realtimeRuntime: r.CpuRealtimeRuntime,
    cpus: r.CpusetCpus,
    mems: r.CpusetMems,
  });
}

function blockIoOf(r: Limits) {
  const throttle = (list: { Path: string; Rate: number }[] | undefined) =>
    list && list.length > 0 ? list.map((d) => ({ ...blockDevice(d.Path), rate: d.Rate })) : undefined;
  return compact({
    weight: r.BlkioWeight,
    weightDevice: r.BlkioWeightDevice?.length
      ? r.BlkioWeightDevice.map((d) => ({ ...blockDevice(d.Path), weight: d.Weight }))
      : undefined,
    throttleReadBpsDevice: throttle(r.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttle(r.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttle(r.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttle(r.BlkioDeviceWriteIOps),
  });
}

/** RLIM_INFINITY, 2^64 - 1, which a JavaScript number cannot hold: it is written into the bundle as it stands. */
const UNLIMITED = (JSON as unknown as { rawJSON(text: string): number }).rawJSON('18446744073709551615');

/** OCI rlimits: the engine's defaults, overridden by name by the container's own. -1 is unlimited. */
export function ociRlimits(defaults: readonly UlimitConfig[], own: readonly UlimitConfig[]) {
  const byName = new Map([...defaults, ...own].map((u) => [u.Name.toLowerCase(), u]));
  const value = (n: number) => (n < 0 ? UNLIMITED : n);
  return [...byName].map(([name, u]) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    hard: value(u.Hard),
    soft: value(u.Soft),
  }));
}
