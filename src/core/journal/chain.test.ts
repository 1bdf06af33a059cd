import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JournalEntry } from '../ports.ts';
import { BEFORE_FIRST, CHAINED_LATER, ChainCheck, type ChainReport, entryHash, type ReadEntry } from './chain.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A journal of `length` entries; `action` names the action of one of them. */
function journal(length: number, action: (sequence: number) => string = () => 'dial.set'): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (let sequence = 1; sequence <= length; sequence += 1) {
    const words = {
      sequence,
      at: 1_000 + sequence,
      actor: 'cli:ann',
      action: action(sequence),
      scope: 'tenant acme',
      reason: `reason ${sequence}`,
      evidence: { matches: 3_000 + sequence, of: ['a', null] },
      revision: sequence,
    };
    entries.push({ ...words, hash: entryHash(words, entries.at(-1)?.hash ?? BEFORE_FIRST, sha256) });
  }
  return entries;
}

function walk(entries: readonly (JournalEntry | ReadEntry)[], expected?: string): ChainReport {
  const check = new ChainCheck(sha256, expected);
  for (const entry of entries) check.add('ok' in entry ? entry : { ok: true, entry });
  return check.report();
}

/** The entries with one of them, by sequence, made anew. */
function changed(entries: readonly JournalEntry[], sequence: number, change: Partial<JournalEntry>): JournalEntry[] {
  return entries.map((entry) => (entry.sequence === sequence ? { ...entry, ...change } : entry));
}

const six = journal(6);
const at = (sequence: number): JournalEntry => six[sequence - 1] as JournalEntry; // of 1 to 6

test('the hash of an entry is the SHA-256 of its words and the hash before, as canonical JSON', () => {
  const text =
    '{"action":"dial.set","actor":"cli:ann","at":1001,"evidence":{"matches":3001,"of":["a",null]},' +
    '"previous":"cutover journal","reason":"reason 1","revision":1,"scope":"tenant acme","sequence":1}';
  expect(at(1).hash).toBe(sha256(text));
  expect(at(2).hash).toBe(
    sha256(
      text
        .replace('cutover journal', at(1).hash)
        .replace('1001', '1002')
        .replace('3001', '3002')
        .replace('reason 1', 'reason 2')
        .replace('"revision":1', '"revision":2')
        .replace('"sequence":1', '"sequence":2'),
    ),
  );
});

test('the example of the reference page is right', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/journal.md'), 'utf8');
  const [, text = '{}'] = /```json\n(.+)\n```/.exec(page) ?? [];
  const { previous, ...words } = JSON.parse(text) as JournalEntry & { previous: string }; // the page says so
  expect(previous).toBe(BEFORE_FIRST);
  expect(page).toContain(`\n${entryHash(words, previous, sha256)}\n`);
  expect(sha256(text)).toBe(entryHash(words, previous, sha256));
});

test('a journal as it was written is intact, and so is an empty one', () => {
  const place = ({ sequence, at: when, hash }: JournalEntry) => ({ sequence, at: when, hash });
  expect(walk(six)).toEqual({ intact: true, entries: 6, first: place(at(1)), last: place(at(6)) });
  expect(walk([])).toEqual({ intact: true, entries: 0 });
});

