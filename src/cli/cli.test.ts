import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  cellSample,
  clusterSample,
  endpointSample,
  journalSample,
  mismatchSample,
  mismatchSummarySample,
  statusSample,
  unlockSample,
} from '../../test/support/api-samples.ts';
import {
  problemAnswer,
  runCli,
  runShell,
  type Scripted,
  type ScriptedApi,
  startScriptedApi,
} from '../../test/support/cli.ts';
import { rankedCluster } from '../api/cluster-types.ts';
import { canaryView, ramp } from '../api/ramp-types.ts';
import { changed, clusterChanged, dialChanged, pinned, type RouteName } from '../api/routes.ts';
import {
  cell,
  dial,
  endpoint,
  explanation,
  journalEntry,
  mismatch,
  mismatchSummary,
  pin,
  proofSheet,
  rollbackResult,
  status,
} from '../api/types.ts';
import { widthOf } from './output.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function api(script: Partial<Record<RouteName, Scripted>>): Promise<ScriptedApi> {
  const started = await startScriptedApi(script);
  ends.push(started.close);
  return started;
}

const change = { revision: 8, journal: { ...journalSample, sequence: 4 } };
const pinSample = { id: 'p1', scope: { tenant: 'acme' }, side: 'candidate', at: 1, actor: 'cli', reason: 'preview' };
const assessmentSample = {
  kind: 'insufficient',
  matches: 5,
  mismatches: 0,
  inconclusive: 0,
  log: 0.1,
  needed: 2.996,
  remaining: 3_322,
  bound: 0.45,
  requests: 5,
  tenants: 1,
  spanMs: 10,
  statusClasses: [2],
  missing: ['3322 more clean comparisons'],
};
const proofSample = {
  tenant: 'acme',
  endpoint: 'GET /a',
  demands: 'endpoint',
  state: 'renewing',
  since: 1,
  reason: 'new version',
  epoch: { candidateVersion: 'v2', rules: 'r' },
  controlVersion: 'v1',
  proof: {
    at: 1,
    over: 'endpoint',
    epoch: { candidateVersion: 'v1', rules: 'r' },
    controlVersion: 'v1',
    assessment: { ...assessmentSample, kind: 'pass' },
    own: { matches: 3, mismatches: 0 },
  },
  renewBy: 9,
  closures: 0,
  isProtected: false,
  approvals: [{ gate: 'release', at: 1, approvals: [{ actor: 'cli:ann', reason: 'looks good', at: 1 }] }],
  own: assessmentSample,
  pooled: assessmentSample,
  missing: [],
};
const rampSample = {
  endpoint: 'GET /a',
  steps: [{ kind: 'mirror' }, { kind: 'dial', dialPpm: 10_000 }],
  step: 1,
  since: 1,
  state: 'running',
  reason: 'the comparisons pass',
  dialPpm: 10_000,
  passed: [],
  pooled: 'pass',
  missing: [],
};
const canarySample = {
  version: 'v2',
  state: 'running',
  sharePpm: 50_000,
  durationMs: 600_000,
  requests: 100,
  at: 1,
  actor: 'controller',
  reason: 'candidate version v2',
  waitsFor: '12 more requests that the candidate serves',
};
const everything: Partial<Record<RouteName, Scripted>> = {
  status: statusSample,
  endpoints: { items: [endpointSample] },
  cells: { items: [cellSample], next: 'c2' },
  clusters: { items: [clusterSample] },
  cluster: clusterSample,
  markCluster: { ...clusterSample, ...change },
  unlock: unlockSample,
  mismatches: { items: [mismatchSummarySample] },
  mismatch: mismatchSample,
  journal: { items: [journalSample] },
  dials: { items: [{ scope: {}, dialPpm: 50_000 }] },
  setDial: { scope: {}, dialPpm: 50_000, ...change },
  rollback: { effectiveMs: 0.4, journaledMs: 3.2, revision: 8, scope: {}, inFlight: 0, cachedForSeconds: 0 },
  unlatch: change,
  hold: change,
  resume: change,
  deploy: change,
  proof: proofSample,
  ramps: { items: [rampSample] },
  canary: { canary: canarySample },
  endCanary: change,
  pins: { items: [pinSample] },
  pin: { ...pinSample, ...change },
  liftPin: change,
  explain: {
    side: 'control',
    reason: 'dial',
    rule: 'default',
    endpoint: 'GET /orders/{id}',
    tenant: null,
    bucket: 4711,
    dialPpm: 0,
    revision: 7,
    chain: [{ step: 'dial', applies: true, detail: 'bucket 4,711 is not below 0' }],
  },
};

