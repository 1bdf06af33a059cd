import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { startLoad } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

const RELOADS = 50;

/** Puts a text in the place of a file as editors do: another file, renamed. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

test('I12: fifty reloads under load lose no request; a wrong file and one that needs a restart change nothing', async () => {
  const [control, candidate] = [await TestUpstream.start('control'), await TestUpstream.start('candidate')];
  const file = writeConfig(tempFolder(), { control: control.url, candidate: candidate.url });
  const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const write = (more: object): void => replace(file, JSON.stringify({ ...config, ...more }, undefined, 2));
  const cutover = await startCutover(file);
  const load = startLoad({ port: () => cutover.proxyPort, workers: 4, pauseMs: 3, path: (n) => `/items/${n % 9}` });
  const plan = async () => (await cutover.status()).plan;
  for (let turn = 1; turn <= RELOADS; turn += 1) {
    // Everything that may change, changes: dials, endpoints, identity, budgets and their pools, rules, targets of notices.
    write({
      defaults: { proof: 'none', dial: turn % 2 === 0 ? '0%' : '100%', mirror: '100%' },
      endpoints: turn % 3 === 0 ? [{ match: 'GET /items/{id}', mirror: '50%' }] : [],
      identity: { subject: turn % 4 === 0 ? { header: 'x-id' } : 'address' },
      mirror: { perSecond: 50 + turn, concurrency: 1 + turn, timeout: `${5 + (turn % 3)}s` },
      compare: { rules: turn % 5 === 0 ? [{ name: 'side', ignore: 'body/side', reason: 'test' }] : [] },
      notify: turn % 7 === 0 ? [{ name: 'nobody', url: 'http://127.0.0.1:9/' }] : [],
    });
    const before = (await plan()).revision;
    if (turn % 2 === 0) cutover.signal('SIGHUP');
    await eventually(`reload ${turn}`, async () => (await plan()).revision > before);
  }
  const { revision } = await plan();
  expect(revision).toBe(RELOADS + 1);
  const before = candidate.seen.length;
  write({ defaults: { proof: 'none', dial: '101%' }, misspelt: true });
  await eventually('the wrong file is told', async () => (await plan()).file.state === 'refused');
  expect((await plan()).file.problems.map(({ path, line }) => [path, line])).toEqual([
    ['defaults.dial', 17],
    ['misspelt', 19],
  ]);
  write({ listen: '127.0.0.1:1', defaults: { proof: 'none', dial: '100%' } });
  await eventually('what needs a restart is told', async () => (await plan()).file.problems[0]?.path === 'listen');
  expect(await plan()).toMatchObject({ revision, file: { state: 'refused' } });
  write({ defaults: { proof: 'none', dial: '100%' } });
  await eventually('the right file counts again', async () => (await plan()).file.state === 'inForce');
  await eventually('and moves everybody', () => candidate.seen.length > before + 20);
  const report = await load.stop();
  process.stderr.write(`${RELOADS} reloads: ${report.answered.length} answers, ${report.failures.length} failed\n`);
  expect(report.failures).toEqual([]);
  expect(report.answered.length).toBeGreaterThan(200);
  expect(await cutover.stop()).toMatchObject({ code: 0 });
});

test('a mounted folder whose link is turned, and a file that is written in pieces, are each taken once and whole', async () => {
  const [control, candidate] = [await TestUpstream.start('control'), await TestUpstream.start('candidate')];
  const folder = tempFolder();
  const first = readFileSync(writeConfig(tempFolder(), { control: control.url, candidate: candidate.url }), 'utf8');
  const [one, two] = [tempFolder(), tempFolder()];
  writeFileSync(join(one, 'cutover.yaml'), first);
  const second = `${JSON.stringify({ ...JSON.parse(first), mirror: { perSecond: 3 } })}\n`;
  writeFileSync(join(two, 'cutover.yaml'), second);
  symlinkSync(one, join(folder, '..data'));
  symlinkSync(join('..data', 'cutover.yaml'), join(folder, 'cutover.yaml'));
  const cutover = await startCutover(join(folder, 'cutover.yaml'));
  const plan = async () => (await cutover.status()).plan;
  symlinkSync(two, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  await eventually('the turned link is seen', async () => (await plan()).revision === 2);
  // Half of a file may be a right one too: everything that it does not say yet would be gone for a moment.
  const text = `${second.trim().slice(0, -1)}, "defaults": { "mirror": "1%" } }\n`;
  for (let at = 0; at < text.length; at += 20) {
    writeFileSync(join(two, 'cutover.yaml'), text.slice(0, at + 20));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await eventually('the written file counts', async () => (await plan()).revision === 3);
  expect((await plan()).file).toMatchObject({ state: 'inForce', problems: [] });
  expect(await cutover.stop()).toMatchObject({ code: 0 });
});
