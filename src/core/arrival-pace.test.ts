import fc from 'fast-check';
import { expect, test } from 'vitest';
import { about, mergedPace, NO_PACE, type Pace, paced, perMs } from './arrival-pace.ts';

const MINUTE = 60_000;

/** One every so many milliseconds. */
function steady(everyMs: number, from: number, to: number, begin: Pace = NO_PACE): Pace {
  let pace = begin;
  for (let at = from; at < to; at += everyMs) pace = paced(pace, at);
  return pace;
}

test('what comes steadily is told as it comes, soon after the first and an hour later', () => {
  for (const length of [MINUTE, 10 * MINUTE, 60 * MINUTE]) {
    const rate = perMs(steady(500, 1_000, 1_000 + length), 1_000, 1_000 + length);
    expect(rate).toBeGreaterThan(0.9 / 500);
    expect(rate).toBeLessThan(1.1 / 500);
  }
});

test('what ceased counts less and less', () => {
  const pace = steady(100, 0, 30 * MINUTE);
  const then = perMs(pace, 0, 30 * MINUTE);
  expect(perMs(pace, 0, 60 * MINUTE)).toBeLessThan(then / 15);
});

test('the pace of two is that of both, in either order', () => {
  const times = fc.array(fc.integer({ min: 0, max: 3_600_000 }), { maxLength: 30 });
  fc.assert(
    fc.property(times, times, (one, other) => {
      const of = (list: readonly number[]): Pace => list.toSorted((a, b) => a - b).reduce(paced, NO_PACE);
      const merged = mergedPace(of(one), of(other));
      expect(merged.weight).toBeCloseTo(mergedPace(of(other), of(one)).weight, 9);
      expect(merged.weight).toBeCloseTo(of([...one, ...other]).weight, 9);
    }),
  );
});

test.each([
  [20_000, 'less than a minute'],
  [40 * MINUTE, 'about 40 min'],
  [5 * 60 * MINUTE, 'about 5 h'],
  [6.6 * 24 * 60 * MINUTE, 'about 7 days'],
])('%i ms is %s', (ms, words) => {
  expect(about(ms)).toBe(words);
});
