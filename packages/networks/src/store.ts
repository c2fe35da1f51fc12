import type { NetworkInspect } from '@corten/api-types';
import { invalid, notFound } from '@corten/errors';
import type { Database } from '@corten/state';

export interface Endpoint {
  containerId: string;
  networkId: string;
  containerName: string;
  endpointId: string;
  /** '' on networks without addresses. */
  ip: string;
  mac: string;
}

export interface PortRow {
  containerId: string;
  protocol: 'tcp' | 'udp';
  /** '0.0.0.0' for all addresses. */
  hostIp: string;
  hostPort: number;
  targetIp: string;
  targetPort: number;
}

/** A network as it is recorded: its inspect document without containers. */
export type NetworkRecord = Omit<NetworkInspect, 'Containers'>;

const endpointOf = (row: Record<string, unknown>): Endpoint => ({
  containerId: String(row['container_id']),
  networkId: String(row['network_id']),
  containerName: String(row['container_name']),
  endpointId: String(row['endpoint_id']),
  ip: String(row['ip']),
  mac: String(row['mac']),
});

const portOf = (row: Record<string, unknown>): PortRow => ({
  containerId: String(row['container_id']),
  protocol: row['protocol'] as 'tcp' | 'udp',
  hostIp: String(row['host_ip']),
  hostPort: Number(row['host_port']),
  targetIp: String(row['target_ip']),
  targetPort: Number(row['target_port']),
});

/** The rows of this room. */
export class NetworkStore {
  readonly #db: Database;
  constructor(db: Database) {
    this.#db = db;
  }

  networks(): NetworkRecord[] {
    return this.#db
      .sql('SELECT document FROM networks ORDER BY rowid')
      .all()
      .map((r) => JSON.parse(String(r['document'])));
  }

  byName(name: string): NetworkRecord | undefined {
    const row = this.#db.sql('SELECT document FROM networks WHERE name = ?').get(name);
    return row && JSON.parse(String(row['document']));
  }

  /** By name, ID, or unambiguous ID prefix. */
  find(nameOrId: string): NetworkRecord {
    const named = this.byName(nameOrId);
    if (named) return named;
    const rows =
      nameOrId === ''
        ? []
        : this.#db.sql('SELECT document FROM networks WHERE substr(id, 1, ?) = ?').all(nameOrId.length, nameOrId);
    if (rows.length > 1) throw invalid(`network ${nameOrId} is ambiguous (${rows.length} matches found on ID prefix)`);
    if (rows.length === 0) throw notFound(`network ${nameOrId} not found`);
    return JSON.parse(String(rows[0]!['document']));
  }

  save(network: NetworkRecord): void {
    this.#db
      .sql('INSERT OR REPLACE INTO networks (id, name, document) VALUES (?, ?, ?)')
      .run(network.Id, network.Name, JSON.stringify(network));
  }

  delete(id: string): void {
    this.#db.sql('DELETE FROM networks WHERE id = ?').run(id);
  }

  endpoints(): Endpoint[] {
    return this.#db.sql('SELECT * FROM network_endpoints').all().map(endpointOf);
  }
  endpointsOf(networkId: string): Endpoint[] {
    return this.#db.sql('SELECT * FROM network_endpoints WHERE network_id = ?').all(networkId).map(endpointOf);
  }
  endpointsOfContainer(containerId: string): Endpoint[] {
    return this.#db.sql('SELECT * FROM network_endpoints WHERE container_id = ?').all(containerId).map(endpointOf);
  }
  addEndpoint(e: Endpoint): void {
    this.#db
      .sql(
        'INSERT INTO network_endpoints (container_id, network_id, container_name, endpoint_id, ip, mac) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(e.containerId, e.networkId, e.containerName, e.endpointId, e.ip, e.mac);
  }
  removeEndpoint(containerId: string, networkId: string): void {
    this.#db.sql('DELETE FROM network_endpoints WHERE container_id = ? AND network_id = ?').run(containerId, networkId);
  }

  ports(): PortRow[] {
    return this.#db.sql('SELECT * FROM network_ports').all().map(portOf);
  }
  portsOfContainer(containerId: string): PortRow[] {
    return this.#db.sql('SELECT * FROM network_ports WHERE container_id = ?').all(containerId).map(portOf);
  }
  addPort(p: PortRow): void {
    this.#db
      .sql(
        'INSERT INTO network_ports (container_id, protocol, host_ip, host_port, target_ip, target_port) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(p.containerId, p.protocol, p.hostIp, p.hostPort, p.targetIp, p.targetPort);
  }
  removePorts(containerId: string): void {
    this.#db.sql('DELETE FROM network_ports WHERE container_id = ?').run(containerId);
  }
  transaction<T>(work: () => T): T {
    return this.#db.transaction(work);
  }
}
