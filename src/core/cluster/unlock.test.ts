import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Barrier, gainOf, unlockOf } from './unlock.ts';

function barrier(clusters: string, cells: number, requests: number): Barrier {
  return { clusters: clusters.split(' '), cells, requests };
}

describe('what fixing opens', () => {
  const barriers = [barrier('a', 10, 100), barrier('a b', 5, 300), barrier('c', 40, 90), barrier('b a', 1, 0)];

  test('a cluster alone opens the cells that wait for nothing else, and blocks those that wait for others too', () => {
    const { standings, blocked } = unlockOf(barriers);
    expect(blocked).toEqual({ cells: 56, requests: 490 });
    expect(standings.get('a')).toEqual({
      opens: { cells: 10, requests: 100 },
      blocks: { cells: 16, requests: 400 },
      part: 250,
    });
    expect(standings.get('b')).toEqual({
      opens: { cells: 0, requests: 0 },
      blocks: { cells: 6, requests: 300 },
      part: 150,
    });
  });

  test('a plan knows that two clusters open together what neither opens alone', () => {
    expect(unlockOf(barriers).plans.slice(0, 3)).toEqual([
      { fixes: 1, plan: { clusters: ['a'], gain: { cells: 10, requests: 100 } } },
      { fixes: 2, plan: { clusters: ['a', 'b'], gain: { cells: 16, requests: 400 } } },
      { fixes: 3, plan: { clusters: ['a', 'b', 'c'], gain: { cells: 56, requests: 490 } } },
    ]);
  });

  test('cells that nobody asked for yet count by their number', () => {
    expect(unlockOf([barrier('a', 1, 0), barrier('b', 9, 0)]).plans[0]?.plan.clusters).toEqual(['b']);
  });

  test('nothing blocked: nothing to plan', () => {
    expect(unlockOf([])).toMatchObject({ blocked: { cells: 0, requests: 0 }, plans: [] });
  });
});

const anyBarriers = fc.array(
  fc.record({
    clusters: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { minLength: 1, maxLength: 4 }),
    cells: fc.integer({ min: 1, max: 50 }),
    requests: fc.integer({ min: 0, max: 1_000 }),
  }),
  { minLength: 1, maxLength: 12 },
);

/** The most requests that any set of so many fixes opens. */
function bestOf(barriers: readonly Barrier[], fixes: number): number {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  let best = 0;
  for (let bits = 0; bits < 1 << names.length; bits += 1) {
    const chosen = new Set(names.filter((_, i) => (bits >> i) % 2 === 1));
    if (chosen.size <= fixes) best = Math.max(best, gainOf(barriers, chosen).requests);
  }
  return best;
}

test('a further fix never closes a cell', () => {
  fc.assert(
    fc.property(anyBarriers, fc.subarray(['a', 'b', 'c', 'd', 'e', 'f', 'g']), (barriers, fixed) => {
      const before = gainOf(barriers, new Set(fixed));
      for (const more of ['a', 'd', 'g']) {
        const after = gainOf(barriers, new Set([...fixed, more]));
        expect(after.cells).toBeGreaterThanOrEqual(before.cells);
        expect(after.requests).toBeGreaterThanOrEqual(before.requests);
      }
    }),
  );
});

test('a plan keeps to its number, opens what it says, at least as much as a smaller one and as the best single set that fits', () => {
  fc.assert(
    fc.property(anyBarriers, (barriers) => {
      let before = 0;
      for (const { fixes, plan } of unlockOf(barriers).plans) {
        expect(plan.clusters.length).toBeLessThanOrEqual(fixes);
        expect(plan.gain).toEqual(gainOf(barriers, new Set(plan.clusters)));
        expect(plan.gain.requests).toBeGreaterThanOrEqual(before);
        before = plan.gain.requests;
        for (const { clusters } of barriers.filter((one) => one.clusters.length <= fixes))
          expect(plan.gain.requests).toBeGreaterThanOrEqual(gainOf(barriers, new Set(clusters)).requests);
      }
    }),
  );
});

test('on small instances nearly all plans are the best there are, and parts add up to what waits', () => {
  let plans = 0;
  let best = 0;
  fc.assert(
    fc.property(anyBarriers, (barriers) => {
      const { plans: made, standings, blocked } = unlockOf(barriers);
      for (const { fixes, plan } of made) {
        plans += 1;
        if (plan.gain.requests === bestOf(barriers, fixes)) best += 1;
      }
      const parts = [...standings.values()].reduce((sum, { part }) => sum + part, 0);
      expect(parts).toBeCloseTo(blocked.requests, 6);
    }),
    { seed: 7, numRuns: 300 },
  );
  expect(best / plans).toBeGreaterThan(0.9);
});
