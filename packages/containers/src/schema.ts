import type { Migration } from '@corten/state';

/** `body` is a ContainerRecord without its state; `state` changes often and is small. */
export const MIGRATIONS: readonly Migration[] = [
  `CREATE TABLE containers (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     body TEXT NOT NULL,
     state TEXT NOT NULL
   ) STRICT`,
];
