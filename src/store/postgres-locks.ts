/** `CUTV` in ASCII, in the upper half of every key: advisory locks are shared by all that use a database. */
const OURS = 0x43_55_54_56n << 32n;

/**
 * Advisory locks of PostgreSQL, by what they guard: who leads (held by a session); that a term has not ended (shared by
 * writes, taken whole by a new leader); the tables' form.
 */
const LOCKS = { leader: 1n, term: 2n, migrations: 3n } as const;

/** The key of a lock, as `pg_advisory_lock(bigint)` takes it. */
export function lockKey(lock: keyof typeof LOCKS): string {
  return String(OURS + LOCKS[lock]);
}
