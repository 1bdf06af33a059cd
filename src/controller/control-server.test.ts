import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { statusSample } from '../../test/support/api-samples.ts';
import { parsePrometheusText } from '../../test/support/prometheus-text.ts';
import { ScriptedStore } from '../../test/support/scripted-store.ts';
import {
  cellOf,
  endpointPolicy,
  endpointSettings,
  evidenceSettings,
  servedRecord,
  verifiedExchange,
} from '../../test/support/traffic.ts';
import { openApiDocument } from '../api/openapi.ts';
import { PROBLEM, ROUTE_NAMES, ROUTES, type Route, type RouteName } from '../api/routes.ts';
import type { EndpointId } from '../core/cell.ts';
import type { Cluster, StoredMismatch } from '../core/ports.ts';
import { systemClock, systemRandom } from '../telemetry/clock.ts';
import { createEvents } from '../telemetry/events.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { ClusterDesk } from './cluster-desk.ts';
import { ClusterDoor } from './cluster-door.ts';
import { createControlServer } from './control-server.ts';
import { type Controller, createController } from './controller.ts';
import { Ledger } from './ledger.ts';
import type { LiveView } from './live-view.ts';
import { movementRules } from './movement-rules.ts';
import { MovementView } from './movement-views.ts';
import { Mover } from './mover.ts';
import type { PlanDoor } from './plan-door.ts';
import { type RaceAsk, Races } from './race.ts';

const TOKEN = 'token-of-this-test';
const TOKEN_OF = { cora: 'token-of-cora-in-this-test', dan: 'token-of-dan-in-this-test' } as const;
const GET_A = 'GET /a' as EndpointId;
const NOTICE_TARGET = {
  name: 'chat',
  format: 'slack',
  address: 'https://chat.example',
  on: ['rollback'],
  isSigned: false,
  sent: 1,
  failed: 0,
  dropped: 0,
  waiting: 0,
  lastSentAt: 5,
  trouble: '',
};
const ANN = { actor: 'cli:ann', reason: 'wrong totals' };

interface Bench {
  readonly url: string;
  readonly port: number;
  readonly store: ScriptedStore;
  readonly controller: Controller;
  readonly ledger: Ledger;
  readonly mover: Mover;
  readonly desk: ClusterDesk;
  readonly door: ClusterDoor;
  readonly clusters: Cluster[];
  readonly logged: string[];
  readonly live: { reasons: string[] };
}

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function setUp(options: { dashboardDir?: string; hosts?: string[]; raceAsk?: RaceAsk } = {}): Promise<Bench> {
  const logged: string[] = [];
  const log = createLog({ level: 'info', write: (line) => logged.push(line) });
  const { registry, metrics } = createMetrics();
  const events = createEvents({ log, metrics, clock: systemClock });
  const store = new ScriptedStore();
  const ledger = new Ledger({ limits: { cells: 1_000, endpoints: 100 }, clock: systemClock });
  const reasons: string[] = [];
  const controller = createController({
    store,
    clock: systemClock,
    events,
    version: '1.2.3',
    onTable: () => {},
    base: {
      force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
      cohorts: {},
      defaults: endpointPolicy(),
      endpoints: [],
      dials: [{ scope: {}, dialPpm: 0 }],
    },
  });
  await controller.start();
  const mover = new Mover({
    controller,
    store: { saveDocuments: async () => {} },
    clock: systemClock,
    log,
    rules: movementRules({
      evidence: evidenceSettings(),
      protectedTenants: [],
      endpoints: [endpointSettings('/gated', [{ kind: 'gate', name: 'release', approvals: 1, approvers: [] }])],
      defaults: {
        dialPpm: 0,
        maxPpm: 1_000_000,
        proof: 'endpoint',
        mirrorPpm: 0,
        steps: [{ kind: 'mirror' }],
        dwellMs: 1,
      },
    }),
    tripwires: { candidateFailures: undefined, hardDown: undefined, reverseMismatch: undefined },
    limits: { cells: 100, endpoints: 100 },
    fingerprint: 'r',
    saved: new Map(),
  });
  closers.push(() => mover.close());
  const clusters: Cluster[] = [];
  const view = new MovementView(() => mover);
  const desk = new ClusterDesk({
    controller,
    events,
    clock: systemClock,
    cluster: (id) => clusters.find((one) => one.id === id),
    movement: view,
    rules: () => 'r',
    onRules: (fingerprint) => mover.rulesAre(fingerprint),
    maxCells: 100,
    saved: new Map(),
  });
  const door = new ClusterDoor(desk, () => ({
    clusters,
    ledger,
    table: controller.table,
    movement: view,
    now: Date.now(),
  }));
  const server = createControlServer({
    controller,
    ledger,
    store,
    clusters: door,
    registry,
    events,
    plan: PLAN,
    live: liveView(reasons),
    movement: {
      view,
      deployed: (side, version) => mover.deployed(side, version),
      steering: () => mover,
    },
    notices: {
      targets: () => [NOTICE_TARGET],
      test: async (name) =>
        name === undefined || name === 'chat'
          ? [{ name: 'chat', ok: true, status: 200, answer: 'ok', durationMs: 3 }]
          : [],
    },
    written: async () => {},
    purge: async () => ({
      mismatches: 3,
      recordings: 2,
      struckCells: 1,
      kept: { cells: 1, orders: 0, journalEntries: 1 },
    }),
    races: new Races({ ask: options.raceAsk ?? raceAsk(), clock: systemClock }),
    clock: systemClock,
    random: systemRandom,
    listen: { host: '127.0.0.1', port: 0 },
    hosts: options.hosts ?? [],
    token: TOKEN,
    people: [
      { name: 'cora', token: TOKEN_OF.cora },
      { name: 'dan', token: TOKEN_OF.dan },
    ],
    dashboardDir: options.dashboardDir,
  });
  const { port } = await server.listen();
  closers.push(() => server.close());
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    store,
    controller,
    ledger,
    mover,
    desk,
    door,
    clusters,
    logged,
    live: { reasons },
  };
}

