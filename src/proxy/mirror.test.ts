import http from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Ask,
  ask,
  deadPort,
  type Handler,
  type Origin,
  type Rig,
  type RigOptions,
  type SettingsChange,
  says,
  startOrigin,
  startRig,
  until,
} from '../../test/support/proxy-rig.ts';
import type { UnverifiedReason } from '../core/ports.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function origin(handler: Handler): Promise<Origin> {
  const started = await startOrigin(handler);
  cleanups.push(() => started.close());
  return started;
}

const MIRRORED = { mirrorPpm: 1_000_000 };

async function rigOf(options: RigOptions): Promise<Rig> {
  const rig = await startRig({ policy: MIRRORED, ...options });
  cleanups.push(() => rig.close());
  return rig;
}

describe('I1: a mirrored answer reaches no client', () => {
  test.each([
    [0, 'control', 'forward'],
    [1_000_000, 'candidate', 'reverse'],
  ] as const)('dial %i: %s serves, the mirror goes %s', async (dialPpm, side, direction) => {
    const poison: Handler = (_request, response) => {
      response.setHeader('set-cookie', 'poison=1');
      response.writeHead(200, 'Poison').end('poison');
    };
    const control = await origin(side === 'control' ? says('control') : poison);
    const candidate = await origin(side === 'candidate' ? says('candidate') : poison);
    const rig = await rigOf({ dialPpm, control: control.url, candidate: candidate.url });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    const all = await Promise.all(Array.from({ length: 50 }, () => ask(rig.port, { agent })));
    agent.destroy();
    for (const got of all) {
      expect(got.body.toString()).toBe(side);
      expect(JSON.stringify(got.rawHeaders)).not.toMatch(/poison/i);
    }
    await until(() => rig.sink.exchanges.length === 50, 'every pair is complete');
    const exchange = rig.sink.exchanges[0];
    expect(exchange?.direction).toBe(direction);
    const copied = (side === 'control' ? candidate : control).requests[0];
    expect(copied?.headers['cutover-mirror']).toBe(direction);
    const served = (side === 'control' ? control : candidate).requests[0];
    expect(served?.headers['cutover-mirror']).toBeUndefined();
  });
});

describe('I2: a hung mirror side', () => {
  test('adds nothing for clients, and their connections are free at once', async () => {
    const control = await origin(says('control'));
    const candidate = await origin(() => {});
    const settings = { mirror: { timeoutMs: 3_000, concurrency: 300 } };
    const rig = await rigOf({ control: control.url, candidate: candidate.url, settings });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    let longestMs = 0;
    for (let n = 0; n < 200; n++) {
      const begun = performance.now();
      expect((await ask(rig.port, { agent })).status).toBe(200);
      longestMs = Math.max(longestMs, performance.now() - begun);
    }
    agent.destroy();
    // In sequence on one connection: one that waited for its own mirror, or for another's, would have taken 3 s.
    expect(longestMs).toBeLessThan(2_500);
    expect(rig.sink.records).toHaveLength(200);
    expect(rig.proxy.outstanding('candidate')).toBe(0);
    await until(() => rig.sink.exchanges.length === 200, 'every mirror ran into its limit', 20_000);
    expect(rig.sink.exchanges[0]?.candidate).toMatchObject({ kind: 'failure', failure: 'timeout' });
    expect(rig.sink.exchanges[0]?.unpaired).toBe('too-slow');
  });

  test('is bounded by the budget; what does not fit is counted', async () => {
    const control = await origin(says('control'));
    const candidate = await origin(() => {});
    const settings = { mirror: { timeoutMs: 300, concurrency: 3 } };
    const rig = await rigOf({ control: control.url, candidate: candidate.url, settings });
    for (let n = 0; n < 10; n++) await ask(rig.port);
    expect(candidate.requests.length).toBeLessThanOrEqual(3);
    expect(rig.sink.reasons.map(({ reason }) => reason)).toEqual(Array.from({ length: 7 }, () => 'budget'));
    await until(() => rig.sink.exchanges.length === 3, 'the three came to their end');
  });

  test('a sink that throws is not noticed by clients', async () => {
    const control = await origin(says('control'));
    const boom = (): never => {
      throw new Error('sink');
    };
    const sink = { served: boom, mirrored: boom, unverified: boom, health: boom };
    const rig = await rigOf({ control: control.url, candidate: control.url, deps: { sink } });
    for (let n = 0; n < 20; n++) expect((await ask(rig.port)).status).toBe(200);
  });
});

