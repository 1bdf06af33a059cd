import type { TransactionSql } from 'postgres';
import type { Side, TenantId } from '../core/cell.ts';
import { withoutExample } from '../core/cluster/example.ts';
import { BEFORE_FIRST } from '../core/journal/chain.ts';
import type { Cluster, JournalEntry, Purged, Store, VerifiedExchange } from '../core/ports.ts';
import { clusterOf } from './cluster-of.ts';
import { chained } from './journal-hash.ts';
import { toColumn } from './postgres-text.ts';
import { KEPT_PER_CLUSTER, MOST_RECORDINGS, RECORDINGS_PER_ENDPOINT } from './store-bounds.ts';

type Change = Parameters<Store['commit']>[0];
type Batch = Parameters<Store['addVerified']>[0];
type Documents = Parameters<Store['saveDocuments']>[1];
type Key = Parameters<Store['recordKey']>[0];

/** The end of the journal's chain, as `head` holds it. */
export interface Head {
  readonly sequence: number;
  readonly hash: string;
}

/** Writes a change after `head`, whose row the caller has locked; gives the entries as they lie there. */
export async function writeChange(tx: TransactionSql, head: Head, change: Change): Promise<readonly JournalEntry[]> {
  const before = head.sequence === 0 ? { sequence: 0, hash: BEFORE_FIRST } : head;
  const entries = chained(change.journal, before);
  const last = entries.at(-1);
  if (last !== undefined) {
    await tx`INSERT INTO cutover.journal SELECT * FROM unnest(
      ${entries.map(({ sequence }) => sequence)}::bigint[],
      ${entries.map(({ action }) => toColumn(action))}::text[],
      ${entries.map((entry) => JSON.stringify(entry))}::text[])`;
    await tx`UPDATE cutover.head SET sequence = ${last.sequence}, hash = ${last.hash}`;
  }
  // One statement may not write a row twice: the last of equal keys counts.
  const state = new Map(change.state.map(({ key, value }) => [toColumn(key), value]));
  const gone = [...state].flatMap(([key, value]) => (value === undefined ? [key] : []));
  const kept = [...state].filter(([, value]) => value !== undefined);
  if (gone.length > 0) await tx`DELETE FROM cutover.state WHERE key = ANY(${gone}::text[])`;
  if (kept.length > 0)
    await tx`INSERT INTO cutover.state
      SELECT * FROM unnest(${kept.map(([key]) => key)}::text[], ${kept.map(([, value]) => JSON.stringify(value))}::text[])
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`;
  return entries;
}

export async function writeVerified(tx: TransactionSql, batch: Batch): Promise<void> {
  if (batch.counts.length > 0) await addCounts(tx, batch.counts);
  if (batch.clusters.length > 0) await putClusters(tx, batch.clusters);
  if (batch.mismatches.length > 0) await putMismatches(tx, batch.mismatches);
  const touched = [...new Set([...batch.clusters.map(({ id }) => id), ...batch.mismatches.map(clusterOf)])];
  if (touched.length > 0) await trimClusters(tx, touched);
  if ((batch.recordings ?? []).length > 0) await putRecordings(tx, batch.recordings ?? []);
}

