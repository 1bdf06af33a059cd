import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MirrorBudget } from './mirror-budget.ts';

describe('MirrorBudget', () => {
  test('a quiet second is spent at once, then mirrors come at their rate', () => {
    const budget = new MirrorBudget({ perSecond: 5, concurrency: 100 }, 0);
    const taken = Array.from({ length: 7 }, () => budget.take(0));
    expect(taken).toEqual([true, true, true, true, true, false, false]);
    expect(budget.take(199)).toBe(false);
    expect(budget.take(200)).toBe(true);
    expect(budget.take(200)).toBe(false);
    // An hour of silence saves up one second, no more.
    expect(Array.from({ length: 7 }, () => budget.take(3_600_000)).filter(Boolean)).toHaveLength(5);
  });

  test('no more are in flight than the concurrency allows', () => {
    const budget = new MirrorBudget({ perSecond: 100, concurrency: 2 }, 0);
    expect([budget.take(0), budget.take(0), budget.take(0)]).toEqual([true, true, false]);
    expect(budget.inFlight).toBe(2);
    budget.done();
    expect(budget.take(0)).toBe(true);
    for (let i = 0; i < 5; i++) budget.done();
    expect(budget.inFlight).toBe(0);
  });

  test('other bounds count from then on: nothing is won by changing them, and what is in flight stays so', () => {
    const budget = new MirrorBudget({ perSecond: 10, concurrency: 4 }, 0);
    expect([budget.take(0), budget.take(0), budget.take(0)]).toEqual([true, true, true]);
    budget.resize({ perSecond: 2, concurrency: 3 }, 0);
    expect(budget.take(0)).toBe(false);
    budget.done();
    expect([budget.take(0), budget.inFlight]).toEqual([true, 3]);
    for (let i = 0; i < 3; i++) budget.done();
    // Two were left of what was saved up; a higher rate gives no more at once.
    budget.resize({ perSecond: 100, concurrency: 10 }, 0);
    expect([budget.take(0), budget.take(0)]).toEqual([true, false]);
    expect(budget.take(10)).toBe(true);
  });

  test('a refusal for concurrency costs no budget', () => {
    const budget = new MirrorBudget({ perSecond: 2, concurrency: 1 }, 0);
    expect([budget.take(0), budget.take(0), budget.take(0)]).toEqual([true, false, false]);
    budget.done();
    expect(budget.take(0)).toBe(true);
  });

  test.each([
    [{ perSecond: 0, concurrency: 5 }],
    [{ perSecond: 5, concurrency: 0 }],
    [{ perSecond: -1, concurrency: 5 }],
  ])('%j sends nothing', (options) => {
    const budget = new MirrorBudget(options, 0);
    expect([budget.take(0), budget.take(1e6)]).toEqual([false, false]);
  });

  test('less than one a second still comes to one', () => {
    const budget = new MirrorBudget({ perSecond: 0.1, concurrency: 5 }, 0);
    expect([budget.take(0), budget.take(9_000), budget.take(10_001)]).toEqual([true, false, true]);
  });

  test('never gives more than the rate and one burst, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -500, max: 500 }), { maxLength: 300 }), (steps) => {
        const budget = new MirrorBudget({ perSecond: 20, concurrency: 1_000 }, 0);
        let now = 0;
        let forwardMs = 0;
        let taken = 0;
        for (const step of steps) {
          now += step;
          forwardMs += Math.max(0, step);
          if (budget.take(now)) taken += 1;
        }
        expect(taken).toBeLessThanOrEqual(20 + (forwardMs * 20) / 1000);
      }),
    );
  });
});
