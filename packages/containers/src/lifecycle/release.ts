import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@corten/errors';
import { unmount } from '@corten/host';
import { type Context, pathsOf } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { dropMountPoints } from '../rootfs/own-mounts.ts';

const DRAIN_LIMIT_MS = 10_000;

/** Gives back what a run of the container held: runtime state, network, mounts. Everything here is fine when it is not there. */
export async function releaseRun(ctx: Context, c: ContainerRecord): Promise<void> {
  const quietly = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      ctx.log.warn(`${what} failed after the container ended`, { id: c.id, error: messageOf(error) });
    }
  };
  await Promise.all([
    quietly('network detach', () => ctx.networks.detach(c.id)),
    quietly('task delete', async () => {
      await drained(ctx, c);
      await ctx.supervisor.delete(c.id);
      await rm(pathsOf(ctx, c.id).bundle, { recursive: true, force: true });
    }),
    quietly('unmount', async () => {
      const live = ctx.live.of(c.id);
      if (live.ownMounts.length > 0) dropMountPoints(ctx.snapshots.mounts(c.id).merged, live.ownMounts);
      live.ownMounts = [];
      await ctx.snapshots.unmount(c.id);
    }),
    ...c.mounts
      .filter((m) => m.type === 'volume' && m.name)
      .map((m) => quietly('volume unmount', () => ctx.volumes.unmount(m.name!, c.id))),
    quietly('shm unmount', async () => releaseShm(ctx, c)),
  ]);
}

/** Deleting a task closes its streams: clients first get what it wrote. One that does not read is not waited for longer. */
async function drained(ctx: Context, c: ContainerRecord): Promise<void> {
  const { draining } = ctx.live.of(c.id);
  if (draining.size === 0) return;
  const late = new AbortController();
  const limit = sleep(DRAIN_LIMIT_MS, undefined, { signal: late.signal }).catch(() => {});
  await Promise.race([Promise.all(draining), limit]);
  late.abort();
}

function releaseShm(ctx: Context, c: ContainerRecord): void {
  if (c.hostConfig.IpcMode !== 'shareable') return;
  try {
    unmount(pathsOf(ctx, c.id).shm, { detach: true });
  } catch (error) {
    if (!['EINVAL', 'ENOENT'].includes((error as { code?: string }).code ?? '')) throw error; // it was not mounted
  }
}
