import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { BEFORE_FIRST, CHAINED_LATER, entryHash } from '../core/journal/chain.ts';
import type { JournalEntry, NewJournalEntry } from '../core/ports.ts';
import { systemClock } from '../telemetry/clock.ts';

/** SHA-256 of a text in UTF-8, in lower-case hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** New entries with their places in the chain after `head`, the newest entry there is. */
export function chained(
  entries: readonly NewJournalEntry[],
  head: Pick<JournalEntry, 'sequence' | 'hash'> | undefined,
): JournalEntry[] {
  let { sequence, hash } = head ?? { sequence: 0, hash: BEFORE_FIRST };
  return entries.map((entry) => {
    sequence += 1;
    // Through JSON, as it will be read: the hash must be that of what is stored.
    const evidence: unknown = entry.evidence === undefined ? undefined : JSON.parse(JSON.stringify(entry.evidence));
    hash = entryHash({ ...entry, evidence, sequence }, hash, sha256);
    return { ...entry, sequence, hash };
  });
}

/** Entries that are chained by one step of `chainJournal`. */
const AT_ONCE = 1_000;

/**
 * The migration that gives the journal its chain. Entries that exist are chained as they are found, in their order; that
 * this was done later, and up to where, becomes an entry of its own: the hash of an entry before it says nothing about
 * the time before.
 */
export function chainJournal(db: DatabaseSync): void {
  db.exec(`DROP TRIGGER journal_keeps_its_words; ALTER TABLE journal ADD COLUMN hash TEXT NOT NULL DEFAULT ''`);
  const page = db.prepare('SELECT * FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?');
  const put = db.prepare('UPDATE journal SET hash = ? WHERE sequence = ?');
  let [sequence, hash, revision] = [0, BEFORE_FIRST, 0];
  for (let rows = page.all(0, AT_ONCE); rows.length > 0; rows = page.all(sequence, AT_ONCE)) {
    for (const row of rows) {
      sequence = Number(row['sequence']);
      revision = Number(row['revision']);
      hash = entryHash(
        {
          sequence,
          at: Number(row['at']),
          actor: String(row['actor']),
          action: String(row['action']),
          scope: String(row['scope']),
          reason: String(row['reason']),
          evidence: row['evidence'] === null ? undefined : parsed(String(row['evidence'])),
          revision,
        },
        hash,
        sha256,
      );
      put.run(hash, sequence);
    }
  }
  if (sequence > 0) tellChained(db, { sequence, hash, revision });
  db.exec(`CREATE TRIGGER journal_keeps_its_words BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END`);
}

function tellChained(db: DatabaseSync, head: Pick<JournalEntry, 'sequence' | 'hash' | 'revision'>): void {
  const evidence = { upTo: head.sequence, hash: head.hash };
  const told: NewJournalEntry = {
    at: systemClock.now(),
    actor: 'migration',
    action: CHAINED_LATER,
    scope: 'all',
    reason: 'entries up to here were written before the journal was chained; their hashes were made now',
    evidence,
    revision: head.revision,
  };
  for (const { sequence, at, actor, action, scope, reason, revision, hash } of chained([told], head)) {
    db.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)').run(
      sequence,
      at,
      actor,
      action,
      scope,
      reason,
      JSON.stringify(evidence),
      revision,
      hash,
    );
  }
}

/** What was damaged before is chained as the text it is now: verifying names it, and starting does not fail for it. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
