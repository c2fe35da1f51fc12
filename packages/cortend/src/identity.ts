import { randomUUID } from 'node:crypto';
import type { Database } from '@corten/state';

/** The engine's identity (`docker info`, field ID): made once per data root. */
export function engineIdentity(db: Database): string {
  db.migrate('engine', ['CREATE TABLE engine_identity (id TEXT NOT NULL) STRICT']);
  const row = db.sql('SELECT id FROM engine_identity').get();
  if (row) return String(row['id']);
  const id = randomUUID();
  db.sql('INSERT INTO engine_identity (id) VALUES (?)').run(id);
  return id;
}
