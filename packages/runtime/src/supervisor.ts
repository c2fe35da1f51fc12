import { closeSync, constants, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, conflict, invalid, messageOf, notFound, system } from '@corten/errors';
import { becomeSubreaper, signalProcess } from '@corten/host';
import { type Logger, randomId } from '@corten/util';
import { bundleSources } from './bundle-sources.ts';
import { CgroupCure, hybridControllers } from './cgroup-cure.ts';
import { conmonArguments, readExit, type Supervised, superviseTask } from './conmon.ts';
import { execTask } from './exec.ts';
import { bundleFiles, RuntimePaths } from './paths.ts';
import { cgroupDirectory, cgroupOf, startTimeOf } from './process.ts';
import type { Enter } from './run-program.ts';
import { RuntimeCalls } from './runtime-calls.ts';
import { chooseDefault, findProgram, type ProbedRuntime, probeRuntimes } from './runtimes.ts';
import { SeccompCache } from './seccomp-cache.ts';
import { SharedRoots } from './shared-roots.ts';
import { cgroupMembers, signalCgroup } from './signals.ts';
import { startThroughFifo } from './start-fifo.ts';
import { StreamHub } from './stream-hub.ts';
import { isAlive, readStart, recordStart, type Task } from './task.ts';
import { TaskExits } from './task-exits.ts';
import type { Attachment, ExecHandle, ExecSpec, OciRuntime, Supervisor, TaskExit, TaskSpec } from './types.ts';

export interface SupervisorDependencies {
  execRoot: string;
  runtimes?: Record<string, { path: string; args?: string[] }>;
  defaultRuntime?: string;
  /** Directories beneath which the engine mounts what runtimes must see; the first also serves trial containers. */
  sharedRoots?: string[];
  log: Logger;
}

/** Finds the programs, prepares the host, and gives the supervisor. */
export async function openSupervisor(dependencies: SupervisorDependencies): Promise<Supervisor> {
  const { execRoot, runtimes = {}, sharedRoots = [], log } = dependencies;
  const paths = new RuntimePaths(execRoot);
  for (const dir of [paths.exits, join(execRoot, 'p'), paths.runtimeRoot, paths.scratch])
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(paths.scratch)) rmSync(join(paths.scratch, name), { recursive: true, force: true });
  const conmon = findProgram('conmon');
  if (!conmon) throw system('conmon is not on this host: containers cannot be supervised; install the package conmon');
  becomeSubreaper();
  const roots = new SharedRoots(paths.sharedRoots);
  // tried inside first: a namespace costs microseconds
  const cure = hybridControllers() === '' ? undefined : new CgroupCure(sharedRoots.map((root) => roots.share(root)));
  try {
    const probed = await probeRuntimes({
      configured: runtimes,
      cacheFile: paths.probes,
      directory: sharedRoots[0] ?? paths.scratch,
      cure: cure && ((start) => cure.run(start)),
    });
    const standard = chooseDefault(probed, dependencies.defaultRuntime);
    return new ConmonSupervisor({ paths, conmon, probed, standard, cure, roots, log });
  } catch (error) {
    cure?.close();
    roots.restore();
    throw error;
  }
}

interface Setting {
  paths: RuntimePaths;
  conmon: string;
  probed: ProbedRuntime[];
  standard: ProbedRuntime;
  cure: CgroupCure | undefined;
  roots: SharedRoots;
  log: Logger;
}

