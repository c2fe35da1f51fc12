import type { Duplex, Readable, Writable } from 'node:stream';

/** An OCI runtime program that was tried on this host. */
export interface OciRuntime {
  /** Name as in --add-runtime / HostConfig.Runtime: 'crun', 'runc', … */
  name: string;
  path: string;
  args: string[];
  version: string;
  /** Why it was chosen or cannot work here, for `corten doctor` and `docker info`. */
  verdict: { works: boolean; why: string };
}

export interface TaskSpec {
  id: string;
  /** Directory that holds config.json; short (unix socket paths end at 108 bytes). */
  bundle: string;
  runtime: string;
  terminal: boolean;
  openStdin: boolean;
  stdinOnce: boolean;
  /** conmon's k8s-file log; undefined for no log. */
  logPath?: string;
  /** Bytes at which conmon truncates its log; -1 for never. */
  logSizeMax?: number;
}

/** How a task ended. `lost` when its supervisor was killed and the code cannot be known. */
export interface TaskExit {
  /** 0–255; 128 + signal for a signal. */
  code: number;
  oomKilled: boolean;
  /** RFC 3339 with nanoseconds. */
  finishedAt: string;
  lost?: boolean;
}

/** One client of a container's or exec's streams. The engine is conmon's only attacher and fans out. */
export interface Attachment extends AsyncDisposable {
  /** stdout (the raw terminal when `terminal`); ends when the task's output ends. */
  stdout: Readable;
  /** Never used with a terminal. */
  stderr: Readable;
  /** undefined when the task has no stdin. Ending it half-closes stdin for StdinOnce tasks. */
  stdin?: Writable;
}

export interface ExecSpec {
  id: string;
  runtime: string;
  containerId: string;
  bundle: string;
  /** OCI `process` object (runtime-spec, config.md, Process). */
  process: Record<string, unknown>;
  terminal: boolean;
  openStdin: boolean;
  /** Nobody reads its output; it must survive the engine. */
  detached: boolean;
}

export interface ExecHandle {
  pid: number;
  /** undefined when detached. */
  stdin?: Writable;
  stdout?: Readable;
  stderr?: Readable;
  /** The pseudo-terminal, instead of the three, when `terminal`. */
  terminal?: Duplex;
  exited: Promise<number>;
  resize(rows: number, columns: number): void;
}

/** Owns the supervisor (conmon) and OCI runtime processes: everything between a bundle and a running, ended, deleted task. */
export interface Supervisor {
  /** Spawns the supervisor and has the runtime create the container; its process waits to be started. Throws with the runtime's own message. */
  create(spec: TaskSpec): Promise<{ pid: number }>;
  /** Lets the created process go. */
  start(id: string): Promise<void>;
  /** Takes up tasks of an earlier engine. Returns those still running; the ended ones come through `onExit`. */
  adopt(tasks: readonly TaskSpec[]): Promise<{ id: string; pid: number }[]>;
  onExit(listener: (id: string, exit: TaskExit) => void): Disposable;
  /** Connects a client; any number at once, each with its own back-pressure. A slow client delays the container, as in Docker. */
  attach(id: string, streams: { stdin: boolean; stdout: boolean; stderr: boolean }): Promise<Attachment>;
  resize(id: string, rows: number, columns: number): Promise<void>;
  /** Sends a signal to the init process, or with `all` to every process. notFound when it is gone. */
  kill(id: string, signal: number, all?: boolean): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Processes in the container's cgroup. */
  pids(id: string): Promise<number[]>;
  update(id: string, resources: Record<string, unknown>): Promise<void>;
  /** Reopens the log after the engine renamed it. */
  reopenLog(id: string): Promise<void>;
  exec(spec: ExecSpec): Promise<ExecHandle>;
  /** Removes what the runtime and supervisor keep of an ended (or never started) task. Fine when it is not there. */
  delete(id: string): Promise<void>;
  runtimes(): OciRuntime[];
  defaultRuntime(): OciRuntime;
  /** Path of the cgroup relative to the v1 controllers or the v2 root, for stats. */
  cgroupPath(id: string): string;
  close(): Promise<void>;
}