/** Both sides answer with a page of their own that tries everything. */
function raceAsk(): RaceAsk {
  return {
    acts: ({ target }) => target === '/configured-as-acting',
    ask: async (side) => ({
      kind: 'answer',
      status: 200,
      headers: [
        ['Content-Type', 'text/html; charset=utf-8'],
        ['Set-Cookie', 'a=b'],
        ['Content-Security-Policy', 'script-src *'],
      ],
      body: Buffer.from(`<h1>${side}</h1><script>alert(1)</script>`),
      bodyBytes: 40,
      firstByteMs: 1,
      durationMs: side === 'control' ? 4 : 2,
    }),
  };
}

const { file: _, ...MARK } = statusSample.plan;
const REVISION = { ...MARK, name: 'cutover.yaml', inForce: true };
const NO_SHARES = { toCandidatePpm: 0, toControlPpm: 0 };
const NO_MOVES = { cells: 0, tenants: 0, ...NO_SHARES, subjects: NO_SHARES };
const PLAN: PlanDoor = {
  status: () => statusSample.plan,
  revisions: () => [REVISION],
  revision: () => ({ ...REVISION, text: 'a: 1', before: null }),
  apply: async () => ({ ok: true, isNew: true }),
  revert: async () => ({ ok: true, isNew: true }),
  preview: async () => ({
    differs: false,
    revision: 3,
    tableRevision: 7,
    refusal: null,
    restart: [],
    changes: [],
    changed: 0,
    sections: [],
    newEpoch: false,
    proofs: { open: 0, renewed: 0, lost: 0 },
    heldBack: [],
    movement: { ...NO_MOVES, seen: { cells: 0, tenants: 0, requests: 0 }, isDealtAnew: false, endpoints: [] },
    unproven: { cells: 0, first: [] },
    notes: [],
  }),
};

function liveView(reasons: string[]): LiveView {
  const target = { target: 'http://127.0.0.1:1', healthy: true, outstanding: 0, reason: '' };
  return {
    version: '1.2.3',
    startedAt: 1_700_000_000_000,
    plan: () => statusSample.plan,
    state: () => 'serving',
    notReady: () => reasons,
    targets: () => ({ control: [target], candidate: [{ ...target, healthy: false, reason: 'refused' }] }),
    versions: () => ({ control: 'v1', candidate: 'v2' }),
    noise: () => new Map([[GET_A, [{ path: 'body/at', class: 'time', envelope: 'within 5 s', samples: 9 }]]]),
    learned: () => new Map([[GET_A, { paths: [] }]]),
    comparison: () => ({
      rules: [
        { kind: 'ignore', name: 'ids', reason: 'opaque', path: 'body/id', endpoint: GET_A, counts: false },
        { kind: 'tolerance', name: 'rounding', reason: 'floats', path: 'body/total', absolute: 0.01 },
      ],
      headers: ['content-type'],
      keyOrder: false,
      maxDecodedBytes: 1_000,
      timeoutMs: 1_000,
    }),
    power: () => ({
      demanded: 0.95,
      endpoints: new Map([
        [
          GET_A,
          {
            at: 1_700_000_000_000,
            recorded: 4,
            trouble: '',
            found: {
              endpoint: GET_A,
              answers: 3,
              power: 0.88,
              noiseHides: 1,
              rules: [{ rule: 'ids', faults: ['id-changed'], hidden: 3 }],
              faults: [
                {
                  fault: 'id-changed',
                  says: 'an id is another',
                  planted: 3,
                  found: 0,
                  hiddenBy: [{ kind: 'rule', name: 'ids', count: 3 }],
                },
                { fault: 'missing', says: 'a member is missing', planted: 3, found: 3, hiddenBy: [] },
              ],
            },
          },
        ],
      ]),
    }),
    warnings: () => ['The candidate has no healthy target.'],
    queueLength: () => 0,
    outstanding: () => 3,
    cachedForSeconds: () => 60,
    explain: ({ method, target: asked }) => ({
      side: 'control',
      reason: 'no-proof',
      rule: 'proof endpoint',
      endpoint: `${method} ${asked}`,
      tenant: null,
      bucket: null,
      dialPpm: null,
      revision: 1,
      chain: [{ step: 'latch', applies: false, detail: 'no latch' }],
    }),
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Undefined: the right one; null: none. */
  readonly token?: string | null;
}

/** By node:http: `fetch` does not let a test choose Host, Origin and Sec-Fetch-Site. */
function ask(bench: Bench, path: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', body, token = TOKEN } = asked;
  const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(sent === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(sent)) }),
    ...asked.headers,
  };
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      { host: '127.0.0.1', port: bench.port, path, method, headers, agent: false },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(pieces).toString();
          const known = Object.entries(response.headers).map(
            ([name, value]) => [name, String(value)] as [string, string],
          );
          let json: unknown;
          try {
            json = JSON.parse(text);
          } catch {
            json = undefined;
          }
          resolve({ status: response.statusCode ?? 0, headers: new Headers(known), text, json });
        });
      },
    );
    call.on('error', reject);
    call.end(sent);
  });
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(PROBLEM.parse(answer.json)).toMatchObject({ status, code });
  expect(answer.status).toBe(status);
}

const CLUSTER: Cluster = {
  id: 'c1',
  endpoint: GET_A,
  pathPattern: 'body/items/*/price',
  kind: 'value',
  transition: 'number → string',
  count: 7,
  firstSeen: 1,
  lastSeen: 2,
  lastVersion: 'v2',
  endpoints: [{ endpoint: 'GET /a' as EndpointId, count: 1 }],
  firstVersion: 'v2',
  tenants: 1,
  example: 'm1',
  difference: { path: 'body/items/0/price', kind: 'value', control: '1', candidate: '"1"' },
};

function storedMismatch(id: string): StoredMismatch {
  const cell = cellOf('acme', 'GET /a');
  const exchange = verifiedExchange(cell, 'mismatch', {
    id,
    request: { method: 'GET', target: '/a?token=⟦r:1⟧', headers: [['host', 'a']], secrets: ['query:token'] },
    answers: {
      control: { status: 200, headers: [['x', 'y']], body: '1', bodyBytes: 1 },
      candidate: { failure: 'reset' },
    },
  });
  return { id, at: 5, cell, cluster: 'c1', exchange };
}

