import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import {
  ask,
  type Handler,
  type Origin,
  type Rig,
  type RigOptions,
  says,
  startOrigin,
  startRig,
  until,
} from '../../test/support/proxy-rig.ts';
import type { BreakerSettings } from '../config/settings.ts';
import type { EndpointId } from '../core/cell.ts';
import type { BreakerChange } from '../core/ports.ts';
import { CandidateBreakers } from './breakers.ts';

const BREAKER: BreakerSettings = {
  errorThreshold: 3,
  errorTimeoutMs: 300,
  halfOpenTimeoutMs: 1_000,
  successThreshold: 2,
  openEndpoints: 8,
  probesPerSecond: 100,
};

const A = 'GET /a' as EndpointId;
const B = 'GET /b' as EndpointId;

function breakers(change: Partial<BreakerSettings> = {}) {
  const clock = new ManualClock();
  const changes: BreakerChange[] = [];
  const all = new CandidateBreakers({ ...BREAKER, ...change }, clock, (one) => changes.push(one));
  const fail = (endpoint: EndpointId, times = BREAKER.errorThreshold): void => {
    for (let n = 0; n < times; n += 1) all.begin(endpoint, true).failed();
  };
  const probe = (endpoint: EndpointId, how: 'succeeded' | 'failed'): boolean => {
    const chance = all.chance(endpoint);
    chance?.begin()?.[how]();
    chance?.release();
    return chance !== undefined;
  };
  return { all, clock, changes, fail, probe };
}

describe('breakers of the candidate', () => {
  test('an endpoint that alone fails is held back alone', () => {
    const { all, clock, fail, probe, changes } = breakers();
    for (let n = 0; n < 3; n += 1) {
      fail(A, 1);
      all.begin(B, true).succeeded();
    }
    expect(all.look(A)?.rule).toBe('breaker GET /a');
    expect(all.look(B)).toBeUndefined();
    expect(probe(A, 'succeeded'), 'before it is due').toBe(false);
    clock.advance(300);
    expect([probe(A, 'succeeded'), probe(A, 'succeeded')]).toEqual([true, true]);
    expect(all.look(A)).toBeUndefined();
    expect(all.status()).toEqual([]);
    expect(changes.map(({ scope, isOpen }) => [scope, isOpen])).toEqual([
      ['endpoint', true],
      ['endpoint', false],
    ]);
  });

  test('where everything fails all of it is held back, and one probe answers for both', () => {
    const { all, clock, fail, probe } = breakers();
    fail(A);
    expect(all.look(B)?.rule).toBe('breaker candidate');
    clock.advance(300);
    const first = all.chance(A);
    expect(all.chance(A), 'promised already').toBeUndefined();
    expect(first?.begin()?.limitMs).toBe(1_000);
    first?.release();
    clock.advance(1_000);
    expect(all.look(A), 'the probe that never ended has failed').toMatchObject({ dueInMs: 300 });
    clock.advance(300);
    probe(A, 'succeeded');
    probe(A, 'succeeded');
    expect([all.look(A), all.look(B)]).toEqual([undefined, undefined]);
  });

  test('more endpoints than may be open at once are the candidate itself', () => {
    const { all, changes } = breakers({ openEndpoints: 2 });
    for (const name of ['a', 'b', 'c']) {
      for (let n = 0; n < 3; n += 1) {
        all.begin(`GET /${name}` as EndpointId, true).failed();
        all.begin('GET /good' as EndpointId, true).succeeded();
      }
    }
    expect(all.status().map(({ scope }) => scope)).toEqual(['candidate']);
    expect(changes.at(-1)).toMatchObject({ scope: 'candidate', isOpen: true, openEndpoints: 0 });
    expect(all.look(A)?.rule).toBe('breaker candidate');
  });

  test('what could not be probed opens nothing, and who leaves says nothing', () => {
    const { all } = breakers();
    for (let n = 0; n < 10; n += 1) all.begin(A, false).failed();
    for (let n = 0; n < 10; n += 1) all.begin(A, true).left();
    expect(all.look(A)).toBeUndefined();
  });

  test('the probes of all together are bounded', () => {
    const { all, clock, fail } = breakers({ probesPerSecond: 1, successThreshold: 5 });
    fail(A);
    clock.advance(300);
    const begun = Array.from({ length: 3 }, () => {
      const chance = all.chance(A);
      const probe = chance?.begin();
      probe?.succeeded();
      chance?.release();
      return probe !== undefined;
    });
    expect(begun).toEqual([true, false, false]);
  });
});

