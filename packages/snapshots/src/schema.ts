import type { Migration } from '@corten/state';

/** `dir` is a short base-36 number: the directory's name beneath `l/` or `s/`. */
export const MIGRATIONS: readonly Migration[] = [
  `CREATE TABLE snapshot_layers (
     chain_id TEXT PRIMARY KEY,
     diff_id TEXT NOT NULL,
     parent TEXT REFERENCES snapshot_layers(chain_id),
     dir TEXT NOT NULL UNIQUE,
     size INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX snapshot_layers_parent ON snapshot_layers(parent);
   CREATE TABLE snapshot_active (
     key TEXT PRIMARY KEY,
     parent TEXT REFERENCES snapshot_layers(chain_id),
     dir TEXT NOT NULL UNIQUE
   ) STRICT;
   CREATE INDEX snapshot_active_parent ON snapshot_active(parent);
   CREATE TABLE snapshot_numbers (next INTEGER NOT NULL) STRICT;
   INSERT INTO snapshot_numbers VALUES (1);`,
];
