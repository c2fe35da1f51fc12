import { chmodSync, chownSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { connect, type ListenOptions, type Server } from 'node:net';
import { dirname } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { codeOf, invalid, messageOf, system } from '@corten/errors';
import type { Logger } from '@corten/util';
import type { Settings } from './config/settings.ts';

/** A socket the engine answers on. */
export interface Listener {
  address: string;
  close(): Promise<void>;
}

/** First descriptor that socket activation passes (sd_listen_fds(3)). */
const FIRST_PASSED_FD = 3;

/** Opens every `-H` address; when one fails those already open are closed again. */
export async function listenAll(settings: Settings, newServer: () => HttpServer, log: Logger): Promise<Listener[]> {
  const listeners: Listener[] = [];
  try {
    for (const host of settings.hosts) listeners.push(...(await listenOn(host, settings, newServer, log)));
    return listeners;
  } catch (error) {
    await Promise.all(listeners.map((l) => l.close()));
    throw error;
  }
}

async function listenOn(
  host: string,
  settings: Settings,
  newServer: () => HttpServer,
  log: Logger,
): Promise<Listener[]> {
  if (host.startsWith('unix://')) return [await listenUnix(host.slice(7), settings.group, newServer(), log)];
  if (host.startsWith('tcp://')) return [await listenTcp(host, settings, newServer, log)];
  return listenPassed(host, newServer);
}

async function listenUnix(path: string, group: string, server: HttpServer, log: Logger): Promise<Listener> {
  mkdirSync(dirname(path), { recursive: true });
  await removeStaleSocket(path);
  const before = process.umask(0o177); // never, not even for a moment, open to others
  try {
    await open(server, { path });
  } finally {
    process.umask(before);
  }
  const gid = groupId(group);
  if (gid === undefined && group !== 'docker') throw invalid(`group "${group}" not found`);
  if (gid === undefined) log.debug('no group "docker" on this host: only root can connect', { socket: path });
  else chownSync(path, 0, gid);
  chmodSync(path, 0o660);
  return listener(`unix://${path}`, server, () => {
    try {
      unlinkSync(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') log.warn('cannot remove the socket', { path, error: messageOf(error) });
    }
  });
}

/** A socket file that nobody answers on is left from a crash; one that answers belongs to a running engine. */
async function removeStaleSocket(path: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error) => resolve(codeOf(error)));
  });
  if (code === undefined) throw system(`can't create unix socket ${path}: another process is listening on it`);
  if (code === 'ECONNREFUSED' || code === 'ENOTSOCK') unlinkSync(path);
}

function groupId(name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((l) => l.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}

async function listenTcp(
  address: string,
  settings: Settings,
  newServer: () => HttpServer,
  log: Logger,
): Promise<Listener> {
  const { hostname, port } = new URL(address.replace('tcp:', 'http:'));
  const where = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
  const http = newServer();
  if (!settings.tls) {
    const note = 'anyone who can reach this address has root on the host; use --tlsverify';
    if (!/^(127\.|localhost$|::1$)/.test(where.host)) log.warn(`listening without TLS: ${note}`, { address });
    await open(http, where);
    return listener(address, http);
  }
  const { ca, cert, key, verify } = settings.tls;
  const secure = createTlsServer(
    {
      cert: readFileSync(cert),
      key: readFileSync(key),
      ca: ca ? readFileSync(ca) : undefined,
      requestCert: verify,
      rejectUnauthorized: verify,
      minVersion: 'TLSv1.2',
      allowHalfOpen: true,
    },
    (socket) => http.emit('connection', socket),
  );
  await open(secure, where);
  return listener(address, secure, () => http.closeAllConnections());
}

/** `fd://` takes every passed socket, `fd://3` or a name from LISTEN_FDNAMES one of them. */
async function listenPassed(address: string, newServer: () => HttpServer): Promise<Listener[]> {
  const count = Number(process.env['LISTEN_PID'] === String(process.pid) ? (process.env['LISTEN_FDS'] ?? 0) : 0);
  const names = (process.env['LISTEN_FDNAMES'] ?? '').split(':');
  const wanted = address.slice('fd://'.length).replace(/^\*$/, '');
  const passed = Array.from({ length: count }, (_, i) => ({ fd: FIRST_PASSED_FD + i, name: names[i] ?? '' }));
  const chosen = passed.filter(({ fd, name }) => wanted === '' || wanted === String(fd) || wanted === name);
  if (chosen.length === 0)
    throw system(`no sockets found via socket activation for ${address}: make sure the service was started by systemd`);
  return Promise.all(
    chosen.map(async ({ fd }) => {
      const server = newServer();
      await open(server, { fd });
      return listener(`fd://${fd}`, server);
    }),
  );
}

function open(server: Server, options: ListenOptions & { fd?: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(system(`cannot listen: ${error.message}`, error)));
    server.listen(options, resolve);
  });
}

function listener(address: string, server: Server, after: () => void = () => {}): Listener {
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) (server as HttpServer).closeAllConnections();
        after();
      }),
  };
}
