import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import {
  type Cell,
  type CellKey,
  cellKey,
  cellOfKey,
  type EndpointId,
  type Side,
  type TenantId,
} from '../core/cell.ts';
import { withoutExample } from '../core/cluster/example.ts';
import type {
  CellCounts,
  Cluster,
  JournalEntry,
  Paged,
  Purged,
  Recording,
  Store,
  StoredMismatch,
  VerifiedExchange,
} from '../core/ports.ts';
import { clusterOf } from './cluster-of.ts';
import { chained } from './journal-hash.ts';
import { sizeOf } from './open-database.ts';
import { paged, pageLimit, pagePosition } from './paging.ts';
import { pruneByAge, pruneOldest, type Rows } from './sqlite-pruning.ts';
import { KEPT_PER_CLUSTER, MOST_RECORDINGS, RECORDINGS_PER_ENDPOINT } from './store-bounds.ts';
import { corrupt } from './store-error.ts';

/** The store's methods as the writer thread answers them. Those that could hold up a commit come in pieces. */
export type StoreCalls = {
  readonly [Name in Exclude<keyof Store, 'close' | 'prune' | 'recordKey'>]: Store[Name] extends (
    ...args: infer Args
  ) => Promise<infer Result>
    ? (...args: Args) => Result
    : never;
} & {
  /** All in one transaction: one sync of the disk, however many requests wait for it. */
  readonly recordKeys: (keys: readonly Parameters<Store['recordKey']>[0][]) => readonly Side[];
  /** One short transaction of pruning; to be called until `isDone`. */
  readonly pruneStep: (bounds: Parameters<Store['prune']>[0]) => PruneStep;
};

export interface PruneStep {
  readonly mismatches: number;
  readonly clusters: number;
  readonly isDone: boolean;
}

type Row = Record<string, SQLOutputValue>;
type Arguments<Name extends keyof StoreCalls> = Parameters<StoreCalls[Name]>[0];

