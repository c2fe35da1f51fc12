import { Worker } from 'node:worker_threads';
import { CortenError, cancelled, type ErrorKind, system } from '@corten/errors';
import { type Deferred, deferred, workerUrl } from '@corten/util';
import type { CopyJob, CopyRest, FilesJob, FillJob, FoundSource, IgnoreJob, ScanJob } from './jobs.ts';

const MOST = 2;
type Reply = { ok: true; result: unknown } | { ok: false; kind: ErrorKind; message: string };

/**
 * Workers for the builds' file work, one job each at a time. One that has nothing to do is kept (starting costs some
 * 15 ms) but does not keep the process alive. A cancelled job's worker is ended: synchronous work cannot be asked to stop.
 */
export class FilesPool {
  readonly #idle: Worker[] = [];
  readonly #waiting: Deferred<Worker>[] = [];
  #alive = 0;

  ignore(job: Omit<IgnoreJob, 'do'>, signal: AbortSignal): Promise<void> {
    return this.#run({ do: 'ignore', ...job }, signal) as Promise<void>;
  }
  scan(job: Omit<ScanJob, 'do'>, signal: AbortSignal): Promise<FoundSource[]> {
    return this.#run({ do: 'scan', ...job }, signal) as Promise<FoundSource[]>;
  }
  copy(job: Omit<CopyJob, 'do'>, signal: AbortSignal): Promise<CopyRest> {
    return this.#run({ do: 'copy', ...job }, signal) as Promise<CopyRest>;
  }
  fill(job: Omit<FillJob, 'do'>, signal: AbortSignal): Promise<void> {
    return this.#run({ do: 'fill', ...job }, signal) as Promise<void>;
  }

  remove(path: string): Promise<void> {
    return this.#run({ do: 'remove', path }) as Promise<void>;
  }

  /** Has a worker ready soon, while something else is going on. */
  warm(): void {
    if (this.#alive === 0) this.#release(this.#start());
  }

  #start(): Worker {
    this.#alive++;
    const worker = new Worker(workerUrl(import.meta.url, 'build-files'), { trackUnmanagedFds: false });
    worker.once('exit', () => {
      this.#alive--;
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
      if (this.#waiting.length > 0) this.#release(this.#start());
    });
    return worker;
  }

  async #acquire(): Promise<Worker> {
    const free = this.#idle.pop();
    if (free) {
      free.ref();
      return free;
    }
    if (this.#alive < MOST) return this.#start();
    const turn = deferred<Worker>();
    this.#waiting.push(turn);
    return turn.promise;
  }

  #release(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next) return next.resolve(worker);
    worker.unref();
    this.#idle.push(worker);
  }

  async #run(job: FilesJob, signal?: AbortSignal): Promise<unknown> {
    if (signal?.aborted) throw cancelled();
    const worker = await this.#acquire();
    const reply = deferred<unknown>();
    let ended = false;
    const end = (why: Error) => {
      ended = true;
      void worker.terminate();
      reply.reject(why);
    };
    const abort = () => end(cancelled());
    const fail = (error: Error) => end(system(`the build's file worker failed: ${error.message}`, error));
    const settle = (r: Reply) => (r.ok ? reply.resolve(r.result) : reply.reject(new CortenError(r.kind, r.message)));
    signal?.addEventListener('abort', abort, { once: true });
    worker.on('message', settle).on('error', fail);
    try {
      worker.postMessage(job);
      return await reply.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
      worker.off('message', settle).off('error', fail);
      if (!ended) this.#release(worker);
    }
  }
}
