import { conflict, messageOf, system } from '@corten/errors';
import { type Context, publish } from '../context.ts';
import type { ContainerRecord } from '../record.ts';

/** POST /containers/{id}/pause. */
export async function pauseContainer(ctx: Context, c: ContainerRecord): Promise<void> {
  using _lock = await ctx.locks.lock(c.id);
  if (c.state.status === 'paused') throw conflict(`container ${c.id} is already paused`);
  if (c.state.status === 'restarting')
    throw conflict(`Container ${c.id} is restarting, wait until the container is running`);
  if (c.state.status !== 'running') throw conflict(`container ${c.id} is not running`);
  try {
    await ctx.supervisor.pause(c.id);
  } catch (error) {
    throw system(`cannot pause container ${c.id}: ${messageOf(error)}`, error);
  }
  ctx.store.setState(c, { status: 'paused' });
  publish(ctx, c, 'pause');
}

/** POST /containers/{id}/unpause. */
export async function unpauseContainer(ctx: Context, c: ContainerRecord): Promise<void> {
  using _lock = await ctx.locks.lock(c.id);
  if (c.state.status !== 'paused') throw conflict(`Container ${c.id} is not paused`);
  try {
    await ctx.supervisor.resume(c.id);
  } catch (error) {
    throw system(`Cannot unpause container ${c.id}: ${messageOf(error)}`, error);
  }
  ctx.store.setState(c, { status: 'running' });
  publish(ctx, c, 'unpause');
}
