import { messageOf } from '@corten/errors';
import type { TaskExit } from '@corten/runtime';
import { abandonPending } from '../attach.ts';
import { type Context, publish } from '../context.ts';
import { stopHealth } from '../health.ts';
import type { ExitReport, Live } from '../live.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import { releaseRun } from './release.ts';
import { removeNow } from './remove.ts';
import { scheduleRestart, shouldRestart } from './restart-policy.ts';

/**
 * A task ended. State and waiters first: whoever waits learns at once; what the run held is given back after that,
 * in the background, owned by `live.cleanup`, for which the next start, the removal and the shutdown wait.
 */
export function handleExit(ctx: Context, id: string, exit: TaskExit): void {
  const c = ctx.store.get(id);
  if (!c) return; // a build step, or removed
  const live = ctx.live.of(id);
  const before = live.cleanup;
  live.cleanup = (async () => {
    await before;
    if (live.starting) await live.starting;
    if (!isRunning(c)) return; // the start failed and cleaned up itself
    const again = announce(ctx, c, live, exit);
    const released = releaseRun(ctx, c);
    // side by side: an ended container's files are in nobody's way
    if (!again && c.hostConfig.AutoRemove) await autoRemove(ctx, c, released);
    await released;
    // the next start waits for this clean-up, so it is only planned here
    if (again) scheduleRestart(ctx, c);
  })().catch((error) => ctx.log.error('handling an exit failed', { id, error: messageOf(error) }));
}

/** Writes the end into the state and tells everyone. Returns whether the restart policy starts it again. */
function announce(ctx: Context, c: ContainerRecord, live: Live, exit: TaskExit): boolean {
  stopHealth(ctx, c);
  const again = shouldRestart(ctx, c, exit.code);
  const seconds = Math.max(0, Math.floor((Date.parse(exit.finishedAt) - Date.parse(c.state.startedAt)) / 1000));
  const { health } = c.state;
  ctx.store.setState(c, {
    status: again ? 'restarting' : 'exited',
    pid: 0,
    exitCode: exit.code,
    error: exit.lost ? 'the supervisor of this container was killed; its exit code is not known' : '',
    oomKilled: exit.oomKilled,
    finishedAt: exit.finishedAt,
    network: undefined,
    health: health ? { ...health, Status: 'unhealthy' } : undefined,
  });
  if (exit.oomKilled) publish(ctx, c, 'oom');
  publish(ctx, c, 'die', { exitCode: String(exit.code), execDuration: String(seconds) });
  if (!again) abandonPending(live);
  resolveWaiters(live.exitWaiters, { exitCode: exit.code, error: c.state.error || undefined });
  for (const wake of live.logFollowers) wake();
  return again;
}

export function resolveWaiters(waiters: Live['exitWaiters'], report: ExitReport): void {
  for (const waiter of waiters) waiter.resolve(report);
  waiters.clear();
}

async function autoRemove(ctx: Context, c: ContainerRecord, released: Promise<void>): Promise<void> {
  try {
    await removeNow(ctx, c, { volumes: true, released });
  } catch (error) {
    ctx.log.error('automatic removal failed', { id: c.id, error: messageOf(error) });
  }
}