/** A call of each route that succeeds. */
const CALLS: Readonly<Record<RouteName, { readonly path: string; readonly body?: unknown }>> = {
  status: { path: '/api/v1/status' },
  plan: { path: '/api/v1/plan' },
  previewPlan: { path: '/api/v1/plan/preview', body: { text: 'a: 1' } },
  applyPlan: { path: '/api/v1/plan', body: { text: 'a: 1', reason: 'test' } },
  planRevisions: { path: '/api/v1/plan/revisions?limit=2' },
  planRevision: { path: '/api/v1/plan/revisions/3' },
  revertPlan: { path: '/api/v1/plan/revert', body: { revision: 3 } },
  endpoints: { path: '/api/v1/endpoints' },
  cells: { path: '/api/v1/cells?endpoint=GET%20/a&state=observing' },
  cellMap: { path: '/api/v1/cell-map' },
  fleet: { path: '/api/v1/fleet' },
  clusters: { path: '/api/v1/clusters?endpoint=GET%20/a' },
  cluster: { path: '/api/v1/clusters/c1' },
  markCluster: { path: '/api/v1/clusters/c1', body: { state: 'fixed', owner: 'shop team', reason: 'released' } },
  unlock: { path: '/api/v1/unlock' },
  mismatches: { path: '/api/v1/mismatches?cluster=c1' },
  mismatch: { path: '/api/v1/mismatches/m1' },
  recordings: { path: '/api/v1/recordings?endpoint=GET%20/a&since=1' },
  comparison: { path: '/api/v1/comparison' },
  power: { path: '/api/v1/power' },
  noise: { path: '/api/v1/noise' },
  journal: { path: '/api/v1/journal?order=oldest' },
  journalHead: { path: '/api/v1/journal/head' },
  dials: { path: '/api/v1/dials' },
  setDial: { path: '/api/v1/dials', body: { scope: { endpoint: 'GET /a' }, dialPpm: 50_000, reason: 'begin' } },
  rollback: { path: '/api/v1/rollback', body: { scope: { tenant: 'acme' }, reason: 'wrong' } },
  latches: { path: '/api/v1/latch' },
  unlatch: { path: '/api/v1/latch', body: { scope: { tenant: 'held' } } },
  pins: { path: '/api/v1/pins' },
  pin: { path: '/api/v1/pins', body: { scope: { tenant: 'large' }, side: 'control', reason: 'protect', until: 9e12 } },
  liftPin: { path: '/api/v1/pins/p1', body: {} },
  hold: { path: '/api/v1/hold', body: { scope: { endpoint: 'GET /a' }, reason: 'sales season' } },
  resume: { path: '/api/v1/resume', body: { scope: { tenant: 'held' } } },
  canary: { path: '/api/v1/canary' },
  endCanary: { path: '/api/v1/canary', body: { action: 'promote', reason: 'looked at it' } },
  approve: { path: '/api/v1/approve', body: { endpoint: 'GET /gated', gate: 'release', reason: 'checked' } },
  reject: { path: '/api/v1/reject', body: { endpoint: 'GET /gated', reason: 'totals are wrong' } },
  close: { path: '/api/v1/close', body: { scope: { endpoint: 'GET /whole' }, reason: 'wrong totals' } },
  freeze: { path: '/api/v1/freeze', body: { until: 9e12, reason: 'sales season' } },
  unfreeze: { path: '/api/v1/unfreeze', body: { reason: 'it is over' } },
  retire: { path: '/api/v1/retire', body: { endpoint: 'GET /whole', reason: 'verified for 14 days' } },
  unretire: { path: '/api/v1/unretire', body: { endpoint: 'GET /retired' } },
  deploy: { path: '/api/v1/deploy', body: { side: 'candidate', version: 'v3' } },
  purge: { path: '/api/v1/purge', body: { tenant: 'acme', reason: 'they left' } },
  notify: { path: '/api/v1/notify' },
  notifyTest: { path: '/api/v1/notify/test', body: { name: 'chat' } },
  proof: { path: '/api/v1/proofs/acme/GET%20%2Fa' },
  ramps: { path: '/api/v1/ramps' },
  explain: { path: '/api/v1/explain', body: { method: 'GET', target: '/a?b=1' } },
  race: { path: '/api/v1/race', body: { host: 'acme.example', target: '/products/7' } },
  events: { path: '/api/v1/events' },
  openapi: { path: '/api/v1/openapi.json' },
  healthz: { path: '/healthz' },
  readyz: { path: '/readyz' },
  version: { path: '/version' },
  metrics: { path: '/metrics' },
};

async function fill(bench: Bench, { isFrozen = false, isCanary = false } = {}): Promise<void> {
  for (let i = 0; i < 5; i++) bench.ledger.served(servedRecord({ at: Date.now() }));
  bench.ledger.verified(verifiedExchange(cellOf('acme', 'GET /a'), 'match'));
  bench.ledger.unverified(cellOf('acme', 'GET /a'), 'budget');
  bench.clusters.push(CLUSTER);
  bench.store.mismatchList.push(storedMismatch('m1'));
  bench.store.recordingList.push(storedMismatch('r1'));
  await bench.controller.rollback({ tenant: cellOf('held', 'GET /a').tenant }, ANN);
  await bench.controller.command({ kind: 'pin.set', id: 'p1', scope: {}, side: 'control' }, ANN);
  await bench.controller.command({ kind: 'hold', scope: { tenant: cellOf('held', 'GET /a').tenant } }, ANN);
  const [whole, retired] = [cellOf('acme', 'GET /whole').endpoint, cellOf('acme', 'GET /retired').endpoint];
  await bench.controller.command({ kind: 'dial.set', scope: { endpoint: whole }, dialPpm: 1_000_000 }, ANN);
  await bench.controller.command({ kind: 'retire', endpoints: [retired] }, ANN);
  const policy = { sharePpm: 50_000, durationMs: 600_000, requests: 100 };
  // A canary keeps ramps from climbing to their gates; where one is asked for, nothing is on its way.
  if (isCanary) await bench.controller.command({ kind: 'canary.begin', version: 'v2', policy }, ANN);
  if (isFrozen) await bench.controller.command({ kind: 'freeze', until: 9e12 }, ANN);
  await bench.mover.start();
  bench.mover.served(servedRecord({ at: Date.now() }));
  bench.mover.served(servedRecord({ at: Date.now(), endpoint: cellOf('acme', 'GET /gated').endpoint }));
  bench.mover.verified(verifiedExchange(cellOf('acme', 'GET /a'), 'match'));
  await bench.mover.tick();
}

