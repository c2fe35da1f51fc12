import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { CortenError, cancelled, type ErrorKind } from '@corten/errors';
import { deferred, workerUrl } from '@corten/util';
import { AsyncRingReader, AsyncRingWriter, newRing, type RingMemory } from './ring.ts';

/** Jobs that move bytes run here, one per worker at a time. Starting a worker costs some 15 ms, so one idle worker is kept. */
export type JobResult = Record<string, unknown>;
interface Reply {
  ok: boolean;
  result?: JobResult;
  error?: { kind: ErrorKind; message: string };
}

const KEEP_IDLE = 2;
const MOST = 6;
const idle: Worker[] = [];
const waiting: ((worker: Worker) => void)[] = [];
let alive = 0;

async function acquire(): Promise<Worker> {
  const free = idle.pop();
  if (free) {
    free.ref();
    return free;
  }
  if (alive >= MOST) {
    const turn = deferred<Worker>();
    waiting.push(turn.resolve);
    return turn.promise;
  }
  alive++;
  const worker = new Worker(workerUrl(import.meta.url, 'archive'), {
    resourceLimits: { maxOldGenerationSizeMb: 512 },
    trackUnmanagedFds: false, // openat2 gives descriptors that Node does not know of
  });
  worker.once('exit', () => alive--);
  return worker;
}

function release(worker: Worker): void {
  const next = waiting.shift();
  if (next) next(worker);
  else if (idle.length < KEEP_IDLE) {
    worker.unref(); // an idle worker does not keep the process alive
    idle.push(worker);
  } else void worker.terminate();
}

function perform(worker: Worker, job: object): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const settle = (reply: Reply) => {
      worker.off('error', fail).off('message', settle);
      release(worker);
      if (reply.ok) resolve(reply.result ?? {});
      else reject(new CortenError(reply.error!.kind, reply.error!.message));
    };
    const fail = (error: unknown) => {
      worker.off('message', settle).off('error', fail);
      reject(new CortenError('system', `the archive worker failed: ${(error as Error).message}`, error));
    };
    worker.on('message', settle).on('error', fail);
    worker.postMessage(job);
  });
}

/** Runs a job without a byte stream. */
export async function runJob(job: object): Promise<JobResult> {
  return perform(await acquire(), job);
}

/** Runs a job that reads `input`. When the job fails early the rest of `input` is left to the caller (destroyed). */
export async function runJobOn(
  job: object,
  input: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<JobResult> {
  const memory: RingMemory = newRing();
  const writer = new AsyncRingWriter(memory);
  const worker = await acquire();
  const result = perform(worker, { ...job, input: memory });
  const feed = (async () => {
    try {
      for await (const chunk of input) {
        if (signal?.aborted) throw cancelled();
        if (!(await writer.write(chunk))) break;
      }
      writer.end();
    } catch (error) {
      writer.break();
      throw error;
    }
  })();
  const finished = result.finally(() => writer.break());
  const [fed, done] = await Promise.allSettled([feed, finished]);
  if (fed.status === 'rejected') throw fed.reason; // the cause; the job only saw an interrupted transfer
  if (done.status === 'rejected') throw done.reason;
  return done.value;
}

/** Runs a job that writes a stream. */
export function streamJob(job: object): Readable {
  const memory = newRing();
  const reader = new AsyncRingReader(memory);
  async function* chunks(): AsyncGenerator<Buffer> {
    const worker = await acquire();
    const result = perform(worker, { ...job, output: memory });
    result.catch(() => reader.break());
    try {
      for (let chunk = await reader.next(); chunk; chunk = await reader.next()) yield chunk;
      await result;
    } finally {
      reader.break();
      await result.catch(() => {}); // reported above, or the consumer left and does not want it
    }
  }
  return Readable.from(chunks(), { objectMode: false, highWaterMark: 512 << 10 });
}
