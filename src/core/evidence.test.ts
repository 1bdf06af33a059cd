import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Evidence, type EvidencePolicy, type Sample } from './evidence.ts';

const POLICY: EvidencePolicy = {
  test: { limit: 0.01, confidence: 0.95 },
  minRequests: 5,
  minTenants: 1,
  minSpanMs: 60_000,
  maxInconclusive: 0.1,
  staleAfterMs: 3_600_000,
  falseAlarm: 0.0001,
};

function sample(number: number, change: Partial<Sample> = {}): Sample {
  return {
    at: 1_000 + number * 1_000,
    verdict: 'match',
    proves: true,
    request: `r${number}`,
    subject: `s${number}`,
    tenant: 'acme',
    statusClass: 2,
    ...change,
  };
}

function evidence(count: number, change: (number: number) => Partial<Sample> = () => ({})): Evidence {
  const made = new Evidence();
  for (let number = 0; number < count; number += 1) made.add(sample(number, change(number)), POLICY);
  return made;
}

test('332 clean comparisons of many people over minutes pass, 331 do not', () => {
  expect(evidence(331, () => ({})).assess(POLICY, 400_000).kind).toBe('insufficient');
  const passed = evidence(332).assess(POLICY, 400_000);
  expect(passed.kind).toBe('pass');
  expect(passed.bound).toBeLessThan(0.01);
  expect(passed.missing).toEqual([]);
});

test('a hundred health checks by a robot prove nothing', () => {
  const made = evidence(1_000, () => ({ request: 'GET /health', subject: 'robot' }));
  expect(made.matches).toBeLessThanOrEqual(3);
  expect(made.assess(POLICY, 2_000_000).missing.join()).toContain('variety');
});

test('identical requests contribute at most ten verdicts, whoever sends them', () => {
  expect(evidence(500, () => ({ request: 'GET /' })).matches).toBe(10);
});

test('one subject contributes at most a tenth', () => {
  const made = evidence(1_000, (number) => ({ subject: number % 2 === 0 ? 'one' : `s${number}` }));
  const others = 500;
  expect(made.matches).toBeGreaterThan(others);
  expect((made.matches - others) / made.matches).toBeLessThanOrEqual(0.11);
});

test("one subject's mismatches all count", () => {
  expect(evidence(9, () => ({ subject: 'one', verdict: 'mismatch' })).mismatches).toBe(9);
});

test('ignored and inconclusive comparisons, and those that prove nothing, never count as matches', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ verdict: fc.constantFrom('ignored', 'inconclusive', 'match', 'mismatch'), proves: fc.boolean() }),
      ),
      (list) => {
        const made = new Evidence();
        list.forEach((item, number) => {
          made.add(sample(number, item as Partial<Sample>), POLICY);
        });
        expect(made.matches).toBeLessThanOrEqual(list.filter((item) => item.verdict === 'match' && item.proves).length);
      },
    ),
  );
});

test('more than a tenth inconclusive cannot pass', () => {
  const made = evidence(332);
  for (let number = 0; number < 60; number += 1) made.add(sample(number, { verdict: 'inconclusive' }), POLICY);
  const assessment = made.assess(POLICY, 400_000);
  expect(assessment.kind).toBe('insufficient');
  expect(assessment.missing.join()).toContain('inconclusive');
});

test('a burst that lasts a second does not cover a minute', () => {
  const made = evidence(400, (number) => ({ at: 1_000 + number }));
  expect(made.assess(POLICY, 10_000).kind).toBe('insufficient');
});

test('two early mismatches fail; a break after a long clean time is a conflict', () => {
  const early = evidence(10, (number) => (number > 7 ? { verdict: 'mismatch' } : {}));
  expect(early.assess(POLICY, 20_000).kind).toBe('fail');
  const late = evidence(3_000, (number) => (number > 2_994 ? { verdict: 'mismatch' } : {}));
  expect(late.hasTurned(POLICY)).toBe(true);
  expect(late.assess(POLICY, 3_001_000).kind).toBe('conflict');
});

test('evidence without news is stale', () => {
  expect(evidence(332).assess(POLICY, 400_000 + 3_600_001).kind).toBe('stale');
});

test('what is saved and restored goes on as if nothing had happened', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(200), (before, after) => {
      const whole = new Evidence();
      const first = new Evidence();
      const at = (number: number): Sample =>
        sample(number, {
          request: `r${number % 30}`,
          subject: `s${number % 7}`,
          verdict: number % 50 === 49 ? 'mismatch' : 'match',
        });
      for (let number = 0; number < before; number += 1) {
        whole.add(at(number), POLICY);
        first.add(at(number), POLICY);
      }
      const second = new Evidence();
      second.restore(JSON.parse(JSON.stringify(first)));
      for (let number = before; number < before + after; number += 1) {
        whole.add(at(number), POLICY);
        second.add(at(number), POLICY);
      }
      expect(second.assess(POLICY, 1_000_000)).toEqual(whole.assess(POLICY, 1_000_000));
    }),
    { numRuns: 30 },
  );
});

