import { existsSync } from 'node:fs';
import type { SQLOutputValue } from 'node:sqlite';
import { CutoverError } from '../core/errors.ts';
import type { ReadEntry } from '../core/journal/chain.ts';
import { versionOf } from './migrations.ts';
import { openToRead } from './open-database.ts';
import { storeError } from './store-error.ts';

/** Entries that are held at once. */
const PAGE = 1_000;
/** The version of a database whose journal is chained. */
const CHAINED_SINCE = 3;

/**
 * The journal of a database, oldest first, as it lies there: what is no entry any more is given as such. Nothing is written,
 * also not where an earlier version made the database.
 * @throws CutoverError NOT_FOUND, CONFLICT for a journal that is not chained yet, STORE_CORRUPT, STORE_NEWER, STORE_FAILED
 */
export function* readJournal(file: string): Generator<ReadEntry> {
  if (!existsSync(file))
    throw new CutoverError('NOT_FOUND', `There is no database ${file}.`, {
      hint: 'Name the state folder of a Cutover: --state FOLDER.',
    });
  // Whoever ends in order removes the log: where there is none, nobody is writing.
  const db = openToRead(file, !existsSync(`${file}-wal`));
  try {
    if (versionOf(db) < CHAINED_SINCE)
      throw new CutoverError('CONFLICT', `The journal in ${file} is of an earlier version and has no chain yet.`, {
        hint: 'It is chained when this Cutover is started with it.',
      });
    const page = db.prepare('SELECT * FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?');
    // Whoever changed a number may have made it larger than JavaScript counts.
    page.setReadBigInts(true);
    let from = BigInt(Number.MIN_SAFE_INTEGER);
    for (;;) {
      const rows = page.all(from, PAGE);
      for (const row of rows) yield entryOf(row);
      const last = rows.at(-1)?.['sequence'];
      if (rows.length < PAGE || typeof last !== 'bigint') return;
      from = last;
    }
  } catch (error) {
    throw storeError(error, file);
  } finally {
    db.close();
  }
}

function entryOf(row: Record<string, SQLOutputValue>): ReadEntry {
  const text = (name: string): string => String(row[name]);
  const number = (name: string): number => Number(row[name]);
  const sequence = number('sequence');
  const evidence = row['evidence'] === null ? undefined : parsed(text('evidence'));
  // As it was written, to the letter: another text of the same value was not written by Cutover.
  if (evidence !== undefined && JSON.stringify(evidence.value) !== text('evidence'))
    return { ok: false, sequence, why: 'its evidence is not JSON as Cutover writes it' };
  return {
    ok: true,
    entry: {
      sequence,
      at: number('at'),
      actor: text('actor'),
      action: text('action'),
      scope: text('scope'),
      reason: text('reason'),
      ...(evidence === undefined ? {} : { evidence: evidence.value }),
      revision: number('revision'),
      hash: text('hash'),
    },
  };
}

/** `value` undefined: no JSON. */
function parsed(json: string): { readonly value: unknown } {
  try {
    return { value: JSON.parse(json) };
  } catch {
    return { value: undefined };
  }
}
