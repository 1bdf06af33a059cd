import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cleanComparisonsNeeded,
  detect,
  hasChanged,
  isDisproven,
  isProven,
  logEvidence,
  NO_CHANGE,
  type RateTest,
  upperBound,
} from './sequential-test.ts';

const ONE_PERCENT: RateTest = { limit: 0.01, confidence: 0.95 };
const POOLED: RateTest = { limit: 0.001, confidence: 0.95 };

/** A small seeded generator, so that a failing run can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test.each([
  [ONE_PERCENT, 332],
  [POOLED, 3327],
  [{ limit: 0.0001, confidence: 0.95 }, 33285],
])('a proof at %o takes %i clean comparisons', (rate, needed) => {
  expect(cleanComparisonsNeeded(rate, 0, 0)).toBe(needed);
  expect(isProven(rate, needed - 1, 0)).toBe(false);
  expect(isProven(rate, needed, 0)).toBe(true);
});

test('one mismatch costs 254 more clean comparisons at 1 %, and 2,557 at 0.1 %', () => {
  expect(cleanComparisonsNeeded(ONE_PERCENT, 0, 1) - 332).toBe(254);
  expect(cleanComparisonsNeeded(POOLED, 0, 1) - 3327).toBe(2557);
});

test('two early mismatches disprove, one does not', () => {
  expect(isDisproven(ONE_PERCENT, 5, 1)).toBe(false);
  expect(isDisproven(ONE_PERCENT, 5, 2)).toBe(true);
});

test('looking after every comparison proves a rate at the limit in at most 5 of 100 runs', () => {
  let proven = 0;
  const runs = 2_000;
  for (let run = 0; run < runs; run += 1) {
    const random = seeded(run + 1);
    let log = 0;
    for (let n = 0; n < 1_500; n += 1) {
      log += random() < 0.01 ? logEvidence(ONE_PERCENT, 0, 1) : logEvidence(ONE_PERCENT, 1, 0);
      if (log >= Math.log(20)) {
        proven += 1;
        break;
      }
    }
  }
  expect(proven / runs).toBeLessThanOrEqual(0.05 + 2.6 * Math.sqrt((0.05 * 0.95) / runs));
});

test('the order of comparisons does not matter, and a mismatch never helps', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(50), (matches, mismatches) => {
      expect(logEvidence(ONE_PERCENT, matches, mismatches + 1)).toBeLessThan(
        logEvidence(ONE_PERCENT, matches, mismatches),
      );
      expect(logEvidence(ONE_PERCENT, matches + 1, mismatches)).toBeGreaterThan(
        logEvidence(ONE_PERCENT, matches, mismatches),
      );
    }),
  );
});

test.each([
  [331, 0, 0.009_01],
  [3000, 0, 0.000_998],
  [99, 1, 0.046_56],
  [0, 0, 1],
])('with %i matches and %i mismatches the rate is at most %f (Clopper and Pearson)', (matches, mismatches, bound) => {
  expect(upperBound(0.95, matches, mismatches)).toBeCloseTo(bound, 4);
});

test('a break after a long clean time is noticed within four mismatches', () => {
  let detector = NO_CHANGE;
  for (let n = 0; n < 100_000; n += 1) detector = detect(detector, ONE_PERCENT, false);
  let mismatches = 0;
  while (!hasChanged(detector, 0.0001)) {
    detector = detect(detector, ONE_PERCENT, true);
    mismatches += 1;
  }
  expect(mismatches).toBeLessThanOrEqual(4);
});

test('a good candidate raises a false alarm once in 10,000 comparisons or more seldom', () => {
  const random = seeded(7);
  let alarms = 0;
  let detector = NO_CHANGE;
  const comparisons = 400_000;
  for (let n = 0; n < comparisons; n += 1) {
    detector = detect(detector, ONE_PERCENT, random() < 0.001);
    if (hasChanged(detector, 0.0001)) {
      alarms += 1;
      detector = NO_CHANGE;
    }
  }
  expect(alarms).toBeLessThanOrEqual(comparisons / 10_000);
});

test('with many mismatches the bound goes on where summing ends', () => {
  const summed = upperBound(0.95, 9_900, 100);
  const scored = upperBound(0.95, 9_899, 101);
  expect(scored).toBeGreaterThan(summed * 0.99);
  expect(scored / summed).toBeLessThan(1.02);
});
