import type { ContainerUpdateBody, HostConfig } from '@corten/api-types';
import { conflict, invalid, messageOf, system } from '@corten/errors';
import { type Context, publish } from './context.ts';
import { checkRestartPolicy } from './create/check-config.ts';
import { checkResources } from './create/resource-checks.ts';
import { type ContainerRecord, isRunning } from './record.ts';
import { ociResources } from './spec/resources.ts';

const LIMITS = [
  'CpuShares',
  'Memory',
  'BlkioWeight',
  'CpuPeriod',
  'CpuQuota',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'CpusetCpus',
  'CpusetMems',
  'MemoryReservation',
  'MemorySwap',
  'NanoCpus',
  'PidsLimit',
] as const;

/** POST /containers/{id}/update. As in Docker a zero leaves the limit as it is; clients send every field. */
export async function updateContainer(
  ctx: Context,
  c: ContainerRecord,
  body: ContainerUpdateBody,
): Promise<{ Warnings: string[] }> {
  using _lock = await ctx.locks.lock(c.id);
  const fail = (why: string) => `Cannot update container ${c.id}: ${why}`;
  if (['removing', 'dead'].includes(c.state.status))
    throw conflict(fail('container is marked for removal and cannot be "update"'));
  const next = merged(c.hostConfig, body);
  if (body.RestartPolicy?.Name) {
    checkRestartPolicy(body.RestartPolicy);
    if (c.hostConfig.AutoRemove && body.RestartPolicy.Name !== 'no')
      throw invalid(fail('Restart policy cannot be updated because AutoRemove is enabled for the container'));
    next.RestartPolicy = body.RestartPolicy;
  }
  if (body.Memory > 0 && body.MemorySwap === 0 && c.hostConfig.MemorySwap > 0 && body.Memory > c.hostConfig.MemorySwap)
    throw conflict(
      fail('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time'),
    );
  const Warnings = checkResources(next);
  if (isRunning(c) && LIMITS.some((key) => next[key] !== c.hostConfig[key])) {
    try {
      await ctx.supervisor.update(c.id, ociResources(next));
    } catch (error) {
      throw system(fail(messageOf(error)), error);
    }
  }
  c.hostConfig = next;
  ctx.store.save(c);
  publish(ctx, c, 'update');
  return { Warnings };
}

function merged(old: HostConfig, body: ContainerUpdateBody): HostConfig {
  const next: HostConfig = { ...old };
  for (const key of LIMITS) if (body[key]) Object.assign(next, { [key]: body[key] });
  if (body.NanoCpus > 0) Object.assign(next, { CpuPeriod: 0, CpuQuota: 0 });
  else if (body.CpuPeriod > 0 || body.CpuQuota > 0) next.NanoCpus = 0;
  return next;
}