describe('every route', () => {
  test('is in the OpenAPI document, and nothing else is', async () => {
    const bench = await setUp();
    const { json } = await ask(bench, '/api/v1/openapi.json');
    expect(json).toEqual(JSON.parse(JSON.stringify(openApiDocument('1.2.3'))));
    const documented = Object.entries((json as { paths: Record<string, object> }).paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = Object.values<Route>(ROUTES).map((route) => `${route.method} ${route.path}`);
    expect(documented.sort()).toEqual(routes.sort());
  });

  test.each(ROUTE_NAMES.filter((name) => typeof ROUTES[name].output !== 'string'))(
    '%s answers with what its type says',
    async (name) => {
      const bench = await setUp();
      await fill(bench, { isFrozen: name === 'unfreeze', isCanary: name === 'canary' || name === 'endCanary' });
      const route: Route = ROUTES[name];
      const { path, body } = CALLS[name];
      const answer = await ask(bench, path, { method: route.method, body });
      expect(answer.status).toBe(route.status);
      // Strict: a field that the type does not know must not slip out.
      const type = route.output as z.ZodType; // the others were filtered out above
      expect(type.parse(answer.json)).toEqual(answer.json);
      if (answer.json !== null && typeof answer.json === 'object' && 'items' in answer.json) {
        expect((answer.json.items as unknown[]).length).toBeGreaterThan(0);
      }
    },
  );

  test.each(ROUTE_NAMES)('%s takes no other method', async (name) => {
    const bench = await setUp();
    const path = ROUTES[name].path.replace('{id}', 'x');
    const allowed = Object.values<Route>(ROUTES).filter((route) => route.path.replace('{id}', 'x') === path);
    const wrong = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH'].filter((m) => !allowed.some((route) => route.method === m));
    for (const method of wrong) {
      const answer = await ask(bench, path, { method, body: method === 'GET' ? undefined : {} });
      expectProblem(answer, 405, 'INPUT_INVALID');
      expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(allowed.map((route) => route.method).sort());
    }
  });
});

describe('who may not', () => {
  const strangers: readonly [string, Asked][] = [
    ['no token', { token: null }],
    ['a wrong token', { token: 'wrong' }],
    ['an empty token', { token: '' }],
    ['the token with something behind it', { token: `${TOKEN}x` }],
    ['a foreign Origin', { headers: { origin: 'https://evil.example' } }],
    ['the Origin null', { headers: { origin: 'null' } }],
    ['another port of this machine as Origin', { headers: { origin: 'http://127.0.0.1:1' } }],
    ['a cross-site page', { headers: { 'sec-fetch-site': 'cross-site' } }],
    ['a same-site page', { headers: { 'sec-fetch-site': 'same-site' } }],
    ['a foreign Host', { headers: { host: 'evil.example' } }],
    ['a Host that begins like ours', { headers: { host: '127.0.0.1.evil.example' } }],
    ['a Host with a port that is none', { headers: { host: 'localhost:80@evil.example' } }],
  ];
  const closed = ROUTE_NAMES.filter((name) => !ROUTES[name].open);

  test.each(strangers)('with %s nothing is reached: %j', async (_, how) => {
    const bench = await setUp();
    await fill(bench);
    const entries = bench.store.entries.length;
    const revision = bench.controller.state.revision;
    for (const name of closed) {
      const answer = await ask(bench, CALLS[name].path, {
        method: ROUTES[name].method,
        body: CALLS[name].body,
        ...how,
      });
      expect([400, 401, 403, 429]).toContain(answer.status);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(answer.text).not.toContain('acme');
    }
    expect(bench.store.entries).toHaveLength(entries);
    expect(bench.controller.state.revision).toBe(revision);
  });

  test('what is open without a token is closed to other Hosts and Origins, but for the probes', async () => {
    const bench = await setUp();
    for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }]) {
      for (const path of ['/version', '/metrics']) expectProblem(await ask(bench, path, { headers }), 403, 'FORBIDDEN');
      for (const path of ['/healthz', '/readyz']) expect((await ask(bench, path, { headers })).status).toBe(200);
    }
    expectProblem(await ask(bench, '/', { headers: { host: 'evil.example' } }), 403, 'FORBIDDEN');
  });

  test('an unknown path under the API tells a stranger nothing', async () => {
    const bench = await setUp();
    expectProblem(await ask(bench, '/api/v1/secret', { token: null }), 401, 'UNAUTHORIZED');
    expectProblem(await ask(bench, '/api/v1/secret'), 404, 'NOT_FOUND');
  });

  test.each([
    '/%61pi/v1/status',
    '/api%2fv1/status',
    '//api/v1/status',
    '/x/../api/v1/status',
    '/API/v1/status',
    '/api/v1/status/',
  ])('the spelling %s of a path goes round no guard', async (path) => {
    const bench = await setUp();
    const answer = await ask(bench, path, { token: null });
    expect([401, 404]).toContain(answer.status);
    expect(answer.text).not.toContain('candidatePpm');
  });

  test.each(['localhost', 'LOCALHOST:99', '127.0.0.1', '[::1]:8', 'cutover.internal', 'Cutover.Internal.:443'])(
    'the Host %s is ours',
    async (host) => {
      const bench = await setUp({ hosts: ['cutover.internal'] });
      expect((await ask(bench, '/api/v1/status', { headers: { host } })).status).toBe(200);
    },
  );

  test.each<[what: string, token: string, headers: Record<string, string>, actor: string]>([
    ['who signed in, whatever they say', TOKEN_OF.cora, { 'cutover-actor': 'cli:dan' }, 'cli:cora'],
    ['who signed in on the page', TOKEN_OF.dan, { 'sec-fetch-site': 'same-origin' }, 'dashboard:dan'],
    ['who signed in with a program', TOKEN_OF.dan, {}, 'api:dan'],
    ['nobody who signs in, where another token gives their name', TOKEN, { 'cutover-actor': 'cli:cora' }, 'cli'],
    ['what other callers say of themselves', TOKEN, { 'cutover-actor': 'cli:eve' }, 'cli:eve'],
  ])('the journal names %s', async (_, token, headers, actor) => {
    const bench = await setUp();
    const body = { scope: {}, reason: 'a look' };
    expect((await ask(bench, '/api/v1/hold', { method: 'POST', body, token, headers })).status).toBe(200);
    const { items } = await bench.store.journal({ limit: 1 });
    expect(items[0]).toMatchObject({ action: 'hold', actor });
  });

  test('wrong tokens are slowed down per address, and the right one passes all the same', async () => {
    const bench = await setUp();
    const codes: number[] = [];
    for (let i = 0; i < 20; i++) codes.push((await ask(bench, '/api/v1/status', { token: `guess-${i}` })).status);
    expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(codes.at(-1)).toBe(429);
    const slowed = await ask(bench, '/api/v1/status', { token: 'guess' });
    expectProblem(slowed, 429, 'RATE_LIMITED');
    expect(slowed.headers.get('retry-after')).toBe('6');
    expect((await ask(bench, '/api/v1/status')).status).toBe(200);
    expect(bench.logged.join('')).not.toContain('guess-');
    expect(bench.logged.join('')).not.toContain(TOKEN);
  });
});

