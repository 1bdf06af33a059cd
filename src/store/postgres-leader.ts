import { randomUUID } from 'node:crypto';
import type { Sql } from 'postgres';
import type { Clock, Log, Timer } from '../core/ports.ts';
import { connect, shownAddress } from './postgres-connection.ts';
import { postgresError } from './postgres-error.ts';
import { lockKey } from './postgres-locks.ts';

export interface LeadershipOptions {
  readonly url: string;
  /** How the process is called in the fleet, and where its control API is; others show both. */
  readonly name: string;
  readonly address: () => string;
  readonly clock: Clock;
  readonly log: Log;
  /** It leads from now on. `continues`: nobody led since it did last, so what it knows is what is stored. */
  readonly onGained?: (term: number, continues: boolean) => void;
  /** It leads no more; called at once, and before anybody else can lead. */
  readonly onLost?: () => void;
  /** It led before, and sees that another one did since: what it knows is not what is stored. */
  readonly onOvertaken?: () => void;
}

/** Who leads, as it lies in the store. */
export interface Leader {
  readonly term: number;
  readonly name: string;
  readonly address: string;
  /** Milliseconds since it last said that it leads, by the server's clock. */
  readonly silentMs: number;
}

/** How often it tries to lead, and how often a leader says that it does. */
const TRY_MS = 250;
const RENEW_MS = 1_000;
/** A leader that the server has not answered for so long leads no more. Less than what others wait. */
const LEASE_MS = 5_000;
/** A leader that was silent for so long is cut off: its session is ended, which drops its lock. */
const TAKE_OVER_MS = 8_000;
/** What a new leader waits for writes of the term before; then it tries again. Ends before the client gives the try up, so that no session waits on with the lock. */
const TERM_WAIT_MS = 2_000;
/** Whoever does not lead gives up a connection that is silent for so long. */
const CONNECTED_MS = 8_000;
/** A process whose timers are later than this was held up itself; it leads until shortly before it is taken over. */
const LATE_MS = 200;
const LAST_MS = TAKE_OVER_MS - 500;
/** Terms kept for people to look at. */
const TERMS_KEPT = 100;

