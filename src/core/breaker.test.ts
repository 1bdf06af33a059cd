import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Breaker, type BreakerPolicy, type BreakerState, type Pass } from './breaker.ts';

const POLICY: BreakerPolicy = { errorThreshold: 3, errorTimeoutMs: 1_000, halfOpenTimeoutMs: 100, successThreshold: 2 };

function open(policy: BreakerPolicy = POLICY): Breaker {
  const breaker = new Breaker(policy);
  for (let n = 0; n < policy.errorThreshold; n += 1) breaker.begin().failed(0);
  return breaker;
}

describe('a breaker', () => {
  test('opens, waits, probes once at a time, and closes: one story', () => {
    const breaker = new Breaker(POLICY);
    expect([breaker.state(0), breaker.isFresh]).toEqual(['closed', true]);
    breaker.begin().failed(0);
    breaker.begin().failed(500);
    expect([breaker.admits(), breaker.isFresh]).toEqual([true, false]);
    breaker.begin().failed(900);
    expect([breaker.state(900), breaker.admits(), breaker.dueInMs(900)]).toEqual(['open', false, 1_000]);
    expect(breaker.probe(1_899)).toBeUndefined();
    expect(breaker.state(1_900)).toBe('half-open');
    const first = breaker.probe(1_900);
    expect(first).toBeDefined();
    expect(breaker.probe(1_900), 'while one is under way').toBeUndefined();
    first?.succeeded(1_950);
    expect([breaker.state(1_950), breaker.admits()]).toEqual(['half-open', false]);
    breaker.probe(1_950)?.succeeded(1_960);
    expect([breaker.state(1_960), breaker.admits(), breaker.isFresh]).toEqual(['closed', true, true]);
  });

  test('one probe that fails opens it again, whatever succeeded before', () => {
    const breaker = open();
    breaker.probe(1_000)?.succeeded(1_010);
    breaker.probe(1_010)?.failed(1_020);
    expect([breaker.state(1_020), breaker.dueInMs(1_020)]).toEqual(['open', 1_000]);
    breaker.probe(2_020)?.succeeded(2_030);
    expect(breaker.state(2_030), 'successes are counted anew').toBe('half-open');
  });

  test('a probe that takes too long has failed at its limit, and its late answer counts for nothing', () => {
    const breaker = open();
    const probe = breaker.probe(1_000);
    expect(breaker.state(1_099)).toBe('half-open');
    expect([breaker.state(1_100), breaker.dueInMs(1_100)]).toEqual(['open', 1_000]);
    probe?.succeeded(1_101);
    expect(breaker.state(1_101)).toBe('open');
    expect(breaker.probe(2_100)).toBeDefined();
  });

  test('a probe that could not be made leaves room for the next', () => {
    const breaker = open();
    breaker.probe(1_000)?.left();
    expect(breaker.state(1_000)).toBe('half-open');
    expect(breaker.probe(1_000)).toBeDefined();
  });

  test('errors count in a row, however long it takes', () => {
    const breaker = new Breaker(POLICY);
    for (let n = 0; n < 100; n += 1) breaker.begin()[n % 3 === 2 ? 'succeeded' : 'failed'](n);
    expect(breaker.state(100)).toBe('closed');
    const slow = new Breaker(POLICY);
    for (let n = 0; n < 3; n += 1) slow.begin().failed(n * 100_000);
    expect(slow.state(200_000)).toBe('open');
  });

  test('who leaves says neither good nor bad', () => {
    const breaker = new Breaker(POLICY);
    breaker.begin().failed(0);
    breaker.begin().failed(0);
    breaker.begin().left();
    breaker.begin().failed(0);
    expect(breaker.state(0)).toBe('open');
  });

  test('answers of calls that began before it opened neither close it nor keep it open', () => {
    const breaker = new Breaker(POLICY);
    const late = Array.from({ length: 4 }, () => breaker.begin());
    for (let n = 0; n < 3; n += 1) breaker.begin().failed(0);
    late[0]?.succeeded(500);
    late[1]?.failed(900);
    expect([breaker.state(900), breaker.dueInMs(900)]).toEqual(['open', 100]);
    for (let n = 0; n < 2; n += 1) breaker.probe(1_000)?.succeeded(1_000);
    late[2]?.failed(1_001);
    late[3]?.failed(1_001);
    expect(breaker.isFresh).toBe(true);
  });

  test('tickets bound what is under way, and every end gives one back once', () => {
    const breaker = new Breaker({ ...POLICY, tickets: 2 });
    const [a, b] = [breaker.begin(), breaker.begin()];
    expect([breaker.isFull, breaker.admits(), breaker.state(0)]).toEqual([true, false, 'closed']);
    a.succeeded(0);
    a.failed(0);
    a.left();
    expect([breaker.inFlight, breaker.admits()]).toEqual([1, true]);
    b.left();
    expect(breaker.inFlight).toBe(0);
  });

  test('a clock that goes back makes nothing due earlier', () => {
    const breaker = open();
    expect(breaker.state(-5_000)).toBe('open');
    expect(breaker.probe(-5_000)).toBeUndefined();
  });
});

