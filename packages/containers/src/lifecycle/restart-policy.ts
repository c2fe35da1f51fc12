import { messageOf } from '@corten/errors';
import type { Context } from '../context.ts';
import type { ContainerRecord } from '../record.ts';
import { launch } from './start.ts';

const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
/** A run this long counts as a good one: the delay starts anew. */
const GOOD_RUN = 10_000;

/** Whether the policy starts the container again after this exit. */
export function shouldRestart(ctx: Context, c: ContainerRecord, exitCode: number): boolean {
  if (ctx.phase.stopping || ctx.live.of(c.id).stopAsked || c.state.manuallyStopped) return false;
  return policyWants(c, exitCode);
}

export function policyWants(c: ContainerRecord, exitCode: number): boolean {
  const policy = c.hostConfig.RestartPolicy;
  if (policy?.Name === 'always' || policy?.Name === 'unless-stopped') return true;
  if (policy?.Name !== 'on-failure' || exitCode === 0) return false;
  return policy.MaximumRetryCount === 0 || c.state.restartCount < policy.MaximumRetryCount;
}

/** The delay before the next try: 100 ms, doubling up to a minute. */
export function nextDelay(previous: number, ranFor: number): number {
  if (ranFor >= GOOD_RUN || previous === 0) return FIRST_DELAY;
  return Math.min(previous * 2, LONGEST_DELAY);
}

/** Plans the next try; `live.restart.cancel` (stop, kill, rm, shutdown) calls it off. */
export function scheduleRestart(ctx: Context, c: ContainerRecord): void {
  const live = ctx.live.of(c.id);
  const ranFor = Date.parse(c.state.finishedAt) - Date.parse(c.state.startedAt);
  live.backoff = nextDelay(live.backoff, ranFor);
  const timer = setTimeout(() => {
    live.restart = undefined;
    void restartNow(ctx, c);
  }, live.backoff);
  live.restart = {
    timer,
    cancel: () => {
      clearTimeout(timer);
      live.restart = undefined;
    },
  };
}

async function restartNow(ctx: Context, c: ContainerRecord): Promise<void> {
  using _lock = await ctx.locks.lock(c.id);
  if (ctx.phase.stopping || c.state.status !== 'restarting' || ctx.store.get(c.id) !== c) return;
  try {
    await launch(ctx, c, { restartCount: c.state.restartCount + 1 });
  } catch (error) {
    // Docker gives up on a container that cannot be started any more
    ctx.log.warn('restarting failed', { id: c.id, error: messageOf(error) });
  }
}
