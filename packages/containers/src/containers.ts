import { mkdirSync } from 'node:fs';
import { conflict } from '@corten/errors';
import { KeyedLock } from '@corten/util';
import { attachContainer } from './attach.ts';
import type { ContainersDependencies, Context } from './context.ts';
import { publish } from './context.ts';
import { createContainer } from './create/create.ts';
import { createExecs, type Execs } from './exec.ts';
import { archiveGet, archivePut, archiveStat, exportContainer } from './files/archive.ts';
import { containerChanges } from './files/changes.ts';
import { commitContainer } from './image/commit.ts';
import { handleExit } from './lifecycle/exit.ts';
import { pauseContainer, unpauseContainer } from './lifecycle/pause.ts';
import { reconcile, shutdown } from './lifecycle/reconcile.ts';
import { removeContainer } from './lifecycle/remove.ts';
import { startContainer } from './lifecycle/start.ts';
import { killContainer, restartContainer, stopContainer } from './lifecycle/stop.ts';
import { waitFor } from './lifecycle/wait.ts';
import { createLiveTable } from './live.ts';
import { readLogs } from './logs/reader.ts';
import { startRotation } from './logs/rotate.ts';
import { connectNetwork, disconnectNetwork } from './network-membership.ts';
import { pruneContainers } from './prune.ts';
import { type ContainerRecord, isRunning } from './record.ts';
import { renameContainer } from './rename.ts';
import { statsOf } from './stats/stats.ts';
import { createStepRunner } from './steps/step-runner.ts';
import { openStore } from './store.ts';
import type { Containers, StepRunner } from './types.ts';
import { updateContainer } from './update.ts';
import { inspectContainer } from './view/inspect.ts';
import { listContainers } from './view/list.ts';
import { topOf } from './view/top.ts';

/** Wires the parts of this room. Each call finds its container and hands it to the part that knows. */
export function createContainers(dependencies: ContainersDependencies): { containers: Containers; steps: StepRunner } {
  mkdirSync(dependencies.root, { recursive: true, mode: 0o710 });
  const ctx: Context = {
    ...dependencies,
    store: openStore(dependencies.db),
    live: createLiveTable(),
    locks: new KeyedLock(),
    phase: { stopping: false },
  };
  const execs = createExecs(ctx);
  const steps = createStepRunner(ctx);
  const exits = ctx.supervisor.onExit((id, exit) => {
    steps.exited(id, exit);
    handleExit(ctx, id, exit);
  });
  const rotation = startRotation(ctx);
  const end = async (options: { liveRestore: boolean; timeout: number }) => {
    rotation[Symbol.dispose]();
    await shutdown(ctx, options);
    exits[Symbol.dispose]();
  };
  return {
    containers: {
      ...lives(ctx),
      ...streams(ctx),
      ...views(ctx, execs),
      ...execCalls(ctx, execs),
      ...engine(ctx, steps, end),
    },
    steps,
  };
}

type Calls<K extends keyof Containers> = Pick<Containers, K>;

function lives(
  ctx: Context,
): Calls<
  | 'create'
  | 'resolve'
  | 'start'
  | 'stop'
  | 'restart'
  | 'kill'
  | 'pause'
  | 'unpause'
  | 'rename'
  | 'update'
  | 'remove'
  | 'prune'
  | 'wait'
  | 'connectNetwork'
  | 'disconnectNetwork'