// --- in the proxy, with real servers ---

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function origin(handler: Handler): Promise<Origin> {
  const started = await startOrigin(handler);
  cleanups.push(() => started.close());
  return started;
}

async function rigOf(
  options: Pick<RigOptions, 'control' | 'candidate' | 'policy' | 'deps'>,
  breaker = BREAKER,
): Promise<Rig> {
  const rig = await startRig({
    dialPpm: 1_000_000,
    policy: { mirrorPpm: 1_000_000, ...options.policy },
    settings: { candidate: { firstByteTimeoutMs: 200, breaker } },
    ...(options.deps === undefined ? {} : { deps: options.deps }),
    control: options.control,
    candidate: options.candidate,
  });
  cleanups.push(() => rig.close());
  return rig;
}

/** Requests of clients, copies left out. */
function byClients(side: Origin): number {
  return side.requests.filter(({ headers }) => headers['cutover-mirror'] === undefined).length;
}

describe('a candidate that hangs', () => {
  test('is left alone after threshold × timeout, and comes back by copies alone: no client is a probe', async () => {
    let isHung = true;
    const control = await origin(says('control'));
    const candidate = await origin((request, response) => {
      if (!isHung) says('candidate')(request, response);
    });
    const changes: BreakerChange[] = [];
    let clientsWhenClosed = -1;
    const onBreaker = (change: BreakerChange): void => {
      changes.push(change);
      if (change.scope === 'candidate' && !change.isOpen) clientsWhenClosed = byClients(candidate);
    };
    const rig = await rigOf({ control: control.url, candidate: candidate.url, deps: { onBreaker } });
    for (let n = 0; n < 3; n += 1) expect((await ask(rig.port)).body.toString()).toBe('control');
    expect(rig.sink.records.map(({ failedOver }) => failedOver)).toEqual([true, true, true]);
    expect(changes.find(({ scope }) => scope === 'candidate')).toMatchObject({ isOpen: true });
    expect(rig.proxy.breakers().map(({ scope }) => scope)).toEqual(['candidate', 'GET /']);
    expect(byClients(candidate)).toBe(3);

    for (let n = 0; n < 30; n += 1) {
      expect((await ask(rig.port)).body.toString()).toBe('control');
      await new Promise((resolve) => setImmediate(resolve));
    }
    const held = rig.sink.records.slice(3);
    for (const { decision, servedBy, failedOver, failure } of held) {
      expect([decision.side, decision.reason, servedBy, failedOver, failure]).toEqual([
        'control',
        'breaker',
        'control',
        false,
        undefined,
      ]);
    }
    expect(byClients(candidate), 'no client waits for it any more').toBe(3);
    await until(() => rig.sink.reasons.some(({ reason }) => reason === 'breaker-open'), 'copies are held back');

    isHung = false;
    const deadline = performance.now() + 30_000;
    while (rig.proxy.breakers().length > 0 && performance.now() < deadline) {
      expect((await ask(rig.port)).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(rig.proxy.breakers(), 'probes close it').toEqual([]);
    const probes = candidate.requests.length - byClients(candidate);
    expect(probes).toBeGreaterThanOrEqual(BREAKER.successThreshold);
    expect(changes.at(-1)).toMatchObject({ isOpen: false, openEndpoints: 0 });
    expect(clientsWhenClosed, 'no client was a probe').toBe(3);
    expect((await ask(rig.port)).body.toString()).toBe('candidate');
    // Of the time it hung nothing says that it matched.
    const copies = rig.sink.exchanges.filter(({ direction }) => direction === 'forward');
    expect(copies.every(({ candidate: seen }) => seen.kind === 'answer')).toBe(true);
    expect(copies.every(({ unpaired, preferred }) => unpaired !== undefined && preferred === true)).toBe(true);
  }, 60_000);
});

describe('while a breaker is open', () => {
  test('writes that may move go to the control, and are never a probe', async () => {
    const control = await origin(says('control'));
    const candidate = await origin((_request, response) => response.writeHead(503).end());
    const rig = await rigOf(
      { control: control.url, candidate: candidate.url, policy: { writes: true } },
      { ...BREAKER, errorTimeoutMs: 1 },
    );
    for (let n = 0; n < 3; n += 1) await ask(rig.port);
    const before = candidate.requests.length;
    for (let n = 0; n < 5; n += 1) {
      const got = await ask(rig.port, { method: 'POST', body: 'x' });
      expect([got.status, got.body.toString()]).toEqual([200, 'control']);
    }
    expect(candidate.requests.slice(before).filter(({ method }) => method === 'POST')).toEqual([]);
  });

  test('what may not fall back gets 503 with Retry-After, and reaches nobody', async () => {
    const control = await origin(says('control'));
    const candidate = await origin((_request, response) => response.writeHead(503).end());
    const deps = { keyedSide: () => 'candidate' as const };
    const rig = await rigOf(
      { control: control.url, candidate: candidate.url, policy: { writes: true }, deps },
      { ...BREAKER, errorTimeoutMs: 60_000 },
    );
    for (let n = 0; n < 3; n += 1) await ask(rig.port);
    const before = [control.requests.length, candidate.requests.length];
    const got = await ask(rig.port, { method: 'POST', body: 'x', headers: { 'idempotency-key': 'k' } });
    expect([got.status, got.headers['retry-after']]).toEqual([503, '60']);
    expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'CANDIDATE_UNREACHABLE' });
    expect([control.requests.length, candidate.requests.length]).toEqual(before);
    await until(() => rig.sink.records.length === 4, 'it is recorded');
    expect(rig.sink.records[3]).toMatchObject({
      servedBy: undefined,
      decision: { reason: 'breaker', side: 'candidate' },
    });
  });

  test('the control has none: its failures go on reaching it', async () => {
    const control = await origin((_request, response) => response.writeHead(503).end('later'));
    const rig = await rigOf({ control: control.url, candidate: control.url });
    rig.setDial(0);
    for (let n = 0; n < 10; n += 1) expect((await ask(rig.port)).body.toString()).toBe('later');
    expect(rig.proxy.breakers()).toEqual([]);
  });
});

