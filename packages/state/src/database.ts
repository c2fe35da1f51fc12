import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { system } from '@corten/errors';

/** One step of a room's schema: SQL run once, in order. Steps are never edited after they landed; new ones are appended. */
export type Migration = string;

/**
 * The engine's one embedded transactional database (SQLite, WAL). Each room owns its own tables, named with
 * the room's prefix, and touches no other room's. Calls are synchronous: a transaction costs some 30 µs
 * (synchronous=NORMAL), so keep them small; `durable` waits for the disk (300 µs) and is for the moment
 * a name starts to point at an image.
 */
export interface Database {
  /** Brings a room's tables to the newest schema; refuses a database written by a newer Corten. */
  migrate(room: string, migrations: readonly Migration[]): void;
  /** A prepared statement, cached by its text. */
  sql(text: string): StatementSync;
  /** All or nothing; nested calls join the outer one. `work` must be synchronous. */
  transaction<T>(work: () => T): T;
  /** As transaction, and on disk when it returns. */
  durable<T>(work: () => T): T;
  close(): void;
}

export function openDatabase(path: string): Database {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000;');
  db.exec('CREATE TABLE IF NOT EXISTS schema_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT');
  return new SqliteDatabase(db);
}

class SqliteDatabase implements Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  migrate(room: string, migrations: readonly Migration[]): void {
    const row = this.sql('SELECT version FROM schema_versions WHERE room = ?').get(room);
    const from = Number(row?.['version'] ?? 0);
    if (from > migrations.length)
      throw system(
        `the database was written by a newer Corten: schema ${from} of "${room}", this one knows ${migrations.length}`,
      );
    if (from === migrations.length) return;
    this.transaction(() => {
      for (const step of migrations.slice(from)) this.#db.exec(step);
      this.sql('INSERT OR REPLACE INTO schema_versions (room, version) VALUES (?, ?)').run(room, migrations.length);
    });
  }

  sql(text: string): StatementSync {
    const cached = this.#statements.get(text);
    if (cached) return cached;
    const statement = this.#db.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }

  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.#depth++;
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth--;
    }
  }

  durable<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.#db.exec('PRAGMA synchronous=FULL');
    try {
      return this.transaction(work);
    } finally {
      this.#db.exec('PRAGMA synchronous=NORMAL');
    }
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }
}
