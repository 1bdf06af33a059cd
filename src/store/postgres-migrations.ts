import type { Sql, TransactionSql } from 'postgres';
import { lockKey } from './postgres-locks.ts';

/**
 * How the tables came to their present form, one step per version; the number of a step is its index plus one.
 * A released step never changes: what must change is a new step. Columns that are compared or sorted collate as bytes,
 * so that pages end in the same place whatever language the server speaks.
 */
export const POSTGRES_MIGRATIONS: readonly string[] = [
  `
  -- One row: the end of the journal's chain, and who may write. Locking it puts commits in order.
  CREATE TABLE cutover.head (
    one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    term BIGINT NOT NULL
  );
  INSERT INTO cutover.head (sequence, hash, term) VALUES (0, '', 0);

  -- Who leads, for people and for whoever stands by; the lock itself is an advisory lock.
  CREATE TABLE cutover.leaders (
    term BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    backend INTEGER NOT NULL,
    began_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    renewed_at TIMESTAMPTZ NOT NULL DEFAULT now()
  );

  -- The last commit of each process: tells one that lost its connection whether its commit was made.
  CREATE TABLE cutover.writers (
    writer TEXT PRIMARY KEY,
    last_commit BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL DEFAULT now()
  );

  CREATE TABLE cutover.journal (
    sequence BIGINT PRIMARY KEY,
    action TEXT COLLATE "C" NOT NULL,
    entry TEXT NOT NULL
  );
  CREATE INDEX journal_by_action ON cutover.journal (action, sequence);
  -- The record of who decided what must not be changed, not even by a mistake of ours.
  CREATE FUNCTION cutover.journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$;
  CREATE TRIGGER journal_keeps_its_rows BEFORE UPDATE OR DELETE ON cutover.journal
    FOR EACH ROW EXECUTE FUNCTION cutover.journal_is_append_only();
  CREATE TRIGGER journal_keeps_itself BEFORE TRUNCATE ON cutover.journal
    FOR EACH STATEMENT EXECUTE FUNCTION cutover.journal_is_append_only();

  CREATE TABLE cutover.state (key TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);

  CREATE TABLE cutover.counts (
    tenant TEXT COLLATE "C" NOT NULL,
    endpoint TEXT COLLATE "C" NOT NULL,
    served_control BIGINT NOT NULL,
    served_candidate BIGINT NOT NULL,
    match BIGINT NOT NULL,
    ignored BIGINT NOT NULL,
    mismatch BIGINT NOT NULL,
    inconclusive BIGINT NOT NULL,
    unverified BIGINT NOT NULL,
    PRIMARY KEY (tenant, endpoint)
  );

  CREATE TABLE cutover.clusters (
    id TEXT COLLATE "C" PRIMARY KEY,
    endpoint TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    example TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    bytes BIGINT GENERATED ALWAYS AS (octet_length(document) + 200) STORED
  );
  CREATE INDEX clusters_by_count ON cutover.clusters (count, id);
  CREATE INDEX clusters_by_endpoint ON cutover.clusters (endpoint, count, id);
  CREATE INDEX clusters_by_age ON cutover.clusters (last_seen, id);
  CREATE INDEX clusters_by_example ON cutover.clusters (example);

  CREATE TABLE cutover.mismatches (
    id TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    endpoint TEXT COLLATE "C" NOT NULL,
    cluster TEXT COLLATE "C" NOT NULL,
    exchange TEXT NOT NULL,
    bytes BIGINT GENERATED ALWAYS AS (octet_length(exchange) + 200) STORED
  );
  CREATE INDEX mismatches_by_age ON cutover.mismatches (at, id);
  CREATE INDEX mismatches_by_cluster ON cutover.mismatches (cluster, at, id);
  CREATE INDEX mismatches_by_cell ON cutover.mismatches (tenant, endpoint, at, id);
  CREATE INDEX mismatches_by_endpoint ON cutover.mismatches (endpoint, at, id);

  CREATE TABLE cutover.recordings (
    tenant TEXT COLLATE "C" NOT NULL,
    endpoint TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    exchange TEXT NOT NULL,
    bytes BIGINT GENERATED ALWAYS AS (octet_length(exchange) + 200) STORED,
    PRIMARY KEY (tenant, endpoint, request)
  );
  CREATE INDEX recordings_by_age ON cutover.recordings (at, id);
  CREATE INDEX recordings_by_endpoint ON cutover.recordings (endpoint, at, id);

  CREATE TABLE cutover.documents (
    kind TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, key)
  );

  CREATE TABLE cutover.keys (hash TEXT COLLATE "C" PRIMARY KEY, side TEXT NOT NULL, at BIGINT NOT NULL);
  CREATE INDEX keys_by_age ON cutover.keys (at);
  `,
];

/** The version the tables are at; 0: there are none. */
export async function postgresVersion(sql: Sql | TransactionSql): Promise<number> {
  // From the catalogue itself: to_regclass may answer from what the session remembers.
  const [there] = await sql`SELECT 1 FROM pg_tables WHERE schemaname = 'cutover' AND tablename = 'version'`;
  if (there === undefined) return 0;
  const [row] = await sql`SELECT version FROM cutover.version`;
  return Number(row?.['version'] ?? 0);
}

/**
 * Takes the tables through the steps they have not made yet, all or none, one process at a time.
 * Gives the version found; where that is newer than `migrations` know, nothing was changed.
 */
export async function migratePostgres(sql: Sql, migrations: readonly string[]): Promise<number> {
  const before = await postgresVersion(sql);
  if (before >= migrations.length) return before;
  return sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${lockKey('migrations')})`;
    // Another process may have been first, and may have been a newer one.
    const found = await postgresVersion(tx);
    if (found >= migrations.length) return found;
    await tx`CREATE SCHEMA IF NOT EXISTS cutover`;
    for (const step of migrations.slice(found)) await tx.unsafe(step);
    await tx`CREATE TABLE IF NOT EXISTS cutover.version (one BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one), version INTEGER NOT NULL)`;
    await tx`INSERT INTO cutover.version (version) VALUES (${migrations.length})
             ON CONFLICT (one) DO UPDATE SET version = excluded.version`;
    return migrations.length;
  });
}
