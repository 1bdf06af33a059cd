import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { entry } from '../../test/contract/store.ts';
import { type CliRun, runCli } from '../../test/support/cli.ts';
import { type PostgresServer, startPostgres } from '../../test/support/postgres.ts';
import { openPostgresStore } from '../store/postgres-store.ts';
import { createLog } from '../telemetry/log.ts';

/* The journal in the database of a fleet, read without any controller. */

const ENTRIES = 1_203;
const dir = mkdtempSync(join(tmpdir(), 'cutover-cli-journal-'));
let server: PostgresServer;
let url: string;

beforeAll(async () => {
  server = await startPostgres();
}, 180_000);
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(async () => {
  url = await server.database();
  const store = await openPostgresStore({ url, log: createLog({ level: 'error', write: () => {} }) });
  const journal = Array.from({ length: ENTRIES }, (_, n) => entry({ revision: n + 1 }));
  await store.commit({ journal, state: [] });
  await store.close();
});

const verify = (...args: string[]): Promise<CliRun> => runCli(['journal', 'verify', '--store', url, ...args]);

/** What somebody does who may do everything, and turns off what keeps the journal. */
async function byHand(run: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  await sql`ALTER TABLE cutover.journal DISABLE TRIGGER USER`;
  await run(sql);
  await sql.end();
}

test('is verified as it lies there, and exported whole', async () => {
  const file = join(dir, 'journal.ndjson');
  const { code, stdout } = await verify();
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('1,203 entries, chain intact') });
  const exported = await runCli(['journal', 'export', '--store', '--out', file], { env: { CUTOVER_STORE: url } });
  expect(exported).toMatchObject({ code: 0 });
  expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(ENTRIES);
  const [, hash = ''] = /last hash ([0-9a-f]{64})/.exec(stdout) ?? [];
  expect(await runCli(['journal', 'verify', '--file', file, '--expect', hash])).toMatchObject({ code: 0 });
});

describe('tells', () => {
  test.each<readonly [string, (sql: postgres.Sql) => Promise<unknown>, string]>([
    [
      'a changed word',
      (sql) => sql`UPDATE cutover.journal SET entry = replace(entry, 'because', 'of course') WHERE sequence = 3`,
      'Entry 3',
    ],
    ['an entry taken away', (sql) => sql`DELETE FROM cutover.journal WHERE sequence = 1100`, 'Entry 1100 is missing'],
    [
      'the newest taken away, without a hash kept elsewhere',
      (sql) => sql`DELETE FROM cutover.journal WHERE sequence > 1200`,
      'wrote entries up to 1203, and ends at 1200',
    ],
    [
      'an action by which it is not found',
      (sql) => sql`UPDATE cutover.journal SET action = 'other' WHERE sequence = 2`,
      'Entry 2 cannot be read: it lies under the number or the action of another',
    ],
    [
      'a text of another hand',
      (sql) => sql`UPDATE cutover.journal SET entry = '[]' WHERE sequence = 2`,
      'Entry 2 cannot be read: it is not JSON as Cutover writes it',
    ],
  ])('%s', async (_, change, why) => {
    await byHand(change);
    const { code, stdout } = await verify();
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining('NOT INTACT') });
    expect(stdout).toContain(why);
  });
});

test.each([
  ['no database', 'postgres://cutover:hunter22@127.0.0.1:1/none', 'ECONNREFUSED'],
  ['no address of one', 'mysql://cutover:hunter22@h/d', 'not that of a PostgreSQL database'],
])('%s is told without the password', async (_, address, why) => {
  const { code, stdout, stderr } = await runCli(['journal', 'verify', '--store', address, '--output', 'json']);
  expect(code).not.toBe(0);
  expect(stdout + stderr).toContain(why);
  expect(stdout + stderr).not.toContain('hunter22');
});

test('a database in which nobody has decided has no journal', async () => {
  const { code, stderr } = await runCli(['journal', 'verify', '--store', await server.database()]);
  expect(code).not.toBe(0);
  expect(stderr).toContain('There is no journal in');
});
