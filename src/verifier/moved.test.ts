import { describe, expect, it } from 'vitest';
import { jsonAnswer } from '../../test/support/trial-verifier.ts';
import type { ComparisonResult, Difference } from '../core/verdict.ts';
import { candidateFailed, hasMoved, isFailure } from './moved.ts';

function resultOf(...differences: readonly Difference[]): ComparisonResult {
  return { verdict: 'mismatch', differences, differenceCount: differences.length, identical: false };
}
const at = (path: string, kind: Difference['kind'] = 'value'): Difference => ({ path, kind });

describe('whether the control moved', () => {
  const cases: readonly [string, ComparisonResult, ComparisonResult, boolean][] = [
    ['the same place', resultOf(at('body/a')), resultOf(at('body/a')), true],
    ['above it', resultOf(at('body/a/b')), resultOf(at('body/a', 'type')), true],
    ['a place whose name begins alike', resultOf(at('body/ab')), resultOf(at('body/a')), false],
    ['another place', resultOf(at('body/a')), resultOf(at('body/b')), false],
    ['only one of two places', resultOf(at('body/a'), at('body/b')), resultOf(at('body/a')), false],
    ['an element more in the same list', resultOf(at('body/items/0/id')), resultOf(at('body/items/3', 'added')), true],
    ['a line less in the same text', resultOf(at('body/line/9')), resultOf(at('body/line/2', 'removed')), true],
    [
      'an element of the page more',
      resultOf(at('body/html/body/p[3]')),
      resultOf(at('body/html/body/p[9]', 'added')),
      true,
    ],
    [
      'a member less in a list whose members vary',
      resultOf(at('body/ul/li[4]', 'removed')),
      resultOf({ ...at('body/ul/li[1]/a/text()'), noise: 'varying' }),
      true,
    ],
    [
      'a member less in a list of which nothing is known but that its members differ',
      resultOf(at('body/ul/li[4]', 'removed')),
      resultOf(at('body/ul/li[1]/a/text()')),
      true,
    ],
    [
      'a member less in a list whose members only tell the time',
      resultOf(at('body/ul/li[4]', 'removed')),
      resultOf({ ...at('body/ul/li[1]/time/text()'), noise: 'time' }),
      false,
    ],
    ['a member more', resultOf(at('body/a')), resultOf(at('body/b', 'added')), false],
    ['another status', resultOf(at('body/a')), resultOf(at('status')), true],
    ['nowhere', resultOf(at('body/a')), resultOf(), false],
    ['where noise explains it', resultOf(at('body/t')), resultOf({ ...at('body/t'), noise: 'time' }), false],
    ['where only noise differs', resultOf({ ...at('body/t'), noise: 'time' }), resultOf(at('body/t')), false],
  ];
  it.each(cases)('%s', (_, mismatch, between, expected) => {
    expect(hasMoved(mismatch, between)).toBe(expected);
  });

  it('a failure is one only while nothing accounts for it', () => {
    expect(isFailure(resultOf(at('status', 'failure')))).toBe(true);
    expect(isFailure(resultOf({ ...at('status', 'failure'), ignored: true }))).toBe(false);
    expect(isFailure(resultOf(at('status')))).toBe(false);
  });

  it('a failure is the candidate’s alone', () => {
    const good = jsonAnswer({});
    const bad = jsonAnswer({}, { status: 503 });
    const gone = { kind: 'failure', failure: 'reset', durationMs: 1 } as const;
    expect(candidateFailed({ control: good, candidate: bad })).toBe(true);
    expect(candidateFailed({ control: good, candidate: gone })).toBe(true);
    expect(candidateFailed({ control: good, candidate: good })).toBe(false);
    expect(candidateFailed({ control: bad, candidate: bad })).toBe(false);
    expect(candidateFailed({ control: gone, candidate: gone })).toBe(false);
  });
});
