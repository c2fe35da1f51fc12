import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerConfig, ContainerConfigSchema, emptyEndpoint, HostConfigSchema, parse } from '@corten/api-types';
import { cancelled, isKind } from '@corten/errors';
import type { TaskExit } from '@corten/runtime';
import { deferred, randomId } from '@corten/util';
import { type Context, pathsOf } from '../context.ts';
import { completeHostConfig } from '../create/host-config.ts';
import { setUpNetwork } from '../lifecycle/network.ts';
import { RuntimeRefusal, startFailure } from '../lifecycle/start-failure.ts';
import { type ContainerRecord, newState } from '../record.ts';
import { dropMountPoints, missingMountPoints } from '../rootfs/own-mounts.ts';
import { lookupUser } from '../rootfs/users.ts';
import { makeWorkingDir } from '../rootfs/working-dir.ts';
import { SIGKILL } from '../signals.ts';
import { ociSpec } from '../spec/spec.ts';
import type { StepRunner } from '../types.ts';

type Step = Parameters<StepRunner['run']>[0];

/** Steps that are under way, so that an engine that starts after a crash can end them. */
export const STEP_MIGRATIONS = ['CREATE TABLE container_steps (id TEXT PRIMARY KEY) STRICT'];

/** Runs build steps: the same specification as a container's, without a record, a log or a supervisor's history. */
export function createStepRunner(
  ctx: Context,
): StepRunner & { exited(id: string, exit: TaskExit): void; sweep(): Promise<void> } {
  ctx.db.migrate('container-steps', STEP_MIGRATIONS);
  const waiting = new Map<string, (exit: TaskExit) => void>();
  return {
    exited: (id, exit) => waiting.get(id)?.(exit),
    async sweep() {
      for (const row of ctx.db.sql('SELECT id FROM container_steps').all()) await release(ctx, String(row['id']));
    },
    async run(step) {
      if (step.signal.aborted) throw cancelled();
      const c = recordOf(ctx, step);
      ctx.db.sql('INSERT INTO container_steps (id) VALUES (?)').run(c.id);
      const exit = deferred<TaskExit>();
      waiting.set(c.id, exit.resolve);
      const abort = () =>
        void ctx.supervisor.kill(c.id, SIGKILL).catch((error) => {
          if (!isKind(error, 'notFound')) ctx.log.warn('a cancelled build step lives on', { id: c.id, error });
        });
      try {
        return await runStep(ctx, c, step, exit.promise, abort);
      } finally {
        step.signal.removeEventListener('abort', abort);
        waiting.delete(c.id);
        await release(ctx, c.id);
      }
    },
  };
}

async function runStep(
  ctx: Context,
  c: ContainerRecord,
  step: Step,
  exit: Promise<TaskExit>,
  abort: () => void,
): Promise<{ exitCode: number }> {
  const { bundle } = pathsOf(ctx, c.id);
  await mkdir(bundle, { recursive: true, mode: 0o700 });
  const [network, rootfs] = await Promise.allSettled([setUpNetwork(ctx, c), ctx.snapshots.mount(step.snapshotKey)]);
  if (network.status === 'rejected') throw network.reason;
  if (rootfs.status === 'rejected') throw rootfs.reason;
  makeWorkingDir(rootfs.value, c.config.WorkingDir);
  const own = missingMountPoints(rootfs.value);
  const user = lookupUser(rootfs.value, c.config.User);
  const spec = ociSpec(ctx, c, { rootfs: rootfs.value, user, mounts: [], network: network.value.namespace });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(spec));
  const task = { id: c.id, bundle, runtime: c.runtime, terminal: false, openStdin: false, stdinOnce: false };
  try {
    await ctx.supervisor.create(task);
  } catch (error) {
    throw startFailure(new RuntimeRefusal(error, step.args[0] ?? '')).error;
  }
  await using output = await ctx.supervisor.attach(c.id, { stdin: false, stdout: true, stderr: true });
  const copied = Promise.all([
    copy(output.stdout, (chunk) => step.onOutput('stdout', chunk)),
    copy(output.stderr, (chunk) => step.onOutput('stderr', chunk)),
  ]);
  copied.catch(() => {}); // awaited below; a kill before that must not be an unhandled rejection
  step.signal.addEventListener('abort', abort, { once: true });
  if (step.signal.aborted) throw cancelled();
  await ctx.supervisor.start(c.id);
  const { code } = await exit;
  await copied;
  dropMountPoints(rootfs.value, own);
  if (step.signal.aborted) throw cancelled();
  return { exitCode: code };
}

async function copy(from: AsyncIterable<Buffer>, to: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of from) to(chunk);
}

/** A container in all but name: what the specification is made from. */
function recordOf(ctx: Context, step: Step): ContainerRecord {
  const id = randomId();
  const { resources: r } = step;
  const config: ContainerConfig = {
    ...parse(ContainerConfigSchema, {}),
    Hostname: step.hostname ?? id.slice(0, 12),
    User: step.user,
    Env: step.env,
    Cmd: step.args,
    WorkingDir: step.workingDir,
  };
  const given = parse(HostConfigSchema, {
    NetworkMode: step.networkMode,
    ExtraHosts: step.extraHosts,
    Memory: r.memory,
    MemorySwap: r.memorySwap,
    CpuShares: r.cpuShares,
    CpuPeriod: r.cpuPeriod,
    CpuQuota: r.cpuQuota,
    CpusetCpus: r.cpuSetCpus,
    CpusetMems: r.cpuSetMems,
    ShmSize: r.shmSize,
    Ulimits: r.ulimits,
    CgroupParent: r.cgroupParent,
  });
  const runtime = ctx.defaults.runtime || ctx.supervisor.defaultRuntime().name;
  const hostConfig = completeHostConfig(given, config, { ...ctx.defaults, init: false }, runtime);
  return {
    id,
    name: `build-${id.slice(0, 12)}`,
    created: '',
    imageId: '',
    config,
    hostConfig,
    mounts: [],
    endpoints: { [hostConfig.NetworkMode]: emptyEndpoint() },
    runtime,
    platform: 'linux',
    state: newState(),
  };
}

/** The caller owns the snapshot and its mount; everything else of the step goes. */
async function release(ctx: Context, id: string): Promise<void> {
  const paths = pathsOf(ctx, id);
  await Promise.all([ctx.supervisor.delete(id), ctx.networks.detach(id)]);
  await rm(paths.bundle, { recursive: true, force: true });
  await rm(paths.directory, { recursive: true, force: true });
  ctx.db.sql('DELETE FROM container_steps WHERE id = ?').run(id);
}
