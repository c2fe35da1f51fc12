import { rm } from 'node:fs/promises';
import { conflict, invalid, messageOf } from '@corten/errors';
import { abandonPending } from '../attach.ts';
import { type Context, pathsOf, publish } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import { resolveWaiters } from './exit.ts';
import { cancelRestart, killAndWait } from './stop.ts';

/** DELETE /containers/{id}. */
export async function removeContainer(
  ctx: Context,
  c: ContainerRecord,
  options: { force: boolean; volumes: boolean; link: boolean },
): Promise<void> {
  if (options.link) throw invalid('removing a link is not possible: Corten keeps no links apart from networks');
  const live = ctx.live.of(c.id);
  if (live.removal || c.state.status === 'removing') {
    if (!options.force && live.removal) throw conflict(`removal of container ${c.name} is already in progress`);
    if (live.removal) return live.removal;
  }
  if (live.starting) await live.starting;
  const name = `cannot remove container "/${c.name}"`;
  if (c.state.status === 'paused' && !options.force)
    throw conflict(`${name}: container is paused and must be unpaused first`);
  if ((isRunning(c) || c.state.status === 'restarting') && !options.force)
    throw conflict(`${name}: container is ${c.state.status}: stop the container before removing or force remove`);
  if (isRunning(c)) await killAndWait(ctx, c);
  cancelRestart(ctx, c);
  using _lock = await ctx.locks.lock(c.id); // not in the middle of a start
  await live.cleanup;
  if (ctx.store.get(c.id) !== c) return; // --rm was quicker
  if (isRunning(c))
    throw conflict(`${name}: container is ${c.state.status}: stop the container before removing or force remove`);
  await removeNow(ctx, c, { volumes: options.volumes });
}

interface RemovalOptions {
  volumes: boolean;
  /** The giving back of its last run, when that is under way. */
  released?: Promise<void>;
}

/** Removes an ended container and all it has. Runs once however often it is asked for. */
export function removeNow(ctx: Context, c: ContainerRecord, options: RemovalOptions): Promise<void> {
  const live = ctx.live.of(c.id);
  live.removal ??= destroy(ctx, c, options).catch((error) => {
    live.removal = undefined;
    ctx.store.setState(c, { status: 'dead', error: messageOf(error) });
    throw error;
  });
  return live.removal;
}

async function destroy(ctx: Context, c: ContainerRecord, options: RemovalOptions): Promise<void> {
  const live = ctx.live.of(c.id);
  ctx.store.setState(c, { status: 'removing' });
  for (const wake of live.logFollowers) wake();
  await Promise.all([
    options.released ?? ctx.supervisor.delete(c.id),
    ctx.snapshots.remove(c.id),
    rm(pathsOf(ctx, c.id).directory, { recursive: true, force: true }),
  ]);
  const volumes = c.mounts.filter((m) => m.type === 'volume' && m.name);
  for (const m of volumes) ctx.volumes.release(m.name!, c.id);
  if (options.volumes)
    await removeAnonymous(
      ctx,
      volumes.filter((m) => m.anonymous).map((m) => m.name!),
    );
  ctx.store.delete(c.id);
  ctx.live.drop(c.id);
  publish(ctx, c, 'destroy');
  abandonPending(live);
  const report = { exitCode: c.state.exitCode, error: c.state.error || undefined };
  resolveWaiters(live.exitWaiters, report);
  // the removal itself went well: what an earlier start said is not its error
  resolveWaiters(live.removalWaiters, { exitCode: report.exitCode });
}

/** Anonymous volumes go with their container unless another one uses them too. */
async function removeAnonymous(ctx: Context, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (ctx.volumes.usersOf(name).length > 0) continue;
    try {
      await ctx.volumes.remove(name, true);
    } catch (error) {
      ctx.log.warn('an anonymous volume stays', { volume: name, error: messageOf(error) });
    }
  }
}