const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().exactOptional() });

/** Every command that talks to a running Cutover, and the type its JSON has. */
const REMOTE: readonly (readonly [string, readonly string[], z.ZodType])[] = [
  ['status', ['status'], status],
  ['endpoints', ['endpoints'], page(endpoint)],
  ['cells', ['cells', '--tenant', 'acme.example'], page(cell)],
  ['clusters', ['clusters', '--endpoint', 'GET /orders/{id}'], page(rankedCluster)],
  ['cluster', ['cluster', '3f9a1c0be412'], rankedCluster],
  [
    'accept a cluster',
    ['cluster', '3f9a1c0be412', 'accept', '--reason', 'by design', '--until', '30d'],
    clusterChanged,
  ],
  ['own a cluster', ['cluster', '3f9a1c0be412', 'own', 'shop team'], clusterChanged],
  ['mismatches', ['mismatches', '--cluster', '3f9a1c0be412'], page(mismatchSummary)],
  ['show', ['show', 'm3k2a9x01'], mismatch],
  ['journal', ['journal', '--limit', '5'], page(journalEntry)],
  ['dials', ['dial'], z.object({ items: z.array(dial) })],
  ['dial', ['dial', '5%', '--reason', 'begin'], dialChanged],
  ['rollback', ['rollback'], rollbackResult],
  ['undo', ['undo', '--tenant', 'acme'], rollbackResult],
  ['unlatch', ['unlatch', '--endpoint', 'GET /orders/{id}'], changed],
  ['hold', ['hold', '--reason', 'sales season'], changed],
  ['resume', ['resume'], changed],
  ['deploy', ['deploy', 'candidate', 'v2'], changed],
  ['proof', ['proof', 'acme', 'GET /a'], proofSheet],
  ['ramps', ['ramps'], page(ramp)],
  ['canary', ['canary'], canaryView],
  ['end a canary', ['canary', 'abort', '--reason', 'errors'], changed],
  ['pins', ['pin'], z.object({ items: z.array(pin) })],
  ['pin', ['pin', 'candidate', '--tenant', 'acme', '--reason', 'preview', '--for', '2d'], pinned],
  ['lift a pin', ['pin', '--lift', 'p1'], changed],
  ['explain', ['explain', 'GET', '/orders/17', '-H', 'host: acme.example'], explanation],
];

