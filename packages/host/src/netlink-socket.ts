import { closeSync, openSync } from 'node:fs';
import { check, libc } from './libc.ts';
import { CLONE_NEWNET, setns, unshare } from './namespaces.ts';

const cSocket = libc.func('int socket(int domain, int type, int protocol)');
const cSend = libc.func('send', 'long', ['int', 'const void *', 'size_t', 'int']);
const cRecv = libc.func('recv', 'long', ['int', 'void *', 'size_t', 'int']);
const cBind = libc.func('int bind(int fd, const void *address, unsigned int length)');
const cSetsockopt = libc.func('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)');

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;

/** netlink(7) protocols. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** A blocking netlink socket. The kernel answers within send(), so the receive that follows does not wait. */
export class NetlinkSocket {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(64 << 10);

  constructor(protocol: number) {
    this.#fd = check(cSocket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol) as number, 'socket');
    const on = Buffer.alloc(4);
    on.writeInt32LE(1);
    check(cSetsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, on, 4) as number, 'setsockopt');
  }

  send(message: Uint8Array): void {
    check(Number(cSend(this.#fd, message, message.length, 0)), 'send');
  }

  receive(): Buffer {
    const size = check(Number(cRecv(this.#fd, this.#buffer, this.#buffer.length, 0)), 'recv');
    return Buffer.from(this.#buffer.subarray(0, size));
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Makes a network namespace and runs `inside` in it (synchronously, on this thread). The descriptor keeps it alive. */
export function newNetworkNamespace<T>(inside: () => T): { fd: number; result: T } {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    unshare(CLONE_NEWNET);
    try {
      const fd = openSync('/proc/thread-self/ns/net', 'r');
      return { fd, result: inside() };
    } finally {
      goHome(home);
    }
  } finally {
    closeSync(home);
  }
}

/** Runs `inside` in an existing network namespace, named by a path or a descriptor. */
export function inNetworkNamespace<T>(namespace: string | number, inside: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const fd = typeof namespace === 'number' ? namespace : openSync(namespace, 'r');
  try {
    setns(fd, CLONE_NEWNET);
    try {
      return inside();
    } finally {
      goHome(home);
    }
  } finally {
    closeSync(home);
    if (typeof namespace !== 'number') closeSync(fd);
  }
}

/** Staying in a container's namespace would make the engine act there: rather none than that. */
function goHome(fd: number): void {
  try {
    setns(fd, CLONE_NEWNET);
  } catch (error) {
    process.stderr.write(`cannot return to the host's network namespace: ${String(error)}\n`);
    process.abort();
  }
}

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;

/**
 * Holds a host port by a bound socket that does not listen: others get EADDRINUSE, and it costs nothing. Returns the
 * descriptor; throws SystemCallError (EADDRINUSE, EADDRNOTAVAIL).
 */
export function holdPort(protocol: 'tcp' | 'udp', address: string, port: number): number {
  const fd = check(
    cSocket(AF_INET, (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0) as number,
    'socket',
  );
  const sockaddr = Buffer.alloc(16);
  sockaddr.writeUInt16LE(AF_INET, 0);
  sockaddr.writeUInt16BE(port, 2);
  Buffer.from(address.split('.').map(Number)).copy(sockaddr, 4);
  try {
    check(cBind(fd, sockaddr, 16) as number, 'bind', `${address}:${port}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
