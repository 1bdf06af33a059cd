import { describe, expect, test } from 'vitest';
import { exchangeOf, jsonAnswer } from '../../test/support/trial-verifier.ts';
import type { Exchange } from '../core/observation.ts';
import { Comparer } from './comparer.ts';

/** What each side says of the page, and its tag; bodies that differ between the sides only in noise are equal here. */
type Said = readonly [body: number, tag: string];

function exchange(control: Said, candidate: Said, more: Partial<Exchange> = {}): Exchange {
  const answer = ([body, tag]: Said) =>
    jsonAnswer(
      { body },
      {
        headers: [
          ['content-type', 'application/json'],
          ['etag', tag],
        ],
      },
    );
  return exchangeOf(answer(control), answer(candidate), more);
}

function verdicts(exchanges: readonly Exchange[]): string[] {
  const policy = { rules: [], headers: ['content-type', 'etag'], keyOrder: false };
  const comparer = new Comparer({ policy, limits: { maxDecodedBytes: 1_000_000, timeoutMs: 20_000 } });
  return exchanges.map((one) => {
    const { verdict, differences } = comparer.compareFirst(one).result;
    // Confirming looks at the same pair again, and must not find it changed.
    expect(comparer.compare(one).verdict).toBe(verdict);
    const open = differences.filter(({ noise }) => noise === undefined).map(({ path }) => path);
    return [verdict, ...open].join(' ');
  });
}

const BROKEN = 'mismatch header:etag/promise';

describe('strong entity tags', () => {
  test('of two schemes are different and right', () => {
    expect(
      verdicts([
        exchange([1, '"a1"'], [1, '"x"']),
        exchange([2, '"a2"'], [2, '"y"']),
        exchange([1, '"a1"'], [1, '"x"']),
      ]),
    ).toEqual(['match', 'match', 'match']);
  });

  test('that stay while the body changes are wrong at once', () => {
    expect(verdicts([exchange([1, '"a1"'], [1, '"x"']), exchange([2, '"a2"'], [2, '"x"'])])).toEqual(['match', BROKEN]);
  });

  test('that the control keeps as well say nothing', () => {
    expect(verdicts([exchange([1, '"a"'], [1, '"x"']), exchange([2, '"a"'], [2, '"x"'])])).toEqual(['match', 'match']);
  });

  test('that change again and again though the body stays are wrong; once is a deployment', () => {
    const made = ['"x1"', '"x2"', '"x3"', '"x3"', '"x4"'].map((tag) => exchange([1, '"a"'], [1, tag]));
    expect(verdicts(made)).toEqual(['match', 'match', BROKEN, 'match', 'match']);
  });

  test('weak ones promise nothing, and other targets and versions have tags of their own', () => {
    const weak = [exchange([1, '"a1"'], [1, 'W/"x"']), exchange([2, '"a2"'], [2, 'W/"x"'])];
    expect(verdicts(weak)).toEqual(['match', 'match']);
    const request = { method: 'GET', target: '/other', headers: [] };
    const versions = { control: 'v1', candidate: 'v3' };
    for (const more of [{ request }, { versions }])
      expect(verdicts([exchange([1, '"a1"'], [1, '"x"']), exchange([2, '"a2"'], [2, '"x"'], more)])).toEqual([
        'match',
        'match',
      ]);
  });
});
