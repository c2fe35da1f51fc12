import { watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { codeOf, conflict, notImplemented } from '@corten/errors';
import { type Context, pathsOf } from '../context.ts';
import { type ContainerRecord, isRunning } from '../record.ts';
import type { LogEntry, LogOptions } from '../types.ts';
import { dockerTime, Joiner, type Message, parseLine, timeOf } from './k8s-file.ts';
import { rotatedPaths } from './rotate.ts';
import { tailOffset } from './tail.ts';

const BLOCK = 64 << 10;
/** A line longer than this is no line of conmon's (it writes 8 KiB pieces): the damaged part is passed over. */
const LONGEST_LINE = 1 << 20;
/** How long a follower sleeps when nothing wakes it. */
const POLL_MS = 1000;

/** GET /containers/{id}/logs: the k8s-file log and its rotated predecessors, in order. */
export async function* readLogs(
  ctx: Context,
  c: ContainerRecord,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  if (c.hostConfig.LogConfig?.Type === 'none')
    throw notImplemented('configured logging driver does not support reading');
  if (c.state.status === 'removing' || c.state.status === 'dead')
    throw conflict('can not get logs from container which is dead or marked for removal');
  const reader = new LogReader(ctx, c, options, signal);
  try {
    yield* reader.entries();
  } finally {
    await reader.close();
  }
}

class LogReader {
  readonly #ctx: Context;
  readonly #c: ContainerRecord;
  readonly #options: LogOptions;
  readonly #signal: AbortSignal;
  readonly #path: string;
  readonly #joiner = new Joiner();
  readonly #details: string;
  #files: { file: FileHandle; offset: number }[] = [];
  #carry: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(ctx: Context, c: ContainerRecord, options: LogOptions, signal: AbortSignal) {
    this.#ctx = ctx;
    this.#c = c;
    this.#options = options;
    this.#signal = signal;
    this.#path = pathsOf(ctx, c.id).log;
    this.#details = options.details ? detailsOf(c) : '';
  }

  async *entries(): AsyncGenerator<LogEntry> {
    await this.#openAll();
    while (this.#files.length > 1) {
      yield* this.#drain();
      await this.#files.shift()!.file.close();
    }
    if (this.#files.length === 1) yield* this.#drain();
    if (this.#options.follow) yield* this.#follow();
    if (!this.#done()) for (const message of this.#joiner.rest()) yield* this.#render(message);
  }

  async close(): Promise<void> {
    for (const { file } of this.#files) await file.close();
    this.#files = [];
  }

  #done(): boolean {
    return this.#ended || this.#signal.aborted;
  }

  /** Opens the log and what was rotated away, oldest first; with `tail` only what it needs. */
  async #openAll(): Promise<void> {
    let wanted = this.#options.tail;
    for (const path of [this.#path, ...rotatedPaths(this.#path)]) {
      const file = await openIfThere(path);
      if (!file) continue;
      let offset = 0;
      if (wanted !== undefined) {
        const start = await tailOffset(file, (await file.stat()).size, wanted);
        offset = start.offset;
        wanted -= start.found;
      }
      this.#files.unshift({ file, offset });
      if (wanted !== undefined && wanted <= 0) return;
    }
  }

  /** Everything from the current offset to the file's present end. */
  async *#drain(): AsyncGenerator<LogEntry> {
    const current = this.#files[0]!;
    const buffer = Buffer.allocUnsafe(BLOCK);
    while (!this.#done()) {
      const { bytesRead } = await current.file.read(buffer, 0, BLOCK, current.offset);
      if (bytesRead === 0) return;
      current.offset += bytesRead;
      yield* this.#lines(Buffer.concat([this.#carry, buffer.subarray(0, bytesRead)]));
    }
  }

  *#lines(data: Buffer): Generator<LogEntry> {
    let from = 0;
    for (let at = data.indexOf(0x0a, from); at >= 0; at = data.indexOf(0x0a, from)) {
      const piece = parseLine(data.subarray(from, at));
      from = at + 1;
      const message = piece && this.#joiner.add(piece);
      if (message) yield* this.#render(message);
      if (this.#ended) return;
    }
    this.#carry = data.length - from > LONGEST_LINE ? Buffer.alloc(0) : data.subarray(from);
  }

  *#render({ time, stream, text }: Message): Generator<LogEntry> {
    const { since, until, timestamps, details } = this.#options;
    if (since !== undefined || until !== undefined) {
      const at = timeOf(time);
      if (since !== undefined && at < since) return;
      if (until !== undefined && at > until) {
        this.#ended = true;
        return;
      }
    }
    if (!this.#options[stream]) return;
    const prefix = `${timestamps ? `${dockerTime(time)} ` : ''}${details ? `${this.#details} ` : ''}`;
    yield { stream, message: prefix ? Buffer.concat([Buffer.from(prefix), text]) : text };
  }

  /** Waits for more until the container ends, the client leaves, or `until` has passed. */
  async *#follow(): AsyncGenerator<LogEntry> {
    const live = this.#ctx.live.of(this.#c.id);
    let signalled = Promise.withResolvers<void>();
    const wake = () => signalled.resolve();
    live.logFollowers.add(wake);
    this.#signal.addEventListener('abort', wake);
    let watcher = this.#watch(wake);
    try {
      while (!this.#done() && !this.#passed()) {
        // the order counts: what was written before it ended is read after we saw that it ended
        const running = isRunning(this.#c) || live.starting !== undefined || this.#c.state.status === 'restarting';
        signalled = Promise.withResolvers<void>();
        yield* this.#catchUp();
        if (!running) return;
        watcher ??= this.#watch(wake);
        const timer = setTimeout(wake, POLL_MS);
        await signalled.promise;
        clearTimeout(timer);
        if (await this.#wasRotated()) {
          watcher?.close();
          watcher = undefined;
        }
      }
    } finally {
      watcher?.close();
      live.logFollowers.delete(wake);
      this.#signal.removeEventListener('abort', wake);
    }
  }

  #watch(wake: () => void): ReturnType<typeof watch> | undefined {
    try {
      const watcher = watch(this.#path, { persistent: false }, wake);
      watcher.on('error', wake);
      return watcher;
    } catch {
      return undefined; // not made yet; the next turn tries again
    }
  }

  #passed(): boolean {
    const { until } = this.#options;
    return until !== undefined && BigInt(Date.now()) * 1_000_000n > until;
  }

  async *#catchUp(): AsyncGenerator<LogEntry> {
    if (this.#files.length === 0) {
      const file = await openIfThere(this.#path);
      if (!file) return;
      this.#files.push({ file, offset: 0 });
    }
    yield* this.#drain();
    while (await this.#wasRotated()) {
      yield* this.#drain(); // what came between the last read and the rename
      const next = await openIfThere(this.#path);
      if (!next) return;
      await this.#files[0]!.file.close();
      this.#files[0] = { file: next, offset: 0 };
      yield* this.#drain();
    }
  }

  async #wasRotated(): Promise<boolean> {
    const now = await openIfThere(this.#path);
    if (!now) return false;
    try {
      if (this.#files.length === 0) return false;
      return (await now.stat()).ino !== (await this.#files[0]!.file.stat()).ino;
    } finally {
      await now.close();
    }
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Labels and environment that the log options name, as `--details` shows them. */
function detailsOf(c: ContainerRecord): string {
  const options = c.hostConfig.LogConfig?.Config ?? {};
  const env = new Map(c.config.Env.map((e) => [e.split('=', 1)[0]!, e.slice(e.indexOf('=') + 1)]));
  const pick = (names: string | undefined, pattern: string | undefined, values: Map<string, string>) => {
    const listed = (names ?? '').split(',').filter(Boolean);
    const regex = pattern ? new RegExp(pattern) : undefined;
    return [...values].filter(([key]) => listed.includes(key) || regex?.test(key));
  };
  const pairs = [
    ...pick(options['env'], options['env-regex'], env),
    ...pick(options['labels'], options['labels-regex'], new Map(Object.entries(c.config.Labels))),
  ];
  return pairs
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`)
    .join(',');
}
