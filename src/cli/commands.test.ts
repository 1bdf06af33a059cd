import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  cellSample,
  endpointSample,
  journalSample,
  mismatchSample,
  statusSample,
} from '../../test/support/api-samples.ts';
import { runCli, type Scripted, type ScriptedApi, startScriptedApi } from '../../test/support/cli.ts';
import type { RouteName } from '../api/routes.ts';
import { verifyForceToken } from '../config/force-token.ts';
import { CELL_STATES, type CellState } from '../core/cell.ts';

const ends: (() => Promise<unknown>)[] = [];
let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'cutover-cli-'));
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await rm(cwd, { recursive: true });
});

async function api(script: Partial<Record<RouteName, Scripted>>): Promise<ScriptedApi> {
  const started = await startScriptedApi(script);
  ends.push(started.close);
  return started;
}

/** A side on a free port. */
async function side(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
}

const answering =
  (body: string): RequestListener =>
  (_, response) => {
    response.setHeader('content-type', 'text/plain');
    response.end(body);
  };

const change = { revision: 8, journal: journalSample };

describe('a dial that was set says what it moves', () => {
  const cells = (some: Partial<Record<CellState, number>>) => ({
    ...Object.fromEntries(CELL_STATES.map((state) => [state, 0])),
    ...some,
  });
  const noLatch = { ...statusSample, latches: [], cells: cells({ observing: 3 }) };
  const name = endpointSample.endpoint;
  const set = (scope: object) => ({ scope, dialPpm: 50_000, ...change });

  test.each<readonly [string, readonly string[], Partial<Record<RouteName, Scripted>>, string]>([
    ['nothing without an open cell', [], { status: noLatch, setDial: set({}) }, 'no cell is open'],
    [
      'the open cells, of how many',
      [],
      { status: { ...noLatch, cells: cells({ observing: 3, open: 2, renewing: 1 }) }, setDial: set({}) },
      '3 of 6 cells are open and move now',
    ],
    [
      'the open cells of one endpoint, not those of others',
      ['--endpoint', name],
      {
        status: { ...noLatch, cells: cells({ open: 99 }) },
        setDial: set({ endpoint: name }),
        endpoints: { items: [endpointSample] },
        cells: { items: [cellSample, { ...cellSample, state: 'open' }] },
      },
      '1 of 2 cells are open',
    ],
    [
      'everything at once without proof',
      ['--endpoint', name],
      {
        status: noLatch,
        setDial: set({ endpoint: name }),
        endpoints: { items: [{ ...endpointSample, proof: 'none' }] },
      },
      'the dial alone decides',
    ],
    [
      'no more than the cap',
      ['--endpoint', name],
      {
        status: noLatch,
        setDial: set({ endpoint: name }),
        endpoints: { items: [{ ...endpointSample, proof: 'none', maxPpm: 10_000 }] },
      },
      'caps it at 1%',
    ],
    [
      'nothing of an endpoint that never moves',
      ['--endpoint', name],
      {
        status: noLatch,
        setDial: set({ endpoint: name }),
        endpoints: { items: [{ ...endpointSample, moves: false }] },
      },
      'never moves',
    ],
    [
      'nothing under a rollback',
      [],
      {
        status: { ...noLatch, latches: [{ scope: {}, at: 1, actor: 'cli', reason: '' }] },
        setDial: set({}),
      },
      'A rollback is in force',
    ],
  ])('%s', async (_, args, script, expected) => {
    const { env } = await api(script);
    const run = await runCli(['dial', '5%', ...args], { env });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toContain(expected);
  });
});

test('a dial that was set is set, even where nobody can say what it moves', async () => {
  const { env } = await api({ setDial: { scope: {}, dialPpm: 50_000, ...change } });
  const run = await runCli(['dial', '5%'], { env });
  expect(run).toMatchObject({ code: 0, stdout: 'Dial of everything: 5%, revision 8.\n' });
  expect(run.stderr).toContain('What it moves cannot be told');
});

describe('a rollback', () => {
  test('names the way back, in words that a shell takes', async () => {
    const scope = { tenant: 'acme', endpoint: "GET /o'hara/{id}" };
    const rollback = { effectiveMs: 1, journaledMs: 2, revision: 8, scope, inFlight: 1, cachedForSeconds: 0 };
    const { env } = await api({ rollback, unlatch: change });
    const { stdout } = await runCli(['rollback', '--tenant', 'acme'], { env });
    expect(stdout).toContain(`cutover unlatch --tenant acme --endpoint 'GET /o'\\''hara/{id}'`);
    expect(stdout).toContain('1 request is still in flight');
    expect(stdout).toContain('No cache is known to hold answers of the candidate.');
  });

  test('finds a running Cutover through its state folder, wherever the token lies', async () => {
    const { url, token, calls } = await api({
      rollback: { effectiveMs: 1, journaledMs: 2, revision: 8, scope: {}, inFlight: 0, cachedForSeconds: 0 },
    });
    await writeFile(join(cwd, 'elsewhere'), `${token}\n`);
    await writeFile(join(cwd, 'api.json'), JSON.stringify({ url, pid: 1, tokenFile: join(cwd, 'elsewhere') }));
    expect(await runCli(['rollback', '--dir', cwd])).toMatchObject({ code: 0 });
    expect(await runCli(['rollback'], { env: { CUTOVER_DIR: cwd } })).toMatchObject({ code: 0 });
    expect(calls.map(({ route }) => route)).toEqual(['rollback', 'rollback']);
  });
});

