import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { codeOf, system } from '@corten/errors';
import { listenForDescriptor, pipe, setTerminalSize, socketOn } from '@corten/host';

/** What an exec reads and writes: pipes, a terminal, or nothing. */
export interface ExecStdio {
  /** Descriptors to pass to the runtime. */
  child: { 0: number; 1: number; 2: number };
  /** The streams, once the process runs. */
  begun(): { stdin?: Writable; stdout?: Readable; stderr?: Readable; terminal?: Duplex };
  resize(rows: number, columns: number): void;
  closeChildEnds(): void;
  /** The process did not start: everything is closed. */
  discard(): void;
}

/** Nobody reads or writes: /dev/null, so that the process outlives the engine. */
export function detachedStdio(): ExecStdio {
  const none = openSync('/dev/null', 'r+');
  return {
    child: { 0: none, 1: none, 2: none },
    begun: () => ({}),
    resize: () => {},
    closeChildEnds: () => closeSync(none),
    discard: () => {},
  };
}

export function pipeStdio(openStdin: boolean): ExecStdio {
  const input = openStdin ? pipe() : undefined;
  const childInput = input?.read ?? openSync('/dev/null', 'r');
  const [out, err] = [pipe(), pipe()];
  const stdin = input && new Socket({ fd: input.write, readable: false, writable: true });
  const stdout = new Socket({ fd: out.read, readable: true, writable: false });
  const stderr = new Socket({ fd: err.read, readable: true, writable: false });
  stdin?.on('error', () => stdin.destroy()); // the process ended or closed its stdin
  return {
    child: { 0: childInput, 1: out.write, 2: err.write },
    begun: () => ({ stdin, stdout, stderr }),
    resize: () => {},
    closeChildEnds() {
      for (const fd of [childInput, out.write, err.write]) closeSync(fd);
    },
    discard() {
      for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    },
  };
}

/** The terminal that the runtime makes inside the container; it hands over the master's descriptor. */
export function terminalStdio(consolePath: string): ExecStdio {
  const receiver = listenForDescriptor(consolePath);
  const none = openSync('/dev/null', 'r+');
  let terminal: Duplex | undefined;
  let master: number | undefined;
  return {
    child: { 0: none, 1: none, 2: none },
    begun() {
      master = receiver.receive();
      if (master === undefined) throw system('OCI runtime exec failed: the runtime handed over no terminal');
      receiver.close();
      terminal = terminalStream(master);
      return { terminal };
    },
    resize(rows, columns) {
      if (terminal && !terminal.destroyed && master !== undefined) setTerminalSize(master, rows, columns);
    },
    closeChildEnds: () => closeSync(none),
    discard() {
      receiver.close();
      terminal?.destroy();
    },
  };
}

/** The master side as a stream that ends when the last process on the terminal is gone. */
function terminalStream(master: number): Duplex {
  const socket = socketOn(master);
  const stream = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (socket.destroyed) return done(); // nobody is there to read it
      socket.write(chunk, () => done());
    },
    // a terminal has no end of input: its client sends ^D
    final: (done) => done(),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  const end = () => {
    if (!stream.readableEnded && !stream.destroyed) stream.push(null);
  };
  socket.on('data', (chunk) => {
    if (!stream.push(chunk)) socket.pause();
  });
  socket.on('end', end).on('close', end);
  // with the last process gone, reading fails with EIO: that is the end
  socket.on('error', (error) => (codeOf(error) === 'EIO' ? end() : stream.destroy(error)));
  return stream;
}