describe('every answer', () => {
  test('carries the headers that keep a browser from running anything', async () => {
    const bench = await setUp();
    for (const path of ['/api/v1/status', '/', '/nowhere', '/metrics', '/healthz']) {
      const { headers } = await ask(bench, path);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('that is a problem has an id which is found in the log', async () => {
    const bench = await setUp();
    const { json } = await ask(bench, '/api/v1/mismatches/none');
    const problem = PROBLEM.parse(json);
    expect(problem).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(bench.logged.some((line) => line.includes(problem.id) && line.includes('api.problem'))).toBe(true);
  });

  test('to a fault of our own hides what happened from the caller and logs it', async () => {
    const bench = await setUp();
    bench.store.mismatch = () => Promise.reject(new Error('canary-internals'));
    const answer = await ask(bench, '/api/v1/mismatches/m1');
    expectProblem(answer, 500, 'FAULT');
    expect(answer.text).not.toContain('canary-internals');
    expect(bench.logged.join('')).toContain('canary-internals');
  });
});

describe('bodies', () => {
  test.each([
    ['not JSON', '{', 400],
    ['an unknown member', '{"dialPpm":1,"dailPpm":2}', 400],
    ['a missing member', '{}', 400],
    ['too much', '{"dialPpm":1000001}', 400],
    ['a fraction', '{"dialPpm":0.5}', 400],
    ['an unknown scope', '{"dialPpm":1,"scope":{"tennant":"a"}}', 400],
    ['a tenant with a space', '{"dialPpm":1,"scope":{"tenant":"a b"}}', 400],
    ['an endpoint that is none', '{"dialPpm":1,"scope":{"endpoint":"nonsense"}}', 400],
    ['a polluting member', '{"dialPpm":1,"__proto__":{"x":1}}', 400],
    ['nothing', '', 400],
    ['64 KiB and more', `{"dialPpm":1,"reason":"${'x'.repeat(70_000)}"}`, 413],
  ])('%s is refused and changes nothing', async (_, body, status) => {
    const bench = await setUp();
    const before = bench.controller.state;
    expectProblem(await ask(bench, '/api/v1/dials', { method: 'PUT', body }), status, 'INPUT_INVALID');
    expect(bench.controller.state).toBe(before);
  });

  test('anything but JSON is refused by its type', async () => {
    const bench = await setUp();
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=a',
      'application/jsonp',
    ]) {
      const answer = await ask(bench, '/api/v1/rollback', {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': type },
      });
      expectProblem(answer, 415, 'INPUT_INVALID');
    }
    expect(bench.controller.state.latches.size).toBe(0);
  });

  test('500 generated bodies, on any route that takes one, never do worse than a problem', async () => {
    const bench = await setUp();
    const routes = ROUTE_NAMES.filter((name) => (ROUTES[name] as Route).body !== undefined);
    const scope = fc.record(
      { tenant: fc.string(), endpoint: fc.string(), cohort: fc.anything() },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc
        .record(
          {
            scope: fc.oneof(scope, fc.anything()),
            dialPpm: fc.oneof(fc.integer(), fc.double()),
            reason: fc.string(),
            side: fc.string(),
            until: fc.anything(),
            method: fc.string(),
            target: fc.string(),
            headers: fc.anything(),
          },
          { requiredKeys: [] },
        )
        .map((value) => JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item))),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...routes), body, async (name, text) => {
        const answer = await ask(bench, CALLS[name].path, { method: ROUTES[name].method, body: text });
        expect(answer.status).toBeLessThan(500);
        if (answer.status >= 400) expect(PROBLEM.parse(answer.json).status).toBe(answer.status);
      }),
      { numRuns: 500 },
    );
    expect((await ask(bench, '/api/v1/status')).status).toBe(200);
  });

  test('odd queries and cursors are refused', async () => {
    const bench = await setUp();
    for (const path of [
      'cells?limit=0',
      'cells?limit=201',
      'cells?limit=x',
      'cells?cursor=-1',
      'cells?cursor=a',
      'endpoints?cursor=!!',
      'cells?state=odd',
      'journal?wrong=1',
      'mismatches?tenant=acme',
      'journal?cursor=zz',
    ]) {
      expectProblem(await ask(bench, `/api/v1/${path}`), 400, 'INPUT_INVALID');
    }
  });
});

