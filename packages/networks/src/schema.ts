import type { Migration } from '@corten/state';

/** Documents are JSON; what is looked up by is a column. */
export const MIGRATIONS: readonly Migration[] = [
  `CREATE TABLE networks (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     document TEXT NOT NULL
   ) STRICT;
   CREATE TABLE network_endpoints (
     container_id TEXT NOT NULL,
     network_id TEXT NOT NULL REFERENCES networks(id),
     container_name TEXT NOT NULL,
     endpoint_id TEXT NOT NULL,
     ip TEXT NOT NULL,
     mac TEXT NOT NULL,
     PRIMARY KEY (container_id, network_id)
   ) STRICT;
   CREATE UNIQUE INDEX network_endpoints_ip ON network_endpoints(network_id, ip) WHERE ip <> '';
   CREATE TABLE network_ports (
     container_id TEXT NOT NULL,
     protocol TEXT NOT NULL,
     host_ip TEXT NOT NULL,
     host_port INTEGER NOT NULL,
     target_ip TEXT NOT NULL,
     target_port INTEGER NOT NULL,
     PRIMARY KEY (protocol, host_ip, host_port)
   ) STRICT;`,
];
