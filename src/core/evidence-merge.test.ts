import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Evidence, type EvidencePolicy, type Sample } from './evidence.ts';

const POLICY: EvidencePolicy = {
  test: { limit: 0.01, confidence: 0.95 },
  minRequests: 1,
  minTenants: 1,
  minSpanMs: 0,
  maxInconclusive: 0.1,
  staleAfterMs: 3_600_000,
  falseAlarm: 0.0001,
};

const samples: fc.Arbitrary<Sample[]> = fc.array(
  fc.record({
    at: fc.integer({ min: 1, max: 600_000 }),
    verdict: fc.constantFrom('match', 'match', 'match', 'mismatch', 'inconclusive', 'ignored'),
    proves: fc.boolean(),
    request: fc.integer({ min: 0, max: 40 }).map((number) => `r${number}`),
    subject: fc.integer({ min: 0, max: 40 }).map((number) => `s${number}`),
    tenant: fc.constantFrom('acme', 'globex', 'initech'),
    statusClass: fc.constantFrom(2, 3),
  }),
  { maxLength: 40 },
);

function evidenceOf(list: readonly Sample[]): Evidence {
  const made = new Evidence();
  for (const sample of list) made.add(sample, POLICY);
  return made;
}

function merged(...parts: readonly (readonly Sample[])[]): Evidence {
  const [first = [], ...rest] = parts;
  const sum = evidenceOf(first);
  for (const part of rest) sum.merge(evidenceOf(part));
  return sum;
}

/** What is saved, but for the last digits of the pace, which is a sum of fractions. */
function saved(evidence: Evidence): unknown {
  const { pace, tenants, ...rest } = JSON.parse(JSON.stringify(evidence));
  return { ...rest, tenants: tenants.sort(), weight: Number(pace.weight.toFixed(6)), at: pace.at };
}

test('evidence of several proxies adds up to the same in any order and grouping', () => {
  fc.assert(
    fc.property(samples, samples, samples, (a, b, c) => {
      const whole = saved(merged(a, b, c));
      expect(saved(merged(c, a, b))).toEqual(whole);
      const right = merged(b, c);
      const grouped = evidenceOf(a);
      grouped.merge(right);
      expect(saved(grouped)).toEqual(whole);
    }),
  );
});

test('merging with nothing changes nothing, and what is merged stays as it is', () => {
  fc.assert(
    fc.property(samples, (list) => {
      const one = evidenceOf(list);
      const before = saved(one);
      one.merge(new Evidence());
      expect(saved(one)).toEqual(before);
      const nothing = new Evidence();
      nothing.merge(one);
      expect(saved(nothing)).toEqual(before);
      expect(saved(one)).toEqual(before);
    }),
  );
});

test('two halves of a proof are a proof, also after they were saved and read', () => {
  const half = (from: number): Evidence =>
    evidenceOf(
      Array.from({ length: 170 }, (_, number) => ({
        at: 1_000 * (from + number),
        verdict: 'match' as const,
        proves: true,
        request: `r${from + number}`,
        subject: `s${from + number}`,
        tenant: 'acme',
        statusClass: 2,
      })),
    );
  const [one, other] = [half(1), new Evidence()];
  other.restore(JSON.parse(JSON.stringify(half(1_000))));
  expect(one.assess(POLICY, 1_200_000).kind).toBe('insufficient');
  one.merge(other);
  expect(one.assess(POLICY, 1_200_000)).toMatchObject({ kind: 'pass', matches: 340, spanMs: 1_168_000 });
});