describe('against a control API', () => {
  test.each(REMOTE)(
    '%s prints for people, and JSON of its type for machines, and nothing on standard error',
    async (_, args, type) => {
      const { env } = await api(everything);
      const [text, json] = [await runCli(args, { env }), await runCli([...args, '--output', 'json'], { env })];
      expect(text).toMatchObject({ code: 0, stderr: '' });
      expect(text.stdout.trim()).not.toBe('');
      expect(json).toMatchObject({ code: 0, stderr: '' });
      expect(type.safeParse(JSON.parse(json.stdout)).error).toBeUndefined();
    },
  );

  test('what is ordered reaches it as it was said, in the name of the user', async () => {
    const { env, calls } = await api(everything);
    await runCli(['dial', '0.1%', '--endpoint', 'GET /a', '--reason', 'first step'], { env });
    await runCli(['rollback', '--cohort', 'beta'], { env });
    expect(calls.map(({ route, body }) => [route, body])).toEqual([
      ['setDial', { scope: { endpoint: 'GET /a' }, dialPpm: 1_000, reason: 'first step' }],
      ['status', undefined],
      ['rollback', { scope: { cohort: 'beta' }, reason: '' }],
    ]);
    const user = userInfo().username.replace(/[^\w.@+-]/g, '_');
    expect(new Set(calls.map(({ headers }) => headers['cutover-actor']))).toEqual(new Set([`cli:${user}`]));
  });

  test('what becomes of a cluster reaches it, with its end as a time', async () => {
    const { env, calls } = await api(everything);
    const id = '3f9a1c0be412';
    await runCli(['cluster', id, 'accept', '--reason', 'why', '--until', '2027-01-31', '--owner', 'shop'], { env });
    await runCli(['cluster', id, 'fix', '--reason', 'released'], { env });
    await runCli(['cluster', id, 'reopen'], { env });
    await runCli(['cluster', id, 'note', 'see the wiki'], { env });
    const until = Date.UTC(2027, 1, 1);
    expect(calls.map(({ route, body }) => [route, body])).toEqual([
      ['markCluster', { state: 'accepted', reason: 'why', until, owner: 'shop' }],
      ['markCluster', { state: 'fixed', reason: 'released' }],
      ['markCluster', { state: 'open', reason: '' }],
      ['markCluster', { note: 'see the wiki', reason: '' }],
    ]);
    for (const wrong of [['accept', '--reason', 'why'], ['accept', '--until', '30d'], ['own'], ['frobnicate']])
      expect(await runCli(['cluster', id, ...wrong], { env })).toMatchObject({ code: 2, stdout: '' });
  });

  test('clusters begin with what fixing a few of them opens', async () => {
    const { env } = await api(everything);
    const { stdout } = await runCli(['clusters'], { env });
    expect(stdout).toMatch(/^Fixing this difference would open 2 cells, \+18\.2 % of traffic\./);
  });

  test('a refusal is told on standard error with what to do, and ends with 1', async () => {
    const { env } = await api({ setDial: problemAnswer(409, 'CONFLICT', 'A latch lies over it.', 'cutover unlatch') });
    const run = await runCli(['dial', '5%', '--output', 'json'], { env });
    expect(run).toEqual({ code: 1, stdout: '', stderr: 'A latch lies over it.\ncutover unlatch\n' });
  });

  test('input that the control API refuses is a wrong call: 2', async () => {
    const { env } = await api({ explain: problemAnswer(400, 'INPUT_INVALID', 'target: too long') });
    expect(await runCli(['explain', 'GET', '/a'], { env })).toMatchObject({ code: 2, stdout: '' });
  });

  test('lists of dials longer than a page are followed to their end', async () => {
    const { env } = await api({
      dials: (_: unknown, request: { url?: string }) =>
        request.url?.includes('cursor=two') === true
          ? { items: [{ scope: { tenant: 'b' }, dialPpm: 2 }] }
          : { items: [{ scope: { tenant: 'a' }, dialPpm: 1 }], next: 'two' },
    });
    const { stdout } = await runCli(['dial', '--output', 'json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ scope: { tenant: 'a' } }, { scope: { tenant: 'b' } }] });
  });

  test('a rollback that the store did not take says so', async () => {
    const rollback = {
      effectiveMs: 0.4,
      journaledMs: null,
      revision: 8,
      scope: {},
      inFlight: 12,
      cachedForSeconds: 300,
    };
    const { env } = await api({ rollback });
    const { code, stdout } = await runCli(['rollback'], { env });
    expect(code).toBe(0);
    expect(stdout).toContain('effective after 0.4 ms');
    expect(stdout).toContain('! The store does not take it');
    expect(stdout).toContain('12 requests are still in flight');
    expect(stdout).toContain('up to 300 s more');
  });

  test('a status under a latch says it first', async () => {
    const latch = { scope: {}, at: 1, actor: 'cli:ann', reason: 'wrong totals' };
    const { env } = await api({ status: { ...statusSample, latches: [latch] } });
    const { stdout } = await runCli(['status'], { env });
    expect(stdout.split('\n')[0]).toBe(
      'ROLLED BACK: everything, by cli:ann: wrong totals. The control serves until cutover unlatch.',
    );
  });
});

describe('what is wrong with a call is told with a suggestion, and ends with 2', () => {
  test.each([
    [['rolback'], 'Did you mean rollback?'],
    [['stats'], 'Did you mean status?'],
    [['status', '--watsh'], 'Did you mean --watch?'],
    [['run', '--candidat', 'http://127.0.0.1:1'], 'Did you mean --candidate?'],
    [['dial', '5'], 'Give a percentage from 0% to 100%'],
    [['dial', '101%'], 'Give a percentage from 0% to 100%'],
    [['dial', 'abc'], 'Give a percentage from 0% to 100%'],
    [['dial', '-5%'], "unknown option '-5%'"],
    [['cells', '--limit', '0'], 'Give a whole number from 1 to 200'],
    [['status', '--watch', '1ms'], 'Give a time from 100ms to 24d'],
    [['status', '--output', 'xml'], 'Allowed choices are text, json'],
    [['show'], "missing required argument 'id'"],
    [['show', 'a', 'b'], 'too many arguments'],
    [['pin', 'left', '--reason', 'x'], 'Say control or candidate'],
    [['pin', 'candidate', '--tenant', 'acme'], 'A pin needs a reason'],
    [['explain', 'GET', '/a', '-H', 'nothing'], "Give it as 'name: value'"],
    [['token', '--side', 'candidate', '--ttl', '25h'], '24 h at most'],
    [['compare'], 'Both sides are needed'],
    [['compare', '--control', 'http://127.0.0.1:1', '--candidate', 'http://127.0.0.1:1'], 'No path was given'],
    [['compare', '--learn', 'x'], '--learn goes with --pairs'],
    [['compare', '--pairs', 'x', '/a'], 'Either paths or --pairs'],
    [['compare', '--pairs', '/nowhere/pairs'], 'The file /nowhere/pairs cannot be read'],
    [['compare', '--control', 'a', '--candidate', 'b', '/'], 'a is no address of a server'],
  ])('%j', async (args, expected) => {
    const run = await runCli(args, { env: { CUTOVER_API: 'http://127.0.0.1:9', CUTOVER_TOKEN: 'x' } });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(expected);
  });

  test('no command at all: the help, on standard error', async () => {
    const run = await runCli([]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain('Usage: cutover COMMAND');
  });
});

describe('help', () => {
  test.each([[['--help']], [['help']], [['help', 'rollback']], [['rollback', '--help']], [['--version']]])(
    '%j is data and ends with 0',
    async (args) => {
      const run = await runCli(args);
      expect(run).toMatchObject({ code: 0, stderr: '' });
      expect(run.stdout).not.toBe('');
      expect(run.stdout).not.toMatch(/default: ""|undefined/);
      expect(run.stdout).not.toContain('\u001b');
    },
  );

  test.each([60, 100])('fits %i columns', async (width) => {
    const { stdout } = await runCli(['--help'], { env: { COLUMNS: String(width) } });
    expect(Math.max(...stdout.split('\n').map(widthOf))).toBeLessThanOrEqual(width);
  });
});

describe('a Cutover that cannot be asked', () => {
  test('is not known: says how to name one, and ends with 1', async () => {
    const run = await runCli(['status'], { cwd: '/' });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('No running Cutover is known in cutover-data.');
    expect(run.stderr).toContain('--dir FOLDER');
  });

  test('has no token: says where tokens lie', async () => {
    const run = await runCli(['status', '--api', 'http://127.0.0.1:9'], { cwd: '/' });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain('--token-file FILE');
  });

  test('does not answer', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
    await new Promise((resolve) => server.close(resolve));
    const run = await runCli(['status', '--api', url], { env: { CUTOVER_TOKEN: 'x' } });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain(`The control API at ${url} does not answer (ECONNREFUSED).`);
  });

  test.each([
    [404, '<html>not found</html>'],
    [200, '<html>hello</html>'],
  ])('is something else that answers %i with a page', async (code, html) => {
    const server = createServer((_, response) => {
      response.writeHead(code, { 'content-type': 'text/html' });
      response.end(html);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => new Promise((resolve) => server.close(() => resolve())));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // listens on TCP
    const run = await runCli(['status', '--api', url], { env: { CUTOVER_TOKEN: 'x' } });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toContain(`The address answered ${code}, but not as the control API does.`);
  });

  test('is named by something that is no address, or with a token that is none: 2', async () => {
    const env = { CUTOVER_TOKEN: 'x' };
    expect(await runCli(['status', '--api', 'localhost:9090'], { env })).toMatchObject({ code: 2, stdout: '' });
    const run = await runCli(['status'], { env: { CUTOVER_API: 'http://127.0.0.1:9', CUTOVER_TOKEN: 'two words' } });
    expect(run).toMatchObject({ code: 2, stdout: '' });
  });
});

test('endpoints tells what the control varies in and is not excused, with the reason', async () => {
  const at = { path: 'body/at', class: 'time', envelope: 'a time', samples: 9 };
  const rare = { ...at, path: 'body/views', class: 'number', refused: 'not learned: it drifted in 1 of 30 pairs' };
  const { env } = await api({ endpoints: { items: [{ ...endpointSample, noise: [at, rare] }] } });
  const { stdout } = await runCli(['endpoints'], { env: { ...env, COLUMNS: '200' } });
  expect(stdout).toContain(`${endpointSample.endpoint} body/views: not learned: it drifted in 1 of 30 pairs\n`);
  expect(stdout).not.toContain('body/at');
});

describe('on a terminal', () => {
  const hostile = 'GET /\u001b[2J\u009b31m\u202egnp\u0007\u2028';

  test('names that would do something there are shown escaped, in text and in JSON', async () => {
    const { env } = await api({
      endpoints: { items: [{ ...endpointSample, endpoint: hostile }] },
      mismatch: { ...mismatchSample, target: hostile, tenant: hostile },
    });
    for (const args of [['endpoints'], ['show', 'm1'], ['endpoints', '--output', 'json']]) {
      const { stdout } = await runCli(args, { env: { ...env, COLUMNS: '200' } });
      for (const character of ['\u001b', '\u009b', '\u202e', '\u0007', '\u2028'])
        expect(stdout).not.toContain(character);
    }
    const { stdout } = await runCli(['show', 'm1'], { env });
    expect(stdout).toContain('\\u{1b}[2J\\u{9b}31m\\u{202e}gnp\\u{7}');
    const json = await runCli(['endpoints', '--output', 'json'], { env });
    expect(JSON.parse(json.stdout)).toMatchObject({ items: [{ endpoint: hostile }] });
  });

  test('a hostile message of the control API is escaped too', async () => {
    const { env } = await api({ status: problemAnswer(500, 'FAULT', 'bad \u001b]0;title\u0007') });
    const { stderr } = await runCli(['status'], { env });
    expect(stderr).toContain('bad \\u{1b}]0;title\\u{7}');
  });

  test.each([
    [{}, false],
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [{ FORCE_COLOR: '0' }, false],
    [{ NO_COLOR: '' }, false],
    [{ CI: 'true' }, false],
  ])('with %j a pipe gets colours: %s', async (extra, expected) => {
    const { env } = await api(everything);
    const { stdout } = await runCli(['status'], { env: { ...env, ...extra } });
    expect(stdout.includes('\u001b[')).toBe(expected);
  });

  test('FORCE_COLOR colours no JSON', async () => {
    const { env } = await api(everything);
    const { stdout } = await runCli(['status', '--output', 'json'], { env: { ...env, FORCE_COLOR: '1' } });
    expect(() => JSON.parse(stdout)).not.toThrow();
  });

  test('a reader that goes away early is no fault', async () => {
    const { env } = await api({ cells: { items: Array.from({ length: 200 }, () => cellSample) } });
    for (const line of ['$CUTOVER cells --limit 200 --output json | head -1', '$CUTOVER help | head -1']) {
      const run = await runShell(line, { env });
      expect(run).toMatchObject({ code: 0, stderr: '' });
      expect(run.stdout.split('\n')).toHaveLength(2);
    }
  });

  test('a status that is watched ends when nobody reads it any more', async () => {
    const { env } = await api(everything);
    const run = await runShell('$CUTOVER status --watch 100ms --output json | head -1', { env });
    expect(run).toMatchObject({ code: 0, stderr: '', stdout: '{\n' });
  });

  const long = (text: string): string => `${text} ${'x'.repeat(80)} 漢字漢字 🙂`;
  const LISTS: readonly (readonly [string, Partial<Record<RouteName, Scripted>>])[] = [
    [
      'cells',
      { cells: { items: [{ ...cellSample, tenant: long('t'), endpoint: long('e'), missing: long('m') }, cellSample] } },
    ],
    ['endpoints', { endpoints: { items: [{ ...endpointSample, endpoint: long('e') }] } }],
    [
      'clusters',
      {
        unlock: { ...unlockSample, plans: [] },
        clusters: { items: [{ ...clusterSample, endpoint: long('e'), pathPattern: long('p'), transition: long('t') }] },
      },
    ],
    ['mismatches', { mismatches: { items: [{ ...mismatchSummarySample, tenant: long('t'), target: long('r') }] } }],
    ['journal', { journal: { items: [{ ...journalSample, actor: long('a'), scope: long('s'), reason: long('r') }] } }],
    ['pin', { pins: { items: [{ ...pinSample, scope: { tenant: long('t') }, reason: long('r') }] } }],
    ['dial', { dials: { items: [{ scope: { tenant: long('t') }, dialPpm: 1 }] } }],
  ];
  test.each(LISTS.flatMap(([name, script]) => [60, 100, 200].map((width) => [name, width, script] as const)))(
    'the table of %s fits %i columns',
    async (name, width, script) => {
      const { env } = await api(script);
      const { stdout } = await runCli([name], { env: { ...env, COLUMNS: String(width) } });
      const lines = stdout.split('\n').filter((line) => !/^(see one|more):/.test(line));
      expect(lines.length).toBeGreaterThan(2);
      for (const line of lines) expect(widthOf(line), line).toBeLessThanOrEqual(width);
    },
  );
});
