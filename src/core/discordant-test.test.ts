import { expect, test } from 'vitest';
import { seeded } from '../../test/support/movement-rig.ts';
import { CANDIDATE_SHARES, discordant } from './discordant-test.ts';
import { meanRatio, RenewingTest } from './renewing-test.ts';

function levelAfter(candidate: number, control: number): number {
  return meanRatio(
    CANDIDATE_SHARES.map(
      (_, at) =>
        candidate * (discordant('candidate').logs[at] as number) + control * (discordant('control').logs[at] as number),
    ),
  );
}

test.each([
  // (1.2⁸ + 1.5⁸ + 1.8⁸ + 1.94⁸) / 4 and so on, by hand.
  [8, 0, 85.0],
  [9, 0, 157.9],
  [0, 1, (0.8 + 0.5 + 0.2 + 0.06) / 4],
  [1, 1, (0.96 + 0.75 + 0.36 + 0.1164) / 4],
])('%d that only the candidate failed and %d that only the control failed reach %d', (candidate, control, level) => {
  expect(levelAfter(candidate, control)).toBeCloseTo(level, 0);
});

test('where each side fails half of them, at most 1 of 100 is ever surer than 1 in 100, and the mean is 1 at most', () => {
  const levels = Array.from({ length: 2_000 }, (_, seed) => {
    const chance = seeded(seed);
    const running = new RenewingTest(CANDIDATE_SHARES.length);
    let most = 0;
    for (let number = 0; number < 300; number += 1) {
      running.take(discordant(chance() < 0.5 ? 'candidate' : 'control'));
      most = Math.max(most, running.level);
    }
    return { last: running.level, most };
  });
  expect(levels.filter(({ most }) => most >= 100).length).toBeLessThanOrEqual(20);
  expect(levels.reduce((sum, { last }) => sum + last, 0) / levels.length).toBeLessThanOrEqual(1);
});
