import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../test/support/cli.ts';
import { type Origin, startOrigin } from '../../test/support/proxy-rig.ts';
import { type Running, startCutover } from '../app/start.ts';
import { settingsFromUrls } from '../config/load.ts';
import { parsePairLine } from '../verifier/pairs.ts';

/*
 * One Cutover that really runs, before a shop and a rewrite that adds wrongly for one order in three; what it recorded is
 * then asked again, examined and written to files.
 */

const dir = mkdtempSync(join(tmpdir(), 'cutover-cli-recorded-'));
const state = join(dir, 'state');

function shop(total: (id: number) => number): Promise<Origin> {
  return startOrigin((incoming, response) => {
    const id = Number(/\/orders\/(\d+)/.exec(incoming.url ?? '')?.[1] ?? 0);
    response.setHeader('content-type', 'application/json');
    response.setHeader('set-cookie', `sid=${randomUUID()}; Path=/; HttpOnly`);
    response.end(JSON.stringify({ id, total: total(id), trace: randomUUID(), at: new Date().toISOString() }));
  });
}

let origins: { readonly control: Origin; readonly wrong: Origin; readonly fixed: Origin; readonly worse: Origin };
let running: Running;

async function ask(path: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${running.proxy.port}${path}`);
  await answer.arrayBuffer();
}

/** Whether enough is recorded to be asked again: several requests, one of them with a difference. */
async function isRecorded(): Promise<boolean> {
  const answer = await fetch(`${running.apiUrl}/api/v1/recordings`, {
    headers: { authorization: `Bearer ${running.token}` },
  });
  const { items } = (await answer.json()) as { items: { verdict: string }[] }; // checked by the tests of the control API
  return items.length >= 6 && items.some(({ verdict }) => verdict === 'mismatch');
}

beforeAll(async () => {
  const right = (id: number) => id * 10;
  origins = {
    control: await shop(right),
    wrong: await shop((id) => (id % 3 === 0 ? id : right(id))),
    fixed: await shop(right),
    worse: await shop((id) => (id % 3 === 1 ? String(right(id)) : right(id)) as number),
  };
  running = await startCutover(
    settingsFromUrls({
      control: [origins.control.url],
      candidate: [origins.wrong.url],
      listen: '127.0.0.1:0',
      apiListen: '127.0.0.1:0',
      dir: state,
      logLevel: 'error',
      more: { defaults: { mirror: '100%' }, mirror: { repeats: { share: '100%', perSecond: 1_000 } } },
    }),
  );
  const until = Date.now() + 40_000;
  for (let order = 1; !(await isRecorded()) && Date.now() < until; order += 1) {
    await ask(`/orders/${order}`);
    await running.settle(5_000);
  }
}, 60_000);

afterAll(async () => {
  await running?.close();
  for (const origin of Object.values(origins)) await origin.close();
  rmSync(dir, { recursive: true });
});

describe('power', () => {
  test('of what was recorded is measured under the rules and the noise in force', async () => {
    const run = await runCli(['power', '--dir', state, '--output', 'json']);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const { endpoints } = JSON.parse(run.stdout) as { endpoints: { endpoint: string; power: number }[] };
    expect(endpoints.map(({ endpoint }) => endpoint)).toEqual(['GET /orders/{id}']);
    expect(endpoints[0]?.power).toBeGreaterThan(0.8);
  });

  test('under a configuration that looks away is below what is demanded: 3; the rule is named with its cost', async () => {
    const config = join(dir, 'blind.yaml');
    writeFileSync(
      config,
      `control: { url: ${origins.control.url} }\ncandidate: { url: ${origins.wrong.url} }\ncompare: { rules: [{ name: look-away, ignore: 'body/**', reason: too wide }] }\n`,
    );
    const run = await runCli(['power', 'GET /orders/{id}', '--dir', state, '-c', config, '--at-least', '80%']);
    expect(run).toMatchObject({ code: 3, stderr: '' });
    expect(run.stdout).toMatch(/cost {4}rule look-away alone hides \d+ plantings/);
    expect(run.stdout).toContain('hidden by rule look-away');
  });
});

describe('replay', () => {
  const args = () => ['replay', '--dir', state, '--rate', '100', '--control', origins.control.url];

  test('against a candidate that is fixed: the gate is met, and the cluster is gone', async () => {
    const summary = join(dir, 'summary.md');
    const run = await runCli([...args(), '--candidate', origins.fixed.url, '--summary', summary]);
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/parity \d\d\.\d % → 100\.0 %, 1 cluster gone, 0 new\ngate met/);
    expect(run.stderr).toMatch(/^asked \d+ of \d+/);
    expect(readFileSync(summary, 'utf8')).toMatch(/^### Cutover: gate met/);
  });

  test('against the one that serves: the same cluster, which is known; against a worse one: a new one, and 3', async () => {
    const same = await runCli([...args(), '--candidate', origins.wrong.url, '--output', 'json']);
    expect(same.code).toBe(0);
    expect(JSON.parse(same.stdout)).toMatchObject({
      met: true,
      clusters: { new: [], known: [{ pathPattern: 'body/total' }] },
    });
    const strict = await runCli([...args(), '--candidate', origins.wrong.url, '--fail-on', 'any']);
    expect(strict.code).toBe(3);
    const worse = await runCli([...args(), '--candidate', origins.worse.url, '--output', 'md']);
    expect(worse.code).toBe(3);
    expect(worse.stdout).toMatch(/^### Cutover: gate not met/);
    expect(worse.stdout).toContain('| new |');
  });

  test('what was found once is known by its report', async () => {
    const baseline = join(dir, 'baseline.json');
    const first = await runCli([...args(), '--candidate', origins.worse.url, '--output', 'json']);
    writeFileSync(baseline, first.stdout);
    const again = await runCli([...args(), '--candidate', origins.worse.url, '--baseline', baseline]);
    expect(again.code).toBe(0);
  });
});

describe('files of recorded traffic', () => {
  const out = join(dir, 'recorded.ndjson');

  test('are written as pairs that compare, power and replay read, for their owner alone, without secrets', async () => {
    const run = await runCli(['export', '--dir', state, '--out', out]);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(out).mode & 0o077).toBe(0);
    const lines = readFileSync(out, 'utf8').trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(6);
    for (const line of lines) expect(parsePairLine(line)).toMatchObject({ ok: true });
    expect(lines.join()).not.toMatch(/sid=[0-9a-f]{8}-/);
    const compared = await runCli(['compare', '--pairs', out]);
    expect(compared.code).toBe(0);
    const power = await runCli(['power', '--pairs', out]);
    expect(power.stdout).toContain('GET /orders/{id}');
    const replayed = await runCli([
      'replay',
      '--from',
      out,
      '--candidate',
      origins.fixed.url,
      '--control',
      origins.control.url,
      '--rate',
      '100',
    ]);
    expect(replayed.code).toBe(0);
    expect(replayed.stdout).toContain('1 cluster gone');
  });

  test('an HTTP archive becomes one; an entry that is none is told by its number: 2', async () => {
    const [har, made] = [join(dir, 'session.har'), join(dir, 'session.ndjson')];
    const entry = {
      startedDateTime: '2026-01-02T03:04:05Z',
      request: { method: 'GET', url: `${origins.control.url}/orders/5`, headers: [] },
      response: {
        status: 200,
        headers: [{ name: 'content-type', value: 'application/json' }],
        content: { text: '{"id":5,"total":50}' },
      },
    };
    writeFileSync(har, JSON.stringify({ log: { entries: [entry, { request: {} }] } }));
    const run = await runCli(['import', har, '--out', made]);
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/session\.har entry 2: /);
    expect(run.stdout).toBe(`1 pairs written to ${made}, 1 left out\n`);
    const replayed = await runCli([
      'replay',
      '--from',
      made,
      '--candidate',
      origins.worse.url,
      '--control',
      origins.control.url,
    ]);
    expect(replayed.code).toBe(0);
    expect(await runCli(['import', join(dir, 'nothing.har'), '--out', made])).toMatchObject({ code: 2, stdout: '' });
  });

  test('answers without their values prove nothing: power and replay say so, 2, and with a control replay asks it', async () => {
    const bare = join(dir, 'bare.ndjson');
    const pair = {
      id: 'p1',
      endpoint: 'GET /orders/{id}',
      request: { method: 'GET', path: '/orders/5', headers: [] },
      control: {
        status: 200,
        headers: [['content-type', 'application/json']],
        body: '{"id":"⟦r:01234567⟧","total":"⟦r:01234568⟧"}',
      },
    };
    writeFileSync(bare, `${JSON.stringify(pair)}\n`);
    const power = await runCli(['power', '--pairs', bare]);
    expect(power).toMatchObject({ code: 2, stdout: '' });
    expect(power.stderr).toContain('redact.bodies');
    const args = ['replay', '--from', bare, '--candidate', origins.worse.url];
    const alone = await runCli(args);
    expect(alone).toMatchObject({ code: 2, stdout: '' });
    expect(alone.stderr).toContain('--control URL');
    expect(await runCli([...args, '--control', origins.control.url])).toMatchObject({ code: 0 });
  });

  test('nothing to ask is no success: 1', async () => {
    const empty = join(dir, 'empty.ndjson');
    writeFileSync(empty, '');
    const run = await runCli(['replay', '--from', empty, '--candidate', origins.fixed.url]);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('Nothing was asked');
  });
});
