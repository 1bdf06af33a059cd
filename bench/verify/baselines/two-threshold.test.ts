import { describe, expect, test } from 'vitest';
import { Random } from '../random.ts';
import { shareShown } from '../sections/thresholds.ts';
import { chanceShown, isShown } from './two-threshold.ts';

/** As computed from the published rule, to two digits. */
const PUBLISHED: readonly (readonly [pairs: number, ...chances: readonly number[]])[] = [
  [20, 0.15, 0.33, 0.32, 0.19, 0.1],
  [50, 0.27, 0.3, 0.24, 0.09, 0.02],
  [100, 0.33, 0.25, 0.17, 0.03, 0.0],
  [200, 0.33, 0.17, 0.09, 0.0, 0.0],
  [400, 0.27, 0.09, 0.03, 0.0, 0.0],
];
const RATES = [0.01, 0.05, 0.1, 0.3, 0.5];

describe('the rule of two thresholds', () => {
  test.each([
    [{ raw: 1, noise: 0, total: 3_333 }, true],
    [{ raw: 1, noise: 0, total: 3_334 }, false],
    [{ raw: 3, noise: 2, total: 100 }, false],
    [{ raw: 31, noise: 20, total: 100 }, true],
    [{ raw: 30, noise: 20, total: 100 }, false],
    [{ raw: 5, noise: 5, total: 10 }, false],
    [{ raw: 100, noise: 70, total: 100 }, false],
  ])('%o is shown: %s', (counts, shown) => {
    expect(isShown(counts)).toBe(shown);
  });

  test.each(PUBLISHED)('with %i pairs its false alarms are those of the published figures', (pairs, ...chances) => {
    RATES.forEach((rate, at) => {
      expect(Math.abs(chanceShown(pairs, rate) - (chances[at] ?? 0))).toBeLessThan(0.012);
    });
  });

  test('drawn pairs agree with the exact figures within the error of sampling', () => {
    for (const [pairs, rate] of [
      [20, 0.05],
      [100, 0.01],
      [50, 0.3],
    ] as const) {
      const [drawn, exact] = [shareShown(new Random('test', pairs), pairs, rate, 4_000), chanceShown(pairs, rate)];
      expect(Math.abs(drawn - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 4_000));
    }
  });

  test('at 200 pairs it finds a regression in a tenth of the requests only where there is little noise', () => {
    const power = [0.1, 0.3, 0.5, 0.7].map((rate) => chanceShown(200, rate, 0.1 / (1 - rate)));
    expect(power[0]).toBeGreaterThan(0.8);
    expect(power[1]).toBeLessThan(0.3);
    expect(power[2]).toBeLessThan(0.02);
    expect(power[3]).toBeLessThan(0.001);
  });
});
