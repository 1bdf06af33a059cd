import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LEVELS, LevelShares } from './level-shares.ts';

const demands = fc.array(fc.nat(1_000), { minLength: LEVELS, maxLength: LEVELS });

function shared(demand: readonly number[]): LevelShares {
  const shares = new LevelShares();
  demand.forEach((count, level) => {
    shares.asked(level, count);
  });
  return shares;
}

test('what is worth more has no smaller a chance, and nothing has none', () => {
  fc.assert(
    fc.property(demands, fc.double({ min: 0.1, max: 5_000, noNaN: true }), (demand, supply) => {
      const shares = shared(demand);
      const chances = demand.map((_, level) => shares.chance(level, supply));
      for (let level = 1; level < LEVELS; level++) {
        if (demand[level] === 0 || demand[level - 1] === 0) continue;
        expect(chances[level]).toBeLessThanOrEqual((chances[level - 1] ?? 0) + 1e-9);
      }
      for (const chance of chances) expect(chance).toBeGreaterThan(0);
    }),
  );
});

test('all that ask get the whole supply together, and no more', () => {
  fc.assert(
    fc.property(demands, fc.double({ min: 0.1, max: 5_000, noNaN: true }), (demand, supply) => {
      const shares = shared(demand);
      const given = demand.reduce((sum, count, level) => sum + count * shares.chance(level, supply), 0);
      expect(given).toBeCloseTo(Math.min(supply, shares.total), 6);
    }),
  );
});

test('where all are worth the same, it is a plain lot', () => {
  const shares = new LevelShares();
  shares.asked(3, 200);
  expect(shares.chance(3, 20)).toBeCloseTo(0.1, 12);
});

test('what was asked long ago counts less', () => {
  const shares = new LevelShares();
  shares.asked(0, 100);
  shares.fade(0.01);
  shares.asked(5, 10);
  expect(shares.total).toBeCloseTo(11, 9);
  expect(shares.chance(5, 6)).toBeGreaterThan(0.4);
});
