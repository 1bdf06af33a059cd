import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type CliRun, runCli } from '../../test/support/cli.ts';
import { startOrigin } from '../../test/support/proxy-rig.ts';
import { journalEntry } from '../api/types.ts';
import { fileOrigin, settingsIn } from '../app/plan-origin.ts';
import { startCutover } from '../app/start.ts';

const TOKENS = {
  ann: 'a-token-of-ann-for-this-test-0123456789',
  ben: 'a-token-of-ben-for-this-test-0123456789',
} as const;

test('a gate of two people opens for two who signed in, and for no word of anybody else', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'cutover-cli-people-'));
  const [control, candidate] = await Promise.all(
    [1, 2].map(() => startOrigin((_, response) => response.end('the same'))),
  );
  for (const [name, token] of Object.entries(TOKENS)) writeFileSync(join(dir, name), `${token}\n`);
  const file = join(dir, 'cutover.yaml');
  writeFileSync(
    file,
    JSON.stringify({
      listen: '127.0.0.1:0',
      api: {
        listen: '127.0.0.1:0',
        people: Object.keys(TOKENS).map((name) => ({ name, token: { file: name } })),
      },
      control: { url: control?.url },
      candidate: { url: candidate?.url },
      store: { dir: 'state' },
      log: { level: 'error' },
      defaults: { proof: 'none', steps: [{ gate: 'release', approvals: 2 }, { dial: '100%' }] },
    }),
  );
  const origin = fileOrigin(file, {}, (settings) => settings);
  const running = await startCutover(settingsIn(origin), { origin });
  onTestFinished(async () => {
    await running.close();
    await control?.close();
    await candidate?.close();
    rmSync(dir, { recursive: true });
  });
  await new Promise<void>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: running.proxy.port, path: '/orders', agent: false }, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    sent.on('error', reject);
    sent.end();
  });
  const approve = (token?: string): Promise<CliRun> =>
    runCli(['approve', 'GET /orders', '--gate', 'release'], {
      env: { CUTOVER_DIR: join(dir, 'state'), ...(token === undefined ? {} : { CUTOVER_TOKEN: token }) },
    });
  const end = performance.now() + 20_000;
  let first = await approve(TOKENS.ann);
  // The ramp comes to the gate within a few rounds.
  while (first.code !== 0 && performance.now() < end) first = await approve(TOKENS.ann);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect((await approve(TOKENS.ann)).stderr).toContain('ann has approved gate release already.');
  const shared = await approve();
  expect(shared).toMatchObject({ code: 1, stdout: '' });
  expect(shared.stderr).toMatch(/cannot approve gate release\. Approvers: ann, ben\./);
  expect(await approve(TOKENS.ben)).toMatchObject({ code: 0, stderr: '' });
  const journal = await runCli(['journal', '--limit', '50', '--output', 'json', '--dir', join(dir, 'state')]);
  const { items } = JSON.parse(journal.stdout) as { items: unknown[] }; // each is parsed below
  const approvals = items.map((item) => journalEntry.parse(item)).filter(({ action }) => action === 'gate.approved');
  expect(approvals.map(({ actor }) => actor)).toEqual(['cli:ben', 'cli:ann']);
}, 60_000);