describe('lists', () => {
  test('are walked to the end by their Link headers, each item once', async () => {
    const bench = await setUp();
    for (let i = 0; i < 57; i++) {
      bench.ledger.served(servedRecord({ endpoint: `GET /e${i}` as EndpointId }));
      await bench.controller.command(
        { kind: 'dial.set', scope: { endpoint: `GET /e${i}` as EndpointId }, dialPpm: 0 },
        ANN,
      );
    }
    for (const list of ['endpoints', 'cells', 'dials', 'journal']) {
      const seen: string[] = [];
      let path: string | undefined = `/api/v1/${list}?limit=10`;
      while (path !== undefined) {
        const answer: Answer = await ask(bench, path);
        const { items, next } = answer.json as { items: unknown[]; next?: string };
        expect(items.length).toBeLessThanOrEqual(10);
        seen.push(...items.map((item) => JSON.stringify(item)));
        path = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
        expect(path === undefined).toBe(next === undefined);
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.length).toBe({ endpoints: 57, cells: 57, dials: 58, journal: 59 }[list]);
    }
  });
});

describe('commands', () => {
  test('are journaled with who gave them', async () => {
    const bench = await setUp();
    const actors = [
      [{ 'cutover-actor': 'cli:ann' }, 'cli:ann'],
      [{ 'sec-fetch-site': 'same-origin' }, 'dashboard'],
      [{}, 'api'],
      [{ 'cutover-actor': 'controller' }, 'api'],
      [{ 'cutover-actor': 'cli:ann evil' }, 'api'],
    ] as const;
    for (const [headers, actor] of actors) {
      await ask(bench, '/api/v1/dials', { method: 'PUT', body: { dialPpm: 0, reason: 'r' }, headers });
      expect(bench.store.entries.at(-1)).toMatchObject({ actor, action: 'dial.set', reason: 'r' });
    }
  });

  test('clusters are listed by rank, state and endpoint, page by page, and marked with owner and reason', async () => {
    const bench = await setUp();
    const elsewhere = { endpoint: 'GET /b' as EndpointId, count: 2 };
    bench.clusters.push(
      CLUSTER,
      { ...CLUSTER, id: 'c2', count: 9, endpoints: [...CLUSTER.endpoints, elsewhere] },
      { ...CLUSTER, id: 'c3', count: 1, kind: 'alias' },
    );
    const ids = async (query: string): Promise<{ ids: string[]; next: string | undefined }> => {
      const page = (await ask(bench, `/api/v1/clusters?${query}`)).json as { items: { id: string }[]; next?: string };
      return { ids: page.items.map(({ id }) => id), next: page.next };
    };
    const first = await ids('limit=2');
    expect(first.ids).toEqual(['c3', 'c2']);
    expect(await ids(`limit=2&cursor=${first.next}`)).toEqual({ ids: ['c1'], next: undefined });
    expect((await ids('endpoint=GET%20/b')).ids).toEqual(['c2']);
    expectProblem(await ask(bench, '/api/v1/clusters?cursor=bm93aGVyZQ'), 400, 'INPUT_INVALID');

    const mark = (body: object) => ask(bench, '/api/v1/clusters/c2', { method: 'POST', body });
    expectProblem(await mark({ state: 'accepted', reason: 'by design' }), 400, 'INPUT_INVALID');
    const until = Date.now() + 60_000;
    const done = await mark({
      state: 'accepted',
      until,
      owner: 'shop team',
      note: 'see the wiki',
      reason: 'by design',
    });
    expect(done.json).toMatchObject({
      state: 'accepted',
      until,
      owner: 'shop team',
      note: 'see the wiki',
      acceptedAt: ['GET /a', 'GET /b'],
      marked: { actor: 'api', reason: 'by design' },
      journal: { action: 'cluster.accepted' },
    });
    expect(await ids('state=accepted')).toMatchObject({ ids: ['c2'] });
    expect((await ids('')).ids, 'what is settled comes last').toEqual(['c3', 'c1', 'c2']);
    expectProblem(
      await ask(bench, '/api/v1/clusters/none', { method: 'POST', body: { state: 'open' } }),
      404,
      'NOT_FOUND',
    );
  });

  test('a pin is listed with its id, and lifted by it', async () => {
    const bench = await setUp();
    const { json } = await ask(bench, '/api/v1/pins', {
      method: 'POST',
      body: { scope: { tenant: 'acme' }, side: 'control', reason: 'protect' },
    });
    const pin = json as { id: string };
    expect((await ask(bench, '/api/v1/pins')).json).toMatchObject({ items: [{ id: pin.id, side: 'control' }] });
    // A DELETE needs no body where there is nothing to say.
    expect((await ask(bench, `/api/v1/pins/${pin.id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await ask(bench, '/api/v1/pins')).json).toEqual({ items: [] });
    expectProblem(await ask(bench, `/api/v1/pins/${pin.id}`, { method: 'DELETE', body: {} }), 404, 'NOT_FOUND');
  });

  test('raising a dial under a latch is a conflict', async () => {
    const bench = await setUp();
    await ask(bench, '/api/v1/rollback', { method: 'POST', body: {} });
    expectProblem(await ask(bench, '/api/v1/dials', { method: 'PUT', body: { dialPpm: 5 } }), 409, 'CONFLICT');
  });

  test('I6: while the store fails a dial is refused with 503, and a rollback is in force within 50 ms of its arrival', async () => {
    const bench = await setUp();
    bench.store.fail();
    expectProblem(await ask(bench, '/api/v1/dials', { method: 'PUT', body: { dialPpm: 5 } }), 503, 'STORE_FULL');
    expectProblem(await ask(bench, '/api/v1/mismatches'), 503, 'STORE_FULL');
    expect((await ask(bench, '/api/v1/status')).status).toBe(200);
    const answer = await ask(bench, '/api/v1/rollback', { method: 'POST', body: { reason: 'now' } });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ journaledMs: null, inFlight: 3, cachedForSeconds: 60, scope: {} });
    expect((answer.json as { effectiveMs: number }).effectiveMs).toBeLessThan(50);
    expect(bench.controller.state.latches.has('all')).toBe(true);
  });

  test('a rollback is answered while the store hangs under another command', async () => {
    const bench = await setUp();
    bench.store.hold();
    const begun = bench.store.nextCommit();
    const hanging = ask(bench, '/api/v1/dials', { method: 'PUT', body: { dialPpm: 5 } });
    await begun;
    const answer = await ask(bench, '/api/v1/rollback', { method: 'POST', body: {} });
    expect(answer.json).toMatchObject({ journaledMs: null });
    bench.store.release();
    expect((await hanging).status).toBe(200);
  });
});

/** Reads events until `count` are there. */
async function readEvents(
  bench: Bench,
  count: number,
  lastEventId?: string,
): Promise<{ id: string; type: string; data: unknown }[]> {
  const abort = new AbortController();
  const response = await fetch(`${bench.url}/api/v1/events`, {
    signal: abort.signal,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    },
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events: { id: string; type: string; data: unknown }[] = [];
  let text = '';
  const reader = (response.body ?? expect.fail('no body')).pipeThrough(new TextDecoderStream()).getReader();
  while (events.length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      if (field('event') !== '')
        events.push({ id: field('id'), type: field('event'), data: JSON.parse(field('data')) });
    }
  }
  abort.abort();
  return events;
}

describe('the event stream', () => {
  test('begins with the status, tells each change, and continues where a reader left off', async () => {
    const bench = await setUp();
    const reading = readEvents(bench, 3);
    await expect.poll(() => bench.controller.feed.watchers).toBe(1);
    await bench.controller.rollback({}, ANN);
    const first = await reading;
    expect(first[0]).toMatchObject({ type: 'status', id: '' });
    expect(ROUTES.status.output.parse(first[0]?.data)).toMatchObject({ version: '1.2.3' });
    const journal = first.find((event) => event.type === 'journal');
    expect(journal?.data).toMatchObject({ action: 'rollback', reason: 'wrong totals' });
    // The reader is away while two things happen.
    await expect.poll(() => bench.controller.feed.watchers).toBe(0);
    await bench.controller.command({ kind: 'unlatch', scope: {} }, ANN);
    await bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: 7 }, ANN);
    const resumed = await readEvents(bench, 2, journal?.id ?? '');
    expect(resumed.map((event) => (event.data as { action: string }).action)).toEqual(['unlatch', 'dial.set']);
  });

  test('begins with the status where what was missed cannot be told', async () => {
    const bench = await setUp();
    expect((await readEvents(bench, 1, 'other-5'))[0]).toMatchObject({ type: 'status' });
  });

  test('is bounded in readers, and their going away is noticed', async () => {
    const bench = await setUp();
    const abort = new AbortController();
    const open = (): Promise<Response> =>
      fetch(`${bench.url}/api/v1/events`, { signal: abort.signal, headers: { authorization: `Bearer ${TOKEN}` } });
    await Promise.all(Array.from({ length: 64 }, open));
    expect((await open()).status).toBe(429);
    expect((await ask(bench, '/api/v1/status')).status).toBe(200);
    abort.abort();
    await expect.poll(() => bench.controller.feed.watchers).toBe(0);
  });

  test('is not opened by a HEAD, which nobody would end', async () => {
    const bench = await setUp();
    expect((await ask(bench, '/api/v1/events', { method: 'HEAD' })).status).toBe(405);
    expect(bench.controller.feed.watchers).toBe(0);
  });

  test('a reader that does not read is let go, and delays nobody', async () => {
    const bench = await setUp();
    const call = httpRequest({
      host: '127.0.0.1',
      port: bench.port,
      path: '/api/v1/events',
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    call.on('error', () => {});
    const response = await new Promise<import('node:http').IncomingMessage>((resolve) =>
      call.once('response', resolve).end(),
    );
    response.pause();
    const text = 'x'.repeat(100_000);
    await expect
      .poll(
        () => {
          for (let i = 0; i < 100; i++) bench.controller.feed.publish('mismatch', text);
          return bench.controller.feed.watchers;
        },
        { timeout: 20_000, interval: 10 },
      )
      .toBe(0);
    call.destroy();
  });
});

describe('probes and metrics', () => {
  test('readiness says why not', async () => {
    const bench = await setUp();
    expect((await ask(bench, '/readyz', { token: null })).json).toEqual({ ready: true, reasons: [] });
    bench.live.reasons.push('draining');
    const answer = await ask(bench, '/readyz', { token: null });
    expect(answer.status).toBe(503);
    expect(answer.json).toEqual({ ready: false, reasons: ['draining'] });
    expect((await ask(bench, '/healthz', { token: null })).json).toEqual({ status: 'ok' });
  });

  test('the metrics are in the text format', async () => {
    const bench = await setUp();
    await ask(bench, '/api/v1/status');
    const answer = await ask(bench, '/metrics', { token: null });
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const requests = parsePrometheusText(answer.text).get('cutover_api_requests_total')?.samples ?? [];
    expect(requests.find((sample) => sample.labels['status_class'] === '2xx')?.value).toBe(1);
  });
});

describe('the page', () => {
  test('is served with types and caching that fit, and no path leaves its folder', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cutover-page-'));
    closers.push(() => rmSync(dir, { recursive: true, force: true }));
    mkdirSync(join(dir, 'page', 'assets'), { recursive: true });
    writeFileSync(join(dir, 'secret.txt'), 'canary-file');
    writeFileSync(join(dir, 'page', 'index.html'), '<!doctype html><title>Cutover</title>');
    writeFileSync(join(dir, 'page', 'assets', 'index-Ab3dE_9x.js'), 'void 0;');
    writeFileSync(join(dir, 'page', 'notes.txt'), 'canary-file');
    const bench = await setUp({ dashboardDir: join(dir, 'page') });
    const index = await ask(bench, '/', { token: null });
    expect(index.text).toContain('<title>Cutover</title>');
    expect(index.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(index.headers.get('cache-control')).toBe('no-cache');
    const script = await ask(bench, '/assets/index-Ab3dE_9x.js', { token: null });
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.headers.get('cache-control')).toContain('immutable');
    // A link on another page may lead here.
    expect((await ask(bench, '/', { token: null, headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(200);
    for (const path of [
      '/notes.txt',
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/assets/..%2f..%2f..%2fsecret.txt',
      '//secret.txt',
      '/assets/',
    ]) {
      const answer = await ask(bench, path, { token: null });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).not.toContain('canary-file');
    }
  });

  test('that was not built says how to build it', async () => {
    const bench = await setUp({ dashboardDir: join(tmpdir(), 'cutover-nothing-here') });
    const answer = await ask(bench, '/', { token: null });
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('npm run build:dashboard');
  });
});

test('an address in use is said to be in use', async () => {
  const bench = await setUp();
  const second = createControlServer({
    controller: bench.controller,
    ledger: bench.ledger,
    store: bench.store,
    clusters: bench.door,
    registry: createMetrics().registry,
    events: createEvents({
      log: createLog({ level: 'error', write: () => {} }),
      metrics: createMetrics().metrics,
      clock: systemClock,
    }),
    live: liveView([]),
    races: new Races({ ask: raceAsk(), clock: systemClock }),
    written: async () => {},
    purge: async () => ({
      mismatches: 0,
      recordings: 0,
      struckCells: 0,
      kept: { cells: 0, orders: 0, journalEntries: 0 },
    }),
    clock: systemClock,
    random: systemRandom,
    listen: { host: '127.0.0.1', port: bench.port },
    hosts: [],
    token: TOKEN,
  });
  await expect(second.listen()).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
});

describe('the answers of a race', () => {
  interface Raced {
    readonly ticket: string;
  }
  const race = async (bench: Bench, target = '/products/7') =>
    ask(bench, '/api/v1/race', { method: 'POST', body: { host: 'acme.example', target } });

  test('lie under their ticket for whoever has it, and have no right at all', async () => {
    const bench = await setUp();
    const { ticket } = (await race(bench)).json as Raced; // its type is checked with every route's
    for (const side of ['control', 'candidate']) {
      const { status, headers, text } = await ask(bench, `/race/${ticket}/${side}`, { token: null });
      expect(status).toBe(200);
      expect(text).toContain(`<h1>${side}</h1>`);
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy.split('; ')).toEqual(
        expect.arrayContaining(['sandbox', "default-src 'none'", "form-action 'none'", "base-uri 'none'"]),
      );
      expect(policy).not.toContain('script');
      expect(policy).not.toContain('allow');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('set-cookie')).toBeNull();
    }
  });

  test('are not there for other tickets, sides, methods, Hosts and pages', async () => {
    const bench = await setUp();
    const { ticket } = (await race(bench)).json as Raced;
    for (const path of [`/race/${'x'.repeat(32)}/control`, `/race/${ticket}/both`, `/race/${ticket}/`, '/race/']) {
      expectProblem(await ask(bench, path), 404, 'NOT_FOUND');
    }
    const path = `/race/${ticket}/control`;
    expectProblem(await ask(bench, path, { method: 'POST', body: {} }), 405, 'INPUT_INVALID');
    for (const headers of [{ host: 'evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      expectProblem(await ask(bench, path, { headers }), 403, 'FORBIDDEN');
    }
  });

  test.each(['/logout', '/x?token=abc', '/configured-as-acting'])('%s acts and is not raced', async (target) => {
    const answer = await race(await setUp(), target);
    expectProblem(answer, 400, 'INPUT_INVALID');
    expect(answer.text).toContain('acts');
  });

  test('too many in a short time are refused', async () => {
    const bench = await setUp();
    const statuses: number[] = [];
    for (let i = 0; i < 7; i += 1) statuses.push((await race(bench)).status);
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(statuses).toContain(429);
  });
});

test('a client that goes away within its body is no fault of ours', async () => {
  const bench = await setUp();
  const socket = connect(bench.port, '127.0.0.1');
  socket.write(
    `PUT /api/v1/dials HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n` +
      'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"dialPpm"',
  );
  await expect.poll(() => socket.bytesWritten).toBeGreaterThan(100);
  socket.resetAndDestroy();
  await expect.poll(() => bench.logged.join('')).toContain('"api.problem"');
  expect(bench.logged.join('')).not.toContain('"FAULT"');
});

describe('moving by evidence', () => {
  test('a hold shows in the cells it covers and is lifted again; a deployment begins an epoch', async () => {
    const bench = await setUp();
    await fill(bench);
    const scope = { endpoint: 'GET /a' };
    expect(await ask(bench, '/api/v1/hold', { method: 'POST', body: { scope, reason: 'sales' } })).toMatchObject({
      status: 200,
      json: { journal: { action: 'hold', reason: 'sales' } },
    });
    expect((await ask(bench, '/api/v1/cells')).json).toMatchObject({ items: [{ state: 'held' }] });
    await ask(bench, '/api/v1/resume', { method: 'POST', body: { scope } });
    expect((await ask(bench, '/api/v1/cells')).json).toMatchObject({ items: [{ state: 'observing' }] });
    await ask(bench, '/api/v1/deploy', { method: 'POST', body: { side: 'candidate', version: 'v9' } });
    expect((await ask(bench, '/api/v1/proofs/acme/GET%20%2Fa')).json).toMatchObject({
      epoch: { candidateVersion: 'v9' },
      proof: null,
      state: 'observing',
    });
  });

  test('a rollback shows in the cells it covers, and what is missing comes from the evidence', async () => {
    const bench = await setUp();
    await fill(bench);
    const { json } = await ask(bench, '/api/v1/status');
    expect(JSON.stringify(json)).toContain('GET /a: 1 of 3,327 clean comparisons, 9 more distinct requests');
    await bench.controller.rollback({}, ANN);
    const cells = await ask(bench, '/api/v1/cells');
    expect(cells.json).toMatchObject({
      items: [{ state: 'latched', missing: expect.stringContaining('a rollback covers it') }],
    });
    expect((await ask(bench, '/api/v1/proofs/nobody/GET%20%2Fa')).status).toBe(404);
    expect((await ask(bench, '/api/v1/ramps')).json).toMatchObject({
      items: [
        { endpoint: 'GET /a', step: 0, dialPpm: 0 },
        { endpoint: 'GET /gated', waits: { gate: 'release' } },
      ],
    });
  });
});
