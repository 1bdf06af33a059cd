import type { Row, Sql } from 'postgres';
import type { EndpointId, Side, TenantId } from '../core/cell.ts';
import { cellOfKey } from '../core/cell.ts';
import type { CellCounts, Cluster, JournalEntry, Paged, Recording, Store, StoredMismatch } from '../core/ports.ts';
import { paged, pageLimit, pagePosition } from './paging.ts';
import { fromColumn, toColumn } from './postgres-text.ts';
import { sideOf } from './postgres-writes.ts';

type PageOf<Name extends 'journal' | 'clusters' | 'mismatches' | 'recordings'> = Parameters<Store[Name]>[0];
type Read = (text: unknown) => unknown;

/** Number before which every page begins. */
const FIRST = Number.MAX_SAFE_INTEGER;

export async function readState(sql: Sql, read: Read): Promise<ReadonlyMap<string, unknown>> {
  const rows = await sql`SELECT key, value FROM cutover.state`;
  return new Map(rows.map((row) => [fromColumn(String(row['key'])), read(row['value'])]));
}

export async function readJournal(sql: Sql, read: Read, page: PageOf<'journal'>): Promise<Paged<JournalEntry>> {
  const limit = pageLimit(page);
  const isForward = page.order === 'oldest';
  const from = pagePosition('journal', page)?.number ?? (isForward ? Number.MIN_SAFE_INTEGER : FIRST);
  const action = page.action === undefined ? sql`` : sql`action = ${toColumn(page.action)} AND`;
  const rows = isForward
    ? await sql`SELECT entry FROM cutover.journal WHERE ${action} sequence > ${from} ORDER BY sequence LIMIT ${limit + 1}`
    : await sql`SELECT entry FROM cutover.journal WHERE ${action} sequence < ${from}
                ORDER BY sequence DESC LIMIT ${limit + 1}`;
  const entries = rows.map((row) => read(row['entry']) as JournalEntry); // as writeChange wrote it
  return paged('journal', entries, limit, ({ sequence }) => ({ number: sequence, id: '' }));
}

export async function readCounts(sql: Sql): Promise<readonly CellCounts[]> {
  const rows = await sql`SELECT * FROM cutover.counts`;
  return rows.map((row) => ({
    // Only names that were branded go in.
    cell: {
      tenant: fromColumn(String(row['tenant'])) as TenantId,
      endpoint: fromColumn(String(row['endpoint'])) as EndpointId,
    },
    served: { control: Number(row['served_control']), candidate: Number(row['served_candidate']) },
    verdicts: {
      match: Number(row['match']),
      ignored: Number(row['ignored']),
      mismatch: Number(row['mismatch']),
      inconclusive: Number(row['inconclusive']),
    },
    unverified: Number(row['unverified']),
  }));
}

export async function readClusters(sql: Sql, read: Read, page: PageOf<'clusters'>): Promise<Paged<Cluster>> {
  const limit = pageLimit(page);
  const from = pagePosition('clusters', page) ?? { number: FIRST, id: '' };
  const endpoint = page.endpoint === undefined ? sql`` : sql`endpoint = ${toColumn(page.endpoint)} AND`;
  const rows =
    await sql`SELECT document FROM cutover.clusters WHERE ${endpoint} (count, id) < (${from.number}, ${from.id})
    ORDER BY count DESC, id DESC LIMIT ${limit + 1}`;
  const found = rows.map((row) => read(row['document']) as Cluster); // as putClusters wrote it
  return paged('clusters', found, limit, ({ count, id }) => ({ number: count, id }));
}

export async function readCluster(sql: Sql, read: Read, id: string): Promise<Cluster | undefined> {
  const [row] = await sql`SELECT document FROM cutover.clusters WHERE id = ${toColumn(id)}`;
  return row === undefined ? undefined : (read(row['document']) as Cluster); // as putClusters wrote it
}

export async function readMismatches(sql: Sql, read: Read, page: PageOf<'mismatches'>): Promise<Paged<StoredMismatch>> {
  const limit = pageLimit(page);
  const from = pagePosition('mismatches', page) ?? { number: FIRST, id: '' };
  const cell = page.cell === undefined ? undefined : cellOfKey(page.cell);
  const rows = await sql`SELECT * FROM cutover.mismatches WHERE
    ${page.cluster === undefined ? sql`` : sql`cluster = ${page.cluster} AND`}
    ${cell === undefined ? sql`` : sql`tenant = ${toColumn(cell.tenant)} AND endpoint = ${toColumn(cell.endpoint)} AND`}
    ${page.endpoint === undefined ? sql`` : sql`endpoint = ${toColumn(page.endpoint)} AND`}
    (at, id) < (${from.number}, ${from.id}) ORDER BY at DESC, id DESC LIMIT ${limit + 1}`;
  const found = rows.map((row) => mismatchOf(row, read));
  return paged('mismatches', found, limit, ({ at, id }) => ({ number: at, id }));
}

export async function readMismatch(sql: Sql, read: Read, id: string): Promise<StoredMismatch | undefined> {
  const [row] = await sql`SELECT * FROM cutover.mismatches WHERE id = ${toColumn(id)}`;
  return row === undefined ? undefined : mismatchOf(row, read);
}

export async function readRecordings(sql: Sql, read: Read, page: PageOf<'recordings'>): Promise<Paged<Recording>> {
  const limit = pageLimit(page);
  const from = pagePosition('recordings', page) ?? { number: FIRST, id: '' };
  const rows = await sql`SELECT * FROM cutover.recordings WHERE
    ${page.endpoint === undefined ? sql`` : sql`endpoint = ${toColumn(page.endpoint)} AND`}
    at >= ${page.since ?? 0} AND (at, id) < (${from.number}, ${from.id}) ORDER BY at DESC, id DESC LIMIT ${limit + 1}`;
  const found = rows.map((row) => {
    const exchange = read(row['exchange']) as Recording['exchange']; // as putRecordings wrote it
    return { id: String(row['id']), at: Number(row['at']), cell: exchange.cell, exchange };
  });
  return paged('recordings', found, limit, ({ at, id }) => ({ number: at, id }));
}

export async function readDocuments(sql: Sql, read: Read, kind: string): Promise<ReadonlyMap<string, unknown>> {
  const rows = await sql`SELECT key, value FROM cutover.documents WHERE kind = ${toColumn(kind)}`;
  return new Map(rows.map((row) => [fromColumn(String(row['key'])), read(row['value'])]));
}

export async function readKeys(sql: Sql, since: number): Promise<ReadonlyMap<string, Side>> {
  const rows = await sql`SELECT hash, side FROM cutover.keys WHERE at >= ${since}`;
  return new Map(rows.map((row) => [fromColumn(String(row['hash'])), sideOf(row['side'])]));
}

function mismatchOf(row: Row, read: Read): StoredMismatch {
  const exchange = read(row['exchange']) as StoredMismatch['exchange']; // as putMismatches wrote it
  return {
    id: String(row['id']),
    at: Number(row['at']),
    cell: exchange.cell,
    cluster: String(row['cluster']),
    exchange,
  };
}
