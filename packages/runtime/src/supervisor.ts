import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { invalid, messageOf, notFound, system } from '@corten/errors';
import { becomeSubreaper, type MountNamespace, type SpawnedProcess } from '@corten/host';
import type { Logger } from '@corten/util';
import { cureNamespace, shareRoot, unshareRoot } from './cgroup-cure.ts';
import { conmonArguments, readExit, superviseTask } from './conmon.ts';
import { execTask } from './exec.ts';
import { bundleFiles, RuntimePaths } from './paths.ts';
import { cgroupDirectory, startTimeOf } from './process.ts';
import { RuntimeCalls } from './runtime-calls.ts';
import { chooseDefault, findProgram, type ProbedRuntime, probeRuntimes } from './runtimes.ts';
import { SeccompCache } from './seccomp-cache.ts';
import { startThroughFifo } from './start-fifo.ts';
import { StreamHub } from './stream-hub.ts';
import type { Attachment, ExecHandle, ExecSpec, OciRuntime, Supervisor, TaskExit, TaskSpec } from './types.ts';

export interface SupervisorDependencies {
  execRoot: string;
  runtimes?: Record<string, { path: string; args?: string[] }>;
  defaultRuntime?: string;
  /** Directories beneath which the engine mounts what runtimes must see. */
  sharedRoots?: string[];
  log: Logger;
}

interface Task {
  spec: TaskSpec;
  pid: number;
  startTime: string | undefined;
  hub: StreamHub;
  ended: boolean;
}

/** Finds the programs, prepares the host, and gives the supervisor. */
export async function openSupervisor(dependencies: SupervisorDependencies): Promise<Supervisor> {
  const { execRoot, runtimes = {}, sharedRoots = [], log } = dependencies;
  becomeSubreaper();
  const paths = new RuntimePaths(execRoot);
  for (const dir of [paths.exits, join(execRoot, 'p'), paths.runtimeRoot, paths.scratch])
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(paths.scratch)) rmSync(join(paths.scratch, name), { recursive: true, force: true });
  const conmon = findProgram('conmon');
  if (!conmon) throw system('conmon is not on this host: containers cannot be supervised; install the package conmon');
  const probed = await probeRuntimes(runtimes, paths.scratch);
  const standard = chooseDefault(probed, dependencies.defaultRuntime);
  const cured = probed.some((r) => r.needsCure);
  if (cured) for (const root of sharedRoots) shareRoot(root);
  const namespace = cured ? cureNamespace() : undefined;
  const roots = cured ? sharedRoots : [];
  return new ConmonSupervisor({ paths, conmon, probed, standard, namespace, roots, log });
}

interface Setting {
  paths: RuntimePaths;
  conmon: string;
  probed: ProbedRuntime[];
  standard: ProbedRuntime;
  namespace: MountNamespace | undefined;
  roots: string[];
  log: Logger;
}