describe('a mismatch that is shown', () => {
  const answers = {
    control: { status: 200, body: JSON.stringify({ id: 7, lines: [1, 2, 3], total: 10 }), bodyBytes: 40 },
    candidate: { status: 200, body: JSON.stringify({ id: 7, lines: [1, 2, 3], total: 11 }), bodyBytes: 40 },
  };

  test('has both answers line by line, those that are equal left out', async () => {
    const { env } = await api({ mismatch: { ...mismatchSample, ...answers } });
    const { stdout } = await runCli(['show', 'm1'], { env });
    expect(stdout).toMatch(/@@ 5 equal lines @@\n {5}3\n {3}\],\n- {2}"total": 10\n\+ {2}"total": 11\n }/);
    const full = await runCli(['show', 'm1', '--full'], { env });
    expect(full.stdout).toContain('   "id": 7,');
    expect(full.stdout).not.toContain('@@');
  });

  test('has them in colour where colour is wanted', async () => {
    const { env } = await api({ mismatch: { ...mismatchSample, ...answers } });
    const { stdout } = await runCli(['show', 'm1'], { env: { ...env, FORCE_COLOR: '1' } });
    expect(stdout).toContain('\u001b[31m-  "total": 10\u001b[39m');
    expect(stdout).toContain('\u001b[32m+  "total": 11\u001b[39m');
  });
});

describe('comparing without serving ends with', () => {
  const compare = (control: string, candidate: string, ...paths: readonly string[]) =>
    runCli(['compare', '--control', control, '--candidate', candidate, '--output', 'json', ...paths]);

  test('0 where all match', async () => {
    const [control, candidate] = [await side(answering('same')), await side(answering('same'))];
    const run = await compare(control, candidate, '/a', '/b');
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(run.stdout)).toMatchObject([
      { path: '/a', verdict: 'match' },
      { path: '/b', verdict: 'match' },
    ]);
  });

  test('3 where one differs', async () => {
    const candidate: RequestListener = (request, response) =>
      answering(request.url === '/b' ? 'other' : 'same')(request, response);
    expect(await compare(await side(answering('same')), await side(candidate), '/a', '/b')).toMatchObject({ code: 3 });
  });

  test('1 where one cannot be told, though the others match', async () => {
    const control: RequestListener = (request, response) => {
      if (request.url === '/b') request.socket.destroy();
      else answering('same')(request, response);
    };
    const run = await compare(await side(control), await side(answering('same')), '/a', '/b');
    expect(run).toMatchObject({ code: 1 });
    expect(JSON.parse(run.stdout)).toMatchObject([{ verdict: 'match' }, { verdict: 'inconclusive' }]);
  });

  test('2 where a line of recorded pairs is bad, which is named; the others are judged in their order', async () => {
    const answer = { status: 200, headers: [['content-type', 'text/plain']], body: 'a' };
    const pair = (id: string) =>
      JSON.stringify({
        id,
        endpoint: 'GET /a',
        request: { method: 'GET', path: '/a' },
        control: answer,
        candidate: answer,
      });
    await writeFile(join(cwd, 'pairs.ndjson'), `${pair('1')}\n{"\u001b[2J\n${pair('2')}\n`);
    const run = await runCli(['compare', '--pairs', 'pairs.ndjson', '--output', 'json'], { cwd });
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/^pairs\.ndjson:2: no JSON/);
    expect(run.stderr).not.toContain('\u001b');
    const lines = run.stdout.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(['1', '2']); // as printed
    await writeFile(join(cwd, 'pairs.ndjson'), pair('1'));
    expect(await runCli(['compare', '--pairs', 'pairs.ndjson'], { cwd })).toMatchObject({
      code: 0,
      stdout: '1 match, 0 differ, 0 ignored, 0 inconclusive\n',
    });
  });
});

/** What a running Cutover compares by. */
const IN_FORCE = {
  comparison: { rules: [], headers: ['content-type'], keyOrder: false, maxDecodedBytes: 1_000_000, timeoutMs: 1_000 },
  noise: { items: [] },
};