> {
  const find = (nameOrId: string): ContainerRecord => ctx.store.find(nameOrId);
  return {
    create: (body, options) => createContainer(ctx, body, options),
    resolve: (nameOrId) => find(nameOrId).id,
    start: async (id) => startContainer(ctx, find(id)),
    stop: async (id, options) => stopContainer(ctx, find(id), options),
    restart: async (id, options) => restartContainer(ctx, find(id), options),
    kill: async (id, signal) => killContainer(ctx, find(id), signal),
    pause: async (id) => pauseContainer(ctx, find(id)),
    unpause: async (id) => unpauseContainer(ctx, find(id)),
    rename: (id, name) => renameContainer(ctx, find(id), name),
    update: async (id, body) => updateContainer(ctx, find(id), body),
    remove: async (id, options) => removeContainer(ctx, find(id), options),
    prune: (filters) => pruneContainers(ctx, filters),
    wait: async (id, condition, signal) => waitFor(ctx, find(id), condition, signal),
    connectNetwork: async (id, network, settings) => connectNetwork(ctx, find(id), network, settings),
    disconnectNetwork: async (id, network, force) => disconnectNetwork(ctx, find(id), network, force),
  };
}

function streams(
  ctx: Context,
): Calls<
  'isTty' | 'logs' | 'attach' | 'resize' | 'stats' | 'export' | 'archiveStat' | 'archiveGet' | 'archivePut' | 'commit'
> {
  const find = (nameOrId: string): ContainerRecord => ctx.store.find(nameOrId);
  return {
    isTty: (id) => find(id).config.Tty,
    logs: (id, options, signal) => readLogs(ctx, find(id), options, signal),
    attach: async (id, options) => attachContainer(ctx, find(id), options),
    async resize(id, rows, columns) {
      const c = find(id);
      if (!isRunning(c)) throw conflict(`container ${c.id} is not running`);
      await ctx.supervisor.resize(c.id, rows, columns);
      publish(ctx, c, 'resize', { height: String(rows), width: String(columns) });
    },
    stats: (id, options, signal) => statsOf(ctx, find(id), options, signal),
    export: async (id) => exportContainer(ctx, find(id)),
    archiveStat: async (id, path) => archiveStat(ctx, find(id), path),
    archiveGet: async (id, path) => archiveGet(ctx, find(id), path),
    archivePut: async (id, path, tar, options) => archivePut(ctx, find(id), path, tar, options),
    commit: async (id, options) => commitContainer(ctx, find(id), options),
  };
}

function views(ctx: Context, execs: Execs): Calls<'inspect' | 'list' | 'top' | 'changes' | 'usingImage' | 'counts'> {
  const find = (nameOrId: string): ContainerRecord => ctx.store.find(nameOrId);
  return {
    async inspect(id, options) {
      const c = find(id);
      return inspectContainer(ctx, c, execs.idsOf(c.id), options);
    },
    list: (options) => listContainers(ctx, options),
    async top(id, psArgs) {
      const c = find(id);
      const top = await topOf(ctx, c, psArgs);
      publish(ctx, c, 'top');
      return top;
    },
    changes: async (id) => containerChanges(await ctx.snapshots.changes(find(id).id)),
    usingImage: (imageId) =>
      [...ctx.store.all()].filter((c) => c.imageId === imageId).map((c) => ({ id: c.id, running: isRunning(c) })),
    counts() {
      const all = [...ctx.store.all()];
      const paused = all.filter((c) => c.state.status === 'paused').length;
      const running = all.filter((c) => c.state.status === 'running' || c.state.status === 'restarting').length;
      return { total: all.length, running, paused, stopped: all.length - running - paused };
    },
  };
}

function execCalls(
  ctx: Context,
  execs: Execs,
): Calls<'execCreate' | 'execStart' | 'execInspect' | 'execResize' | 'isExecTty'> {
  return {
    execCreate: async (id, body) => execs.create(ctx.store.find(id), body),
    execStart: (id, options) => execs.start(id, options),
    execInspect: (id) => execs.inspect(id),
    execResize: async (id, rows, columns) => execs.resize(id, rows, columns),
    isExecTty: (id) => execs.isTty(id),
  };
}

function engine(
  ctx: Context,
  steps: { sweep(): Promise<void> },
  end: Containers['shutdown'],
): Calls<'reconcile' | 'shutdown'> {
  return {
    async reconcile() {
      await steps.sweep();
      await reconcile(ctx);
    },
    shutdown: end,
  };
}