describe('a copy', () => {
  test('equals the request but for its marks, and both answers are observed alike', async () => {
    const handler: Handler = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () =>
        response.writeHead(200, ['X-Version', 'v7', 'X-A', '1', 'X-A', '2']).end(Buffer.concat(chunks)),
      );
    };
    const control = await origin(handler);
    const candidate = await origin(handler);
    const rig = await rigOf({ control: control.url, candidate: candidate.url });
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = {
      'x-user': 'u1',
      traceparent: trace,
      'accept-encoding': 'br',
      'if-none-match': '"x"',
      'content-length': '4',
    };
    await ask(rig.port, { target: '/a?b=%20c', headers, body: 'body' });
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    const served = control.requests[0]?.headers ?? {};
    const copy = candidate.requests[0]?.headers ?? {};
    expect(candidate.requests[0]?.url).toBe('/a?b=%20c');
    expect(served['if-none-match']).toBe('"x"');
    expect(copy['if-none-match']).toBeUndefined();
    expect(served.traceparent).toBe(trace);
    expect(copy.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
    expect(copy['accept-encoding']).toBe('br');
    const exchange = rig.sink.exchanges[0];
    expect(exchange).toMatchObject({
      cell: { tenant: 'acme', endpoint: 'GET /a' },
      direction: 'forward',
      versions: { control: 'v7', candidate: 'v7' },
      control: { kind: 'answer', status: 200, bodyBytes: 4 },
      candidate: { kind: 'answer', status: 200, bodyBytes: 4 },
    });
    expect(Buffer.from(exchange?.request.body ?? []).toString()).toBe('body');
    expect(exchange?.subjectHash).toMatch(/^[0-9a-f]{16}$/);
  });

  test('of a long answer is cut, and known by its digest', async () => {
    const long: Handler = (_request, response) => void response.end(Buffer.alloc(200_000, 'x'));
    const control = await origin(long);
    const rig = await rigOf({ control: control.url, candidate: control.url });
    await ask(rig.port);
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    const { control: one, candidate: other } = rig.sink.exchanges[0] ?? {};
    if (one?.kind !== 'answer' || other?.kind !== 'answer') throw new Error('both answered');
    expect([one.body.length, one.bodyBytes]).toEqual([65_536, 200_000]);
    expect(one.bodyDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(one.bodyDigest).toBe(other.bodyDigest);
  });
});