class ConmonSupervisor implements Supervisor {
  readonly #setting: Setting;
  readonly #paths: RuntimePaths;
  readonly #calls: RuntimeCalls;
  readonly #seccomp: SeccompCache;
  readonly #tasks = new Map<string, Task>();
  readonly #listeners = new Set<(id: string, exit: TaskExit) => void>();
  readonly #exits: TaskExits;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#paths = setting.paths;
    this.#seccomp = new SeccompCache(join(setting.paths.execRoot, 'seccomp'));
    this.#calls = new RuntimeCalls(setting.paths, (runtime) => this.#enterFor(runtime));
    this.#exits = new TaskExits(setting.paths, (id, exit) => {
      for (const listener of this.#listeners) listener(id, exit);
    });
  }

  runtimes(): OciRuntime[] {
    return this.#setting.probed;
  }

  defaultRuntime(): OciRuntime {
    return this.#setting.standard;
  }

  #runtime(name: string): ProbedRuntime {
    const found = name === '' ? this.#setting.standard : this.#setting.probed.find((r) => r.name === name);
    if (!found) throw invalid(`unknown or invalid runtime name: ${name}`);
    if (!found.verdict.works) throw invalid(`runtime ${found.name} does not work on this host: ${found.verdict.why}`);
    return found;
  }

  /** How programs are started where this runtime works. */
  #enterFor(runtime: ProbedRuntime): Enter {
    const { cure } = this.#setting;
    return runtime.needsCure && cure ? (start) => cure.run(start) : (start) => start();
  }

  async create(spec: TaskSpec): Promise<{ pid: number }> {
    const { conmon, cure } = this.#setting;
    const runtime = this.#runtime(spec.runtime);
    mkdirSync(this.#paths.persist(spec.id), { recursive: true, mode: 0o700 });
    rmSync(this.#paths.exit(spec.id), { force: true });
    if (runtime.family === 'crun') this.#seccomp.prepare(spec.bundle);
    if (runtime.needsCure) cure?.show(bundleSources(spec.bundle));
    const args = conmonArguments(spec, runtime, this.#paths);
    let supervised: Supervised;
    try {
      supervised = await superviseTask(conmon, args, this.#enterFor(runtime));
    } catch (error) {
      this.#removeFiles(spec.id);
      throw error;
    }
    const { pid, ended } = supervised;
    const startTime = startTimeOf(pid);
    recordStart(spec.bundle, pid, startTime);
    this.#exits.supervised(this.#track(spec, pid, startTime), ended);
    return { pid };
  }

  #track(spec: TaskSpec, pid: number, startTime: string | undefined): Task {
    const hub = new StreamHub(spec, bundleFiles(spec.bundle).attach);
    const task: Task = { spec, pid, startTime, hub, ended: false };
    this.#tasks.set(spec.id, task);
    return task;
  }

  #task(id: string): Task {
    const task = this.#tasks.get(id);
    if (!task) throw notFound(`no task for container ${id}`);
    return task;
  }

  onExit(listener: (id: string, exit: TaskExit) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async adopt(tasks: readonly TaskSpec[]): Promise<{ id: string; pid: number }[]> {
    const running: { id: string; pid: number }[] = [];
    for (const spec of tasks) {
      const { pid, startTime } = readStart(spec.bundle);
      const task = this.#track(spec, pid, startTime);
      if (isAlive(task) && !readExit(spec.id, this.#paths)) running.push({ id: spec.id, pid });
      this.#exits.adopted(task);
    }
    return running;
  }

  async start(id: string): Promise<void> {
    const task = this.#task(id);
    const runtime = this.#runtime(task.spec.runtime);
    const alive = () => isAlive(task);
    if (runtime.fifo && (await startThroughFifo(runtime.family, this.#paths.runtimeRoot, id, alive))) return;
    await this.#calls.must(runtime, ['start', id]);
  }

  async attach(id: string, streams: { stdin: boolean; stdout: boolean; stderr: boolean }): Promise<Attachment> {
    return this.#task(id).hub.attach(streams);
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    this.#control(id, `1 ${rows} ${columns}\n`);
  }

  async reopenLog(id: string): Promise<void> {
    this.#control(id, '2 0 0\n');
  }

  /** conmon's control fifo; one message a write. */
  #control(id: string, message: string): void {
    const path = bundleFiles(this.#task(id).spec.bundle).control;
    let fd: number;
    try {
      fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!['ENOENT', 'ENXIO'].includes(codeOf(error) ?? '')) throw error;
      throw conflict(`container ${id} has no supervisor any more`, error);
    }
    try {
      writeSync(fd, message);
    } finally {
      closeSync(fd);
    }
  }

  async kill(id: string, signal: number, all = false): Promise<void> {
    const task = this.#task(id);
    if (!isAlive(task)) throw notFound(`container ${id} is not running`);
    const directory = all ? cgroupDirectory(task.pid) : undefined;
    if (directory) return signalCgroup(directory, signal);
    if (!signalProcess(task.pid, signal, () => isAlive(task))) throw notFound(`container ${id} is not running`);
  }

  async pids(id: string): Promise<number[]> {
    const task = this.#task(id);
    const directory = isAlive(task) ? cgroupDirectory(task.pid) : undefined;
    return directory === undefined ? [] : cgroupMembers(directory);
  }

  async pause(id: string): Promise<void> {
    await this.#calls.must(this.#runtime(this.#task(id).spec.runtime), ['pause', id]);
  }

  async resume(id: string): Promise<void> {
    await this.#calls.must(this.#runtime(this.#task(id).spec.runtime), ['resume', id]);
  }

  async update(id: string, resources: Record<string, unknown>): Promise<void> {
    const runtime = this.#runtime(this.#task(id).spec.runtime);
    const file = join(this.#paths.scratch, `${randomId().slice(0, 24)}.update`);
    writeFileSync(file, JSON.stringify(resources), { mode: 0o600 });
    try {
      await this.#calls.must(runtime, ['update', '--resources', file, id]);
    } finally {
      rmSync(file, { force: true });
    }
  }

  async exec(spec: ExecSpec): Promise<ExecHandle> {
    const runtime = this.#runtime(spec.runtime);
    return execTask(spec, runtime, this.#paths, this.#enterFor(runtime));
  }

  async delete(id: string): Promise<void> {
    const task = this.#tasks.get(id);
    if (task) {
      this.#exits.forget(task);
      task.hub.close();
    }
    await this.#deleteState(id, task);
    this.#tasks.delete(id);
    this.#removeFiles(id);
  }

  async #deleteState(id: string, task: Task | undefined): Promise<void> {
    const family = this.#calls.familyOf(id);
    if (!family) return;
    const runtime =
      (task && this.#setting.probed.find((r) => r.name === task.spec.runtime && r.verdict.works)) ??
      this.#setting.probed.find((r) => r.family === family && r.verdict.works) ??
      this.#setting.standard;
    const { code, stderr } = await this.#calls.run(runtime, ['delete', '--force', id]);
    if (code !== 0 && this.#calls.familyOf(id))
      this.#setting.log.warn('the runtime cannot delete a container', { id, error: stderr.trim() });
  }

  #removeFiles(id: string): void {
    rmSync(this.#paths.exit(id), { force: true });
    rmSync(this.#paths.persist(id), { recursive: true, force: true });
  }

  cgroupPath(id: string): string {
    return cgroupOf(this.#task(id).pid)?.path ?? '';
  }

  async close(): Promise<void> {
    this.#exits.close();
    for (const task of this.#tasks.values()) task.hub.close();
    this.#setting.cure?.close();
    try {
      this.#setting.roots.restore();
    } catch (error) {
      this.#setting.log.warn('cannot take back a shared mount', { error: messageOf(error) });
    }
  }
}
