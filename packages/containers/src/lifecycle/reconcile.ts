import { existsSync } from 'node:fs';
import { messageOf } from '@corten/errors';
import { type Context, pathsOf } from '../context.ts';
import { startHealth } from '../health.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import { removeNow } from './remove.ts';
import { policyWants } from './restart-policy.ts';
import { launch, taskOf } from './start.ts';
import { stopRunning } from './stop.ts';

/** At engine start: running ones are adopted, half-made and half-removed ones finished off, restart policies applied. */
export async function reconcile(ctx: Context): Promise<void> {
  const all = [...ctx.store.all()];
  const before = all.filter(isRunning);
  const adopted = await ctx.supervisor.adopt(before.map((c) => taskOf(ctx, c)));
  const pids = new Map(adopted.map((t) => [t.id, t.pid]));
  for (const c of before) {
    const pid = pids.get(c.id);
    if (pid === undefined) continue; // its end comes through onExit
    ctx.store.setState(c, { pid });
    startHealth(ctx, c);
  }
  await ctx.networks.reconcile(
    before.flatMap((c) => {
      const pid = pids.get(c.id);
      return pid === undefined ? [] : [{ id: c.id, name: c.name, pid }];
    }),
  );
  for (const c of all) if (!before.includes(c)) await settle(ctx, c);
}

async function settle(ctx: Context, c: ContainerRecord): Promise<void> {
  try {
    const halfMade =
      c.state.status === 'created' &&
      !(existsSync(pathsOf(ctx, c.id).directory) && ctx.snapshots.keys().includes(c.id));
    if (halfMade || c.state.status === 'removing' || (c.hostConfig.AutoRemove && c.state.everStarted)) {
      await removeNow(ctx, c, { volumes: c.hostConfig.AutoRemove || halfMade });
      return;
    }
    if (c.state.status === 'dead' || !c.state.everStarted) return;
    if (wantsStart(c)) void startAgain(ctx, c);
    else if (c.state.status === 'restarting') ctx.store.setState(c, { status: 'exited' });
  } catch (error) {
    ctx.log.error('a container could not be put in order', { id: c.id, error: messageOf(error) });
  }
}

/** `always` starts with the engine even after a manual stop; the others not. */
function wantsStart(c: ContainerRecord): boolean {
  if (c.hostConfig.RestartPolicy?.Name === 'always') return true;
  return !c.state.manuallyStopped && policyWants(c, c.state.exitCode);
}

async function startAgain(ctx: Context, c: ContainerRecord): Promise<void> {
  using _lock = await ctx.locks.lock(c.id);
  if (isRunning(c) || ctx.store.get(c.id) !== c) return;
  if (c.state.status === 'restarting') ctx.store.setState(c, { status: 'exited' });
  await launch(ctx, c, { restartCount: c.state.restartCount }).catch((error) =>
    ctx.log.warn('a container could not be started with the engine', { id: c.id, error: messageOf(error) }),
  );
}

/** At engine shutdown: with live restore containers go on; without, they are stopped. What runs in the background is awaited. */
export async function shutdown(ctx: Context, options: { liveRestore: boolean; timeout: number }): Promise<void> {
  ctx.phase.stopping = true;
  const all = [...ctx.store.all()];
  for (const c of all) {
    const live = ctx.live.of(c.id);
    live.restart?.cancel();
    live.health?.stop();
    if (live.starting) await live.starting;
  }
  if (!options.liveRestore)
    await Promise.all(
      all.filter(isRunning).map(async (c) => {
        const timeout = Math.min(c.config.StopTimeout ?? options.timeout, options.timeout);
        await stopRunning(ctx, c, { timeout }, false).catch((error) =>
          ctx.log.error('a container could not be stopped', { id: c.id, error: messageOf(error) }),
        );
      }),
    );
  for (const [, live] of [...ctx.live.all()]) {
    await live.cleanup;
    await live.removal?.catch(() => {}); // reported where it failed
  }
  await ctx.snapshots.unmountAll(new Set([...ctx.store.all()].filter(isRunning).map((c) => c.id)));
}
