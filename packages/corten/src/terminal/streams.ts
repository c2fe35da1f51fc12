import type { Duplex, Readable } from 'node:stream';
import type { Context } from '../cli/command.ts';
import { demultiplexer } from '../client/frames.ts';
import { DEFAULT_KEYS, detachFilter, parseKeys } from './detach.ts';

export interface Join {
  /** The container's streams as they came from the engine. */
  socket: Duplex;
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys?: string;
}

/** How it ended: the container closed its output, or the user typed the detach keys. */
export type JoinEnd = 'closed' | 'detached';

/**
 * Connects this terminal's streams with a container's until its output ends. End of input is passed on as a half-close.
 * In a terminal, input goes key by key and the keys of `detachKeys` let go.
 */
export async function joinStreams(context: Context, join: Join): Promise<JoinEnd> {
  const { socket, tty } = join;
  const raw = tty && join.stdin && context.stdin.isTTY;
  const gone = Promise.withResolvers<JoinEnd>();
  if (raw) context.stdin.setRawMode(true);
  const output = pipeOutput(context, join).then<JoinEnd>(() => 'closed');
  let source: Readable | undefined;
  if (join.stdin) {
    source = tty
      ? context.stdin.pipe(detachFilter(parseKeys(join.detachKeys || DEFAULT_KEYS), () => gone.resolve('detached')))
      : context.stdin;
    source.pipe(socket);
  }
  socket.on('error', () => {}); // the output side tells; a write after the container's end is nothing to report
  try {
    return await Promise.race([output, gone.promise]);
  } finally {
    source?.unpipe(socket);
    if (raw) context.stdin.setRawMode(false);
    if (join.stdin) {
      context.stdin.unpipe();
      context.stdin.pause();
    }
    output.catch(() => {});
    socket.destroy();
  }
}

function pipeOutput(context: Context, { socket, tty, stdout, stderr }: Join): Promise<void> {
  const target = tty
    ? undefined
    : demultiplexer(stdout ? context.stdout : undefined, stderr ? context.stderr : undefined);
  return new Promise((resolve, reject) => {
    const done = () => resolve();
    if (target) {
      target.on('error', reject);
      target.on('end', done);
      target.resume();
      socket.pipe(target);
      socket.on('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done() : reject(error),
      );
      socket.on('close', () => target.end());
      return;
    }
    socket.on('data', (chunk: Buffer) => {
      if (!stdout || context.stdout.write(chunk)) return;
      socket.pause();
      context.stdout.once('drain', () => socket.resume());
    });
    socket.on('end', done);
    socket.on('close', done);
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done() : reject(error),
    );
  });
}
