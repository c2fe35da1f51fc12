import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { check, libc } from './libc.ts';

const cPipe2 = libc.func('int pipe2(_Out_ int *fds, int flags)');
const cSocket = libc.func('int socket(int domain, int type, int protocol)');
const cConnect = libc.func('int connect(int fd, const void *address, unsigned int length)');
const cIoctl = libc.func('ioctl', 'int', ['int', 'unsigned long', 'void *']);

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const TIOCSWINSZ = 0x5414;

/** A pipe whose ends are not inherited unless a spawn passes them. */
export function pipe(): { read: number; write: number } {
  const fds = [0, 0];
  check(cPipe2(fds, O_CLOEXEC) as number, 'pipe2');
  return { read: fds[0]!, write: fds[1]! };
}

/** sockaddr_un; refuses a path that does not fit (108 bytes with its end). */
export function unixAddress(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > 107) throw new Error(`unix socket path is longer than 107 bytes: ${path}`);
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}

/** Connects to a SOCK_SEQPACKET unix socket: each `data` event is one packet, each write one packet. */
export function connectSeqpacket(path: string): Socket {
  const fd = check(cSocket(AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC | O_NONBLOCK, 0) as number, 'socket');
  try {
    check(cConnect(fd, unixAddress(path), 110) as number, 'connect', path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return socketOn(fd);
}

/**
 * A Socket over any stream-like descriptor that can be polled, pseudo-terminals too. net.Socket({ fd }) guesses the type and does not know
 * SEQPACKET, so the pipe handle is made here; libuv reads and writes it like any other.
 */
export function socketOn(fd: number): Socket {
  const binding = (process as unknown as { binding(name: string): PipeBinding }).binding('pipe_wrap');
  const handle = new binding.Pipe(binding.constants.SOCKET);
  handle.open(fd);
  return new Socket({ handle, allowHalfOpen: true, readable: true, writable: true } as never);
}
interface PipeBinding {
  Pipe: new (kind: number) => { open(fd: number): void };
  constants: { SOCKET: number };
}

/** Sets a terminal's size (TIOCSWINSZ, tty_ioctl(4)). */
export function setTerminalSize(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(cIoctl(fd, TIOCSWINSZ, size) as number, 'ioctl TIOCSWINSZ');
}
