import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { entry } from '../../test/contract/store.ts';
import { ChainCheck, type ChainReport } from '../core/journal/chain.ts';
import type { Log } from '../core/ports.ts';
import { createLog } from '../telemetry/log.ts';
import { sha256 } from './journal-hash.ts';
import { readJournal } from './journal-reader.ts';
import { MIGRATIONS, migrate, versionOf } from './migrations.ts';
import { DATABASE_FILE, openSqliteStore } from './sqlite-store.ts';

const quiet: Log = createLog({ level: 'error', write: () => {} });
let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cutover-journal-'));
  file = join(dir, DATABASE_FILE);
});
afterEach(() => rm(dir, { recursive: true }));

function verify(expected?: string): ChainReport {
  const check = new ChainCheck(sha256, expected);
  for (const read of readJournal(file)) check.add(read);
  return check.report();
}

/** A database with a journal of `length` entries, closed; gives the last hash. */
async function written(length: number): Promise<string> {
  const store = await openSqliteStore({ dir, log: quiet });
  const journal = Array.from({ length }, (_, n) =>
    entry({ at: 1_000 + n, reason: `reason ${n + 1}`, evidence: { matches: n, share: 0.25 }, revision: n }),
  );
  const entries = await store.commit({ journal, state: [] });
  await store.close();
  return entries.at(-1)?.hash ?? '';
}

