import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { KEYS_PRUNED_AT_ONCE, PRUNED_AT_ONCE } from './store-bounds.ts';

/** The rows of an open database, inside a transaction. */
export interface Rows {
  /** Gives how many rows changed. */
  readonly run: (sql: string, ...values: SQLInputValue[]) => number;
  readonly all: (sql: string, ...values: SQLInputValue[]) => Record<string, SQLOutputValue>[];
}

/** What one short transaction deleted; `rows` are those of every table. */
export interface Gone {
  readonly mismatches: number;
  readonly clusters: number;
  readonly rows: number;
}

/** What is older than an instant. Clusters first: their examples are mismatches like any other then. */
export function pruneByAge({ run }: Rows, olderThan: number): Gone {
  const clusters = run(
    `DELETE FROM clusters WHERE id IN (SELECT id FROM clusters WHERE last_seen < ? LIMIT ${PRUNED_AT_ONCE})`,
    olderThan,
  );
  const mismatches = run(
    `DELETE FROM mismatches WHERE id IN (SELECT id FROM mismatches
           WHERE at < ? AND id NOT IN (SELECT example FROM clusters) LIMIT ${PRUNED_AT_ONCE})`,
    olderThan,
  );
  const keys = run(
    `DELETE FROM keys WHERE hash IN (SELECT hash FROM keys WHERE at < ? LIMIT ${KEYS_PRUNED_AT_ONCE})`,
    olderThan,
  );
  const recordings = run(
    `DELETE FROM recordings WHERE rowid IN (SELECT rowid FROM recordings WHERE at < ? LIMIT ${PRUNED_AT_ONCE})`,
    olderThan,
  );
  return { mismatches, clusters, rows: clusters + mismatches + keys + recordings };
}

/** The oldest recordings; then the oldest mismatches that are no cluster's example; then the clusters not seen for longest. */
export function pruneOldest({ run, all }: Rows): Gone {
  const recordings = run(
    `DELETE FROM recordings WHERE rowid IN (SELECT rowid FROM recordings ORDER BY at, id LIMIT ${PRUNED_AT_ONCE})`,
  );
  if (recordings > 0) return { mismatches: 0, clusters: 0, rows: recordings };
  const mismatches = run(
    `DELETE FROM mismatches WHERE id IN (SELECT id FROM mismatches
           WHERE id NOT IN (SELECT example FROM clusters) ORDER BY at, id LIMIT ${PRUNED_AT_ONCE})`,
  );
  if (mismatches > 0) return { mismatches, clusters: 0, rows: mismatches };
  const oldest = all(`SELECT id FROM clusters ORDER BY last_seen, id LIMIT ${PRUNED_AT_ONCE}`);
  let examples = 0;
  for (const row of oldest) {
    examples += run('DELETE FROM mismatches WHERE id = (SELECT example FROM clusters WHERE id = ?)', String(row['id']));
    run('DELETE FROM clusters WHERE id = ?', String(row['id']));
  }
  return { mismatches: examples, clusters: oldest.length, rows: examples + oldest.length };
}