test('a damaged copy restores to nothing instead of failing', () => {
  const made = new Evidence();
  made.restore({ matches: 'many', requests: [[-1, 2], ['a', 'b'], 7], tenants: [1, 'x'], level: Number.NaN });
  expect(made.assess(POLICY, 0).matches).toBe(0);
});

test('matches of the epoch before supply at most 90 % of a proof: at least 34 of 332 are new', () => {
  const next = evidence(2_000).renewed(POLICY);
  expect(next.assess(POLICY, 3_000_000)).toMatchObject({ kind: 'insufficient', matches: 0, remaining: 34 });
  for (let number = 0; number < 33; number += 1) next.add(sample(number, { at: 3_000_000 + number * 5_000 }), POLICY);
  expect(next.assess(POLICY, 3_200_000)).toMatchObject({ kind: 'insufficient', remaining: 1 });
  next.add(sample(34, { at: 3_200_000 }), POLICY);
  expect(next.assess(POLICY, 3_200_000)).toMatchObject({ kind: 'pass', matches: 34 });
});

test('however loose the limit, 30 matches are new', () => {
  const loose = { ...POLICY, test: { limit: 0.2, confidence: 0.95 } };
  const next = evidence(1_000).renewed(loose);
  expect(next.assess(loose, 3_000_000).remaining).toBe(30);
});

test('an epoch that spoke against the candidate supplies nothing to the next', () => {
  const bad = evidence(400, (number) => ({ verdict: number > 395 ? 'mismatch' : 'match' }));
  expect(bad.renewed(POLICY).assess(POLICY, 500_000)).toMatchObject({ remaining: 332 });
  expect(new Evidence().renewed(POLICY).assess(POLICY, 500_000).remaining).toBe(332);
});

test('carried evidence survives being saved', () => {
  const next = evidence(400).renewed(POLICY);
  const restored = new Evidence();
  restored.restore(JSON.parse(JSON.stringify(next)));
  expect(restored.assess(POLICY, 0)).toEqual(next.assess(POLICY, 0));
});

test('what was counted of one cell can be taken out of the pooled evidence again', () => {
  const pooled = evidence(400);
  const own = evidence(20, () => ({ verdict: 'mismatch', tenant: 'bad' }));
  for (let number = 0; number < 20; number += 1)
    pooled.add(sample(1_000 + number, { verdict: 'mismatch', tenant: 'bad' }), POLICY);
  expect(pooled.assess(POLICY, 1_100_000).kind).toBe('fail');
  pooled.retract(own);
  expect(pooled.assess(POLICY, 1_100_000)).toMatchObject({ kind: 'pass', mismatches: 0 });
});

test('a request that has given all it may still shows when it turns', () => {
  const made = evidence(3_000, () => ({ request: 'GET /' }));
  expect(made.matches).toBe(10);
  for (let number = 0; number < 4; number += 1)
    made.add(sample(4_000 + number, { request: 'GET /', verdict: 'mismatch' }), POLICY);
  expect(made.hasTurned(POLICY)).toBe(true);
});

test('what is missing is told with the time it will take at the present pace', () => {
  // One comparison a second, 132 of 332.
  const made = evidence(132);
  const { etaMs, remaining } = made.assess(POLICY, 132_000);
  expect(remaining).toBe(200);
  expect(etaMs).toBeGreaterThan(170_000);
  expect(etaMs).toBeLessThan(230_000);
  // An hour of silence later it takes much longer.
  expect(made.assess({ ...POLICY, staleAfterMs: 1e9 }, 3_732_000).etaMs).toBeGreaterThan(10_000_000);
});

test('where only time is missing, that is what it takes; a passed proof takes none', () => {
  const hour = { ...POLICY, minSpanMs: 3_600_000 };
  expect(evidence(400).assess(hour, 401_000).etaMs).toBe(1_000 + 3_600_000 - 401_000);
  expect(evidence(400).assess(POLICY, 401_000).etaMs).toBeUndefined();
});

test('with too many mismatches, or tenants that never came, nobody can tell when', () => {
  const often = evidence(100, (number) => ({ verdict: number % 20 === 0 ? 'mismatch' : 'match' }));
  expect(often.assess(POLICY, 101_000).etaMs).toBeUndefined();
  expect(evidence(400).assess({ ...POLICY, minTenants: 2 }, 401_000).etaMs).toBeUndefined();
  expect(new Evidence().assess(POLICY, 1_000).etaMs).toBeUndefined();
});

test('a mismatch now and then makes the time longer than its own comparisons would', () => {
  const rare = evidence(400, (number) => ({ verdict: number === 100 ? 'mismatch' : 'match' }));
  const { etaMs, remaining } = rare.assess(POLICY, 401_000);
  expect(etaMs).toBeGreaterThan(remaining * 1_000);
});

test('the pace is saved with the rest', () => {
  const restored = new Evidence();
  restored.restore(JSON.parse(JSON.stringify(evidence(132))));
  expect(restored.assess(POLICY, 132_000).etaMs).toBe(evidence(132).assess(POLICY, 132_000).etaMs);
});