/** What somebody does who may write the file: takes the triggers away, changes what he likes, and puts them back. */
function tamper(...statements: readonly string[]): void {
  const db = new DatabaseSync(file);
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${String(name)}`);
  for (const statement of statements) db.exec(statement);
  for (const { sql } of triggers) db.exec(String(sql));
  db.close();
}

test('a journal longer than a page is intact, and reading it changes nothing', async () => {
  const last = await written(2_500);
  const before = await readFile(file);
  expect(verify(last)).toMatchObject({
    intact: true,
    entries: 2_500,
    last: { hash: last },
    expected: { sequence: 2_500 },
  });
  expect(await readdir(dir)).toEqual([DATABASE_FILE]);
  expect(before.equals(await readFile(file))).toBe(true);
});

test('a journal is read while the store writes it', async () => {
  const store = await openSqliteStore({ dir, log: quiet });
  await store.commit({ journal: [entry({}), entry({})], state: [] });
  expect(verify()).toMatchObject({ intact: true, entries: 2 });
  await store.commit({ journal: [entry({})], state: [] });
  expect(verify()).toMatchObject({ intact: true, entries: 3 });
  await store.close();
});

describe('what was done to the file by hand is found and named', () => {
  const COPY = 'INSERT INTO journal SELECT';
  const REST = "at, actor, action, scope, 'never said', evidence, revision, hash FROM journal WHERE sequence = 4";
  test.each<readonly [string, readonly string[], number, string]>([
    ['a changed word', ["UPDATE journal SET actor = 'cli:eve' WHERE sequence = 3"], 3, 'Entry 3 does not fit'],
    ['changed evidence', ['UPDATE journal SET evidence = \'{"matches":9}\' WHERE sequence = 2'], 2, 'does not fit'],
    ['evidence that is none', ["UPDATE journal SET evidence = '{' WHERE sequence = 2"], 2, 'Entry 2 cannot be read'],
    [
      'evidence of the same value in another text',
      ["UPDATE journal SET evidence = replace(evidence, '0.25', '25e-2') WHERE sequence = 2"],
      2,
      'Entry 2 cannot be read: its evidence is not JSON as Cutover writes it.',
    ],
    ['a time beyond all counting', [`UPDATE journal SET at = ${2n ** 62n} WHERE sequence = 5`], 5, 'does not fit'],
    ['a deleted row', ['DELETE FROM journal WHERE sequence = 4'], 4, 'Entry 4 is missing'],
    ['a deleted beginning', ['DELETE FROM journal WHERE sequence < 4'], 1, 'Entries 1 to 3 are missing'],
    [
      'a deleted row whose place was closed',
      ['DELETE FROM journal WHERE sequence = 4', 'UPDATE journal SET sequence = sequence - 1 WHERE sequence > 4'],
      4,
      'Entry 4 does not fit',
    ],
    [
      'two swapped rows',
      [
        'UPDATE journal SET sequence = -2 WHERE sequence = 2',
        'UPDATE journal SET sequence = 2 WHERE sequence = 5',
        'UPDATE journal SET sequence = 5 WHERE sequence = -2',
      ],
      2,
      'Entry 2 does not fit',
    ],
    [
      'an inserted row',
      [
        'UPDATE journal SET sequence = -sequence WHERE sequence >= 4',
        'UPDATE journal SET sequence = 1 - sequence WHERE sequence < 0',
        `${COPY} 4, ${REST.replace('= 4', '= 5')}`,
      ],
      4,
      'Entry 4 does not fit',
    ],
    ['a row at the end', [`${COPY} 7, ${REST}`], 7, 'Entry 7 does not fit'],
    ['a row before the first', [`${COPY} -1, ${REST}`], -1, 'Entry -1 stands where entry 1 should be.'],
  ])('%s', async (_, statements, sequence, why) => {
    await written(6);
    tamper(...statements);
    expect(verify()).toMatchObject({ intact: false, broken: { sequence, why: expect.stringContaining(why) } });
  });

  test('newest rows cut off, by a hash kept before', async () => {
    const kept = await written(6);
    tamper('DELETE FROM journal WHERE sequence > 4');
    expect(verify()).toMatchObject({ intact: true, entries: 4 });
    expect(verify(kept)).toMatchObject({ intact: false, entries: 4, expected: { hash: kept } });
  });

  test('any other character in any column of any row', async () => {
    await written(4);
    const db = new DatabaseSync(file);
    for (const trigger of ['journal_keeps_its_rows', 'journal_keeps_its_words']) db.exec(`DROP TRIGGER ${trigger}`);
    const columns = ['at', 'actor', 'action', 'scope', 'reason', 'evidence', 'revision', 'hash'] as const;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(...columns),
        fc.nat(),
        fc.integer({ min: 1, max: 126 }),
        (sequence, column, place, more) => {
          const row = db.prepare('SELECT * FROM journal WHERE sequence = ?').get(sequence);
          const old = row?.[column] ?? '';
          const isNumber = typeof old === 'number';
          const bytes = Buffer.from(String(old));
          const position = place % bytes.length;
          // Another digit, or another of the ASCII characters.
          const byte = bytes[position] ?? 0;
          bytes[position] = isNumber ? 0x30 + ((byte - 0x30 + 1 + (more % 9)) % 10) : (byte + more) % 127;
          const put = db.prepare(`UPDATE journal SET ${column} = ? WHERE sequence = ?`);
          put.run(isNumber ? Number(bytes.toString()) : bytes.toString(), sequence);
          const { broken } = verify();
          put.run(old, sequence);
          expect(broken?.sequence).toBe(sequence);
        },
      ),
      { numRuns: 200 },
    );
    db.close();
    expect(verify()).toMatchObject({ intact: true, entries: 4 });
  });
});

describe('a database of the version before', () => {
  function writtenBefore(length: number): void {
    const db = new DatabaseSync(file);
    migrate(db, MIGRATIONS.slice(0, 2));
    const put = db.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    db.exec('BEGIN');
    for (let n = 1; n <= length; n += 1)
      put.run(n, n, 'cli:ann', 'dial.set', 'all', 'ä', n % 2 === 0 ? null : n === 3 ? '{damaged' : '{"b":1,"a":2}', n);
    db.exec('COMMIT');
    db.close();
  }

  test('has no chain yet, is not changed by a look at it, and says what to do', () => {
    writtenBefore(3);
    expect(() => verify()).toThrow('has no chain yet');
    const db = new DatabaseSync(file);
    expect(versionOf(db)).toBe(2);
    db.close();
  });

  test('is chained when it is opened, which is an entry of its own; what was damaged before is named', async () => {
    writtenBefore(2_001);
    const store = await openSqliteStore({ dir, log: quiet });
    const [later] = await store.commit({ journal: [entry({ at: 9 })], state: [] });
    const { items } = await store.journal({ limit: 3 });
    await store.close();
    expect(later?.sequence).toBe(2_003);
    expect(items[1]).toMatchObject({
      sequence: 2_002,
      actor: 'migration',
      action: 'journal.chained',
      revision: 2_001,
      evidence: { upTo: 2_001, hash: items[2]?.hash },
    });
    expect(verify().broken).toMatchObject({ sequence: 3, why: expect.stringContaining('cannot be read') });
    tamper(`UPDATE journal SET evidence = '"{damaged"' WHERE sequence = 3`);
    expect(verify()).toMatchObject({ intact: true, entries: 2_003, chainedLater: 2_001 });
  });

  test('keeps its journal append-only after that', async () => {
    writtenBefore(2);
    await (await openSqliteStore({ dir, log: quiet })).close();
    const db = new DatabaseSync(file);
    for (const statement of ["UPDATE journal SET hash = ''", 'DELETE FROM journal'])
      expect(() => db.exec(statement)).toThrow('the journal is append-only');
    db.close();
  });

  test('gets no entry where its journal was empty', async () => {
    writtenBefore(0);
    await (await openSqliteStore({ dir, log: quiet })).close();
    expect(verify()).toEqual({ intact: true, entries: 0 });
  });
});

test('a folder without a database, and a file that is none, are told apart', async () => {
  expect(() => verify()).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  await writeFile(file, 'no database at all'.repeat(100));
  expect(() => verify()).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
});