/** The tables of one open database. Runs in the writer thread: everything here blocks. */
export class SqliteTables implements StoreCalls {
  readonly #db: DatabaseSync;
  readonly #file: string;
  /** By their SQL; its texts are those in this folder, so their number is fixed. */
  readonly #statements = new Map<string, StatementSync>();
  readonly #rows: Rows = {
    run: (sql, ...values) => this.#run(sql, ...values),
    all: (sql, ...values) => this.#all(sql, ...values),
  };

  constructor(db: DatabaseSync, file: string) {
    this.#db = db;
    this.#file = file;
  }

  commit(change: Arguments<'commit'>): readonly JournalEntry[] {
    return this.#transaction(() => {
      const last = this.#one('SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1');
      const head = last === undefined ? undefined : { sequence: number(last, 'sequence'), hash: text(last, 'hash') };
      const entries = chained(change.journal, head);
      for (const entry of entries) {
        this.#run(
          'INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
          entry.sequence,
          entry.at,
          entry.actor,
          entry.action,
          entry.scope,
          entry.reason,
          entry.evidence === undefined ? null : JSON.stringify(entry.evidence),
          entry.revision,
          entry.hash,
        );
      }
      for (const { key, value } of change.state) {
        if (value === undefined) this.#run('DELETE FROM state WHERE key = ?', key);
        else this.#run('INSERT OR REPLACE INTO state VALUES (?, ?)', key, JSON.stringify(value));
      }
      return entries;
    });
  }

  loadState(): ReadonlyMap<string, unknown> {
    return new Map(
      this.#all('SELECT key, value FROM state').map((row) => [text(row, 'key'), this.#json(row, 'value')]),
    );
  }

  journal(page: Arguments<'journal'>): Paged<JournalEntry> {
    const limit = pageLimit(page);
    const isForward = page.order === 'oldest';
    const from =
      pagePosition('journal', page)?.number ?? (isForward ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER);
    const [where, values] = page.action === undefined ? ['', []] : ['action = ? AND', [page.action]];
    const rows = this.#all(
      `SELECT * FROM journal WHERE ${where} sequence ${isForward ? '>' : '<'} ?
       ORDER BY sequence ${isForward ? 'ASC' : 'DESC'} LIMIT ?`,
      ...values,
      from,
      limit + 1,
    );
    return paged(
      'journal',
      rows.map((row) => this.#entry(row)),
      limit,
      (entry) => ({ number: entry.sequence, id: '' }),
    );
  }

  addVerified(batch: Arguments<'addVerified'>): void {
    this.#transaction(() => {
      for (const counts of batch.counts) this.#addCounts(counts);
      for (const cluster of batch.clusters) this.#putCluster(cluster);
      for (const exchange of batch.mismatches) this.#putMismatch(exchange);
      const touched = new Set([...batch.clusters.map(({ id }) => id), ...batch.mismatches.map(clusterOf)]);
      for (const cluster of touched) this.#trimCluster(cluster);
      this.#addRecordings(batch.recordings ?? []);
    });
  }

  loadCounts(): readonly CellCounts[] {
    return this.#all('SELECT * FROM counts').map((row) => ({
      // Only names that were branded go in.
      cell: { tenant: text(row, 'tenant') as TenantId, endpoint: text(row, 'endpoint') as EndpointId },
      served: { control: number(row, 'served_control'), candidate: number(row, 'served_candidate') },
      verdicts: {
        match: number(row, 'match'),
        ignored: number(row, 'ignored'),
        mismatch: number(row, 'mismatch'),
        inconclusive: number(row, 'inconclusive'),
      },
      unverified: number(row, 'unverified'),
    }));
  }

  clusters(page: Arguments<'clusters'>): Paged<Cluster> {
    const limit = pageLimit(page);
    const from = pagePosition('clusters', page) ?? { number: Number.MAX_SAFE_INTEGER, id: '' };
    const [where, values] = page.endpoint === undefined ? ['', []] : ['endpoint = ? AND', [page.endpoint]];
    const rows = this.#all(
      `SELECT document FROM clusters WHERE ${where} (count, id) < (?, ?) ORDER BY count DESC, id DESC LIMIT ?`,
      ...values,
      from.number,
      from.id,
      limit + 1,
    );
    const found = rows.map((row) => this.#json(row, 'document') as Cluster); // as #putCluster wrote it
    return paged('clusters', found, limit, (cluster) => ({ number: cluster.count, id: cluster.id }));
  }

  cluster(id: string): Cluster | undefined {
    const row = this.#one('SELECT document FROM clusters WHERE id = ?', id);
    return row === undefined ? undefined : (this.#json(row, 'document') as Cluster); // as #putCluster wrote it
  }

  mismatches(page: Arguments<'mismatches'>): Paged<StoredMismatch> {
    const limit = pageLimit(page);
    const from = pagePosition('mismatches', page) ?? { number: Number.MAX_SAFE_INTEGER, id: '' };
    const wanted: readonly (readonly [string, string | undefined])[] = [
      ['cluster', page.cluster],
      ['cell', page.cell],
      ['endpoint', page.endpoint],
    ];
    const filters = wanted.filter((filter): filter is readonly [string, string] => filter[1] !== undefined);
    const rows = this.#all(
      `SELECT * FROM mismatches WHERE ${filters.map(([column]) => `${column} = ? AND`).join(' ')}
       (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?`,
      ...filters.map(([, value]) => value),
      from.number,
      from.id,
      limit + 1,
    );
    const found = rows.map((row) => this.#mismatch(row));
    return paged('mismatches', found, limit, (mismatch) => ({ number: mismatch.at, id: mismatch.id }));
  }

  mismatch(id: string): StoredMismatch | undefined {
    const row = this.#one('SELECT * FROM mismatches WHERE id = ?', id);
    return row === undefined ? undefined : this.#mismatch(row);
  }

  recordings(page: Arguments<'recordings'>): Paged<Recording> {
    const limit = pageLimit(page);
    const from = pagePosition('recordings', page) ?? { number: Number.MAX_SAFE_INTEGER, id: '' };
    const [where, values] = page.endpoint === undefined ? ['', []] : ['endpoint = ? AND', [page.endpoint]];
    const rows = this.#all(
      `SELECT * FROM recordings WHERE ${where} at >= ? AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?`,
      ...values,
      page.since ?? 0,
      from.number,
      from.id,
      limit + 1,
    );
    const found = rows.map((row) => this.#recording(row));
    return paged('recordings', found, limit, (recording) => ({ number: recording.at, id: recording.id }));
  }

  saveDocuments(kind: string, documents: Parameters<StoreCalls['saveDocuments']>[1]): void {
    this.#transaction(() => {
      for (const { key, value } of documents) {
        if (value === undefined) this.#run('DELETE FROM documents WHERE kind = ? AND key = ?', kind, key);
        else this.#run('INSERT OR REPLACE INTO documents VALUES (?, ?, ?)', kind, key, JSON.stringify(value));
      }
    });
  }

  loadDocuments(kind: string): ReadonlyMap<string, unknown> {
    const rows = this.#all('SELECT key, value FROM documents WHERE kind = ?', kind);
    return new Map(rows.map((row) => [text(row, 'key'), this.#json(row, 'value')]));
  }

  recordKeys(keys: Arguments<'recordKeys'>): readonly Side[] {
    return this.#transaction(() =>
      keys.map(({ hash, side, at }) => {
        this.#run('INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING', hash, side, at);
        const row = this.#one('SELECT side FROM keys WHERE hash = ?', hash);
        return row === undefined ? side : this.#side(row);
      }),
    );
  }

  loadKeys(since: number): ReadonlyMap<string, Side> {
    const rows = this.#all('SELECT hash, side FROM keys WHERE at >= ?', since);
    return new Map(rows.map((row) => [text(row, 'hash'), this.#side(row)]));
  }

  purge(tenant: Arguments<'purge'>): Purged {
    return this.#transaction(() => {
      // A key is the tenant, one space, the endpoint: all of a tenant's lie between these two.
      const [from, to] = [`${tenant} `, `${tenant}!`];
      const examples = this.#all(
        // Whose an example is that is not kept, nobody knows.
        `SELECT document FROM clusters WHERE example <> ''
           AND example NOT IN (SELECT id FROM mismatches WHERE NOT (cell >= ? AND cell < ?))`,
        from,
        to,
      ).map((row) => this.#json(row, 'document') as Cluster); // as #putCluster wrote it
      for (const cluster of examples) this.#putCluster(withoutExample(cluster));
      return {
        mismatches: this.#run('DELETE FROM mismatches WHERE cell >= ? AND cell < ?', from, to),
        recordings: this.#run('DELETE FROM recordings WHERE cell >= ? AND cell < ?', from, to),
        clusters: examples.map(({ id }) => id),
      };
    });
  }

  pruneStep(bounds: Arguments<'pruneStep'>): PruneStep {
    const aged = this.#transaction((rows) => pruneByAge(rows, bounds.olderThan));
    this.#giveBack();
    if (aged.rows > 0) return { mismatches: aged.mismatches, clusters: aged.clusters, isDone: false };
    if (this.#pagesBytes() > bounds.maxBytes) {
      const gone = this.#transaction(pruneOldest);
      this.#giveBack();
      if (gone.rows > 0) return { mismatches: gone.mismatches, clusters: gone.clusters, isDone: false };
    }
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return { mismatches: 0, clusters: 0, isDone: true };
  }

  size(): number {
    return sizeOf(this.#file) + sizeOf(`${this.#file}-wal`);
  }

  /** Moves the log into the file and closes it. */
  close(): void {
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      this.#db.close();
    }
  }

  #addCounts({ cell, served, verdicts, unverified }: CellCounts): void {
    this.#run(
      `INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         served_control = served_control + excluded.served_control,
         served_candidate = served_candidate + excluded.served_candidate,
         match = match + excluded.match, ignored = ignored + excluded.ignored,
         mismatch = mismatch + excluded.mismatch, inconclusive = inconclusive + excluded.inconclusive,
         unverified = unverified + excluded.unverified`,
      cell.tenant,
      cell.endpoint,
      served.control,
      served.candidate,
      verdicts.match,
      verdicts.ignored,
      verdicts.mismatch,
      verdicts.inconclusive,
      unverified,
    );
    // A cell whose counts went to another name has nothing left to say.
    this.#run(
      `DELETE FROM counts WHERE tenant = ? AND endpoint = ? AND served_control = 0 AND served_candidate = 0
         AND match = 0 AND ignored = 0 AND mismatch = 0 AND inconclusive = 0 AND unverified = 0`,
      cell.tenant,
      cell.endpoint,
    );
  }

  #putCluster(cluster: Cluster): void {
    const { id, endpoint, count, lastSeen, example } = cluster;
    const document = JSON.stringify(cluster);
    this.#run(
      'INSERT OR REPLACE INTO clusters VALUES (?, ?, ?, ?, ?, ?)',
      id,
      endpoint,
      count,
      lastSeen,
      example,
      document,
    );
  }

  #putMismatch(exchange: VerifiedExchange): void {
    const { id, at, cell } = exchange;
    this.#run(
      'INSERT OR REPLACE INTO mismatches VALUES (?, ?, ?, ?, ?, ?)',
      id,
      at,
      cellKey(cell.tenant, cell.endpoint),
      cell.endpoint,
      clusterOf(exchange),
      JSON.stringify(exchange),
    );
  }

  #trimCluster(cluster: string): void {
    this.#run(
      `DELETE FROM mismatches WHERE cluster = ?1
         AND id NOT IN (SELECT id FROM mismatches WHERE cluster = ?1 ORDER BY at DESC, id DESC LIMIT ${KEPT_PER_CLUSTER})
         AND NOT EXISTS (SELECT 1 FROM clusters WHERE example = mismatches.id)`,
      cluster,
    );
  }

  #addRecordings(recordings: readonly VerifiedExchange[]): void {
    if (recordings.length === 0) return;
    for (const exchange of recordings) {
      const { id, at, cell, requestHash } = exchange;
      const key = cellKey(cell.tenant, cell.endpoint);
      const document = JSON.stringify(exchange);
      this.#run(
        'INSERT OR REPLACE INTO recordings VALUES (?, ?, ?, ?, ?, ?)',
        cell.endpoint,
        requestHash,
        id,
        at,
        key,
        document,
      );
    }
    for (const endpoint of new Set(recordings.map(({ cell }) => cell.endpoint))) {
      this.#run(
        `DELETE FROM recordings WHERE endpoint = ?1 AND rowid NOT IN (SELECT rowid FROM recordings
           WHERE endpoint = ?1 ORDER BY at DESC, id DESC LIMIT ${RECORDINGS_PER_ENDPOINT})`,
        endpoint,
      );
    }
    this.#run(
      `DELETE FROM recordings WHERE rowid IN (SELECT rowid FROM recordings ORDER BY at DESC, id DESC LIMIT -1 OFFSET ${MOST_RECORDINGS})`,
    );
  }

  /** Gives free pages back to the file system. */
  #giveBack(): void {
    // `all` steps through the statement: it frees one page per step.
    this.#db.prepare('PRAGMA incremental_vacuum').all();
  }

  #pagesBytes(): number {
    const row = this.#one('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size');
    return row === undefined ? 0 : number(row, 'bytes');
  }

  #entry(row: Row): JournalEntry {
    return {
      sequence: number(row, 'sequence'),
      at: number(row, 'at'),
      actor: text(row, 'actor'),
      action: text(row, 'action'),
      scope: text(row, 'scope'),
      reason: text(row, 'reason'),
      ...(row['evidence'] === null ? {} : { evidence: this.#json(row, 'evidence') }),
      revision: number(row, 'revision'),
      hash: text(row, 'hash'),
    };
  }

  #mismatch(row: Row): StoredMismatch {
    const cell: Cell = cellOfKey(text(row, 'cell') as CellKey); // as #putMismatch wrote it
    const exchange = this.#json(row, 'exchange') as VerifiedExchange; // as #putMismatch wrote it
    return { id: text(row, 'id'), at: number(row, 'at'), cell, cluster: text(row, 'cluster'), exchange };
  }

  #recording(row: Row): Recording {
    const cell: Cell = cellOfKey(text(row, 'cell') as CellKey); // as #addRecordings wrote it
    const exchange = this.#json(row, 'exchange') as VerifiedExchange; // as #addRecordings wrote it
    return { id: text(row, 'id'), at: number(row, 'at'), cell, exchange };
  }

  #side(row: Row): Side {
    return text(row, 'side') === 'candidate' ? 'candidate' : 'control';
  }

  /** Only our own JSON goes in: what does not parse was damaged on the disk. */
  #json(row: Row, column: string): unknown {
    try {
      return JSON.parse(text(row, column));
    } catch (error) {
      throw corrupt(this.#file, error);
    }
  }

  #transaction<T>(run: (rows: Rows) => T): T {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = run(this.#rows);
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk makes SQLite roll back by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  /** Runs a statement; gives the number of rows it changed. */
  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  #one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function text(row: Row, column: string): string {
  return String(row[column]);
}

function number(row: Row, column: string): number {
  return Number(row[column]);
}
