import type { Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { codeOf } from '@corten/errors';
import { connectSeqpacket } from '@corten/host';
import type { Attachment, TaskSpec } from './types.ts';

const STDOUT = 2;
/** conmon reads stdin packets into a buffer of this size; what is longer would be lost. */
const STDIN_PACKET = 32_768;
const BUFFERED = 256 << 10;

interface Client {
  stdout?: PassThrough;
  stderr?: PassThrough;
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
    };
    this.#clients.add(client);
    const ended = () => new PassThrough().end() as PassThrough;
    return {
      stdout: client.stdout ?? ended(),
      stderr: client.stderr ?? ended(),
      stdin: streams.stdin && this.#spec.openStdin ? this.#input() : undefined,
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
    const closingEndsInput = this.#spec.openStdin && this.#spec.stdinOnce && !this.#spec.terminal && !this.#inputEnded;
    if (this.#clients.size === 0 && !closingEndsInput) this.close();
  }

  #input(): Writable {
    const forward = (chunk: Buffer, done: (error?: Error | null) => void): void => {
      const socket = this.#socket;
      if (!socket || socket.destroyed) return done(); // the task is gone: its input goes nowhere
      const rest = chunk.subarray(STDIN_PACKET);
      socket.write(chunk.subarray(0, STDIN_PACKET), (error) => {
        if (error && !['EPIPE', 'ECONNRESET'].includes(codeOf(error) ?? '')) done(error);
        else if (rest.length > 0) forward(rest, done);
        else done();
      });
    };
    return new Writable({
      highWaterMark: STDIN_PACKET,
      write: (chunk: Buffer, _encoding, done) => forward(chunk, done),
      final: (done) => {
        if (this.#spec.stdinOnce && !this.#spec.terminal) {
          this.#inputEnded = true;
          this.#socket?.end(); // conmon closes the task's stdin
        }
        done();
      },
    });
  }

  close(): void {
    const socket = this.#socket;
    if (socket) this.#end(socket);
  }
}