async function addCounts(tx: TransactionSql, counts: Batch['counts']): Promise<void> {
  const tenants = counts.map(({ cell }) => toColumn(cell.tenant));
  const endpoints = counts.map(({ cell }) => toColumn(cell.endpoint));
  // In one order, so that no two writers wait for each other.
  await tx`INSERT INTO cutover.counts AS c
    SELECT tenant, endpoint, sum(a)::bigint, sum(b)::bigint, sum(d)::bigint, sum(e)::bigint, sum(f)::bigint,
      sum(g)::bigint, sum(h)::bigint
    FROM unnest(${tenants}::text[], ${endpoints}::text[],
      ${counts.map(({ served }) => served.control)}::bigint[], ${counts.map(({ served }) => served.candidate)}::bigint[],
      ${counts.map(({ verdicts }) => verdicts.match)}::bigint[], ${counts.map(({ verdicts }) => verdicts.ignored)}::bigint[],
      ${counts.map(({ verdicts }) => verdicts.mismatch)}::bigint[],
      ${counts.map(({ verdicts }) => verdicts.inconclusive)}::bigint[],
      ${counts.map(({ unverified }) => unverified)}::bigint[]) AS n (tenant, endpoint, a, b, d, e, f, g, h)
    GROUP BY tenant, endpoint ORDER BY tenant COLLATE "C", endpoint COLLATE "C"
    ON CONFLICT (tenant, endpoint) DO UPDATE SET
      served_control = c.served_control + excluded.served_control,
      served_candidate = c.served_candidate + excluded.served_candidate,
      match = c.match + excluded.match, ignored = c.ignored + excluded.ignored,
      mismatch = c.mismatch + excluded.mismatch, inconclusive = c.inconclusive + excluded.inconclusive,
      unverified = c.unverified + excluded.unverified`;
  // A cell whose counts went to another name has nothing left to say.
  await tx`DELETE FROM cutover.counts c
    USING unnest(${tenants}::text[], ${endpoints}::text[]) AS n (tenant, endpoint)
    WHERE c.tenant = n.tenant AND c.endpoint = n.endpoint AND served_control = 0 AND served_candidate = 0
      AND match = 0 AND ignored = 0 AND mismatch = 0 AND inconclusive = 0 AND unverified = 0`;
}

async function putClusters(tx: TransactionSql, given: readonly Cluster[]): Promise<void> {
  const clusters = lastOf(given, ({ id }) => id);
  await tx`INSERT INTO cutover.clusters (id, endpoint, count, last_seen, example, document)
    SELECT * FROM unnest(${clusters.map(({ id }) => id)}::text[],
      ${clusters.map(({ endpoint }) => toColumn(endpoint))}::text[], ${clusters.map(({ count }) => count)}::bigint[],
      ${clusters.map(({ lastSeen }) => lastSeen)}::bigint[], ${clusters.map(({ example }) => example)}::text[],
      ${clusters.map((cluster) => JSON.stringify(cluster))}::text[])
    ON CONFLICT (id) DO UPDATE SET endpoint = excluded.endpoint, count = excluded.count,
      last_seen = excluded.last_seen, example = excluded.example, document = excluded.document`;
}

async function putMismatches(tx: TransactionSql, given: readonly VerifiedExchange[]): Promise<void> {
  const mismatches = lastOf(given, ({ id }) => id);
  await tx`INSERT INTO cutover.mismatches (id, at, tenant, endpoint, cluster, exchange)
    SELECT * FROM unnest(${mismatches.map(({ id }) => id)}::text[], ${mismatches.map(({ at }) => at)}::bigint[],
      ${mismatches.map(({ cell }) => toColumn(cell.tenant))}::text[],
      ${mismatches.map(({ cell }) => toColumn(cell.endpoint))}::text[], ${mismatches.map(clusterOf)}::text[],
      ${mismatches.map((exchange) => JSON.stringify(exchange))}::text[])
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, tenant = excluded.tenant, endpoint = excluded.endpoint,
      cluster = excluded.cluster, exchange = excluded.exchange`;
}

/** Keeps the newest of each cluster, and what is an example of any. */
async function trimClusters(tx: TransactionSql, clusters: readonly string[]): Promise<void> {
  await tx`DELETE FROM cutover.mismatches m USING (
      SELECT id, row_number() OVER (PARTITION BY cluster ORDER BY at DESC, id DESC) AS place
      FROM cutover.mismatches WHERE cluster = ANY(${clusters as string[]}::text[])) AS o
    WHERE m.id = o.id AND o.place > ${KEPT_PER_CLUSTER}
      AND NOT EXISTS (SELECT 1 FROM cutover.clusters WHERE example = m.id)`;
}

