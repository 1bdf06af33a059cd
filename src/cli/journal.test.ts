import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliRun, runCli } from '../../test/support/cli.ts';
import { type Origin, startOrigin } from '../../test/support/proxy-rig.ts';
import { journalHead } from '../api/types.ts';
import { type Running, startCutover } from '../app/start.ts';
import { settingsFromUrls } from '../config/load.ts';

/* The journal of one Cutover that really ran: looked at while it runs, as an export, and in its folder after it ended. */

const dir = mkdtempSync(join(tmpdir(), 'cutover-cli-journal-'));
const state = join(dir, 'state');
const exported = join(dir, 'journal.ndjson');
let origins: readonly Origin[];
let running: Running;

beforeAll(async () => {
  const origin = () => startOrigin((_, response) => response.end('{}'));
  origins = [await origin(), await origin()];
  const [control = '', candidate = ''] = origins.map(({ url }) => url);
  running = await startCutover(
    settingsFromUrls({
      control: [control],
      candidate: [candidate],
      listen: '127.0.0.1:0',
      apiListen: '127.0.0.1:0',
      dir: state,
      logLevel: 'error',
    }),
  );
  for (const [from, to] of [
    ['hold', 'resume'],
    ['rollback', 'unlatch'],
  ] as const)
    for (const name of [from, to])
      expect(await runCli([name, '--dir', state, '--reason', 'to try'])).toMatchObject({ code: 0 });
}, 60_000);

afterAll(async () => {
  await running?.close();
  for (const origin of origins) await origin.close();
  rmSync(dir, { recursive: true });
});

const verify = (...args: string[]): Promise<CliRun> => runCli(['journal', 'verify', ...args]);
const lines = (): string[] => readFileSync(exported, 'utf8').trimEnd().split('\n');

describe('while Cutover runs', () => {
  test('the journal is verified over the control API and in the folder alike, with the hash that the API shows as the head', async () => {
    const token = readFileSync(join(state, 'api-token'), 'utf8').trim();
    const { url } = JSON.parse(readFileSync(join(state, 'api.json'), 'utf8')) as { url: string }; // as `run` writes it
    const response = await fetch(`${url}/api/v1/journal/head`, { headers: { authorization: `Bearer ${token}` } });
    const head = journalHead.parse(await response.json());
    const report = {
      intact: true,
      entries: head.sequence,
      first: { sequence: 1 },
      last: head,
      expected: { hash: head.hash, sequence: head.sequence },
    };
    for (const place of ['--dir', '--state']) {
      const { code, stdout, stderr } = await verify(place, state, '--expect', head.hash, '--output', 'json');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject(report);
    }
    const { stdout } = await verify('--dir', state);
    expect(stdout).toMatch(new RegExp(`^${head.sequence} entries, chain intact\nlast hash ${head.hash} `));
    const listed = await runCli(['journal', '--limit', '1', '--output', 'json', '--dir', state]);
    expect(JSON.parse(listed.stdout)).toMatchObject({ items: [head] });
  });

  test('it is exported whole for its owner alone, also over a file that others could read', async () => {
    writeFileSync(exported, 'what was there before', { mode: 0o644 });
    const { code, stdout } = await runCli(['journal', 'export', '--dir', state, '--out', exported, '--output', 'json']);
    expect(code).toBe(0);
    expect(statSync(exported).mode & 0o777).toBe(0o600);
    const entries = lines().map((line) => JSON.parse(line) as { sequence: number; action: string; hash: string }); // an export
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, n) => n + 1));
    expect(entries.map(({ action }) => action)).toEqual(expect.arrayContaining(['started', 'rollback', 'unlatch']));
    expect(JSON.parse(stdout)).toMatchObject({
      out: exported,
      written: entries.length,
      intact: true,
      last: { hash: entries.at(-1)?.hash },
    });
  });
});

describe('an export', () => {
  const changedTo = (change: (all: string[]) => string[]): string => {
    const file = join(dir, 'changed.ndjson');
    writeFileSync(file, `${change(lines()).join('\n')}\n`);
    return file;
  };

  test('is verified without Cutover', async () => {
    const { code, stdout } = await verify('--file', exported);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('chain intact') });
  });

  test.each<readonly [string, (all: string[]) => string[], string]>([
    [
      'a changed word',
      (all) => all.map((line, n) => (n === 2 ? line.replace('to try', 'to lie') : line)),
      'Entry 3 does not fit',
    ],
    ['a missing line', (all) => all.toSpliced(1, 1), 'Entry 2 is missing: entry 3 stands in its place.'],
    [
      'a line written otherwise',
      (all) => all.map((line, n) => (n === 1 ? line.replace(':', ': ') : line)),
      'line 2 is not as an export writes it',
    ],
    [
      'a word more',
      (all) => all.map((line, n) => (n === 1 ? line.replace('{', '{"a":1,') : line)),
      'line 2 is not as an export writes it',
    ],
    [
      'half a line',
      (all) => all.map((line, n) => (n === 1 ? line.slice(0, 40) : line)),
      'line 2 is not as an export writes it',
    ],
  ])('with %s is told so', async (_, change, why) => {
    const { code, stdout } = await verify('--file', changedTo(change));
    expect(code).toBe(1);
    expect(stdout).toContain('NOT INTACT');
    expect(stdout).toContain(why);
  });

  test('that was cut at its end is told by a hash kept before', async () => {
    const file = changedTo((all) => all.slice(0, -1));
    const { hash } = JSON.parse(lines().at(-1) ?? '') as { hash: string }; // an export
    expect(await verify('--file', file)).toMatchObject({ code: 0 });
    const { code, stdout } = await verify('--file', file, '--expect', hash);
    expect(code).toBe(1);
    expect(stdout).toContain(`No entry has the expected hash ${hash}`);
  });
});

describe('a call', () => {
  test.each<readonly [string, readonly string[], string]>([
    ['of two places', ['verify', '--file', exported, '--state', state], 'read from one place'],
    ['with a hash that is none', ['verify', '--expect', '3f'], '64 hexadecimal characters'],
    ['of a file that is not there', ['verify', '--file', join(dir, 'none')], 'cannot be read'],
    ['of an export without a name', ['export'], '--out'],
    ['into a folder that is not there', ['export', '--dir', state, '--out', join(dir, 'no', 'j')], 'cannot be written'],
  ])('%s ends with 2', async (_, args, why) => {
    const { code, stdout, stderr } = await runCli(['journal', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(why);
  });

  test('of a folder without a database ends with 1', async () => {
    expect(await verify('--state', dir)).toMatchObject({ code: 1, stderr: expect.stringContaining('no database') });
  });
});

test('after Cutover ended, what was changed in its folder is named, and exported all the same', async () => {
  await running.close();
  expect(await verify('--state', state)).toMatchObject({ code: 0 });
  const db = new DatabaseSync(join(state, 'cutover.db'));
  db.exec('DROP TRIGGER journal_keeps_its_words');
  db.exec("UPDATE journal SET actor = 'cli:\u001b[31mnobody' WHERE sequence = 2");
  db.close();
  const { code, stdout } = await verify('--state', state);
  expect(code).toBe(1);
  expect(stdout).toContain('NOT INTACT. Entry 2 does not fit');
  expect(stdout).toContain('1 entry before it fits.');
  const before = lines().length;
  const done = await runCli(['journal', 'export', '--state', state, '--out', exported]);
  expect(done).toMatchObject({ code: 1, stdout: expect.stringContaining('NOT INTACT') });
  expect(lines().length).toBeGreaterThanOrEqual(before);
});