describe('what is sampled and cannot be verified is counted:', () => {
  const answers =
    (status: number, headers: http.OutgoingHttpHeaders = {}): Handler =>
    (_request, response) => {
      response.writeHead(status, headers).end();
    };
  const strip: SettingsChange = { candidate: { credentials: 'strip' } };
  test.each<[UnverifiedReason, Handler, Ask, SettingsChange?]>([
    ['not-modified', answers(304), {}],
    ['partial', answers(206), {}],
    ['partial', answers(200), { headers: { range: 'bytes=0-1' } }],
    ['streaming', answers(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' }), {}],
    ['body-too-large', answers(200), { headers: { 'content-length': '70000' }, body: Buffer.alloc(70_000) }],
    ['credentials-stripped', answers(200), { headers: { cookie: 's=1' } }, strip],
    [
      'overload',
      (_request, response) => void response.end(Buffer.alloc(60_000)),
      {},
      { mirror: { maxMemoryBytes: 50_000 } },
    ],
  ])('%s', async (reason, handler, request, settings) => {
    const control = await origin(handler);
    const rig = await rigOf({ control: control.url, candidate: control.url, ...(settings && { settings }) });
    await ask(rig.port, request);
    await until(() => rig.sink.reasons.length === 1, 'the reason');
    expect(rig.sink.reasons[0]).toEqual({ cell: { tenant: 'acme', endpoint: 'GET /' }, reason });
    expect(control.requests).toHaveLength(1);
    expect(rig.sink.exchanges).toHaveLength(0);
  });

  test('a paused mirror, and one under pressure', async () => {
    let isHigh = false;
    const control = await origin(says('control'));
    const deps = { pressure: { isHigh: () => isHigh, close: () => {} } };
    const rig = await rigOf({ control: control.url, candidate: control.url, deps });
    rig.proxy.pauseMirrors('store');
    await ask(rig.port);
    rig.proxy.pauseMirrors(undefined);
    isHigh = true;
    await ask(rig.port);
    expect(rig.sink.reasons.map(({ reason }) => reason)).toEqual(['store', 'overload']);
    expect(control.requests).toHaveLength(2);
  });

  test('what the candidate serves is mirrored while the mirror is paused: tripwires live on that', async () => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const rig = await rigOf({ dialPpm: 1_000_000, control: control.url, candidate: candidate.url });
    rig.proxy.pauseMirrors('store');
    await ask(rig.port);
    await until(() => rig.sink.exchanges.length === 1, 'the exchange');
    expect(rig.sink.exchanges[0]).toMatchObject({ direction: 'reverse' });
    expect(rig.sink.reasons).toEqual([]);
  });
});

test('a busy moment costs no session: its copy waits, while a request of nobody is shed', async () => {
  let isHigh = true;
  const handler: Handler = (request, response) => {
    if (request.url === '/begin') response.setHeader('set-cookie', 'sid=V1StGXR8aZ5jdHi6BmyT; Path=/');
    response.end('welcome');
  };
  const [control, candidate] = [await origin(handler), await origin(handler)];
  const rig = await rigOf({
    control: control.url,
    candidate: candidate.url,
    settings: { ownSessions: [{ kind: 'cookie', name: 'sid' }] },
    deps: { pressure: { isHigh: () => isHigh, close: () => {} } },
  });
  await ask(rig.port, { target: '/begin' });
  await ask(rig.port, { target: '/about' });
  await until(() => rig.sink.reasons.length === 1, 'what was shed');
  expect(rig.sink.reasons[0]).toMatchObject({ reason: 'overload' });
  expect(candidate.requests).toHaveLength(0);
  isHigh = false;
  await until(() => rig.sink.exchanges.length === 1, 'the copy that waited');
  expect(candidate.requests.map(({ url }) => url)).toEqual(['/begin']);
});

describe('what may not be repeated is not mirrored:', () => {
  test.each<[string, Ask, RigOptions['policy']?, SettingsChange?]>([
    ['an unsafe method', { method: 'POST', body: 'x' }],
    ['a request that acts by the built-in list', { target: '/account/logout' }],
    ['an endpoint that acts', {}, { acts: true }],
    ['a configured pattern', { target: '/do/it' }, {}, { mirror: { acts: ['^/do/'] } }],
    ['an endpoint whose mirror is off', {}, { mirrorPpm: 0 }],
  ])('%s', async (_what, request, policy, settings) => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const rig = await rigOf({
      control: control.url,
      candidate: candidate.url,
      policy: { ...MIRRORED, ...policy },
      ...(settings && { settings }),
    });
    await ask(rig.port, request);
    await ask(rig.port, { target: '/ordinary' });
    const expected = policy === undefined || policy.mirrorPpm === undefined ? 1 : 0;
    if (policy?.acts !== true) await until(() => candidate.requests.length === expected, 'the ordinary one');
    expect(candidate.requests.map((copied) => copied.url)).toEqual(policy?.acts || expected === 0 ? [] : ['/ordinary']);
  });
});

