import { closeSync, rmSync } from 'node:fs';
import koffi from 'koffi';
import { unixAddress } from './fds.ts';
import { check, libc, SystemCallError } from './libc.ts';

const cSocket = libc.func('int socket(int domain, int type, int protocol)');
const cBind = libc.func('int bind(int fd, const void *address, unsigned int length)');
const cListen = libc.func('int listen(int fd, int backlog)');
const cAccept4 = libc.func('accept4', 'int', ['int', 'void *', 'void *', 'int']);

// struct msghdr and struct iovec of 64-bit Linux; musl's narrower lengths are padded to the same layout (little endian)
const Iovec = koffi.struct('corten_iovec', { base: 'void *', length: 'size_t' });
koffi.struct('corten_msghdr', {
  name: 'void *',
  nameLength: 'size_t',
  vectors: koffi.pointer(Iovec),
  vectorCount: 'size_t',
  control: 'void *',
  controlLength: 'size_t',
  flags: 'int',
});
const cRecvmsg = libc.func('long recvmsg(int fd, corten_msghdr *message, int flags)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
/** struct cmsghdr: length (8), level (4), type (4), then the data; room for one descriptor. */
const CONTROL_SIZE = 24;
const CONTROL_USED = 20;

/** A socket on which another program hands over one open file (unix(7), SCM_RIGHTS): the OCI runtimes' --console-socket. */
export interface DescriptorReceiver {
  /** The descriptor that has been sent; undefined when none has. It is the caller's to close. */
  receive(): number | undefined;
  /** Stops listening and removes the socket's file. */
  close(): void;
}

/** Listens at `path` (at most 107 bytes). */
export function listenForDescriptor(path: string): DescriptorReceiver {
  const fd = check(cSocket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) as number, 'socket');
  try {
    check(cBind(fd, unixAddress(path), 110) as number, 'bind', path);
    check(cListen(fd, 1) as number, 'listen', path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    receive() {
      const connection = waiting(() => check(cAccept4(fd, null, null, SOCK_CLOEXEC) as number, 'accept4'));
      if (connection === undefined) return undefined;
      try {
        return receiveDescriptor(connection);
      } finally {
        closeSync(connection);
      }
    },
    close() {
      closeSync(fd);
      rmSync(path, { force: true });
    },
  };
}

function receiveDescriptor(connection: number): number | undefined {
  const data = Buffer.alloc(4096); // the sender's text: a name, of no use here
  const control = Buffer.alloc(CONTROL_SIZE);
  const message = {
    name: null,
    nameLength: 0,
    vectors: [{ base: data, length: data.length }],
    vectorCount: 1,
    control,
    controlLength: control.length,
    flags: 0,
  };
  const size = waiting(() =>
    check(Number(cRecvmsg(connection, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)), 'recvmsg SCM_RIGHTS'),
  );
  if (size === undefined || control.readUInt32LE(0) !== CONTROL_USED) return undefined;
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return undefined;
  return control.readInt32LE(16);
}

/** undefined when the call would have to wait. */
function waiting(call: () => number): number | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EAGAIN') return undefined;
    throw error;
  }
}
