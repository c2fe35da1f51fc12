import { messageOf } from '@corten/errors';
import { randomId, rfc3339Nano } from '@corten/util';
import { type Context, publish } from './context.ts';
import { execProcess } from './exec-process.ts';
import type { ContainerRecord, Health, HealthResult } from './record.ts';

const SECOND = 1_000_000_000;
const KEPT_RESULTS = 5;
const KEPT_OUTPUT = 4096;

interface Probe {
  args: string[];
  /** Milliseconds. */
  interval: number;
  timeout: number;
  startPeriod: number;
  startInterval: number;
  retries: number;
}

/** The probe of a health check; undefined when there is none. Docker's defaults: 30 s, 30 s, 3 tries, 5 s while starting. */
export function probeOf(c: ContainerRecord): Probe | undefined {
  const h = c.config.Healthcheck;
  const [kind, ...rest] = h?.Test ?? [];
  if (!h || kind === undefined || kind === 'NONE') return undefined;
  const shell = c.config.Shell?.length ? c.config.Shell : ['/bin/sh', '-c'];
  const ms = (nano: number, fallback: number) => (nano || fallback) / 1e6;
  return {
    args: kind === 'CMD-SHELL' ? [...shell, rest[0] ?? ''] : rest,
    interval: ms(h.Interval, 30 * SECOND),
    timeout: ms(h.Timeout, 30 * SECOND),
    startPeriod: h.StartPeriod / 1e6,
    startInterval: ms(h.StartInterval, 5 * SECOND),
    retries: h.Retries || 3,
  };
}

/** The state after one more result (Engine API, Health): a failure in the start period does not count. */
export function nextHealth(
  health: Health,
  result: HealthResult,
  probe: Pick<Probe, 'retries'>,
  starting: boolean,
): Health {
  const Log = [...health.Log, result].slice(-KEPT_RESULTS);
  if (result.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log };
  if (starting && health.Status === 'starting') return { ...health, Log };
  const FailingStreak = health.FailingStreak + 1;
  const Status = FailingStreak >= probe.retries ? 'unhealthy' : health.Status;
  return { Status, FailingStreak, Log };
}

/** Begins probing a container that was just started (or adopted, then its health goes on). */
export function startHealth(ctx: Context, c: ContainerRecord): void {
  const probe = probeOf(c);
  if (!probe) return;
  if (!c.state.health) ctx.store.setState(c, { health: { Status: 'starting', FailingStreak: 0, Log: [] } });
  const live = ctx.live.of(c.id);
  const began = Date.parse(c.state.startedAt);
  let timer: NodeJS.Timeout;
  let stopped = false;
  const starting = () => c.state.health?.Status === 'starting' && Date.now() - began < probe.startPeriod;
  const plan = () => {
    if (stopped) return;
    timer = setTimeout(tick, starting() ? Math.min(probe.startInterval, probe.interval) : probe.interval);
    timer.unref();
  };
  const tick = async () => {
    if (c.state.status === 'running') {
      const inStart = Date.now() - began < probe.startPeriod;
      const result = await runProbe(ctx, c, probe);
      if (!stopped && c.state.status === 'running') record(ctx, c, nextHealth(c.state.health!, result, probe, inStart));
    }
    plan();
  };
  live.health = {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
  plan();
}

export function stopHealth(ctx: Context, c: ContainerRecord): void {
  const live = ctx.live.of(c.id);
  live.health?.stop();
  live.health = undefined;
}

function record(ctx: Context, c: ContainerRecord, health: Health): void {
  const before = c.state.health?.Status;
  ctx.store.setState(c, { health });
  if (health.Status !== before) publish(ctx, c, `health_status: ${health.Status}`);
}

/** Runs the probe once; what it prints is kept up to 4096 bytes. A probe that takes too long is killed. */
async function runProbe(ctx: Context, c: ContainerRecord, probe: Probe): Promise<HealthResult> {
  const Start = rfc3339Nano();
  const done = (ExitCode: number, Output: string): HealthResult => ({ Start, End: rfc3339Nano(), ExitCode, Output });
  const output: Buffer[] = [];
  let size = 0;
  const keep = (chunk: Buffer) => {
    if (size < KEPT_OUTPUT) output.push(chunk.subarray(0, KEPT_OUTPUT - size));
    size += chunk.length;
  };
  try {
    const handle = await ctx.supervisor.exec({
      id: randomId(),
      runtime: c.runtime,
      containerId: c.id,
      bundle: '',
      process: execProcess(ctx, c, { args: probe.args }),
      terminal: false,
      openStdin: false,
      detached: false,
    });
    handle.stdout?.on('data', keep);
    handle.stderr?.on('data', keep);
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      killQuietly(handle.pid);
    }, probe.timeout);
    const code = await handle.exited;
    clearTimeout(limit);
    if (late) return done(-1, `Health check exceeded timeout (${probe.timeout / 1000}s)`);
    return done(code, Buffer.concat(output).toString('utf8') + (size > KEPT_OUTPUT ? '...' : ''));
  } catch (error) {
    return done(-1, messageOf(error));
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself at that moment
  }
}
