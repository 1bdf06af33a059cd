import { randomUUID } from 'node:crypto';
import type { Sql, TransactionSql } from 'postgres';
import { CutoverError } from '../core/errors.ts';
import type { Clock, JournalEntry, Log, Store } from '../core/ports.ts';
import { systemClock } from '../telemetry/clock.ts';
import { KeyBatches } from './key-batches.ts';
import { checkDurable, connect, shownAddress } from './postgres-connection.ts';
import { corruptRow, isInTheWay, isRefused, newerTables, postgresError } from './postgres-error.ts';
import { lockKey } from './postgres-locks.ts';
import { migratePostgres, POSTGRES_MIGRATIONS } from './postgres-migrations.ts';
import { pruneByAge, pruneOldest, sizeOfTables } from './postgres-pruning.ts';
import * as reads from './postgres-reads.ts';
import { purgeTenant, writeChange, writeDocuments, writeKeys, writeVerified } from './postgres-writes.ts';
import { MOST_WAITING_CALLS } from './store-bounds.ts';

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`. The password is in no message and no log. */
  readonly url: string;
  readonly log: Log;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** The term this process leads in; writes of what a leader decides are refused once a newer one exists. Default: none is checked. */
  readonly term?: () => number;
  /** Called once the store is closed. */
  readonly ended?: () => Promise<void>;
  /** Default: what this version knows. */
  readonly migrations?: readonly string[];
}

/** Connections of one process: commits use one at a time, the rest is for reading and batches. */
const CONNECTIONS = 6;
/** A call that no answer came to by then has lost its connection: the server ends a statement after 20 s. */
const CALL_MS = 25_000;
/** Times a transaction is made again that stood in another's way. */
const MOST_TRIES = 5;
/** Pause before it is asked again whether a commit was made. */
const DOUBT_MS = 500;

/**
 * A store on PostgreSQL, shared by a fleet. Every method rejects with STORE_FAILED, STORE_FULL or STORE_CORRUPT, and writes
 * of a leader that leads no more with STORE_FENCED. A lost connection is made again by the next call.
 * A commit whose connection was lost at its very end resolves or rejects only when it is known whether it was made.
 * @throws CutoverError STORE_NEWER, STORE_FAILED, USAGE
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const store = new ServerStore(options);
  try {
    await store.open(options.migrations ?? POSTGRES_MIGRATIONS);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

export interface PostgresStore extends Store {
  /** Gives up the connections there are: calls under way are rejected, or known to be made; further ones connect anew. */
  reconnect(): void;
}

class ServerStore implements PostgresStore {
  readonly #options: PostgresStoreOptions;
  readonly #clock: Clock;
  /** For messages. */
  readonly #place: string;
  readonly #writer = randomUUID();
  readonly #keys: KeyBatches;
  #sql: Sql;
  #lastCommit = 0;
  /** Commits, one after the other. */
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closing: Promise<void> | undefined;

  constructor(options: PostgresStoreOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#place = shownAddress(options.url);
    this.#sql = this.#connect();
    this.#keys = new KeyBatches((keys) => this.#transaction((tx) => writeKeys(tx, keys)));
  }

  async open(migrations: readonly string[]): Promise<void> {
    await this.#call(async (sql) => {
      await checkDurable(sql, this.#place);
      const found = await migratePostgres(sql, migrations);
      if (found > migrations.length) throw newerTables(this.#place, found, migrations.length);
    });
  }

  commit(change: Parameters<Store['commit']>[0]): ReturnType<Store['commit']> {
    if (this.#waiting >= MOST_WAITING_CALLS) return Promise.reject(this.#tooMany());
    const made = this.#tail.then(() => this.#commit(change));
    this.#tail = made.catch(() => undefined);
    return made;
  }

  loadState(): ReturnType<Store['loadState']> {
    return this.#call((sql) => reads.readState(sql, this.#read));
  }

  journal(page: Parameters<Store['journal']>[0]): ReturnType<Store['journal']> {
    return this.#call((sql) => reads.readJournal(sql, this.#read, page));
  }

  addVerified(batch: Parameters<Store['addVerified']>[0]): Promise<void> {
    return this.#ledTransaction((tx) => writeVerified(tx, batch));
  }

  loadCounts(): ReturnType<Store['loadCounts']> {
    return this.#call(reads.readCounts);
  }

  clusters(page: Parameters<Store['clusters']>[0]): ReturnType<Store['clusters']> {
    return this.#call((sql) => reads.readClusters(sql, this.#read, page));
  }

  cluster(id: string): ReturnType<Store['cluster']> {
    return this.#call((sql) => reads.readCluster(sql, this.#read, id));
  }

  mismatches(page: Parameters<Store['mismatches']>[0]): ReturnType<Store['mismatches']> {
    return this.#call((sql) => reads.readMismatches(sql, this.#read, page));
  }

  mismatch(id: string): ReturnType<Store['mismatch']> {
    return this.#call((sql) => reads.readMismatch(sql, this.#read, id));
  }

  recordings(page: Parameters<Store['recordings']>[0]): ReturnType<Store['recordings']> {
    return this.#call((sql) => reads.readRecordings(sql, this.#read, page));
  }

  saveDocuments(...[kind, documents]: Parameters<Store['saveDocuments']>): Promise<void> {
    return this.#ledTransaction((tx) => writeDocuments(tx, kind, documents));
  }

  loadDocuments(kind: string): ReturnType<Store['loadDocuments']> {
    return this.#call((sql) => reads.readDocuments(sql, this.#read, kind));
  }

  recordKey(key: Parameters<Store['recordKey']>[0]): ReturnType<Store['recordKey']> {
    return this.#keys.record(key);
  }

  loadKeys(since: number): ReturnType<Store['loadKeys']> {
    return this.#call((sql) => reads.readKeys(sql, since));
  }

  purge(tenant: Parameters<Store['purge']>[0]): ReturnType<Store['purge']> {
    return this.#ledTransaction((tx) => purgeTenant(tx, tenant, this.#read));
  }

  /** In small pieces, so that others' writes come between them. */
  async prune(bounds: Parameters<Store['prune']>[0]): ReturnType<Store['prune']> {
    let [mismatches, clusters] = [0, 0];
    for (;;) {
      let gone = await this.#ledTransaction((tx) => pruneByAge(tx, bounds.olderThan));
      if (gone.rows === 0 && (await this.size()) > bounds.maxBytes) gone = await this.#ledTransaction(pruneOldest);
      if (gone.rows === 0) return { mismatches, clusters };
      mismatches += gone.mismatches;
      clusters += gone.clusters;
    }
  }

  /** Bytes of what is kept: see `sizeOfTables`. */
  size(): Promise<number> {
    return this.#call(sizeOfTables);
  }

  reconnect(): void {
    this.#replace(this.#sql);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#keys.end();
    await this.#sql.end({ timeout: 5 });
    await this.#options.ended?.();
  }

  async #commit(change: Parameters<Store['commit']>[0]): Promise<readonly JournalEntry[]> {
    this.#options.term?.();
    this.#lastCommit += 1;
    const number = this.#lastCommit;
    // Until all but the last word has been answered, a lost connection undoes everything.
    const progress: { entries: readonly JournalEntry[] | undefined } = { entries: undefined };
    try {
      return await this.#transaction(async (tx) => {
        progress.entries = undefined;
        await this.#holdTerm(tx);
        const [head] = await tx`SELECT sequence, hash FROM cutover.head FOR UPDATE`;
        const end = { sequence: Number(head?.['sequence'] ?? 0), hash: String(head?.['hash'] ?? '') };
        const entries = await writeChange(tx, end, change);
        await tx`INSERT INTO cutover.writers (writer, last_commit) VALUES (${this.#writer}, ${number})
                 ON CONFLICT (writer) DO UPDATE SET last_commit = excluded.last_commit, at = now()`;
        progress.entries = entries;
        return entries;
      });
    } catch (error) {
      const { entries } = progress;
      if (entries === undefined || isRefused((error as Error).cause)) throw error;
      this.#options.log.warn('store.commit-in-doubt', { store: this.#place });
      if (await this.#wasMade(number)) return entries;
      throw error;
    }
  }

  /**
   * Whether a commit was made whose connection was lost as it ended. Its transaction holds the row of the head as long as
   * it lives: who can lock that row knows. Asks until there is an answer.
   */
  async #wasMade(number: number): Promise<boolean> {
    for (;;) {
      try {
        return await this.#transaction(async (tx) => {
          await tx`SELECT term FROM cutover.head FOR UPDATE`;
          const [row] = await tx`SELECT last_commit FROM cutover.writers WHERE writer = ${this.#writer}`;
          return Number(row?.['last_commit'] ?? 0) >= number;
        });
      } catch (error) {
        if (this.#closing !== undefined) throw error;
        await new Promise<void>((resolve) => this.#clock.after(DOUBT_MS, resolve));
      }
    }
  }

  /** A transaction of what only a leader writes. */
  async #ledTransaction<T>(run: (tx: TransactionSql) => Promise<T>): Promise<T> {
    // Who does not lead need not ask the server.
    this.#options.term?.();
    return this.#transaction(async (tx) => {
      await this.#holdTerm(tx);
      return run(tx);
    });
  }

  /** Until the transaction ends, no new term begins. @throws CutoverError STORE_FENCED where a newer one has begun. */
  async #holdTerm(tx: TransactionSql): Promise<void> {
    const term = this.#options.term?.();
    if (term === undefined) return;
    await tx`SELECT pg_advisory_xact_lock_shared(${lockKey('term')})`;
    const [head] = await tx`SELECT term FROM cutover.head`;
    const newest = Number(head?.['term'] ?? 0);
    if (newest === term) return;
    throw new CutoverError('STORE_FENCED', `Term ${term} is over: term ${newest} has begun in ${this.#place}.`, {
      hint: 'Another controller leads now; ask that one. cutover fleet names it.',
    });
  }

  async #transaction<T>(run: (tx: TransactionSql) => Promise<T>): Promise<T> {
    // The client's type unwraps promises in what it returns; nothing here returns any.
    return this.#call(async (sql) => (await sql.begin((tx) => run(tx))) as T, true);
  }

  /** Runs a call within its time. What goes wrong becomes a CutoverError. */
  async #call<T>(run: (sql: Sql) => Promise<T>, mayRepeat = false): Promise<T> {
    if (this.#closing !== undefined && this.#waiting === 0) throw this.#isClosed();
    if (this.#waiting >= MOST_WAITING_CALLS) throw this.#tooMany();
    this.#waiting += 1;
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#inTime(run);
        } catch (error) {
          if (!mayRepeat || tries >= MOST_TRIES || !isInTheWay(error)) throw postgresError(error, this.#place);
        }
      }
    } finally {
      this.#waiting -= 1;
    }
  }

  #inTime<T>(run: (sql: Sql) => Promise<T>): Promise<T> {
    const sql = this.#sql;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(CALL_MS, () => {
        reject(new Error(`no answer within ${CALL_MS / 1000} s`));
        this.#replace(sql);
      });
      run(sql)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  /** A connection that is silent stays so: those that exist are given up, and new ones are made. */
  #replace(silent: Sql): void {
    if (this.#sql !== silent || this.#closing !== undefined) return;
    this.#options.log.warn('store.reconnecting', { store: this.#place });
    this.#sql = this.#connect();
    silent.end({ timeout: 0 }).catch(() => undefined);
  }

  #connect(): Sql {
    return connect(this.#options.url, { max: CONNECTIONS, name: 'store' });
  }

  readonly #read = (text: unknown): unknown => {
    try {
      return JSON.parse(String(text));
    } catch (error) {
      throw corruptRow(this.#place, error);
    }
  };

  #isClosed(): CutoverError {
    return new CutoverError('STORE_FAILED', `The store ${this.#place} is closed.`);
  }

  #tooMany(): CutoverError {
    return new CutoverError('STORE_FAILED', `${MOST_WAITING_CALLS} calls wait for ${this.#place}.`, {
      hint: 'The server does not keep up: look at its disk and its load.',
    });
  }
}
