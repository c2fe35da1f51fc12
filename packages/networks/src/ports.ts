import { closeSync, readFileSync } from 'node:fs';
import type { PortMap } from '@corten/api-types';
import { codeOf, invalid, notImplemented, system } from '@corten/errors';
import { holdPort } from '@corten/host';
import type { NetworkStore, PortRow } from './store.ts';

/** One binding that is asked for; `port` undefined takes a free one; a range gives its first free port. */
interface Wanted {
  key: string;
  protocol: 'tcp' | 'udp';
  target: number;
  hostIp: string;
  first?: number;
  last?: number;
}

/** Holds host ports for containers: each by a bound socket and a row. */
export class Ports {
  readonly #store: NetworkStore;
  readonly #held = new Map<string, number>();
  #next = 0;

  constructor(store: NetworkStore) {
    this.#store = store;
  }

  /** Reserves all or none. Returns the rows and the map with real ports. */
  reserve(
    containerId: string,
    endpointName: string,
    endpointId: string,
    ports: PortMap,
    targetIp: string,
  ): { rows: PortRow[]; map: PortMap } {
    const rows: PortRow[] = [];
    const map: PortMap = {};
    try {
      for (const [key, bindings] of Object.entries(ports)) {
        map[key] = bindings === null || bindings.length === 0 ? null : [];
        for (const binding of bindings ?? []) {
          const wanted = parseBinding(key, binding.HostIp, binding.HostPort);
          const row = this.#take(
            wanted,
            { containerId, targetIp },
            `driver failed programming external connectivity on endpoint ${endpointName} (${endpointId})`,
          );
          rows.push(row);
          map[key]!.push({ HostIp: row.hostIp, HostPort: String(row.hostPort) });
        }
      }
      return { rows, map };
    } catch (error) {
      this.releaseRows(rows);
      this.#store.removePorts(containerId);
      throw error;
    }
  }

  #take(wanted: Wanted, owner: { containerId: string; targetIp: string }, prefix: string): PortRow {
    const candidates = wanted.first === undefined ? this.#ephemeral() : range(wanted.first, wanted.last!);
    let problem = '';
    for (const port of candidates) {
      const row: PortRow = {
        ...owner,
        protocol: wanted.protocol,
        hostIp: wanted.hostIp,
        hostPort: port,
        targetPort: wanted.target,
      };
      if (this.#ours(row)) {
        problem = `Bind for ${wanted.hostIp}:${port} failed: port is already allocated`;
        continue;
      }
      try {
        this.#held.set(keyOf(row), holdPort(row.protocol, row.hostIp, port));
      } catch (error) {
        const code = codeOf(error);
        if (code === 'EADDRNOTAVAIL')
          throw system(
            `${prefix}: listen ${wanted.protocol}4 ${wanted.hostIp}:${port}: bind: cannot assign requested address`,
          );
        if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
        problem = `listen ${wanted.protocol}4 ${wanted.hostIp}:${port}: bind: address already in use`;
        continue;
      }
      this.#store.addPort(row);
      return row;
    }
    throw system(`${prefix}: ${problem || 'all ports are allocated'}`);
  }

  /** Whether one of our containers has the port, on this address or on all. */
  #ours(row: PortRow): boolean {
    const taken = (ip: string) => this.#held.has(keyOf({ ...row, hostIp: ip }));
    if (row.hostIp !== '0.0.0.0') return taken(row.hostIp) || taken('0.0.0.0');
    return [...this.#held.keys()].some((key) => key.startsWith(`${row.protocol}/${row.hostPort}/`));
  }

  /** Every port of the kernel's local range once, going on where the last search ended. */
  *#ephemeral(): Generator<number> {
    const [low = 32768, high = 60999] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .trim()
      .split(/\s+/)
      .map(Number);
    const count = high - low + 1;
    for (let i = 0; i < count; i++) {
      const port = low + (this.#next % count);
      this.#next++;
      yield port;
    }
  }

  /** Takes the ports of containers that an earlier engine left running. */
  adopt(rows: readonly PortRow[], warn: (row: PortRow, error: unknown) => void): void {
    for (const row of rows) {
      try {
        this.#held.set(keyOf(row), holdPort(row.protocol, row.hostIp, row.hostPort));
      } catch (error) {
        warn(row, error);
      }
    }
  }

  releaseRows(rows: readonly PortRow[]): void {
    for (const row of rows) {
      const fd = this.#held.get(keyOf(row));
      if (fd !== undefined) closeSync(fd);
      this.#held.delete(keyOf(row));
    }
  }

  close(): void {
    for (const fd of this.#held.values()) closeSync(fd);
    this.#held.clear();
  }
}

const keyOf = (row: { protocol: string; hostPort: number; hostIp: string }): string =>
  `${row.protocol}/${row.hostPort}/${row.hostIp}`;

function* range(first: number, last: number): Generator<number> {
  for (let port = first; port <= last; port++) yield port;
}

function parseBinding(key: string, hostIp: string, hostPort: string): Wanted {
  const found = /^(\d+)\/(tcp|udp|sctp)$/.exec(key);
  if (!found || Number(found[1]) < 1 || Number(found[1]) > 65535) throw invalid(`invalid port specification: "${key}"`);
  if (found[2] === 'sctp') throw notImplemented(`publishing sctp ports is not supported yet: ${key}`);
  if (hostIp.includes(':'))
    throw notImplemented(`publishing on IPv6 addresses is not supported yet: [${hostIp}]:${hostPort}`);
  if (hostIp !== '' && !/^\d+(\.\d+){3}$/.test(hostIp)) throw invalid(`invalid IP address: ${hostIp}`);
  const base = { key, protocol: found[2] as 'tcp' | 'udp', target: Number(found[1]), hostIp: hostIp || '0.0.0.0' };
  if (hostPort === '' || hostPort === '0') return base;
  const ports = /^(\d+)(?:-(\d+))?$/.exec(hostPort);
  const [first, last] = [Number(ports?.[1]), Number(ports?.[2] ?? ports?.[1])];
  if (!ports || first < 1 || last > 65535 || last < first) throw conflictPort(hostPort);
  return { ...base, first, last };
}

const conflictPort = (port: string) => invalid(`invalid port specification: "${port}"`);