/**
 * At most one process leads: the one whose session holds an advisory lock of the database. The session ends with the
 * process, however it dies; one that is only cut off stops by itself after 5 s, and is replaced after 8 s. Each leader
 * has a term of its own, and the store refuses the writes of an earlier one: a leader that wakes up late can do no harm.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #place: string;
  #sql: Sql;
  /** Marks the session that has the lock: a connection made anew does not have it. */
  #session = '';
  #term: number | undefined;
  #lastTerm: number | undefined;
  #confirmedAt = 0;
  #timer: Timer | undefined;
  #lease: Timer | undefined;
  #isClosed = false;
  #trouble = '';
  #leader: Leader | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#place = shownAddress(options.url);
    this.#sql = this.#connect();
  }

  /** Of the present leader if that is this process. */
  get term(): number | undefined {
    return this.#term;
  }

  /** Who leads, as far as it was seen at the last try. */
  get leader(): Leader | undefined {
    return this.#leader;
  }

  /**
   * Tries once, and goes on trying; resolves after the first try.
   * @throws CutoverError STORE_*: the server could not be asked. It goes on trying all the same.
   */
  async start(): Promise<void> {
    try {
      await this.#try();
    } finally {
      this.#next(this.#term === undefined ? TRY_MS : RENEW_MS);
    }
  }

  /** Ends its session: another one leads at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#lease?.cancel();
    this.#lose('closed');
    await this.#sql.end({ timeout: 1 }).catch(() => undefined);
  }

  #next(ms: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.after(ms, () => {
      void this.#round().finally(() => this.#next(this.#term === undefined ? TRY_MS : RENEW_MS));
    });
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    try {
      await (this.#term === undefined ? this.#try() : this.#renew(this.#term));
    } catch (error) {
      const { message } = postgresError(error, this.#place);
      this.#lose(message);
      if (this.#trouble !== message && !this.#isClosed)
        this.#options.log.warn('leader.store-unreachable', { store: this.#place, message });
      this.#trouble = message;
    }
  }

  async #try(): Promise<void> {
    const { clock, name, address } = this.#options;
    const session = randomUUID();
    const sql = this.#sql;
    try {
      // Connecting may take its time: the lease counts from what is asked then.
      await this.#inTime(sql, async () => sql`SELECT 1`, CONNECTED_MS);
      const asked = clock.monotonic();
      const term = await this.#inTime(sql, async () =>
        sql.begin(async (tx): Promise<number | undefined> => {
          const [row] = await tx`SELECT pg_try_advisory_lock(${lockKey('leader')}) AS got`;
          if (row?.['got'] !== true) return undefined;
          // Waits for writes of the term before that are under way: after it, there are none.
          await tx`SELECT set_config('lock_timeout', ${`${TERM_WAIT_MS}ms`}, true)`;
          await tx`SELECT pg_advisory_xact_lock(${lockKey('term')})`;
          const [head] = await tx`UPDATE cutover.head SET term = term + 1 RETURNING term`;
          const began = Number(head?.['term'] ?? 0);
          await tx`INSERT INTO cutover.leaders (term, name, address, backend)
                   VALUES (${began}, ${name}, ${address()}, pg_backend_pid())`;
          await tx`DELETE FROM cutover.leaders WHERE term <= ${began - TERMS_KEPT}`;
          await tx`SELECT set_config('cutover.session', ${session}, false)`;
          return began;
        }),
      );
      this.#trouble = '';
      if (this.#isClosed) return;
      if (term === undefined) await this.#lookAtLeader(sql);
      else this.#gain(term, session, asked);
    } catch (error) {
      // A lock of a try that failed half-way goes with its session.
      await this.#reconnect(sql);
      throw postgresError(error, this.#place);
    }
  }

  #gain(term: number, session: string, asked: number): void {
    const { log, name, address, onGained } = this.#options;
    this.#session = session;
    this.#term = term;
    this.#confirmed(asked);
    this.#leader = { term, name, address: address(), silentMs: 0 };
    const continues = this.#lastTerm === term - 1;
    this.#lastTerm = term;
    log.info('leader.gained', { term, continues });
    onGained?.(term, continues);
  }

  /** Says that it leads; what it has may be a new session without the lock. */
  async #renew(term: number): Promise<void> {
    const asked = this.#options.clock.monotonic();
    const sql = this.#sql;
    const rows = await this.#inTime(
      sql,
      // It need not be on disk: a server that crashes ends the session, too. A slow disk would end the lease.
      async () => sql`UPDATE cutover.leaders SET renewed_at = now(), address = ${this.#options.address()}
        WHERE term = ${term} AND current_setting('cutover.session', true) = ${this.#session}
        AND set_config('synchronous_commit', 'off', true) = 'off' RETURNING term`,
      LAST_MS,
    );
    if (rows.length === 0) throw new Error('the session that had the lock is gone');
    this.#confirmed(asked);
  }

  /** What was confirmed was true when it was asked. */
  #confirmed(asked: number): void {
    const { clock } = this.#options;
    this.#confirmedAt = asked;
    this.#lease?.cancel();
    this.#lease = clock.after(Math.max(0, asked + LEASE_MS - clock.monotonic()), () => {
      const silentMs = clock.monotonic() - asked;
      if (silentMs < LEASE_MS + LATE_MS || silentMs >= LAST_MS) this.#expire();
      // This process was held up, not the server: an answer may lie there unread.
      else this.#lease = clock.after(LAST_MS - silentMs, () => this.#expire());
    });
  }

  #expire(): void {
    const { clock } = this.#options;
    if (clock.monotonic() - this.#confirmedAt >= LEASE_MS) this.#lose(`no answer within ${LEASE_MS / 1000} s`);
  }

  #lose(why: string): void {
    if (this.#term === undefined) return;
    const term = this.#term;
    this.#term = undefined;
    this.#lease?.cancel();
    this.#options.log.warn('leader.lost', { term, why });
    this.#options.onLost?.();
    if (!this.#isClosed) void this.#reconnect(this.#sql);
  }

  /** One that has been silent for too long has its session ended, wherever it hangs. */
  async #lookAtLeader(sql: Sql): Promise<void> {
    const [row] = await sql`SELECT term, name, address, backend,
      extract(epoch FROM now() - renewed_at) * 1000 AS silent FROM cutover.leaders ORDER BY term DESC LIMIT 1`;
    if (row === undefined) return;
    const silentMs = Number(row['silent']);
    const leader = { term: Number(row['term']), name: String(row['name']), address: String(row['address']), silentMs };
    this.#leader = leader;
    if (this.#lastTerm !== undefined && leader.term > this.#lastTerm) this.#options.onOvertaken?.();
    if (silentMs < TAKE_OVER_MS || this.#isClosed) return;
    // Only the leader's session, and only while it has the lock: its number may be another process's by now, and whoever
    // is about to lead has the lock before its term is to be seen.
    const ended = await sql`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
      AND pid = ${Number(row['backend'])}
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32 | objid::bigint) = ${lockKey('leader')}::bigint AND pid <> pg_backend_pid()`;
    if (ended.length > 0) this.#options.log.warn('leader.cut-off', { term: leader.term, name: leader.name, silentMs });
  }

  /** A server that is silent must not hold up the next try. */
  #inTime<T>(sql: Sql, run: () => Promise<T>, limitMs = LEASE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(limitMs, () => {
        reject(new Error(`no answer within ${limitMs / 1000} s`));
        void this.#reconnect(sql);
      });
      run()
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  async #reconnect(old: Sql): Promise<void> {
    if (this.#sql !== old || this.#isClosed) return;
    this.#sql = this.#connect();
    await old.end({ timeout: 0 }).catch(() => undefined);
  }

  #connect(): Sql {
    // The session is the lock: it must not be closed for being idle or old.
    return connect(this.#options.url, { max: 1, name: `leader ${this.#options.name}`, isKept: true });
  }
}
