import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { runCutover, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { askOnce } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

async function place() {
  const [control, candidate] = [await TestUpstream.start('control'), await TestUpstream.start('candidate')];
  const folder = tempFolder();
  const file = writeConfig(
    folder,
    { control: control.url, candidate: candidate.url },
    { defaults: { mirror: '0%', proof: 'none' } },
  );
  return { file, database: join(folder, 'state', 'cutover.db') };
}

/** Runs once, with everything on the candidate but one endpoint, and drains: the whole database is in its file. */
async function lived(file: string): Promise<void> {
  const cutover = await startCutover(file);
  expect((await cutover.api('PUT', '/api/v1/dials', { dialPpm: 1_000_000, reason: 'all' })).status).toBe(200);
  expect((await cutover.api('POST', '/api/v1/rollback', { scope: { endpoint: 'GET /latched' } })).status).toBe(200);
  expect(await cutover.stop()).toMatchObject({ code: 0 });
}

test('I6: with a damaged database it serves by the last table, refuses dials and rolls back', async () => {
  const { file, database } = await place();
  await lived(file);
  const damaged = readFileSync(database);
  damaged.fill(0xa5, 40, Math.min(damaged.length, 20_000));
  writeFileSync(database, damaged);

  const cutover = await startCutover(file);
  expect(await askOnce({ port: cutover.proxyPort })).toMatchObject({ status: 200, side: 'candidate' });
  expect(await askOnce({ port: cutover.proxyPort, path: '/latched' })).toMatchObject({ status: 200, side: 'control' });
  expect((await cutover.status()).warnings.join()).toContain('damaged');
  expect((await cutover.api('GET', '/readyz')).status).toBe(200);
  const refused = await cutover.api('PUT', '/api/v1/dials', { dialPpm: 10_000, reason: 'less' });
  expect([refused.status, refused.body['code']]).toEqual([503, 'STORE_CORRUPT']);
  expect(String(refused.body['hint'])).toContain('cutover.db');
  const rolledBack = await cutover.api('POST', '/api/v1/rollback', { reason: 'back' });
  expect([rolledBack.status, rolledBack.body['journaledMs']]).toEqual([200, null]);
  expect(await askOnce({ port: cutover.proxyPort })).toMatchObject({ status: 200, side: 'control' });
  expect(await cutover.stop()).toMatchObject({ code: 0 });
  // The evidence lies in it: nobody may make it worse.
  expect(readFileSync(database).equals(damaged)).toBe(true);

  // The latch is on the disk with the last table, and holds from the next start, still without a database.
  const next = await startCutover(file);
  expect(await askOnce({ port: next.proxyPort })).toMatchObject({ status: 200, side: 'control' });
  expect(await next.stop()).toMatchObject({ code: 0 });
});

test('a database of a newer version ends the start with 1 and one clear sentence, and is not touched', async () => {
  const { file, database } = await place();
  await lived(file);
  const db = new DatabaseSync(database);
  db.exec('PRAGMA user_version = 999');
  db.close();
  const before = readFileSync(database);
  const ended = await runCutover(['run', '-c', file]);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(/has version 999; this Cutover knows versions up to \d+\./);
  expect(ended.stderr).toContain('Start the newer Cutover again');
  expect(ended.stderr).not.toMatch(/Serving|\n\s+at /);
  expect(readFileSync(database).equals(before)).toBe(true);
});

test('a second process on the same folder is refused; after kill -9 of the first it starts', async () => {
  const { file } = await place();
  const first = await startCutover(file);
  const second = await runCutover(['run', '-c', file]);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain('Another Cutover is using the state folder');
  expect(second.stderr).toContain('give this one a folder of its own');
  expect(await askOnce({ port: first.proxyPort })).toMatchObject({ status: 200 });
  await first.kill();
  const third = await startCutover(file);
  expect(await askOnce({ port: third.proxyPort })).toMatchObject({ status: 200 });
  expect(await third.stop()).toMatchObject({ code: 0 });
});
