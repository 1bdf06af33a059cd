import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { discoveries, logEvidence, type TwoArms } from './two-arm-test.ts';

const NEEDED = Math.log(100);

function arms(controlDrifts: number, controlPairs: number, candidateDrifts: number, candidatePairs: number): TwoArms {
  return { controlDrifts, controlPairs, candidateDrifts, candidatePairs };
}

/** Deterministic noise: tests must fail the same way twice. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** P(k of n) at a rate, for small n. */
function binomial(k: number, n: number, rate: number): number {
  let ways = 1;
  for (let i = 1; i <= k; i++) ways = (ways * (n - k + i)) / i;
  return ways * rate ** k * (1 - rate) ** (n - k);
}

/** ∫ (1 − p) · ωp / (1 − p + ωp) dp over [0, 1], by partial fractions with c = ω − 1. */
function agreesThenDrifts(odds: number): number {
  const c = odds - 1;
  return odds * (-1 / (2 * c) + (c + 1) / c ** 2 - ((c + 1) / c ** 3) * Math.log(1 + c));
}

describe('evidence that the candidate differs more often', () => {
  test('is none before anything was seen', () => {
    expect(logEvidence(arms(0, 0, 0, 0))).toBeCloseTo(0, 12);
  });

  test('is what the formula gives by hand after one pair of each arm', () => {
    const mixed = [
      [1.25, 0.1],
      [1.6, 0.3],
      [2.5, 0.25],
      [5, 0.15],
      [25, 0.1],
      [400, 0.1],
    ].reduce((sum, [odds = 0, weight = 0]) => sum + weight * agreesThenDrifts(odds), 0);
    // Under the null the two differ with the pooled rate 1/2: 1/4 in all.
    expect(Math.exp(logEvidence(arms(0, 1, 1, 1)))).toBeCloseTo(mixed / 0.25, 2);
    // The other way round speaks against: the null explains it with certainty.
    expect(Math.exp(logEvidence(arms(1, 1, 0, 1)))).toBeLessThan(0.25);
  });

  test.each([
    [0, 30, 30, 30],
    [9, 30, 28, 30],
    [450, 1500, 600, 1500],
    [120, 400, 3_400, 8_000],
  ])('is enough where the control drifts in %i of %i and the candidate in %i of %i', (...counts) => {
    expect(logEvidence(arms(...counts))).toBeGreaterThan(NEEDED);
    expect(logEvidence(arms(...counts), NEEDED)).toBe(logEvidence(arms(...counts)));
  });

  test.each([
    [9, 30, 12, 30],
    [450, 1500, 450, 1500],
    [600, 1500, 450, 1500],
    [0, 20, 3, 400],
    [10, 10, 200, 200],
  ])('is not enough where the control drifts in %i of %i and the candidate in %i of %i', (...counts) => {
    expect(logEvidence(arms(...counts))).toBeLessThan(NEEDED);
  });

  test('grows with the candidate’s drifts and shrinks with the control’s', () => {
    const count = fc.integer({ min: 1, max: 300 });
    fc.assert(
      fc.property(
        count,
        count,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n0, n1, a, b) => {
          const [k0, k1] = [Math.floor(a * n0), Math.floor(b * n1)];
          const here = logEvidence(arms(k0, n0, k1, n1));
          // Where it speaks for the null, it only says that nothing is there.
          fc.pre(here > 0);
          if (k1 < n1) expect(logEvidence(arms(k0, n0, k1 + 1, n1))).toBeGreaterThanOrEqual(here - 1e-9);
          if (k0 < n0) expect(logEvidence(arms(k0 + 1, n0, k1, n1))).toBeLessThanOrEqual(here + 1e-9);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('below the floor is told as nothing only where it is below it', () => {
    const count = fc.integer({ min: 0, max: 200 });
    fc.assert(
      fc.property(count, count, count, count, (k0, more0, k1, more1) => {
        const these = arms(k0, k0 + more0, k1, k1 + more1);
        if (logEvidence(these, NEEDED) === Number.NEGATIVE_INFINITY) expect(logEvidence(these)).toBeLessThan(NEEDED);
      }),
      { numRuns: 500 },
    );
  });
});

describe('on pure noise', () => {
  test.each([
    [0.01, 0.01],
    [0.1, 0.1],
    [0.3, 0.3],
    [0.5, 0.5],
    [0.9, 0.9],
    [0.4, 0.2],
  ])('of rates %d and %d the evidence is at most 1 on average, counted over every outcome', (control, candidate) => {
    for (const [n0, n1] of [
      [1, 1],
      [8, 8],
      [3, 30],
      [30, 5],
    ] as const) {
      let mean = 0;
      for (let k0 = 0; k0 <= n0; k0++) {
        for (let k1 = 0; k1 <= n1; k1++) {
          mean += binomial(k0, n0, control) * binomial(k1, n1, candidate) * Math.exp(logEvidence(arms(k0, n0, k1, n1)));
        }
      }
      expect(mean).toBeLessThanOrEqual(1);
      expect(mean).toBeGreaterThan(0);
    }
  });

  test('is at most 1 on average where one stops as soon as it looks good, and asks the arm that helps', () => {
    let sum = 0;
    const runs = 2_500;
    for (let seed = 1; seed <= runs; seed++) {
      const next = random(seed);
      let these = arms(0, 0, 0, 0);
      for (let step = 0; step < 60; step++) {
        // As an unfair observer would: the candidate while it is behind, the control while it is ahead.
        const isCandidate = these.candidateDrifts * these.controlPairs <= these.controlDrifts * these.candidatePairs;
        const drift = next() < 0.2 ? 1 : 0;
        these = isCandidate
          ? { ...these, candidatePairs: these.candidatePairs + 1, candidateDrifts: these.candidateDrifts + drift }
          : { ...these, controlPairs: these.controlPairs + 1, controlDrifts: these.controlDrifts + drift };
        if (logEvidence(these) > Math.log(2)) break;
      }
      sum += Math.exp(logEvidence(these));
    }
    expect(sum / runs).toBeLessThanOrEqual(1);
  });

  test.each([[0.01], [0.05], [0.1], [0.3], [0.5]])(
    'of rate %d at most 1 % of paths are ever flagged, looking after every pair up to 400, whatever the arms’ sizes',
    (rate) => {
      for (const perControl of [1, 7]) {
        let flagged = 0;
        const runs = 500;
        for (let seed = 1; seed <= runs; seed++) {
          if (isEverFlagged(random(seed * 7 + perControl), { control: rate, candidate: rate, pairs: 400, perControl }))
            flagged++;
        }
        expect(flagged / runs).toBeLessThanOrEqual(0.01);
      }
    },
  );

  test('a regression of 10 points on 30 % noise is found within 1,500 pairs of each arm, 9 times in 10', () => {
    let found = 0;
    const runs = 200;
    for (let seed = 1; seed <= runs; seed++) {
      if (isEverFlagged(random(seed), { control: 0.3, candidate: 0.4, pairs: 1_500, perControl: 1 })) found++;
    }
    expect(found / runs).toBeGreaterThanOrEqual(0.9);
  });
});

function isEverFlagged(
  next: () => number,
  { control, candidate, pairs, perControl }: { control: number; candidate: number; pairs: number; perControl: number },
): boolean {
  let [k0, k1, n1] = [0, 0, 0];
  for (let n0 = 1; n0 <= pairs; n0++) {
    if (next() < control) k0++;
    for (let i = 0; i < perControl; i++) {
      n1++;
      if (next() < candidate) k1++;
      if (logEvidence(arms(k0, n0, k1, n1), NEEDED) >= NEEDED) return true;
    }
  }
  return false;
}

describe('many paths', () => {
  const log = (values: readonly number[]): Map<string, number> =>
    new Map(values.map((value, i) => [`p${i}`, Math.log(value)]));

  test.each([
    // One path: as the single test.
    [[100], ['p0']],
    [[99], []],
    // Two: 200 for the first, or 100 for each of both.
    [[150, 1], []],
    [[200, 1], ['p0']],
    [
      [100, 100],
      ['p0', 'p1'],
    ],
    [[100, 99], []],
    // Four: the third needs 4 / (3 · 0.01) = 133.4, and takes the ones above along.
    [
      [134, 134, 134, 2],
      ['p0', 'p1', 'p2'],
    ],
    [[133, 133, 133, 2], []],
    [
      [2, 1e9, 0, 300],
      ['p1', 'p3'],
    ],
    [[], []],
  ])('of evidences %j those that stand at 1 %% are %j', (values, found) => {
    expect([...discoveries(log(values))].sort()).toEqual(found);
  });
});
