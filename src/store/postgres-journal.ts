import type { Sql } from 'postgres';
import { CutoverError } from '../core/errors.ts';
import type { ReadEntry } from '../core/journal/chain.ts';
import type { JournalEntry } from '../core/ports.ts';
import { connect, shownAddress } from './postgres-connection.ts';
import { newerTables, postgresError } from './postgres-error.ts';
import { POSTGRES_MIGRATIONS, postgresVersion } from './postgres-migrations.ts';
import { toColumn } from './postgres-text.ts';

/** Entries that are held at once. */
const PAGE = 1_000;

/**
 * The journal of the database that a fleet shares, oldest first, as it lies there, whether a controller runs or not:
 * what is no entry any more, and what the database says to have written and does not hold, is given as such. Nothing is written.
 * @throws CutoverError USAGE, NOT_FOUND for a database without a journal, STORE_NEWER, STORE_FAILED
 */
export async function* readPostgresJournal(url: string): AsyncGenerator<ReadEntry> {
  const place = shownAddress(url);
  const sql = connect(url, { max: 1, name: 'journal' });
  try {
    const version = await postgresVersion(sql);
    if (version > POSTGRES_MIGRATIONS.length) throw newerTables(place, version, POSTGRES_MIGRATIONS.length);
    if (version === 0)
      throw new CutoverError('NOT_FOUND', `There is no journal in ${place}.`, {
        hint: 'Name the database of a fleet: one in which a controller has decided.',
      });
    // Before the entries: whatever comes meanwhile is beyond it.
    const [head] = await sql`SELECT sequence FROM cutover.head`;
    const last = yield* entriesOf(sql);
    const written = Number(head?.['sequence'] ?? 0);
    if (last < written)
      yield { ok: false, sequence: last + 1, why: `its database wrote entries up to ${written}, and ends at ${last}` };
  } catch (error) {
    throw postgresError(error, place);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Gives the number of the last row; 0 where there is none. */
async function* entriesOf(sql: Sql): AsyncGenerator<ReadEntry, number> {
  let from = Number.MIN_SAFE_INTEGER;
  let last = 0;
  for (;;) {
    const rows = await sql`SELECT sequence, action, entry FROM cutover.journal
      WHERE sequence > ${from} ORDER BY sequence LIMIT ${PAGE}`;
    for (const row of rows) {
      last = Number(row['sequence']);
      yield entryOf(last, String(row['action']), String(row['entry']));
    }
    if (rows.length < PAGE) return last;
    from = last;
  }
}

/** Numbers and actions lie beside the entry for looking things up, and must be the entry's own. */
function entryOf(sequence: number, action: string, text: string): ReadEntry {
  const entry = entryIn(text);
  if (entry === undefined) return { ok: false, sequence, why: 'it is not JSON as Cutover writes it' };
  const isOwn = entry.sequence === sequence && toColumn(entry.action) === action;
  return isOwn
    ? { ok: true, entry }
    : { ok: false, sequence, why: 'it lies under the number or the action of another' };
}

const TEXTS = ['actor', 'action', 'scope', 'reason', 'hash'] as const;
const NUMBERS = ['sequence', 'at', 'revision'] as const;

/** As it was written, to the letter: another text of the same value was not written by Cutover. */
function entryIn(text: string): JournalEntry | undefined {
  try {
    const value = JSON.parse(text) as Readonly<Record<string, unknown>> | null; // each field is checked
    if (value === null || typeof value !== 'object' || JSON.stringify(value) !== text) return undefined;
    const isEntry =
      TEXTS.every((key) => typeof value[key] === 'string') && NUMBERS.every((key) => Number.isFinite(value[key]));
    const known = new Set<string>([...TEXTS, ...NUMBERS, 'evidence']);
    return isEntry && Object.keys(value).every((key) => known.has(key))
      ? (value as unknown as JournalEntry)
      : undefined;
  } catch {
    return undefined;
  }
}
