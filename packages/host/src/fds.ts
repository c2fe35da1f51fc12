import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import koffi from 'koffi';
import { check, libc } from './libc.ts';

const cPipe2 = libc.func('int pipe2(_Out_ int *fds, int flags)');
const cSocket = libc.func('int socket(int domain, int type, int protocol)');
const cConnect = libc.func('int connect(int fd, const void *address, unsigned int length)');
const cBind = libc.func('int bind(int fd, const void *address, unsigned int length)');
const cListen = libc.func('int listen(int fd, int backlog)');
const cAccept4 = libc.func('int accept4(int fd, void *address, void *length, int flags)');
const cIoctl = libc.func('ioctl', 'int', ['int', 'unsigned long', 'void *']);

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const TIOCSWINSZ = 0x5414;

/** A pipe whose ends are not inherited unless a spawn passes them. */
export function pipe(): { read: number; write: number } {
  const fds = [0, 0];
  check(cPipe2(fds, O_CLOEXEC) as number, 'pipe2');
  return { read: fds[0]!, write: fds[1]! };
}

/** sockaddr_un; refuses a path that does not fit (108 bytes with its end). */
function unixAddress(path: string): Buffer {
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
 * A Socket over any connected stream-like unix descriptor. net.Socket({ fd }) guesses the type and does not know
 * SEQPACKET, so the pipe handle is made here; libuv reads and writes it like any other.
 */
function socketOn(fd: number): Socket {
  const binding = (process as unknown as { binding(name: string): PipeBinding }).binding('pipe_wrap');
  const handle = new binding.Pipe(binding.constants.SOCKET);
  handle.open(fd);
  return new Socket({ handle, allowHalfOpen: true, readable: true, writable: true } as never);
}
interface PipeBinding {
  Pipe: new (kind: number) => { open(fd: number): void };
  constants: { SOCKET: number };
}

/** A listening stream socket on which descriptors are received (an OCI runtime's console socket). */
export function listenForDescriptors(path: string): number {
  const fd = check(cSocket(AF_UNIX, SOCK_STREAM | O_CLOEXEC | O_NONBLOCK, 0) as number, 'socket');
  check(cBind(fd, unixAddress(path), 110) as number, 'bind', path);
  check(cListen(fd, 1) as number, 'listen', path);
  return fd;
}

/** The next connection, or undefined when none waits. */
export function acceptNow(fd: number): number | undefined {
  const connection = cAccept4(fd, null, null, O_CLOEXEC | O_NONBLOCK) as number;
  return connection < 0 ? undefined : connection;
}

const Iovec = koffi.struct({ base: 'void *', length: 'size_t' });
const Msghdr = koffi.struct({
  name: 'void *',
  nameLength: 'uint32_t',
  iov: koffi.pointer(Iovec),
  iovLength: 'size_t',
  control: 'void *',
  controlLength: 'size_t',
  flags: 'int',
});
const cRecvmsg = libc.func('recvmsg', 'long', ['int', koffi.inout(koffi.pointer(Msghdr)), 'int']);
const SCM_HEADER = 16; // cmsghdr on 64-bit: size_t length, int level, int type
const MSG_CMSG_CLOEXEC = 0x40000000;

/** One descriptor sent over a stream socket (SCM_RIGHTS), or undefined when nothing has come yet. */
export function receiveDescriptor(fd: number): number | undefined {
  const data = Buffer.alloc(4096);
  const control = Buffer.alloc(64);
  const message = {
    name: null,
    nameLength: 0,
    iov: [{ base: data, length: data.length }],
    iovLength: 1,
    control,
    controlLength: control.length,
    flags: 0,
  };
  const size = Number(cRecvmsg(fd, message, MSG_CMSG_CLOEXEC));
  if (size < 0 || message.controlLength < SCM_HEADER + 4) return undefined;
  return control.readInt32LE(SCM_HEADER);
}

/** Sets a terminal's size (TIOCSWINSZ, tty_ioctl(4)). */
export function setTerminalSize(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(cIoctl(fd, TIOCSWINSZ, size) as number, 'ioctl TIOCSWINSZ');
}