test('a bulkhead bounds who waits for the candidate; the others have their answer at once', async () => {
  const control = await origin(says('control'));
  const waiting: (() => void)[] = [];
  const candidate = await origin((request, response) => waiting.push(() => says('candidate')(request, response)));
  const rig = await startRig({
    dialPpm: 1_000_000,
    settings: { candidate: { breaker: { ...BREAKER, tickets: 2 } } },
    control: control.url,
    candidate: candidate.url,
  });
  cleanups.push(() => rig.close());
  const slow = [ask(rig.port), ask(rig.port)];
  // Looked at further down; where something fails before, nobody does.
  for (const one of slow) one.catch(() => {});
  await until(() => waiting.length === 2, 'both tickets are taken');
  expect((await ask(rig.port)).body.toString()).toBe('control');
  await until(() => rig.sink.records.length > 0, 'it is told');
  expect(rig.sink.records[0]?.decision).toMatchObject({ reason: 'breaker', rule: 'bulkhead' });
  for (const answer of waiting.splice(0)) answer();
  for (const got of await Promise.all(slow)) expect(got.body.toString()).toBe('candidate');
  const next = ask(rig.port);
  next.catch(() => {});
  await until(() => waiting.length === 1, 'tickets came back');
  waiting[0]?.();
  expect((await next).body.toString()).toBe('candidate');
});
