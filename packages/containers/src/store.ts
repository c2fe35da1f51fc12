import { conflict, notFound } from '@corten/errors';
import type { Database } from '@corten/state';
import type { ContainerRecord, ContainerState } from './record.ts';
import { MIGRATIONS } from './schema.ts';

/** The containers table and its picture in memory. The picture changes only after the row did. */
export interface ContainerStore {
  get(id: string): ContainerRecord | undefined;
  byName(name: string): ContainerRecord | undefined;
  /** By name, ID, or unambiguous ID prefix; notFound `No such container: X`. */
  find(nameOrId: string): ContainerRecord;
  all(): Iterable<ContainerRecord>;
  /** conflict when the name is taken. */
  add(record: ContainerRecord): void;
  /** Writes what was changed on the record itself. */
  save(record: ContainerRecord): void;
  /** Merges into the state and writes it: one transaction for each change of state. */
  setState(record: ContainerRecord, change: Partial<ContainerState>): void;
  rename(record: ContainerRecord, name: string): void;
  delete(id: string): void;
}

/** Docker's message for a name that is taken. */
export const nameConflict = (name: string, id: string) =>
  conflict(
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );

export function openStore(db: Database): ContainerStore {
  db.migrate('containers', MIGRATIONS);
  const records = new Map<string, ContainerRecord>();
  const names = new Map<string, string>();
  for (const row of db.sql('SELECT id, name, body, state FROM containers ORDER BY rowid').all()) {
    const record = { ...JSON.parse(String(row['body'])), state: JSON.parse(String(row['state'])) } as ContainerRecord;
    records.set(record.id, record);
    names.set(record.name, record.id);
  }

  const bodyOf = ({ state: _, ...body }: ContainerRecord) => JSON.stringify(body);
  const byName = (name: string) => records.get(names.get(name) ?? '');
  const taken = (name: string) => {
    const other = names.get(name);
    if (other !== undefined) throw nameConflict(name, other);
  };

  return {
    get: (id) => records.get(id),
    byName,
    find(nameOrId) {
      const exact = records.get(nameOrId) ?? byName(nameOrId.replace(/^\//, ''));
      if (exact) return exact;
      const matches = nameOrId === '' ? [] : [...records.keys()].filter((id) => id.startsWith(nameOrId));
      if (matches.length === 1) return records.get(matches[0]!)!;
      if (matches.length > 1) throw notFound(`multiple IDs found with provided prefix: ${nameOrId}`);
      throw notFound(`No such container: ${nameOrId}`);
    },
    all: () => records.values(),
    add(record) {
      taken(record.name);
      db.sql('INSERT INTO containers (id, name, body, state) VALUES (?, ?, ?, ?)').run(
        record.id,
        record.name,
        bodyOf(record),
        JSON.stringify(record.state),
      );
      records.set(record.id, record);
      names.set(record.name, record.id);
    },
    save(record) {
      db.sql('UPDATE containers SET body = ? WHERE id = ?').run(bodyOf(record), record.id);
    },
    setState(record, change) {
      const next = { ...record.state, ...change };
      db.sql('UPDATE containers SET state = ? WHERE id = ?').run(JSON.stringify(next), record.id);
      record.state = next;
    },
    rename(record, name) {
      taken(name);
      const { name: old } = record;
      db.sql('UPDATE containers SET name = ?, body = ? WHERE id = ?').run(name, bodyOf({ ...record, name }), record.id);
      record.name = name;
      names.delete(old);
      names.set(name, record.id);
    },
    delete(id) {
      const record = records.get(id);
      if (!record) return;
      db.sql('DELETE FROM containers WHERE id = ?').run(id);
      records.delete(id);
      names.delete(record.name);
    },
  };
}
