import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, conflict, invalid, isKind, notModified, system } from '@corten/errors';
import { type Context, publish } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import { parseSignal, SIGKILL, SIGTERM } from '../signals.ts';
import { launch } from './start.ts';
import { nextExit } from './wait.ts';

const DEFAULT_TIMEOUT = 10;
/** After SIGKILL the kernel needs a moment; longer than this means that something holds the process. */
const KILL_PATIENCE_MS = 10_000;

export interface StopOptions {
  signal?: string;
  /** Seconds; negative waits for ever. */
  timeout?: number;
}

/** Ends the wait of a restart policy; the container is then exited. */
export function cancelRestart(ctx: Context, c: ContainerRecord): boolean {
  if (c.state.status !== 'restarting') return false;
  ctx.live.of(c.id).restart?.cancel();
  ctx.store.setState(c, { status: 'exited' });
  return true;
}

/** POST /containers/{id}/stop. */
export async function stopContainer(ctx: Context, c: ContainerRecord, options: StopOptions): Promise<void> {
  if (options.signal) parseSignal(options.signal);
  if (!isRunning(c) && c.state.status !== 'restarting') throw notModified('container is already stopped');
  await stopRunning(ctx, c, options, true);
}

/** Stop signal, patience, SIGKILL. `manual` is false when the engine stops it (shutdown): then restart policies still hold. */
export async function stopRunning(
  ctx: Context,
  c: ContainerRecord,
  options: StopOptions,
  manual: boolean,
): Promise<void> {
  const live = ctx.live.of(c.id);
  live.stopAsked = true;
  if (manual) ctx.store.setState(c, { manuallyStopped: true });
  if (live.starting) await live.starting;
  if (cancelRestart(ctx, c)) {
    publish(ctx, c, 'stop');
    return;
  }
  if (!isRunning(c)) return;
  const signal = parseSignal(options.signal || c.config.StopSignal || 'SIGTERM');
  const seconds = options.timeout ?? c.config.StopTimeout ?? ctx.defaults.stopTimeout ?? DEFAULT_TIMEOUT;
  const exit = nextExit(ctx, c);
  await deliver(ctx, c, signal);
  if (!(await endsWithin(exit, seconds < 0 ? undefined : seconds * 1000))) {
    ctx.log.info('container did not stop in time, killing it', { id: c.id, seconds });
    await deliver(ctx, c, SIGKILL);
    if (!(await endsWithin(exit, KILL_PATIENCE_MS)))
      throw system(`container ${c.id} did not end ${KILL_PATIENCE_MS / 1000} seconds after SIGKILL`);
  }
  publish(ctx, c, 'stop');
}

/** True when the promise resolves in time (milliseconds; undefined: no limit). */
async function endsWithin(exit: Promise<unknown>, milliseconds: number | undefined): Promise<boolean> {
  if (milliseconds === undefined) {
    await exit;
    return true;
  }
  const timer = new AbortController();
  const late = sleep(milliseconds, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([exit.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

/** Sends a signal and wakes a paused container so that it can act on it. A process that is gone is fine. */
async function deliver(ctx: Context, c: ContainerRecord, signal: number): Promise<void> {
  publish(ctx, c, 'kill', { signal: String(signal) });
  try {
    // without a PID namespace of its own the kernel does not end the other processes with the first
    await ctx.supervisor.kill(c.id, signal, signal === SIGKILL && c.hostConfig.PidMode !== '');
    if (c.state.status === 'paused' && [SIGKILL, SIGTERM, stopSignalOf(c)].includes(signal)) {
      await ctx.supervisor.resume(c.id);
      if (c.state.status === 'paused') ctx.store.setState(c, { status: 'running' });
    }
  } catch (error) {
    if (!isKind(error, 'notFound') && codeOf(error) !== 'ESRCH') throw error;
  }
}

const stopSignalOf = (c: ContainerRecord): number => parseSignal(c.config.StopSignal || 'SIGTERM');

/** SIGKILL and the exit. */
export async function killAndWait(ctx: Context, c: ContainerRecord): Promise<void> {
  const live = ctx.live.of(c.id);
  live.stopAsked = true;
  if (live.starting) await live.starting;
  if (!isRunning(c)) return;
  const exit = nextExit(ctx, c);
  await deliver(ctx, c, SIGKILL);
  if (!(await endsWithin(exit, KILL_PATIENCE_MS))) throw system(`could not kill container: ${c.id} does not end`);
}

/** POST /containers/{id}/kill. */
export async function killContainer(ctx: Context, c: ContainerRecord, text: string | undefined): Promise<void> {
  const signal = text ? parseSignal(text) : SIGKILL;
  if (signal > 64) throw invalid(`the linux daemon does not support signal ${signal}`);
  if (c.state.status === 'restarting' && signal === SIGKILL) {
    ctx.live.of(c.id).stopAsked = true;
    cancelRestart(ctx, c);
    return;
  }
  if (!isRunning(c)) throw conflict(`cannot kill container: ${c.name}: container ${c.id} is not running`);
  const ends = signal === SIGKILL || !c.config.StopSignal || signal === stopSignalOf(c);
  if (ends) ctx.live.of(c.id).stopAsked = true;
  ctx.store.setState(c, { manuallyStopped: true });
  const exit = signal === SIGKILL ? nextExit(ctx, c) : undefined;
  await deliver(ctx, c, signal);
  if (exit) await endsWithin(exit, KILL_PATIENCE_MS);
}

/** POST /containers/{id}/restart: also starts one that does not run. */
export async function restartContainer(ctx: Context, c: ContainerRecord, options: StopOptions): Promise<void> {
  if (options.signal) parseSignal(options.signal);
  using _lock = await ctx.locks.lock(c.id);
  if (['removing', 'dead'].includes(c.state.status))
    throw conflict('container is marked for removal and cannot be started');
  // --rm must not remove it between the stop and the start
  const autoRemove = c.hostConfig.AutoRemove;
  c.hostConfig.AutoRemove = false;
  try {
    if (isRunning(c) || c.state.status === 'restarting') await stopRunning(ctx, c, options, true);
    await ctx.live.of(c.id).cleanup;
  } finally {
    c.hostConfig.AutoRemove = autoRemove;
  }
  await launch(ctx, c, { restartCount: 0 });
  publish(ctx, c, 'restart');
}
