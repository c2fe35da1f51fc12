import { type FSWatcher, watch } from 'node:fs';
import { awaitChild } from '@corten/host';
import { rfc3339Nano } from '@corten/util';
import { readExit } from './conmon.ts';
import type { RuntimePaths } from './paths.ts';
import { isAlive, type Task } from './task.ts';
import type { TaskExit } from './types.ts';

const LOOK_MS = 2000;
const POLL_MS = 250;
/** How long a supervisor may take to write the exit of a process that is gone. */
const SETTLE_MS = 500;
/** What the exit of a task is called when nobody can know it. */
const LOST_CODE = 137;

/** Learns how tasks ended and says so once each. */
export class TaskExits {
  readonly #paths: RuntimePaths;
  readonly #announce: (id: string, exit: TaskExit) => void;
  readonly #adopted = new Map<string, Task>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #watcher: FSWatcher | undefined;

  constructor(paths: RuntimePaths, announce: (id: string, exit: TaskExit) => void) {
    this.#paths = paths;
    this.#announce = announce;
  }

  /** A task of this engine: `ended` is its supervisor's end, by when the exit file is written. */
  supervised(task: Task, ended: Promise<void>): void {
    void ended.then(() => {
      const exit = readExit(task.spec.id, this.#paths);
      if (exit) this.#finish(task, exit);
      else this.#unsupervised(task);
    });
  }

  /** A task of an earlier engine: its exit is a file that is there or will appear. */
  adopted(task: Task): void {
    this.#adopted.set(task.spec.id, task);
    this.#watch();
    if (readExit(task.spec.id, this.#paths)) setImmediate(() => this.#look(task));
    else if (!isAlive(task)) this.#settle(task);
  }

  /** Nothing more is said about it. */
  forget(task: Task): void {
    task.ended = true;
    this.#adopted.delete(task.spec.id);
  }

  #finish(task: Task, exit: TaskExit): void {
    if (task.ended) return;
    this.forget(task);
    this.#announce(task.spec.id, exit);
  }

  #look(task: Task): void {
    const exit = readExit(task.spec.id, this.#paths);
    if (exit) this.#finish(task, exit);
  }

  /** conmon names a temporary file after the task and renames it: the names of both are events. */
  #watch(): void {
    if (this.#watcher) return;
    this.#watcher = watch(this.#paths.exits, { persistent: false }, (_event, name) => {
      const task = name === null ? undefined : this.#adopted.get(name);
      if (task) this.#look(task);
    });
    // a watch that overflows says nothing, and a supervisor that was killed writes nothing
    this.#every(LOOK_MS, () => {
      for (const task of this.#adopted.values()) {
        this.#look(task);
        if (!task.ended && !isAlive(task)) this.#settle(task);
      }
      return false;
    });
  }

  /** The process is gone: its exit is written within a moment, or never. */
  #settle(task: Task): void {
    let looks = 0;
    this.#every(SETTLE_MS / 10, () => {
      this.#look(task);
      if (!task.ended && ++looks >= 10) this.#finish(task, lostExit());
      return task.ended;
    });
  }

  /** The supervisor was killed. The task is an orphan of ours then, or of an earlier engine's parent. */
  #unsupervised(task: Task): void {
    this.#every(POLL_MS, () => {
      this.#look(task);
      if (task.ended) return true;
      void awaitChild(task.pid, { keepsAlive: false }).then((code) => {
        if (code >= 0) this.#finish(task, { code, oomKilled: false, finishedAt: rfc3339Nano() });
        else this.#everyUntilDead(task);
      });
      return true;
    });
  }

  #everyUntilDead(task: Task): void {
    this.#every(POLL_MS, () => {
      if (!isAlive(task)) this.#finish(task, lostExit());
      return task.ended;
    });
  }

  /** Calls `work` again and again until it says that it is done. */
  #every(milliseconds: number, work: () => boolean): void {
    const timer = setInterval(() => {
      if (!work()) return;
      clearInterval(timer);
      this.#timers.delete(timer);
    }, milliseconds);
    timer.unref();
    this.#timers.add(timer);
  }

  close(): void {
    this.#watcher?.close();
    for (const timer of this.#timers) clearInterval(timer);
  }
}

/** Without its supervisor a task's exit code cannot be known; its end can. */
const lostExit = (): TaskExit => ({ code: LOST_CODE, oomKilled: false, finishedAt: rfc3339Nano(), lost: true });
