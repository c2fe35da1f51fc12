import type { ContainerConfig, HostConfig } from '@corten/api-types';
import { HostConfigSchema, parse } from '@corten/api-types';
import type { ContainerDefaults } from '../context.ts';
import { MASKED_PATHS, READONLY_PATHS } from '../spec/defaults.ts';
import { defaultCgroupns } from '../spec/namespaces.ts';
import { parseSecurityOpt } from '../spec/security-opt.ts';
import { checkLogConfig } from './log-config.ts';
import { normalizePorts } from './merge-image.ts';

/** HostConfig with the engine's defaults, as `inspect` shows it. */
export function completeHostConfig(
  given: HostConfig | undefined,
  _config: ContainerConfig,
  defaults: ContainerDefaults,
  runtime: string,
): HostConfig {
  const h = given ?? parse(HostConfigSchema, {});
  const open = h.Privileged || parseSecurityOpt(h.SecurityOpt).systemPathsUnconfined;
  return {
    ...h,
    NetworkMode: h.NetworkMode === '' || h.NetworkMode === 'default' ? 'bridge' : h.NetworkMode,
    PortBindings: publishOn(normalizePorts(h.PortBindings), defaults.publishAddress),
    LogConfig: checkLogConfig(h.LogConfig, defaults),
    RestartPolicy: { Name: h.RestartPolicy?.Name || 'no', MaximumRetryCount: h.RestartPolicy?.MaximumRetryCount ?? 0 },
    Runtime: runtime,
    IpcMode: h.IpcMode || defaults.ipcMode || 'private',
    CgroupnsMode: h.CgroupnsMode || defaultCgroupns(defaults.cgroupnsMode, h.Privileged),
    ShmSize: h.ShmSize || defaults.shmSize,
    // Docker allows as much swap as memory when only memory is limited
    MemorySwap: h.Memory > 0 && h.MemorySwap === 0 ? h.Memory * 2 : h.MemorySwap,
    MemorySwappiness: h.MemorySwappiness === -1 ? undefined : h.MemorySwappiness,
    PidsLimit: h.PidsLimit !== undefined && h.PidsLimit > 0 ? h.PidsLimit : undefined,
    OomKillDisable: h.OomKillDisable ?? false,
    MaskedPaths: h.MaskedPaths ?? (open ? [] : [...MASKED_PATHS]),
    ReadonlyPaths: h.ReadonlyPaths ?? (open ? [] : [...READONLY_PATHS]),
    ConsoleSize: h.ConsoleSize ?? [0, 0],
  };
}

/** `--ip`: the address for ports published without one. */
function publishOn(ports: HostConfig['PortBindings'], address: string | undefined): HostConfig['PortBindings'] {
  if (!address) return ports;
  return Object.fromEntries(
    Object.entries(ports).map(([port, list]) => [
      port,
      list?.map((b) => ({ ...b, HostIp: b.HostIp || address })) ?? null,
    ]),
  );
}