async function putRecordings(tx: TransactionSql, given: readonly VerifiedExchange[]): Promise<void> {
  const recordings = lastOf(given, ({ cell, requestHash }) => `${cell.tenant} ${cell.endpoint} ${requestHash}`);
  await tx`INSERT INTO cutover.recordings (tenant, endpoint, request, id, at, exchange)
    SELECT * FROM unnest(${recordings.map(({ cell }) => toColumn(cell.tenant))}::text[],
      ${recordings.map(({ cell }) => toColumn(cell.endpoint))}::text[],
      ${recordings.map(({ requestHash }) => requestHash)}::text[], ${recordings.map(({ id }) => id)}::text[],
      ${recordings.map(({ at }) => at)}::bigint[], ${recordings.map((exchange) => JSON.stringify(exchange))}::text[])
    ON CONFLICT (tenant, endpoint, request) DO UPDATE SET id = excluded.id, at = excluded.at, exchange = excluded.exchange`;
  const endpoints = [...new Set(recordings.map(({ cell }) => toColumn(cell.endpoint)))];
  await tx`DELETE FROM cutover.recordings r USING (
      SELECT ctid, row_number() OVER (PARTITION BY endpoint ORDER BY at DESC, id DESC) AS place
      FROM cutover.recordings WHERE endpoint = ANY(${endpoints}::text[])) AS o
    WHERE r.ctid = o.ctid AND o.place > ${RECORDINGS_PER_ENDPOINT}`;
  await tx`DELETE FROM cutover.recordings WHERE ctid IN (
    SELECT ctid FROM cutover.recordings ORDER BY at DESC, id DESC OFFSET ${MOST_RECORDINGS})`;
}

export async function writeDocuments(tx: TransactionSql, kind: string, documents: Documents): Promise<void> {
  const latest = lastOf(documents, ({ key }) => key);
  const gone = latest.filter(({ value }) => value === undefined).map(({ key }) => toColumn(key));
  const kept = latest.filter(({ value }) => value !== undefined);
  if (gone.length > 0)
    await tx`DELETE FROM cutover.documents WHERE kind = ${toColumn(kind)} AND key = ANY(${gone}::text[])`;
  if (kept.length > 0)
    await tx`INSERT INTO cutover.documents (kind, key, value)
      SELECT ${toColumn(kind)}, * FROM unnest(${kept.map(({ key }) => toColumn(key))}::text[],
        ${kept.map(({ value }) => JSON.stringify(value))}::text[])
      ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value`;
}

/** The side recorded for each key, in their order; of equal keys the first counts, here and among processes. */
export async function writeKeys(tx: TransactionSql, keys: readonly Key[]): Promise<readonly Side[]> {
  // In one order, so that no two processes wait for each other.
  const sorted = keys.toSorted((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0));
  await tx`INSERT INTO cutover.keys SELECT * FROM unnest(${sorted.map(({ hash }) => toColumn(hash))}::text[],
    ${sorted.map(({ side }) => side as string)}::text[], ${sorted.map(({ at }) => at)}::bigint[]) ON CONFLICT DO NOTHING`;
  const hashes = [...new Set(sorted.map(({ hash }) => toColumn(hash)))];
  const rows = await tx`SELECT hash, side FROM cutover.keys WHERE hash = ANY(${hashes}::text[])`;
  const recorded = new Map(rows.map((row) => [String(row['hash']), sideOf(row['side'])]));
  return keys.map(({ hash, side }) => recorded.get(toColumn(hash)) ?? side);
}

export function sideOf(value: unknown): Side {
  return value === 'candidate' ? 'candidate' : 'control';
}

export async function purgeTenant(
  tx: TransactionSql,
  tenant: TenantId,
  read: (text: unknown) => unknown,
): Promise<Purged> {
  const name = toColumn(tenant);
  // Whose an example is that is not kept, nobody knows.
  const rows = await tx`SELECT document FROM cutover.clusters WHERE example <> ''
    AND NOT EXISTS (SELECT 1 FROM cutover.mismatches WHERE id = example AND tenant <> ${name})`;
  const examples = rows.map((row) => read(row['document']) as Cluster); // as putClusters wrote it
  if (examples.length > 0) await putClusters(tx, examples.map(withoutExample));
  const mismatches = await tx`DELETE FROM cutover.mismatches WHERE tenant = ${name}`;
  const recordings = await tx`DELETE FROM cutover.recordings WHERE tenant = ${name}`;
  return { mismatches: mismatches.count, recordings: recordings.count, clusters: examples.map(({ id }) => id) };
}

function lastOf<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
