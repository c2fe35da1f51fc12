import { closeSync, mkdirSync, readlinkSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, invalid, notModified, system } from '@corten/errors';
import { MS, mount, O_PATH, openBeneath } from '@corten/host';
import type { TaskSpec } from '@corten/runtime';
import { rfc3339Nano } from '@corten/util';
import { abandonPending, connectPending } from '../attach.ts';
import { type Context, pathsOf, publish } from '../context.ts';
import { startHealth } from '../health.ts';
import { type ContainerRecord, commandOf, isRunning, type MountPoint } from '../record.ts';
import { withRoot } from '../rootfs/beneath.ts';
import { missingMountPoints } from '../rootfs/own-mounts.ts';
import { lookupUser, type ProcessUser } from '../rootfs/users.ts';
import { makeWorkingDir } from '../rootfs/working-dir.ts';
import type { ResolvedMount } from '../spec/mounts.ts';
import { ociSpec } from '../spec/spec.ts';
import { setUpNetwork } from './network.ts';
import { releaseRun } from './release.ts';
import { removeNow } from './remove.ts';
import { RuntimeRefusal, startFailure } from './start-failure.ts';

/** What the supervisor must know of a container; the same again after an engine restart. */
export function taskOf(ctx: Context, c: ContainerRecord): TaskSpec {
  const paths = pathsOf(ctx, c.id);
  return {
    id: c.id,
    bundle: paths.bundle,
    runtime: c.runtime,
    terminal: c.config.Tty,
    openStdin: c.config.OpenStdin,
    stdinOnce: c.config.StdinOnce,
    logPath: c.hostConfig.LogConfig?.Type === 'none' ? undefined : paths.log,
    logSizeMax: -1, // the engine rotates (logs/rotate.ts)
  };
}

/** POST /containers/{id}/start. */
export async function startContainer(ctx: Context, c: ContainerRecord): Promise<void> {
  using _lock = await ctx.locks.lock(c.id);
  const { status } = c.state;
  if (status === 'paused') throw conflict('cannot start a paused container, try unpause instead');
  if (status === 'running' || status === 'restarting') throw notModified('container is already running');
  if (status === 'removing' || status === 'dead')
    throw conflict('container is marked for removal and cannot be started');
  const live = ctx.live.of(c.id);
  live.backoff = 0;
  await launch(ctx, c, { restartCount: 0 });
}

/** Starts the container's process; on failure the state says why and nothing of the try stays. The caller holds the lock. */
export async function launch(ctx: Context, c: ContainerRecord, change: { restartCount: number }): Promise<void> {
  const live = ctx.live.of(c.id);
  await live.cleanup;
  live.stopAsked = false;
  const started = launchNow(ctx, c, change);
  live.starting = started.catch(() => {}); // an exit that is seen meanwhile waits for the end of this, good or bad
  try {
    await started;
  } catch (raw) {
    const { exitCode, error } = startFailure(raw);
    abandonPending(live);
    await releaseRun(ctx, c);
    const status = isRunning(c) || c.state.status === 'restarting' ? 'exited' : c.state.status;
    ctx.store.setState(c, { status, pid: 0, exitCode, error: error.message, network: undefined });
    if (c.hostConfig.AutoRemove) await removeNow(ctx, c, { volumes: true });
    throw error;
  } finally {
    live.starting = undefined;
  }
}

async function launchNow(ctx: Context, c: ContainerRecord, { restartCount }: { restartCount: number }): Promise<void> {
  const { bundle } = pathsOf(ctx, c.id);
  // independent of each other: the network, the root file system, the volumes
  const [network, root, mounts] = await all([
    setUpNetwork(ctx, c),
    prepareRoot(ctx, c),
    Promise.all(c.mounts.map((m) => resolveMount(ctx, c, m))),
  ]);
  if (c.hostConfig.IpcMode === 'shareable') mountShm(ctx, c);
  const spec = ociSpec(ctx, c, { rootfs: root.rootfs, user: root.user, mounts, network: network.namespace });
  await rm(bundle, { recursive: true, force: true });
  await mkdir(bundle, { recursive: true, mode: 0o700 });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(spec));
  const { pid } = await ctx.supervisor.create(taskOf(ctx, c)).catch((error) => {
    throw new RuntimeRefusal(error, commandOf(c.config).path);
  });
  await connectPending(ctx, c);
  ctx.store.setState(c, {
    status: 'running',
    pid,
    exitCode: 0,
    error: '',
    oomKilled: false,
    startedAt: rfc3339Nano(),
    manuallyStopped: false,
    everStarted: true,
    restartCount,
    // the descriptor in the sandbox's own path is closed some day; this path is good as long as the process lives
    network: network.state && {
      ...network.state,
      sandboxKey: network.state.sandboxId ? `/proc/${pid}/ns/net` : '',
    },
    health: undefined,
  });
  await ctx.supervisor.start(c.id);
  publish(ctx, c, 'start');
  startHealth(ctx, c);
}

/** As Promise.all, but every one has ended before an error is thrown: what is undone then is complete. */
async function all<A, B, C>(work: [Promise<A>, Promise<B>, Promise<C>]): Promise<[A, B, C]> {
  const settled = await Promise.allSettled(work);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
  return settled.map((r) => (r as PromiseFulfilledResult<unknown>).value) as [A, B, C];
}

async function prepareRoot(ctx: Context, c: ContainerRecord): Promise<{ rootfs: string; user: ProcessUser }> {
  const rootfs = await ctx.snapshots.mount(c.id);
  const user = lookupUser(rootfs, c.config.User, c.hostConfig.GroupAdd);
  makeWorkingDir(rootfs, c.config.WorkingDir);
  if (!c.hostConfig.AutoRemove) ctx.live.of(c.id).ownMounts = missingMountPoints(rootfs);
  return { rootfs, user };
}

async function resolveMount(ctx: Context, c: ContainerRecord, m: MountPoint): Promise<ResolvedMount> {
  if (m.type === 'tmpfs') return { ...m, hostPath: '' };
  if (m.type === 'bind') return { ...m, hostPath: bindSource(m) };
  const path = await ctx.volumes.mount(m.name!, c.id);
  return { ...m, hostPath: m.subpath ? subpathOf(path, m.subpath) : path };
}

function bindSource(m: MountPoint): string {
  if (!statSync(m.source, { throwIfNoEntry: false })) {
    if (!m.createSource)
      throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${m.source}`);
    try {
      mkdirSync(m.source, { recursive: true });
    } catch (error) {
      throw system(`error while creating mount source path '${m.source}': ${(error as Error).message}`, error);
    }
  }
  return m.source;
}

/** A path inside a volume, real: links in the volume (its containers may write them) must not lead out. */
function subpathOf(volume: string, subpath: string): string {
  return withRoot(volume, (fd) => {
    let part = fd;
    try {
      part = openBeneath(fd, subpath, O_PATH);
      return readlinkSync(`/proc/self/fd/${part}`);
    } catch (error) {
      throw system(`cannot access path ${subpath}: ${(error as Error).message}`, error);
    } finally {
      if (part !== fd) closeSync(part);
    }
  });
}

function mountShm(ctx: Context, c: ContainerRecord): void {
  const { shm } = pathsOf(ctx, c.id);
  mkdirSync(shm, { recursive: true, mode: 0o700 });
  const data = `mode=1777,size=${c.hostConfig.ShmSize}`;
  mount({ source: 'shm', target: shm, type: 'tmpfs', flags: MS.NOSUID | MS.NODEV | MS.NOEXEC, data });
}
