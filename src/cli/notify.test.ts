import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../test/support/cli.ts';
import { type Origin, startOrigin } from '../../test/support/proxy-rig.ts';
import { noticeTest } from '../api/notice-types.ts';
import { type Running, startCutover } from '../app/start.ts';
import { settingsFromUrls } from '../config/load.ts';

/*
 * One Cutover that really runs, with a receiver that takes notices and one that does not.
 */

const dir = mkdtempSync(join(tmpdir(), 'cutover-notify-'));
const state = join(dir, 'state');
const told: { readonly kind: string; readonly title: string; readonly revision: number | null }[] = [];

let control: Origin;
let candidate: Origin;
let pager: Origin;
let broken: Origin;
let running: Running;

beforeAll(async () => {
  control = await startOrigin((_, response) => response.end('{}'));
  candidate = await startOrigin((_, response) => response.end('{}'));
  pager = await startOrigin((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      told.push(JSON.parse(body));
      response.end('taken');
    });
  });
  broken = await startOrigin((_, response) => response.writeHead(404).end('no such channel'));
  running = await startCutover(
    settingsFromUrls({
      control: [control.url],
      candidate: [candidate.url],
      listen: '127.0.0.1:0',
      apiListen: '127.0.0.1:0',
      dir: state,
      logLevel: 'error',
      more: {
        notify: [
          { name: 'pager', url: `${pager.url}/hook-of-the-pager` },
          { name: 'chat', url: `${broken.url}/hook-of-the-chat`, format: 'slack', on: ['parity'] },
        ],
      },
    }),
  );
}, 60_000);

afterAll(async () => {
  await running?.close();
  for (const origin of [control, candidate, pager, broken]) await origin?.close();
  rmSync(dir, { recursive: true });
});

test('a test goes to every target, says what each answered, and fails where one did', async () => {
  const run = await runCli(['notify', 'test', '--dir', state]);
  expect(run.code).toBe(1);
  expect(run.stdout).toMatch(/✓ pager {2}200: taken \(.*ms\)\n✗ chat {2}404: no such channel \(.*ms\)\n/);
  expect(told.at(-1)).toMatchObject({ kind: 'test', title: 'Test of the notices to pager' });
});

test('a test of one target asks no other', async () => {
  const asked = broken.requests.length;
  const run = await runCli(['notify', 'test', 'pager', '--dir', state, '--output', 'json']);
  expect(run.code).toBe(0);
  expect(noticeTest.parse(JSON.parse(run.stdout)).results).toMatchObject([{ name: 'pager', ok: true, status: 200 }]);
  expect(broken.requests.length).toBe(asked);
});

test('a target that is not configured is told as such, and so is a verb that is none', async () => {
  const unknown = await runCli(['notify', 'test', 'nobody', '--dir', state]);
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain('There is no target nobody.');
  expect((await runCli(['notify', 'tset', '--dir', state])).code).toBe(2);
});

test('changes that people order reach those who want them, in order, and the list counts them', async () => {
  for (const args of [
    ['hold', '--reason', 'sales'],
    ['resume'],
    ['rollback', '--reason', 'wrong totals'],
    ['unlatch'],
  ]) {
    const run = await runCli([...args, '--dir', state]);
    expect(run, run.stderr).toMatchObject({ code: 0 });
  }
  const titles = () => told.filter(({ kind }) => kind !== 'test').map(({ title }) => title);
  await expect
    .poll(titles)
    .toEqual(['Held: all', 'Goes on: all', 'Rolled back: everything is served by the control', 'Rollback lifted: all']);
  const run = await runCli(['notify', '--dir', state]);
  expect(run.stdout).toMatch(/pager .* 4 +0 +0 +0 /);
  expect(run.stdout).not.toContain('hook-of-the');
  const listed = await runCli(['notify', '--dir', state, '--output', 'json']);
  expect(JSON.parse(listed.stdout)).toMatchObject({
    items: [
      { name: 'chat', sent: 0, on: ['parity'] },
      { name: 'pager', sent: 4, trouble: '' },
    ],
  });
});
