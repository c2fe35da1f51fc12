import type { Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { connectSeqpacket } from '@corten/host';
import { Mutex } from '@corten/util';
import type { Attachment, TaskSpec } from './types.ts';

const STDOUT = 2;
/** conmon reads stdin packets into a buffer of this size; what is longer would be lost. */
const STDIN_PACKET = 32_768;
const BUFFERED = 256 << 10;

interface Client {
  stdout?: PassThrough;
  stderr?: PassThrough;
  stdin?: Writable;
}

/**
 * The engine's one connection to a task's supervisor, shared by any number of clients. It is opened with the first
 * client and closed with the last, except where closing it would end the task's input.
 */
export class StreamHub {
  readonly #spec: TaskSpec;
  readonly #path: string;
  readonly #clients = new Set<Client>();
  #socket: Socket | undefined;
  #waiting = 0;
  #inputEnded = false;
  /** conmon loses bytes when two packets are under way: one at a time, whichever client's. */
  readonly #inputTurn = new Mutex();

  constructor(spec: TaskSpec, path: string) {
    this.#spec = spec;
    this.#path = path;
  }

  /** Throws when the supervisor is gone. */
  attach(streams: { stdin: boolean; stdout: boolean; stderr: boolean }): Attachment {
    this.#connect();
    const client: Client = {
      stdout: streams.stdout ? new PassThrough({ highWaterMark: BUFFERED }) : undefined,
      stderr: streams.stderr && !this.#spec.terminal ? new PassThrough({ highWaterMark: BUFFERED }) : undefined,
      stdin: streams.stdin && this.#spec.openStdin ? this.#input() : undefined,
    };
    this.#clients.add(client);
    const ended = () => new PassThrough().end() as PassThrough;
    return {
      stdout: client.stdout ?? ended(),
      stderr: client.stderr ?? ended(),
      stdin: client.stdin,
      [Symbol.asyncDispose]: async () => this.#leave(client),
    };
  }

  #connect(): void {
    if (this.#socket) return;
    const socket = connectSeqpacket(this.#path);
    this.#socket = socket;
    socket.on('data', (packet: Buffer) => this.#distribute(packet));
    const end = () => this.#end(socket);
    socket.on('end', end).on('close', end);
    socket.on('error', () => socket.destroy()); // the supervisor ended; 'close' follows
  }

  #distribute(packet: Buffer): void {
    const stream = packet[0] === STDOUT ? 'stdout' : 'stderr';
    const data = packet.subarray(1);
    for (const client of this.#clients) {
      const sink = client[stream];
      if (!sink || sink.destroyed || sink.writableEnded) continue;
      if (!sink.write(data)) this.#waitFor(sink);
    }
  }

  /** A client that does not keep up holds the task back, as Docker does; one that leaves does not. */
  #waitFor(sink: PassThrough): void {
    this.#waiting++;
    this.#socket?.pause();
    let done = false;
    const go = () => {
      if (done) return;
      done = true;
      sink.off('drain', go).off('close', go);
      if (--this.#waiting === 0) this.#socket?.resume();
    };
    sink.once('drain', go).once('close', go);
  }

  #end(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    for (const client of this.#clients) {
      client.stdout?.end();
      client.stderr?.end();
    }
    this.#clients.clear();
    socket.destroy();
  }

  #leave(client: Client): void {
    this.#clients.delete(client);
    client.stdout?.destroy();
    client.stderr?.destroy();
    client.stdin?.destroy();
    const closingEndsInput = this.#spec.openStdin && this.#endsOnce && !this.#inputEnded;
    if (this.#clients.size === 0 && !closingEndsInput) this.close();
  }

  /** Whether the end of a client's input is the end of the task's. */
  get #endsOnce(): boolean {
    return this.#spec.stdinOnce && !this.#spec.terminal;
  }

  #input(): Writable {
    return new Writable({
      highWaterMark: STDIN_PACKET,
      write: (chunk: Buffer, _encoding, done) => void this.#send(chunk).then(() => done(), done),
      final: (done) => void this.#endInput().then(() => done(), done),
      // a client that is gone without an end has ended too
      destroy: (error, done) => void this.#endInput().then(() => done(error), done),
    });
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let sent = 0; sent < chunk.length; sent += STDIN_PACKET) {
      using _turn = await this.#inputTurn.lock();
      await this.#sendPacket(chunk.subarray(sent, sent + STDIN_PACKET));
    }
  }

  /** Input for a task that has ended, or closed its input, goes nowhere. */
  #sendPacket(packet: Buffer): Promise<void> {
    const socket = this.#socket;
    if (!socket || socket.destroyed || this.#inputEnded) return Promise.resolve();
    return new Promise((resolve) => socket.write(packet, () => resolve()));
  }

  async #endInput(): Promise<void> {
    if (!this.#endsOnce || this.#inputEnded) return;
    using _turn = await this.#inputTurn.lock();
    this.#inputEnded = true;
    this.#socket?.end(); // conmon closes the task's stdin
  }

  close(): void {
    const socket = this.#socket;
    if (socket) this.#end(socket);
  }
}