describe('a failover is a pair without a further request:', () => {
  test('the candidate answered 500', async () => {
    const control = await origin(says('control'));
    const candidate = await origin((_request, response) => response.writeHead(500).end('sorry'));
    const rig = await rigOf({ dialPpm: 1_000_000, control: control.url, candidate: candidate.url });
    await ask(rig.port);
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    expect(rig.sink.exchanges[0]).toMatchObject({
      direction: 'reverse',
      control: { kind: 'answer', status: 200 },
      candidate: { kind: 'answer', status: 500, bodyBytes: 5 },
    });
    // The lot had fallen on it before it failed: it may be held against the candidate.
    expect(rig.sink.exchanges[0]?.unpaired).toBeUndefined();
    expect([control.requests.length, candidate.requests.length]).toEqual([1, 1]);
  });

  test('the candidate refused', async () => {
    const control = await origin(says('control'));
    const candidate = `http://127.0.0.1:${await deadPort()}`;
    // The lot does not fall on this request; the failure is worth a pair all the same.
    const deps = { random: { next: () => 0.99 } };
    const rig = await rigOf({ dialPpm: 1_000_000, control: control.url, candidate, policy: { mirrorPpm: 1 }, deps });
    await ask(rig.port);
    await until(() => rig.sink.exchanges.length === 1, 'the pair');
    expect(rig.sink.exchanges[0]).toMatchObject({
      candidate: { kind: 'failure', failure: 'refused' },
      unpaired: 'failed-over',
    });
    expect(control.requests).toHaveLength(1);
  });
});

test('a served candidate that breaks off is a pair with a truncated answer', async () => {
  const control = await origin(says('control'));
  const candidate = await origin((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('part', () => response.destroy());
  });
  const rig = await rigOf({ dialPpm: 1_000_000, control: control.url, candidate: candidate.url });
  await expect(ask(rig.port)).rejects.toThrow();
  await until(() => rig.sink.exchanges.length === 1, 'the pair');
  expect(rig.sink.exchanges[0]).toMatchObject({
    direction: 'reverse',
    candidate: { kind: 'failure', failure: 'truncated' },
    control: { kind: 'answer', status: 200 },
  });
});

describe('asking again', () => {
  const request = { method: 'GET', target: '/', headers: [['Host', 'h']] } as const;

  test('asks the side once more and gives what it did', async () => {
    const control = await origin(says('control'));
    const candidate = await origin(says('candidate'));
    const rig = await rigOf({ control: control.url, candidate: candidate.url, policy: {} });
    await ask(rig.port);
    const observation = await rig.proxy.askAgain.ask('candidate', request);
    expect(observation).toMatchObject({ kind: 'answer', status: 200 });
    expect(candidate.requests[0]?.headers['cutover-mirror']).toBe('forward');
  });

  test('is bounded by a share of the requests after fifty in advance, and refuses what acts', async () => {
    const control = await origin(says('control'));
    const settings = { mirror: { repeatPpm: 500_000, repeatsPerSecond: 1_000 } };
    const rig = await rigOf({ control: control.url, candidate: control.url, policy: {}, settings });
    const again = (): Promise<unknown> => rig.proxy.askAgain.ask('control', request);
    for (let n = 0; n < 50; n++) expect(await again()).toBeDefined();
    expect(await again()).toBeUndefined();
    await ask(rig.port);
    await ask(rig.port);
    await until(() => rig.sink.records.length === 2, 'both are recorded');
    expect(await rig.proxy.askAgain.ask('control', { ...request, target: '/logout' })).toBeUndefined();
    expect(await rig.proxy.askAgain.ask('control', { ...request, method: 'POST' })).toBeUndefined();
    expect(await again()).toBeDefined();
    expect(await again()).toBeUndefined();
  });

  test('is bounded per second', async () => {
    const control = await origin(says('control'));
    const settings = { mirror: { repeatsPerSecond: 2 } };
    const rig = await rigOf({ control: control.url, candidate: control.url, policy: {}, settings });
    for (let n = 0; n < 10; n++) await ask(rig.port);
    await until(() => rig.sink.records.length === 10, 'all are recorded');
    const all = await Promise.all(Array.from({ length: 6 }, () => rig.proxy.askAgain.ask('control', request)));
    expect(all.filter((observation) => observation !== undefined)).toHaveLength(2);
  });
});
