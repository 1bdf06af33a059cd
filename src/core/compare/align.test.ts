import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { align, alignBag, type ElementOps } from './align.ts';
import { Budget } from './budget.ts';
import { commonSubsequence } from './common-subsequence.ts';

const free = () => new Budget(10_000_000, () => false);
const NUMBERS: ElementOps<number> = { hash: (n) => n, equal: (a, b) => a === b, similarity: () => 0.5 };
const small = fc.array(fc.nat(6), { maxLength: 30 });

/** Length of the longest common subsequence, by the textbook table. */
function longest(a: readonly number[], b: readonly number[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    for (let j = 1; j <= b.length; j++) {
      next.push(x === b[j - 1] ? (row[j - 1] ?? 0) + 1 : Math.max(row[j] ?? 0, next[j - 1] ?? 0));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

describe('the common subsequence', () => {
  test('is the longest one, in order on both sides, of equal elements', () => {
    fc.assert(
      fc.property(small, small, (a, b) => {
        const pairs = commonSubsequence(a, b, free());
        expect(pairs).toHaveLength(longest(a, b));
        pairs.forEach(([i, j], at) => {
          expect(a[i]).toBe(b[j]);
          const before = pairs[at - 1];
          if (before !== undefined) expect(i > before[0] && j > before[1]).toBe(true);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('of lists far apart is found by elements that occur once', () => {
    const a = Array.from({ length: 2_000 }, (_, i) => i);
    const b = a.map((n) => (n % 3 === 0 ? n : -n - 1));
    const pairs = commonSubsequence(a, b, free());
    expect(pairs).toHaveLength(667);
    expect(pairs.every(([i, j]) => i === j && i % 3 === 0)).toBe(true);
  });
});

describe('aligning', () => {
  const check = (a: number[], b: number[]) => align(a, b, NUMBERS, free());

  test('one insertion is one addition, one loss one removal', () => {
    expect(check([1, 2, 3, 4], [1, 9, 2, 3, 4])).toEqual({ changed: [], removed: [], added: [1], moved: false });
    expect(check([1, 2, 3, 4], [2, 3, 4])).toEqual({ changed: [], removed: [0], added: [], moved: false });
    expect(check([1, 2, 2, 3], [1, 2, 3])).toEqual({ changed: [], removed: [2], added: [], moved: false });
  });

  test('a change in place is a change, in a list of one length', () => {
    expect(check([1, 1, 0, 1], [1, 0, 0, 1]).changed).toEqual([[1, 1]]);
    expect(check([1, 2, 3], [4, 5, 6]).changed).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
  });

  test('a moved element is no loss and no gain', () => {
    expect(check([1, 2, 3], [3, 1, 2])).toEqual({ changed: [], removed: [], added: [], moved: true });
  });

  test('every element is told exactly once, and equal ones are never told', () => {
    fc.assert(
      fc.property(small, small, (a, b) => {
        const { changed, removed, added, moved } = check(a, b);
        expect(changed.every(([i, j]) => a[i] !== b[j])).toBe(true);
        expect(a.length - removed.length).toBe(b.length - added.length);
        expect(new Set([...changed.map(([i]) => i), ...removed]).size).toBe(changed.length + removed.length);
        expect(new Set([...changed.map(([, j]) => j), ...added]).size).toBe(changed.length + added.length);
        const nothing = changed.length + removed.length + added.length === 0 && !moved;
        expect(nothing).toBe(a.length === b.length && a.every((n, i) => n === b[i]));
      }),
      { numRuns: 500 },
    );
  });

  test('as bags, lists in any order are equal', () => {
    fc.assert(
      fc.property(small, fc.infiniteStream(fc.nat(1_000)), (a, keys) => {
        const shuffled = a
          .map((n) => [keys.next().value, n] as const)
          .sort(([x], [y]) => x - y)
          .map(([, n]) => n);
        const { changed, removed, added } = alignBag(a, shuffled, NUMBERS, free());
        expect([changed, removed, added]).toEqual([[], [], []]);
      }),
    );
  });
});