describe('what was done to a journal is found at the first entry that does not fit', () => {
  const swapped = [...six.slice(0, 2), { ...at(4), sequence: 3 }, { ...at(3), sequence: 4 }, ...six.slice(4)];
  const inserted = [...six.slice(0, 3), { ...at(4), reason: 'never said' }, ...six.slice(3)];
  const shifted = [
    ...six.slice(0, 3),
    { ...at(4), reason: 'never said' },
    ...six.slice(3).map((entry) => ({ ...entry, sequence: entry.sequence + 1 })),
  ];
  test.each<readonly [string, readonly (JournalEntry | ReadEntry)[], number, string, number]>([
    ['a changed word', changed(six, 3, { reason: 'reason 9' }), 3, 'Entry 3 does not fit', 2],
    ['a changed time', changed(six, 1, { at: 1_002 }), 1, 'Entry 1 does not fit: its words as the first', 0],
    ['evidence taken away', changed(six, 6, { evidence: undefined }), 6, 'Entry 6 does not fit', 5],
    ['a changed hash', changed(six, 5, { hash: at(4).hash }), 5, 'Entry 5 does not fit', 4],
    ['a hash taken away', changed(six, 5, { hash: '' }), 5, 'but it has none', 4],
    ['a deleted entry', six.toSpliced(3, 1), 4, 'Entry 4 is missing: entry 5 stands in its place.', 3],
    ['deleted entries', six.toSpliced(1, 3), 2, 'Entries 2 to 4 are missing: entry 5 stands in its place.', 1],
    ['a beginning cut off', six.slice(2), 1, 'Entries 1 to 2 are missing', 0],
    ['swapped entries', swapped, 3, 'Entry 3 does not fit', 2],
    ['entries out of order', [at(1), at(3), at(2)], 2, 'Entry 2 is missing', 1],
    ['an entry beside another', inserted, 4, 'Entry 4 does not fit', 3],
    ['an entry between others', shifted, 4, 'Entry 4 does not fit', 3],
    ['an entry told twice', [at(1), at(2), at(2)], 2, 'Entry 2 stands where entry 3 should be.', 2],
    ['an entry before the first', [{ ...at(1), sequence: 0 }, ...six], 0, 'Entry 0 stands where entry 1 should be.', 0],
    ['what cannot be read', [at(1), { ok: false, why: 'gone' }, at(3)], 2, 'Entry 2 cannot be read: gone.', 1],
    ['the same of another', [at(1), { ok: false, sequence: 4, why: 'gone' }], 2, 'Entries 2 to 3 are missing', 1],
  ])('%s', (_, entries, sequence, why, entriesBefore) => {
    const report = walk(entries);
    expect(report).toMatchObject({ intact: false, entries: entriesBefore, broken: { sequence } });
    expect(report.broken?.why).toContain(why);
  });
});

test('an entry that was made with the right hash does not hide that the next one has another before it', () => {
  const { hash: _, ...words } = { ...at(3), reason: 'rewritten' };
  const rewritten = { ...words, hash: entryHash(words, at(2).hash, sha256) };
  expect(walk([...six.slice(0, 2), rewritten, ...six.slice(3)])).toMatchObject({
    intact: false,
    broken: { sequence: 4 },
  });
});

test('a hash kept elsewhere shows that the newest entries were cut off, or all was written anew', () => {
  const kept = at(5).hash;
  expect(walk(six, kept)).toMatchObject({ intact: true, expected: { hash: kept, sequence: 5 } });
  // Without it both look whole: the chain cannot know.
  const anew = journal(6, (sequence) => (sequence === 2 ? 'rollback' : 'dial.set'));
  for (const entries of [six.slice(0, 4), anew, []]) {
    expect(walk(entries)).toMatchObject({ intact: true });
    expect(walk(entries, kept)).toMatchObject({ intact: false, expected: { hash: kept } });
    expect(walk(entries, kept).expected).not.toHaveProperty('sequence');
  }
});

test('entries that a migration chained are told', () => {
  const later = journal(6, (sequence) => (sequence === 4 ? CHAINED_LATER : 'dial.set'));
  expect(walk(later)).toMatchObject({ intact: true, chainedLater: 3 });
});

test('any other character in any member of any entry is found', () => {
  const members = ['at', 'actor', 'action', 'scope', 'reason', 'evidence', 'revision', 'hash'] as const;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom(...members),
      fc.nat(),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      (sequence, member, place, character) => {
        const old = JSON.stringify(at(sequence)[member]);
        const position = place % old.length;
        const text = old.slice(0, position) + character + old.slice(position + 1);
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          value = text;
        }
        // `1e3` for `1000` says the same.
        fc.pre(JSON.stringify(value) !== old);
        const report = walk(changed(six, sequence, { [member]: value }));
        expect(report.broken?.sequence).toBe(sequence);
      },
    ),
    { numRuns: 1_000 },
  );
});
