import { cancelled } from '@corten/errors';
import { deferred } from '@corten/util';
import type { Context } from '../context.ts';
import type { ExitReport } from '../live.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import type { WaitCondition } from '../types.ts';

/** POST /containers/{id}/wait. Registered before it first yields: an exit right after the call is not missed. */
export async function waitFor(
  ctx: Context,
  c: ContainerRecord,
  condition: WaitCondition,
  signal: AbortSignal,
): Promise<{ StatusCode: number; Error?: { Message: string } }> {
  const { status } = c.state;
  if (condition === 'not-running' && !isRunning(c) && status !== 'restarting')
    return answer({ exitCode: c.state.exitCode, error: c.state.error || undefined });
  return answer(await next(ctx, c, condition === 'removed' ? 'removalWaiters' : 'exitWaiters', signal));
}

/** The next exit, from now on. */
export const nextExit = (ctx: Context, c: ContainerRecord, signal?: AbortSignal): Promise<ExitReport> =>
  next(ctx, c, 'exitWaiters', signal);

async function next(
  ctx: Context,
  c: ContainerRecord,
  list: 'exitWaiters' | 'removalWaiters',
  signal?: AbortSignal,
): Promise<ExitReport> {
  const waiters = ctx.live.of(c.id)[list];
  const waiter = deferred<ExitReport>();
  waiters.add(waiter);
  const abort = () => waiter.reject(cancelled());
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await waiter.promise;
  } finally {
    waiters.delete(waiter);
    signal?.removeEventListener('abort', abort);
  }
}

const answer = ({ exitCode, error }: ExitReport) => ({
  StatusCode: exitCode,
  ...(error ? { Error: { Message: error } } : {}),
});
