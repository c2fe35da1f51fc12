import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { messageOf } from '@corten/errors';
import { type Context, pathsOf } from '../context.ts';
import { logBounds } from '../create/log-config.ts';
import { type ContainerRecord, isRunning } from '../record.ts';

const CHECK_EVERY_MS = 1000;
const MOST_FILES = 1000;

/** Rotated files that are there, newest first: `<log>.1`, `<log>.2` … */
export function rotatedPaths(log: string): string[] {
  const paths: string[] = [];
  for (let i = 1; i <= MOST_FILES && existsSync(`${log}.${i}`); i++) paths.push(`${log}.${i}`);
  return paths;
}

/** Looks at the logs' sizes every second and rotates those that are full. Dispose to stop. */
export function startRotation(ctx: Context): Disposable {
  const timer = setInterval(() => {
    for (const c of ctx.store.all()) if (isRunning(c)) void rotateWhenFull(ctx, c);
  }, CHECK_EVERY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Renames the log away first, then has the supervisor reopen it: nothing is lost between. */
export async function rotateWhenFull(ctx: Context, c: ContainerRecord): Promise<void> {
  if (c.hostConfig.LogConfig?.Type === 'none') return;
  const { log } = pathsOf(ctx, c.id);
  const { maxSize, maxFiles } = logBounds(c.hostConfig.LogConfig);
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  if (size < maxSize) return;
  try {
    const old = rotatedPaths(log);
    for (const path of old.slice(Math.max(0, maxFiles - 2))) rmSync(path, { force: true });
    for (let i = Math.min(old.length, maxFiles - 2); i >= 1; i--) renameSync(`${log}.${i}`, `${log}.${i + 1}`);
    renameSync(log, `${log}.1`);
    await ctx.supervisor.reopenLog(c.id);
    if (maxFiles === 1) rmSync(`${log}.1`, { force: true });
  } catch (error) {
    ctx.log.warn('rotating a log failed', { id: c.id, error: messageOf(error) });
  }
}
