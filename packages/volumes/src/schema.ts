import type { Migration } from '@corten/state';

export const MIGRATIONS: readonly Migration[] = [
  `CREATE TABLE volumes (
     name TEXT PRIMARY KEY,
     created_at TEXT NOT NULL,
     labels TEXT NOT NULL,
     options TEXT NOT NULL
   ) STRICT;
   CREATE TABLE volume_users (
     name TEXT NOT NULL REFERENCES volumes(name) ON DELETE CASCADE,
     container_id TEXT NOT NULL,
     PRIMARY KEY (name, container_id)
   ) STRICT;`,
];