describe('reproducing a mismatch', () => {
  const withTargets = (control: string, candidate: string) => {
    const target = (address: string) => ({ target: address, healthy: true, outstanding: 0, reason: '' });
    return {
      ...statusSample,
      sides: {
        control: { targets: [target(control)], version: '1' },
        candidate: { targets: [target(candidate)], version: '2' },
      },
    };
  };

  test('ends with 3 while it differs and with 0 when the fix is at --candidate', async () => {
    const [control, wrong, right] = [
      await side(answering('total 10')),
      await side(answering('total 11')),
      await side(answering('total 10')),
    ];
    const { env } = await api({ ...IN_FORCE, mismatch: mismatchSample, status: withTargets(control, wrong) });
    const before = await runCli(['repro', 'm1'], { env });
    expect(before.code).toBe(3);
    expect(before.stdout).toContain('total 11');
    expect(before.stdout).toContain(`${wrong}/orders/17?expand=lines`);
    expect(await runCli(['repro', 'm1', '--candidate', right], { env })).toMatchObject({ code: 0, stderr: '' });
  });

  test('names the secrets that it lacks, and takes them from a file', async () => {
    const seen: (string | undefined)[] = [];
    const record: RequestListener = (request, response) => {
      seen.push(request.headers.authorization);
      response.end('same');
    };
    const [control, candidate] = [await side(record), await side(record)];
    const headers = [['authorization', '⟦r:0a1b2c3d⟧']];
    const mismatch = {
      ...mismatchSample,
      request: { ...mismatchSample.request, headers, secrets: ['header:authorization'] },
    };
    const { env } = await api({ ...IN_FORCE, mismatch, status: withTargets(control, candidate) });
    const without = await runCli(['repro', 'm1'], { env });
    expect(without.stderr).toContain('lacks header:authorization');
    expect(new Set(seen.splice(0))).toEqual(new Set([undefined]));
    await writeFile(join(cwd, 'secrets'), 'header:authorization: Bearer mine\n');
    const given = await runCli(['repro', 'm1', '--credentials', 'secrets'], { env, cwd });
    expect(given).toMatchObject({ code: 0, stderr: '' });
    expect(new Set(seen)).toEqual(new Set(['Bearer mine']));
    expect(given.stdout).not.toContain('Bearer mine');
  });
});

describe('a configuration', () => {
  test('is written once, is right, and is never written over', async () => {
    const args = ['init', '--control', 'http://127.0.0.1:3001', '--candidate', 'http://127.0.0.1:4001', '-o', 'a.yaml'];
    expect(await runCli(args, { cwd })).toMatchObject({ code: 0, stderr: '' });
    const text = await readFile(join(cwd, 'a.yaml'), 'utf8');
    expect(text).toContain('http://127.0.0.1:4001');
    expect(await runCli(['check', '-c', 'a.yaml'], { cwd })).toMatchObject({ code: 0, stderr: '' });
    await writeFile(join(cwd, 'a.yaml'), `${text}\n# mine\n`);
    expect(await runCli(args, { cwd })).toMatchObject({ code: 1, stdout: '' });
    expect(await readFile(join(cwd, 'a.yaml'), 'utf8')).toContain('# mine');
  });

  test('I9: that is wrong is told with all its problems, file, line and column, and ends with 2', async () => {
    await writeFile(
      join(cwd, 'cutover.yaml'),
      'control: { url: "http://127.0.0.1:1" }\ncandidate: { url: 7 }\nlisten: nowhere\ndials: 1\n',
    );
    const run = await runCli(['check'], { cwd });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    for (const place of ['cutover.yaml:2:', 'cutover.yaml:3:', 'cutover.yaml:4:']) expect(run.stderr).toContain(place);
    const json = await runCli(['check', '--output', 'json'], { cwd });
    expect(json.code).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, problems: expect.any(Array) });
    const started = await runCli(['run', '-c', 'cutover.yaml'], { cwd });
    expect(started).toMatchObject({ code: 2 });
    for (const place of ['cutover.yaml:2:', 'cutover.yaml:3:', 'cutover.yaml:4:'])
      expect(started.stderr).toContain(place);
  });

  test('signs tokens with its secret, for at most a day', async () => {
    const secret = 'a secret of at least thirty-two characters';
    await writeFile(
      join(cwd, 'cutover.yaml'),
      'control: { url: "http://127.0.0.1:1" }\ncandidate: { url: "http://127.0.0.1:2" }\ntrust: { tokenSecret: { env: SECRET } }\n',
    );
    const env = { SECRET: secret };
    const run = await runCli(['token', '--side', 'candidate', '--tenant', 'acme', '--ttl', '2h'], { cwd, env });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    const claims = verifyForceToken(secret, run.stdout.trim(), Date.now());
    expect(claims).toMatchObject({ side: 'candidate', tenant: 'acme' });
    expect(verifyForceToken(secret, run.stdout.trim(), Date.now() + 3 * 3_600_000)).toBeUndefined();
    expect(await runCli(['token', '--side', 'candidate', '--ttl', '25h'], { cwd, env })).toMatchObject({ code: 2 });
    expect(await runCli(['token', '--side', 'left'], { cwd, env })).toMatchObject({ code: 2 });
  });
});
