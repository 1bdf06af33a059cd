import { join } from 'node:path';
import { z } from 'zod';
import { journalEntry } from '../api/types.ts';
import { isStoreUrl } from '../config/store-url.ts';
import { CutoverError } from '../core/errors.ts';
import { canonicalJson } from '../core/journal/canonical-json.ts';
import { ChainCheck, type ChainReport, type ReadEntry } from '../core/journal/chain.ts';
import type { JournalEntry } from '../core/ports.ts';
import { sha256 } from '../store/journal-hash.ts';
import { readJournal } from '../store/journal-reader.ts';
import { readPostgresJournal } from '../store/postgres-journal.ts';
import { DATABASE_FILE } from '../store/sqlite-store.ts';
import { linesOf } from './compare-pairs.ts';

/** A journal, oldest entry first. */
export type JournalSource = AsyncIterable<ReadEntry> | Iterable<ReadEntry>;

/**
 * Walks a journal and says whether its chain is whole; `each` is called with every entry that can be read, also after a
 * break. Without `each` the walk ends at the first break.
 */
export async function checkJournal(
  source: JournalSource,
  options: { readonly expected?: string; readonly each?: (entry: JournalEntry) => void } = {},
): Promise<ChainReport> {
  const check = new ChainCheck(sha256, options.expected);
  for await (const read of source) {
    check.add(read);
    if (read.ok) options.each?.(read.entry);
    if (check.isBroken && options.each === undefined) break;
  }
  return check.report();
}

/** The journal in a state folder, whether a Cutover runs there or not. */
export function journalOfFolder(dir: string): JournalSource {
  return readJournal(join(dir, DATABASE_FILE));
}

/** The journal in the database that a fleet shares; the address given, or that of `CUTOVER_STORE`. @throws CutoverError USAGE */
export function journalOfDatabase(given: string | undefined): JournalSource {
  const url = given ?? process.env['CUTOVER_STORE'] ?? '';
  if (!isStoreUrl(url))
    throw new CutoverError('USAGE', 'The address of the store is not that of a PostgreSQL database.', {
      hint: 'It is of the form postgres://user:password@host:5432/database: after --store, or in CUTOVER_STORE.',
    });
  return readPostgresJournal(url);
}

/** One line of an export. */
export function exportLine(entry: JournalEntry): string {
  return `${canonicalJson(entry)}\n`;
}

const line = z.strictObject(journalEntry.shape);

/** The entries of an export. Lines that are not as `exportLine` writes them are no entries. */
export async function* journalOfFile(file: string): AsyncGenerator<ReadEntry> {
  for await (const { number, text } of linesOf(file)) yield readLine(text, number);
}

function readLine(text: string | undefined, number: number): ReadEntry {
  const why = `line ${number} is not as an export writes it`;
  if (text === undefined) return { ok: false, why: `line ${number} is too long` };
  try {
    const read = line.safeParse(JSON.parse(text));
    if (!read.success) return { ok: false, why };
    const { sequence } = read.data;
    return canonicalJson(read.data) === text ? { ok: true, entry: read.data } : { ok: false, sequence, why };
  } catch {
    return { ok: false, why };
  }
}
