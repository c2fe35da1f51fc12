import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { invalid } from '@corten/errors';
import type { Attachment } from '@corten/runtime';
import { parseJson } from './exchange.ts';
import { pump, STDERR, STDOUT } from './frames.ts';

export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

/** A connection whose request asked for `Upgrade: tcp`: after the answer's head it is a plain byte stream both ways. */
export class Hijack {
  readonly socket: Socket;
  #head: Buffer;

  constructor(socket: Socket, head: Buffer) {
    this.socket = socket;
    this.#head = head;
  }

  /** The request's JSON body (Node leaves it unread on an upgrade), at most 1 MiB. */
  async json(request: IncomingMessage): Promise<unknown> {
    const length = Number(request.headers['content-length'] ?? 0);
    if (!Number.isSafeInteger(length) || length < 0 || length > 1 << 20)
      throw invalid(`invalid Content-Length: ${request.headers['content-length']}`);
    const body = await this.#take(length);
    return body.length === 0 ? undefined : parseJson(body.toString('utf8'));
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#head.length < length) {
      const chunk = await nextChunk(this.socket);
      if (!chunk) throw invalid('invalid JSON: got EOF while reading request body');
      this.#head = Buffer.concat([this.#head, chunk]);
    }
    const body = this.#head.subarray(0, length);
    this.#head = this.#head.subarray(length);
    return body;
  }

  accept(contentType: string): void {
    this.socket.write(
      `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${contentType}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    );
  }

  refuse(status: number, reason: string, message: string): void {
    const body = `${JSON.stringify({ message })}\n`;
    this.socket.end(
      `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }

  /** Joins the connection and a container's or exec's streams until the output ends or the client goes away. */
  async join(attachment: Attachment, options: { tty: boolean }): Promise<void> {
    const { socket } = this;
    const input = this.#forwardInput(attachment);
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const output = Promise.all([
      pump(attachment.stdout, socket, options.tty ? undefined : STDOUT),
      options.tty ? undefined : pump(attachment.stderr, socket, STDERR),
    ]);
    try {
      await Promise.race([output, gone]);
    } finally {
      input();
      if (!socket.destroyed) socket.end();
      await attachment[Symbol.asyncDispose]();
    }
  }

  /** Copies what the client sends to stdin; its half-close ends stdin. Returns the undo. */
  #forwardInput(attachment: Attachment): () => void {
    const { socket } = this;
    const { stdin } = attachment;
    if (!stdin) {
      socket.resume(); // so that the client's going away is noticed
      return () => {};
    }
    stdin.on('error', () => socket.resume()); // the process closed its stdin; what still comes is dropped
    if (this.#head.length > 0) stdin.write(this.#head);
    this.#head = Buffer.alloc(0);
    socket.pipe(stdin);
    return () => void socket.unpipe(stdin);
  }
}

function nextChunk(socket: Socket): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const settle = (chunk?: Buffer) => {
      socket.pause();
      socket.off('data', settle).off('end', ended).off('close', ended);
      resolve(chunk);
    };
    const ended = () => settle(undefined);
    socket.on('data', settle).on('end', ended).on('close', ended);
    socket.resume();
  });
}