class ConmonSupervisor implements Supervisor {
  readonly #setting: Setting;
  readonly #calls: RuntimeCalls;
  readonly #seccomp: SeccompCache;
  readonly #tasks = new Map<string, Task>();
  readonly #listeners = new Set<(id: string, exit: TaskExit) => void>();
  #watcher: ReturnType<typeof watch> | undefined;
  readonly #polls = new Set<NodeJS.Timeout>();

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#seccomp = new SeccompCache(join(setting.paths.execRoot, 'seccomp'));
    this.#calls = new RuntimeCalls(setting.paths, (runtime, start) => this.#enter(runtime, start));
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
    if (!found.verdict.works) throw invalid(`runtime ${name} does not work on this host: ${found.verdict.why}`);
    return found;
  }

  /** Starts a program where this runtime works. */
  #enter<T>(runtime: ProbedRuntime, start: () => T): T {
    return runtime.needsCure && this.#setting.namespace ? this.#setting.namespace.run(start) : start();
  }

  async create(spec: TaskSpec): Promise<{ pid: number }> {
    const { paths, conmon } = this.#setting;
    const runtime = this.#runtime(spec.runtime);
    mkdirSync(paths.persist(spec.id), { recursive: true, mode: 0o700 });
    rmSync(paths.exit(spec.id), { force: true });
    if (runtime.family === 'crun') this.#seccomp.prepare(spec.bundle);
    const args = conmonArguments(spec, runtime, paths);
    let supervised: Awaited<ReturnType<typeof superviseTask>>;
    try {
      supervised = await superviseTask(conmon, args, (start) => this.#enter(runtime, start));
    } catch (error) {
      rmSync(paths.persist(spec.id), { recursive: true, force: true });
      rmSync(paths.exit(spec.id), { force: true });
      throw error;
    }
    const { pid, ended } = supervised;
    const startTime = startTimeOf(pid);
    writeFileSync(bundleFiles(spec.bundle).startTime, `${pid} ${startTime ?? ''}`);
    const task = this.#track(spec, pid, startTime);
    void ended.then(() => this.#supervisorGone(task));
    return { pid };
  }

  #track(spec: TaskSpec, pid: number, startTime: string | undefined): Task {
    const hub = new StreamHub(spec, bundleFiles(spec.bundle).attach);
    const task: Task = { spec, pid, startTime, hub, ended: false };
    this.#tasks.set(spec.id, task);
    return task;
  }

  /** conmon closed its sync pipe: it has written the exit file, or it was killed. */
  #supervisorGone(task: Task): void {
    const exit = readExit(task.spec.id, this.#setting.paths);
    if (exit) this.#finish(task, exit);
    else this.#pollLost(task);
  }

  /** Without its supervisor a task's exit code cannot be known; its end can. */
  #pollLost(task: Task): void {
    if (task.ended) return;
    const poll = setInterval(() => {
      const exit = readExit(task.spec.id, this.#setting.paths);
      if (!exit && startTimeOf(task.pid) === task.startTime && task.startTime !== undefined) return;
      clearInterval(poll);
      this.#polls.delete(poll);
      this.#finish(task, exit ?? { code: 137, oomKilled: false, finishedAt: new Date().toISOString(), lost: true });
    }, 250);
    poll.unref();
    this.#polls.add(poll);
  }

  #finish(task: Task, exit: TaskExit): void {
    if (task.ended) return;
    task.ended = true;
    for (const listener of this.#listeners) listener(task.spec.id, exit);
  }

  onExit(listener: (id: string, exit: TaskExit) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async adopt(tasks: readonly TaskSpec[]): Promise<{ id: string; pid: number }[]> {
    const running: { id: string; pid: number }[] = [];
    for (const spec of tasks) {
      const [pid = 0, startTime] = readStart(spec.bundle);
      const task = this.#track(spec, pid, startTime);
      const exit = readExit(spec.id, this.#setting.paths);
      const alive = startTime !== undefined && startTimeOf(pid) === startTime;
      if (alive && !exit) running.push({ id: spec.id, pid });
      else setImmediate(() => this.#settleAdopted(task, exit));
    }
    if (running.length > 0) this.#watchExits();
    return running;
  }

  /** The process is gone but conmon may be about to write its exit: give it a moment. */
  #settleAdopted(task: Task, exit: TaskExit | undefined): void {
    if (exit) this.#finish(task, exit);
    else setTimeout(() => this.#supervisorGone(task), 500);
  }

  /** Adopted tasks have no sync pipe here: their exits are files that appear. */
  #watchExits(): void {
    const look = () => {
      for (const task of this.#tasks.values()) {
        const exit = task.ended ? undefined : readExit(task.spec.id, this.#setting.paths);
        // the code is written after the file is made: an empty file is not an answer yet
        if (exit && readFileSync(this.#setting.paths.exit(task.spec.id), 'utf8') !== '') this.#finish(task, exit);
      }
    };
    this.#watcher ??= watch(this.#setting.paths.exits, { persistent: false }, look);
    const poll = setInterval(() => {
      look();
      for (const task of this.#tasks.values())
        if (!task.ended && startTimeOf(task.pid) !== task.startTime) this.#settleAdopted(task, undefined);
    }, 2000);
    poll.unref();
    this.#polls.add(poll);
  }

  #task(id: string): Task {
    const task = this.#tasks.get(id);
    if (!task) throw notFound(`no task for container ${id}`);
    return task;
  }

  async start(id: string): Promise<void> {
    const { spec, pid, startTime } = this.#task(id);
    const runtime = this.#runtime(spec.runtime);
    const alive = () => startTimeOf(pid) === startTime;
    if (await startThroughFifo(runtime.family, this.#setting.paths.runtimeRoot, id, alive)) return;
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
    const fd = openSync(bundleFiles(this.#task(id).spec.bundle).control, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fd, message);
    } finally {
      closeSync(fd);
    }
  }

  async kill(id: string, signal: number, all = false): Promise<void> {
    const { pid, startTime } = this.#task(id);
    if (startTimeOf(pid) !== startTime) throw notFound(`container ${id} is not running`);
    if (!all) return void process.kill(pid, signal);
    for (const member of await this.pids(id)) {
      try {
        process.kill(member, signal);
      } catch {
        // it ended between the look and the signal
      }
    }
  }

  async pids(id: string): Promise<number[]> {
    const directory = cgroupDirectory(this.#task(id).pid);
    if (!directory || !existsSync(directory)) return [];
    return cgroupMembers(directory);
  }

  async pause(id: string): Promise<void> {
    await this.#calls.must(this.#runtime(this.#task(id).spec.runtime), ['pause', id]);
  }

  async resume(id: string): Promise<void> {
    await this.#calls.must(this.#runtime(this.#task(id).spec.runtime), ['resume', id]);
  }

  async update(id: string, resources: Record<string, unknown>): Promise<void> {
    const file = join(this.#setting.paths.scratch, `${id.slice(0, 24)}.update`);
    writeFileSync(file, JSON.stringify(resources));
    try {
      await this.#calls.must(this.#runtime(this.#task(id).spec.runtime), ['update', '--resources', file, id]);
    } finally {
      rmSync(file, { force: true });
    }
  }

  async exec(spec: ExecSpec): Promise<ExecHandle> {
    const runtime = this.#runtime(spec.runtime);
    return execTask(spec, runtime, this.#setting.paths, (start: () => SpawnedProcess) => this.#enter(runtime, start));
  }

  async delete(id: string): Promise<void> {
    const { paths } = this.#setting;
    const task = this.#tasks.get(id);
    task?.hub.close();
    if (existsSync(join(paths.runtimeRoot, id))) {
      const runtime = this.#runtime(task?.spec.runtime ?? '');
      const { code, stderr } = await this.#calls.run(runtime, ['delete', '--force', id]);
      if (code !== 0 && existsSync(join(paths.runtimeRoot, id)))
        this.#setting.log.warn('the runtime cannot delete a container', { id, error: stderr.trim() });
    }
    this.#tasks.delete(id);
    rmSync(paths.exit(id), { force: true });
    rmSync(paths.persist(id), { recursive: true, force: true });
  }

  cgroupPath(id: string): string {
    return cgroupDirectory(this.#task(id).pid) ?? '';
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    for (const poll of this.#polls) clearInterval(poll);
    for (const task of this.#tasks.values()) task.hub.close();
    this.#setting.namespace?.close();
    for (const root of this.#setting.roots) {
      try {
        unshareRoot(root);
      } catch (error) {
        this.#setting.log.warn('cannot take back a shared mount', { root, error: messageOf(error) });
      }
    }
  }
}

function readStart(bundle: string): [number?, string?] {
  const path = bundleFiles(bundle).startTime;
  if (!existsSync(path)) return [];
  const [pid, startTime] = readFileSync(path, 'utf8').split(' ');
  return [Number(pid), startTime || undefined];
}

function cgroupMembers(directory: string): number[] {
  const own = readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  const children = readdirSync(directory, { withFileTypes: true }).filter((e) => e.isDirectory());
  return [...own, ...children.flatMap((e) => cgroupMembers(join(directory, e.name)))];
}
