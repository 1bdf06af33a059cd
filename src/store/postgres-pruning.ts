import type { Sql, TransactionSql } from 'postgres';
import { KEYS_PRUNED_AT_ONCE, PRUNED_AT_ONCE } from './store-bounds.ts';

/** What one short transaction deleted; `rows` are those of every table. */
interface Gone {
  readonly mismatches: number;
  readonly clusters: number;
  readonly rows: number;
}

/** Processes that have not written for so long have ended. */
const WRITERS_KEPT = '7 days';

/** What is older than an instant. Clusters first: their examples are mismatches like any other then. */
export async function pruneByAge(tx: TransactionSql, olderThan: number): Promise<Gone> {
  const clusters = await tx`DELETE FROM cutover.clusters WHERE id IN (
    SELECT id FROM cutover.clusters WHERE last_seen < ${olderThan} LIMIT ${PRUNED_AT_ONCE})`;
  const mismatches = await tx`DELETE FROM cutover.mismatches WHERE id IN (
    SELECT id FROM cutover.mismatches m WHERE at < ${olderThan}
      AND NOT EXISTS (SELECT 1 FROM cutover.clusters WHERE example = m.id) LIMIT ${PRUNED_AT_ONCE})`;
  const keys = await tx`DELETE FROM cutover.keys WHERE hash IN (
    SELECT hash FROM cutover.keys WHERE at < ${olderThan} LIMIT ${KEYS_PRUNED_AT_ONCE})`;
  const recordings = await tx`DELETE FROM cutover.recordings WHERE ctid IN (
    SELECT ctid FROM cutover.recordings WHERE at < ${olderThan} LIMIT ${PRUNED_AT_ONCE})`;
  await tx`DELETE FROM cutover.writers WHERE at < now() - ${WRITERS_KEPT}::interval`;
  const rows = clusters.count + mismatches.count + keys.count + recordings.count;
  return { mismatches: mismatches.count, clusters: clusters.count, rows };
}

/** The oldest recordings; then the oldest mismatches that are no cluster's example; then the clusters not seen for longest. */
export async function pruneOldest(tx: TransactionSql): Promise<Gone> {
  const recordings = await tx`DELETE FROM cutover.recordings WHERE ctid IN (
    SELECT ctid FROM cutover.recordings ORDER BY at, id LIMIT ${PRUNED_AT_ONCE})`;
  if (recordings.count > 0) return { mismatches: 0, clusters: 0, rows: recordings.count };
  const mismatches = await tx`DELETE FROM cutover.mismatches WHERE id IN (
    SELECT id FROM cutover.mismatches m
    WHERE NOT EXISTS (SELECT 1 FROM cutover.clusters WHERE example = m.id) ORDER BY at, id LIMIT ${PRUNED_AT_ONCE})`;
  if (mismatches.count > 0) return { mismatches: mismatches.count, clusters: 0, rows: mismatches.count };
  const oldest = await tx`DELETE FROM cutover.clusters WHERE id IN (
    SELECT id FROM cutover.clusters ORDER BY last_seen, id LIMIT ${PRUNED_AT_ONCE}) RETURNING example`;
  const examples = await tx`DELETE FROM cutover.mismatches
    WHERE id = ANY(${oldest.map((row) => String(row['example']))}::text[])`;
  return { mismatches: examples.count, clusters: oldest.count, rows: examples.count + oldest.count };
}

/**
 * Bytes of what is kept. Of exchanges and clusters what their rows hold, not what their files take: PostgreSQL uses the
 * space of deleted rows again, and does not give it back.
 */
export async function sizeOfTables(sql: Sql): Promise<number> {
  const [row] = await sql`SELECT
    (SELECT coalesce(sum(bytes), 0) FROM cutover.mismatches)::bigint
    + (SELECT coalesce(sum(bytes), 0) FROM cutover.recordings)::bigint
    + (SELECT coalesce(sum(bytes), 0) FROM cutover.clusters)::bigint
    + pg_total_relation_size('cutover.journal') + pg_total_relation_size('cutover.state')
    + pg_total_relation_size('cutover.counts') + pg_total_relation_size('cutover.documents')
    + pg_total_relation_size('cutover.keys') AS bytes`;
  return Number(row?.['bytes'] ?? 0);
}
