import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seeded } from '../../test/support/movement-rig.ts';
import { attributed, FAILURE_RATIOS } from './attribution-test.ts';
import type { Side } from './cell.ts';
import { addEvidence, type FailureEvidence, meanRatio, RenewingTest } from './renewing-test.ts';

const NOTHING: FailureEvidence = { logs: FAILURE_RATIOS.map(() => 0), candidate: 0, control: 0, expected: 0 };

function sum(list: readonly FailureEvidence[]): FailureEvidence {
  return list.reduce(addEvidence, NOTHING);
}

/** Failures in a row on the candidate until a chance of 1 in 100 is reached. */
function inARow(share: number): number {
  let evidence = NOTHING;
  for (let count = 1; count < 1_000; count += 1) {
    evidence = addEvidence(evidence, attributed('candidate', share));
    if (meanRatio(evidence.logs) >= 100) return count;
  }
  return Number.POSITIVE_INFINITY;
}

describe('what a failure says, given who serves how much', () => {
  // With ratio 10 at a share of 1/2: ln((10/11) / (1.2/2.2)) on the candidate, ln((1/11) / (1/2.2)) on the control.
  test('at a half, a failure of the candidate and one of the control', () => {
    expect(attributed('candidate', 0.5).logs[4]).toBeCloseTo(Math.log(5 / 3), 10);
    expect(attributed('control', 0.5).logs[4]).toBeCloseTo(Math.log(1 / 5), 10);
  });

  test.each([
    [0.01, 3],
    [0.05, 4],
    [0.2, 6],
    [0.5, 12],
    [0.9, 74],
  ])('at a share of %d it takes %d in a row to be surer than 1 in 100', (share, count) => {
    expect(inARow(share)).toBe(count);
  });

  test.each([0, 1])('at a share of %d, where the other side was no alternative, it says nothing', (share) => {
    expect(attributed('candidate', share)).toEqual(NOTHING);
    expect(attributed('control', share)).toEqual(NOTHING);
  });

  test('under no alternative may one failure multiply by more than 1 on average where the candidate fails 1.2 times as often', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), (share) => {
        const tolerated = (share * 1.2) / (share * 1.2 + 1 - share);
        const [on, off] = [attributed('candidate', share), attributed('control', share)];
        FAILURE_RATIOS.forEach((_, at) => {
          const mean = tolerated * Math.exp(on.logs[at] as number) + (1 - tolerated) * Math.exp(off.logs[at] as number);
          expect(mean).toBeCloseTo(1, 9);
        });
      }),
    );
  });

  test('evidence of several proxies adds up to what one would have, whatever their shares', () => {
    const failure = fc.record({
      side: fc.constantFrom<Side>('control', 'candidate'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      proxy: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(failure, { maxLength: 60 }), (failures) => {
        const weigh = (list: typeof failures) => sum(list.map(({ side, share }) => attributed(side, share)));
        const merged = sum([0, 1, 2].map((proxy) => weigh(failures.filter((one) => one.proxy === proxy))));
        const whole = weigh(failures);
        whole.logs.forEach((log, at) => {
          expect(merged.logs[at]).toBeCloseTo(log, 6);
        });
        expect(merged.candidate + merged.control).toBe(whole.candidate + whole.control);
      }),
    );
  });
});

describe('the test that begins anew', () => {
  /** Level after failures of which `blamed` times their share fall on the candidate; the share changes all the time. */
  function levelAfter(seed: number, failures: number, blamed: number): { last: number; most: number } {
    const chance = seeded(seed);
    const running = new RenewingTest(FAILURE_RATIOS.length);
    let most = 0;
    for (let number = 0; number < failures; number += 1) {
      const share = [0.05, 0.1, 0.2, 0.5][Math.floor(chance() * 4)] as number;
      const onCandidate = (share * blamed) / (share * blamed + 1 - share);
      running.take(attributed(chance() < onCandidate ? 'candidate' : 'control', share));
      most = Math.max(most, running.level);
    }
    return { last: running.level, most };
  }
  const RUNS = 2_000;
  const seeds = Array.from({ length: RUNS }, (_, seed) => seed);

  test.each([1, 1.2])('where the candidate fails %d times as often, its mean is 1 at most', (blamed) => {
    const mean = seeds.reduce((total, seed) => total + levelAfter(seed, 100, blamed).last, 0) / RUNS;
    expect(mean).toBeLessThanOrEqual(1);
  });

  test('after 1,000 failures, looked at after each, at most 1 of 100 was ever surer than 1 in 100', () => {
    expect(seeds.filter((seed) => levelAfter(seed, 1_000, 1.2).most >= 100).length).toBeLessThanOrEqual(RUNS / 100);
  });

  test('five times as many failures are found, and a long good time before costs a few more of them', () => {
    const found = (before: number, seed: number): number => {
      const chance = seeded(seed);
      const running = new RenewingTest(FAILURE_RATIOS.length);
      for (let number = 0; ; number += 1) {
        const rate = number < before ? 0.2 : (0.2 * 5) / (0.2 * 5 + 0.8);
        running.take(attributed(chance() < rate ? 'candidate' : 'control', 0.2));
        if (number >= before && running.level >= 100) return number - before;
      }
    };
    const median = (before: number): number =>
      seeds
        .slice(0, 101)
        .map((seed) => found(before, seed))
        .sort((a, b) => a - b)[50] as number;
    expect(median(0)).toBeLessThan(20);
    // Without beginning anew it would take thousands, to make up for those that came before.
    expect(median(5_000)).toBeLessThan(120);
  });

  test('each beginning has a smaller part of the budget, and tells what it was made of', () => {
    const running = new RenewingTest(1);
    const one = (log: number) => ({ logs: [log], candidate: 1, control: 0, expected: 0.25 });
    expect(running.level).toBeCloseTo(6 / Math.PI ** 2, 10);
    running.take(one(-3));
    expect(running.level).toBeCloseTo(6 / Math.PI ** 2 / 4, 10);
    running.take(one(2));
    running.take(one(1));
    expect(running.level).toBeCloseTo((6 / Math.PI ** 2 / 4) * Math.exp(3), 8);
    expect(running.strongest).toEqual({ log: 3, number: 2, candidate: 2, control: 0, expected: 0.5 });
  });
});