/** The same told otherwise: time passes millisecond by millisecond, and what becomes due happens at once. */
class Model {
  mode: 'closed' | 'open' | 'half-open' = 'closed';
  now = 0;
  errorsAt: number[] = [];
  leftMs = 0;
  good = 0;
  probing: { id: number; leftMs: number } | undefined;
  era = 0;
  readonly policy: BreakerPolicy;

  constructor(policy: BreakerPolicy) {
    this.policy = policy;
  }

  tick(): void {
    this.now += 1;
    if (this.mode === 'open') {
      this.leftMs -= 1;
      if (this.leftMs === 0) Object.assign(this, { mode: 'half-open', good: 0, probing: undefined });
    } else if (this.mode === 'half-open' && this.probing !== undefined) {
      this.probing.leftMs -= 1;
      if (this.probing.leftMs === 0) this.open();
    }
  }

  open(): void {
    Object.assign(this, { mode: 'open', leftMs: this.policy.errorTimeoutMs, probing: undefined, errorsAt: [] });
    this.era += 1;
  }

  ended(era: number, how: 'succeeded' | 'failed' | 'left'): void {
    if (era !== this.era || this.mode !== 'closed' || how === 'left') return;
    if (how === 'succeeded') this.errorsAt = [];
    else {
      this.errorsAt.push(this.now);
      if (this.errorsAt.length === this.policy.errorThreshold) this.open();
    }
  }

  probeEnded(id: number, how: 'succeeded' | 'failed' | 'left'): void {
    if (this.probing?.id !== id) return;
    this.probing = undefined;
    if (how === 'failed') this.open();
    if (how !== 'succeeded') return;
    this.good += 1;
    if (this.good < this.policy.successThreshold) return;
    this.mode = 'closed';
    this.era += 1;
  }
}

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const how = fc.constantFrom('succeeded' as const, 'failed' as const, 'failed' as const, 'left' as const);
const step = fc.oneof(
  fc.record({ do: fc.constant('wait' as const), ms: small(12) }),
  fc.record({ do: fc.constant('begin' as const) }),
  fc.record({ do: fc.constant('probe' as const) }),
  fc.record({ do: fc.constant('end' as const), which: fc.nat(), how }),
  fc.record({ do: fc.constant('call' as const), how }),
);

test('it does what the reference model does, whatever happens', () => {
  const policies = fc.record({
    errorThreshold: small(4),
    errorTimeoutMs: small(15),
    halfOpenTimeoutMs: small(8),
    successThreshold: small(3),
    tickets: small(3),
  });
  fc.assert(
    fc.property(policies, fc.array(step, { maxLength: 80 }), (policy, steps) => {
      const breaker = new Breaker(policy);
      const model = new Model(policy);
      const running: { pass: Pass; end: (how: 'succeeded' | 'failed' | 'left') => void; isCall: boolean }[] = [];
      let probes = 0;
      const begin = (): void => {
        const { era } = model;
        running.push({ pass: breaker.begin(), end: (way) => model.ended(era, way), isCall: true });
      };
      const end = (which: number, way: 'succeeded' | 'failed' | 'left'): void => {
        const [one] = running.splice(which, 1);
        one?.end(way);
        one?.pass[way](model.now);
      };
      for (const one of steps) {
        if (one.do === 'wait') for (let n = 0; n < one.ms; n += 1) model.tick();
        else if (one.do === 'begin') begin();
        else if (one.do === 'call') {
          begin();
          end(running.length - 1, one.how);
        } else if (one.do === 'end') {
          if (running.length > 0) end(one.which % running.length, one.how);
        } else {
          const pass = breaker.probe(model.now);
          const isDue = model.mode === 'half-open' && model.probing === undefined;
          expect(pass !== undefined).toBe(isDue);
          if (pass === undefined) continue;
          probes += 1;
          const id = probes;
          model.probing = { id, leftMs: policy.halfOpenTimeoutMs };
          running.push({ pass, end: (way) => model.probeEnded(id, way), isCall: false });
        }
        const calls = running.filter(({ isCall }) => isCall).length;
        expect(breaker.state(model.now)).toBe<BreakerState>(model.mode);
        expect(breaker.inFlight).toBe(calls);
        expect(breaker.admits()).toBe(model.mode === 'closed' && calls < policy.tickets);
        expect(breaker.dueInMs(model.now)).toBe(model.mode === 'open' ? model.leftMs : 0);
      }
    }),
    { numRuns: 2_000 },
  );
});
