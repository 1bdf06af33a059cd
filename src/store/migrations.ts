import type { DatabaseSync } from 'node:sqlite';
import { chainJournal } from './journal-hash.ts';

/** SQL, or what SQL cannot do; runs inside a transaction. */
export type Migration = string | ((db: DatabaseSync) => void);

/**
 * How the database came to its present form, one step per version; the number of a step is its index plus one.
 * A released step never changes: what must change is a new step.
 */
export const MIGRATIONS: readonly Migration[] = [
  `
  CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    evidence TEXT,
    revision INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX journal_by_action ON journal (action, sequence);
  -- The record of who decided what must not be changed, not even by a mistake of ours.
  CREATE TRIGGER journal_keeps_its_rows BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
  CREATE TRIGGER journal_keeps_its_words BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

  CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE counts (
    tenant TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    served_control INTEGER NOT NULL,
    served_candidate INTEGER NOT NULL,
    match INTEGER NOT NULL,
    ignored INTEGER NOT NULL,
    mismatch INTEGER NOT NULL,
    inconclusive INTEGER NOT NULL,
    unverified INTEGER NOT NULL,
    PRIMARY KEY (tenant, endpoint)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE clusters (
    id TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    count INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    example TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX clusters_by_count ON clusters (count, id);
  CREATE INDEX clusters_by_endpoint ON clusters (endpoint, count, id);
  CREATE INDEX clusters_by_age ON clusters (last_seen);
  CREATE INDEX clusters_by_example ON clusters (example);

  CREATE TABLE mismatches (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    cell TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    cluster TEXT NOT NULL,
    exchange TEXT NOT NULL
  ) STRICT;
  CREATE INDEX mismatches_by_age ON mismatches (at, id);
  CREATE INDEX mismatches_by_cluster ON mismatches (cluster, at, id);
  CREATE INDEX mismatches_by_cell ON mismatches (cell, at, id);
  CREATE INDEX mismatches_by_endpoint ON mismatches (endpoint, at, id);

  CREATE TABLE documents (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE keys (hash TEXT PRIMARY KEY, side TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_by_age ON keys (at);
  `,
  `
  CREATE TABLE recordings (
    endpoint TEXT NOT NULL,
    request TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    cell TEXT NOT NULL,
    exchange TEXT NOT NULL,
    PRIMARY KEY (cell, request)
  ) STRICT;
  CREATE INDEX recordings_by_age ON recordings (at, id);
  CREATE INDEX recordings_by_endpoint ON recordings (endpoint, at, id);
  `,
  chainJournal,
];

/** The version a database is at; 0: a new one. */
export function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
}

/**
 * Takes a database through the steps it has not made yet, each whole or not at all.
 * The caller has refused databases that know more steps than `migrations`.
 */
export function migrate(db: DatabaseSync, migrations: readonly Migration[]): void {
  for (let version = versionOf(db); version < migrations.length; version += 1) {
    db.exec('BEGIN EXCLUSIVE');
    try {
      const step = migrations[version] ?? '';
      if (typeof step === 'string') db.exec(step);
      else step(db);
      db.exec(`PRAGMA user_version = ${version + 1}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}
