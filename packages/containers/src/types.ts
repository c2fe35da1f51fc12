import type { Readable } from 'node:stream';
import type { ContainerCreateBody, ContainerUpdateBody, EndpointSettings, ExecCreateBody } from '@corten/api-types';
import type { Attachment } from '@corten/runtime';
import type { Change } from '@corten/snapshots';

/** JSON of GET /containers/{id}/json: definitions/ContainerInspectResponse. */
export type ContainerInspect = Record<string, unknown> & {
  Id: string;
  Name: string;
  Image: string;
  State: {
    Status: string;
    Running: boolean;
    Paused: boolean;
    Restarting: boolean;
    OOMKilled: boolean;
    Dead: boolean;
    Pid: number;
    ExitCode: number;
    Error: string;
    StartedAt: string;
    FinishedAt: string;
    Health?: unknown;
  };
};
/** JSON of one entry of GET /containers/json: definitions/ContainerSummary. */
export type ContainerSummary = Record<string, unknown> & { Id: string };

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface LogOptions {
  stdout: boolean;
  stderr: boolean;
  follow: boolean;
  timestamps: boolean;
  details: boolean;
  /** Nanoseconds since 1970. */
  since?: bigint;
  until?: bigint;
  /** Number of last lines; undefined for all. */
  tail?: number;
}
/** One piece of output; `message` keeps its newline where the program wrote one. */
export interface LogEntry {
  stream: 'stdout' | 'stderr';
  /** With the timestamp or details already in front when asked for. */
  message: Buffer;
}

export interface PathStat {
  name: string;
  size: number;
  /** Go's os.FileMode bits. */
  mode: number;
  mtime: string;
  linkTarget: string;
}

export interface Containers {
  /** 201 body of create. Names the missing image with notFound `No such image: …`. */
  create(
    body: ContainerCreateBody,
    options: { name?: string; platform?: string },
  ): Promise<{ Id: string; Warnings: string[] }>;
  /** Full ID of a name, ID or unambiguous ID prefix; notFound `No such container: X`. */
  resolve(nameOrId: string): string;
  inspect(nameOrId: string, options?: { size?: boolean }): Promise<ContainerInspect>;
  list(options: {
    all: boolean;
    limit?: number;
    size: boolean;
    filters: Record<string, string[]>;
  }): Promise<ContainerSummary[]>;
  start(nameOrId: string): Promise<void>;
  stop(nameOrId: string, options: { signal?: string; timeout?: number }): Promise<void>;
  restart(nameOrId: string, options: { signal?: string; timeout?: number }): Promise<void>;
  kill(nameOrId: string, signal?: string): Promise<void>;
  pause(nameOrId: string): Promise<void>;
  unpause(nameOrId: string): Promise<void>;
  rename(nameOrId: string, name: string): void;
  update(nameOrId: string, body: ContainerUpdateBody, given: ReadonlySet<string>): Promise<{ Warnings: string[] }>;
  remove(nameOrId: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  prune(filters: Record<string, string[]>): Promise<{ deleted: string[]; reclaimed: number }>;
  wait(
    nameOrId: string,
    condition: WaitCondition,
    signal: AbortSignal,
  ): Promise<{ StatusCode: number; Error?: { Message: string } }>;
  isTty(nameOrId: string): boolean;

  logs(nameOrId: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogEntry>;
  /** `logs` replays the log first. Works on a created container too: the streams begin when it starts. */
  attach(
    nameOrId: string,
    options: { stdin: boolean; stdout: boolean; stderr: boolean; logs: boolean; stream: boolean; detachKeys?: string },
  ): Promise<Attachment>;
  resize(nameOrId: string, rows: number, columns: number): Promise<void>;
  top(nameOrId: string, psArgs: string): Promise<{ Titles: string[]; Processes: string[][] }>;
  stats(
    nameOrId: string,
    options: { stream: boolean; oneShot: boolean },
    signal: AbortSignal,
  ): AsyncIterable<Record<string, unknown>>;
  changes(nameOrId: string): Promise<Change[]>;
  export(nameOrId: string): Promise<Readable>;
  archiveStat(nameOrId: string, path: string): Promise<PathStat>;
  archiveGet(nameOrId: string, path: string): Promise<{ stat: PathStat; tar: Readable }>;
  archivePut(
    nameOrId: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUIDGID: boolean },
  ): Promise<void>;
  commit(
    nameOrId: string,
    options: {
      repo?: string;
      tag?: string;
      comment: string;
      author: string;
      pause: boolean;
      changes: string[];
      config?: ContainerCreateBody;
    },
  ): Promise<string>;

  execCreate(nameOrId: string, body: ExecCreateBody): Promise<string>;
  /** With `attach` false the exec is detached. */
  execStart(
    execId: string,
    options: { detach: boolean; tty: boolean; rows?: number; columns?: number },
  ): Promise<Attachment | undefined>;
  execInspect(execId: string): Record<string, unknown>;
  execResize(execId: string, rows: number, columns: number): Promise<void>;
  isExecTty(execId: string): boolean;

  /** `docker network connect`/`disconnect`: live when it runs, at the next start otherwise. */
  connectNetwork(nameOrId: string, network: string, settings?: EndpointSettings): Promise<void>;
  disconnectNetwork(nameOrId: string, network: string, force: boolean): Promise<void>;

  /** Containers that stand on an image, for the images room. */
  usingImage(imageId: string): { id: string; running: boolean }[];
  counts(): { total: number; running: number; paused: number; stopped: number };
  /** Adopts running containers, applies restart policies: at engine start, before the API listens. */
  reconcile(): Promise<void>;
  /** With live restore leaves containers running; without, stops them. */
  shutdown(options: { liveRestore: boolean; timeout: number }): Promise<void>;
}

/** What the builder needs of this room: one process in a snapshot, no container record. */
export interface StepRunner {
  run(step: {
    /** Snapshot that is the root file system; the caller prepares and removes it. */
    snapshotKey: string;
    args: string[];
    env: string[];
    workingDir: string;
    user: string;
    hostname?: string;
    networkMode: string;
    extraHosts: string[];
    resources: {
      memory?: number;
      memorySwap?: number;
      cpuShares?: number;
      cpuPeriod?: number;
      cpuQuota?: number;
      cpuSetCpus?: string;
      cpuSetMems?: string;
      shmSize?: number;
      ulimits?: { Name: string; Soft: number; Hard: number }[];
      cgroupParent?: string;
    };
    onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
    signal: AbortSignal;
  }): Promise<{ exitCode: number }>;
}
