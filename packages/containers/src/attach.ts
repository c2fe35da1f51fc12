import { PassThrough, type Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { conflict } from '@corten/errors';
import type { Attachment } from '@corten/runtime';
import { type Context, publish } from './context.ts';
import { DEFAULT_DETACH_KEYS, detachFilter, parseDetachKeys } from './detach-keys.ts';
import type { Live, PendingAttach } from './live.ts';
import { readLogs } from './logs/reader.ts';
import type { ContainerRecord } from './record.ts';

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  logs: boolean;
  stream: boolean;
  detachKeys?: string;
}

/** POST /containers/{id}/attach. On a container that does not run, the streams begin when it starts. */
export async function attachContainer(ctx: Context, c: ContainerRecord, options: AttachOptions): Promise<Attachment> {
  if (c.state.status === 'paused') throw conflict(`Container ${c.id} is paused, unpause the container before attach.`);
  if (c.state.status === 'restarting')
    throw conflict(`Container ${c.id} is restarting, wait until the container is running`);
  const keys = parseDetachKeys(options.detachKeys ?? DEFAULT_DETACH_KEYS);
  const client = new AttachClient(ctx, c, options);
  const live = ctx.live.of(c.id);
  if (options.stream) {
    if (c.state.status === 'running' && !live.starting) client.connect(await joinTask(ctx, c, client.streams));
    else client.wait(live);
  }
  publish(ctx, c, 'attach');
  if (options.logs) await client.replay();
  if (!options.stream) client.abandon();
  if (client.attachment.stdin && c.config.Tty) client.detachOn(keys);
  return client.attachment;
}

/** Joins the task's streams and remembers that somebody still reads them: its clean-up waits for that, for a while. */
async function joinTask(ctx: Context, c: ContainerRecord, streams: PendingAttach['streams']): Promise<Attachment> {
  const attachment = await ctx.supervisor.attach(c.id, streams);
  const { draining } = ctx.live.of(c.id);
  const done = Promise.allSettled([finished(attachment.stdout), finished(attachment.stderr)]);
  draining.add(done);
  void done.then(() => draining.delete(done));
  return attachment;
}

/** Joins every client that came before the start. Called between create and start: no output is missed. */
export async function connectPending(ctx: Context, c: ContainerRecord): Promise<void> {
  const { pending } = ctx.live.of(c.id);
  for (const client of pending) client.connect(await joinTask(ctx, c, client.streams));
  pending.clear();
}

export function abandonPending(live: Live): void {
  for (const client of live.pending) client.abandon();
  live.pending.clear();
}

class AttachClient implements PendingAttach {
  readonly streams: { stdin: boolean; stdout: boolean; stderr: boolean };
  readonly attachment: Attachment;
  readonly #ctx: Context;
  readonly #container: ContainerRecord;
  readonly #stdout = new PassThrough();
  readonly #stderr = new PassThrough();
  readonly #stdin: PassThrough | undefined;
  #task: Attachment | undefined;
  #replaying: Promise<void> = Promise.resolve();
  #left = false;

  constructor(ctx: Context, c: ContainerRecord, options: AttachOptions) {
    this.#ctx = ctx;
    this.#container = c;
    const stdin = options.stdin && options.stream && c.config.OpenStdin;
    this.streams = { stdin, stdout: options.stdout, stderr: options.stderr };
    this.#stdin = stdin ? new PassThrough() : undefined;
    if (!options.stdout && !stdin) this.#stdout.end();
    if (!options.stderr || c.config.Tty) this.#stderr.end();
    this.attachment = {
      stdout: this.#stdout,
      stderr: this.#stderr,
      stdin: this.#stdin,
      [Symbol.asyncDispose]: () => this.#leave(),
    };
  }

  wait(live: Live): void {
    live.pending.add(this);
  }

  connect(task: Attachment): void {
    this.#task = task;
    if (this.#left) {
      void task[Symbol.asyncDispose]();
      return;
    }
    void this.#replaying.then(() => {
      // a client of stdin only is told the end too: its stdout ends with the task's
      pipe(task.stdout, this.#stdout);
      pipe(task.stderr, this.#stderr);
    });
    if (this.#stdin && task.stdin) {
      task.stdin.on('error', () => this.#stdin?.resume()); // the process closed its stdin: the rest is dropped
      this.#stdin.pipe(task.stdin);
    } else this.#stdin?.resume();
  }

  abandon(): void {
    this.#stdout.end();
    this.#stderr.end();
    this.#stdin?.resume();
  }

  /** Puts the log in front of the live output. */
  async replay(): Promise<void> {
    const gate = Promise.withResolvers<void>();
    this.#replaying = gate.promise;
    const { stdout, stderr } = this.streams;
    const options = { stdout, stderr, follow: false, timestamps: false, details: false };
    const entries = readLogs(this.#ctx, this.#container, options, new AbortController().signal);
    void (async () => {
      try {
        for await (const { stream, message } of entries) {
          const sink = stream === 'stdout' ? this.#stdout : this.#stderr;
          if (this.#left) break;
          if (!sink.write(message)) await new Promise((resolve) => sink.once('drain', resolve).once('close', resolve));
        }
      } finally {
        gate.resolve();
      }
    })().catch((error) => this.#stdout.destroy(error));
    if (!this.#task && !this.#ctx.live.of(this.#container.id).pending.has(this)) await gate.promise;
  }

  /** Ends the client's streams, not the container's, when the detach keys are typed. */
  detachOn(keys: Buffer): void {
    const typed = this.#stdin!;
    const filter = detachFilter(keys, () => {
      publish(this.#ctx, this.#container, 'detach');
      this.#stdout.end();
      this.#stderr.end();
      void this.#leave();
    });
    filter.pipe(typed);
    filter.on('error', () => {}); // after a detach nobody reads it
    (this.attachment as { stdin?: Writable }).stdin = filter;
  }

  async #leave(): Promise<void> {
    this.#left = true;
    this.#ctx.live.of(this.#container.id).pending.delete(this);
    this.#stdout.destroy();
    this.#stderr.destroy();
    await this.#task?.[Symbol.asyncDispose]();
  }
}

function pipe(from: Readable, to: PassThrough): void {
  if (to.writableEnded || to.destroyed) from.resume();
  else from.pipe(to);
}
