import { expect, test } from 'vitest';
import { spearman } from './spearman.ts';

test.each([
  [
    'rises with it, however curved',
    [
      [1, 1],
      [2, 4],
      [3, 9],
      [4, 100],
    ],
    1,
  ],
  [
    'falls with it',
    [
      [1, 3],
      [2, 2],
      [3, 1],
    ],
    -1,
  ],
  // The textbook example with one pair out of order: 1 - 6·2 / (4·15).
  [
    'one pair out of order',
    [
      [1, 1],
      [2, 3],
      [3, 2],
      [4, 4],
    ],
    0.8,
  ],
  [
    'ties share their rank',
    [
      [1, 1],
      [1, 1],
      [2, 2],
      [2, 2],
    ],
    1,
  ],
  [
    'one value only',
    [
      [1, 1],
      [1, 2],
    ],
    undefined,
  ],
  ['nothing', [], undefined],
] as const)('rank correlation: %s', (_, pairs, expected) => {
  const found = spearman(pairs);
  if (expected === undefined) expect(found).toBeUndefined();
  else expect(found).toBeCloseTo(expected, 10);
});
