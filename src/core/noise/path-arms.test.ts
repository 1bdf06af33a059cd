import { describe, expect, test } from 'vitest';
import { PathArms } from './path-arms.ts';

const NAME = 'body/name';
const DRIFTS = new Set([NAME]);
const AGREES = new Set<string>();

/** Counts pairs of either arm, `control` and `candidate` of ten drifting, evenly spread. */
function run(
  arms: PathArms,
  { pairs, control, candidate, version = '1' }: { pairs: number; control: number; candidate: number; version?: string },
): void {
  for (let i = 0; i < pairs; i++) {
    arms.countControl(i % 10 < control ? DRIFTS : AGREES);
    arms.countCandidate(version, i % 10 < candidate ? DRIFTS : AGREES);
  }
}

function followed(): PathArms {
  const arms = new PathArms();
  expect(arms.overrules(NAME, 'one-of')).toBe(false);
  return arms;
}

describe('a path that a weak class excuses', () => {
  test('is no longer excused once the candidate differs more often than the control from itself, and says why', () => {
    const arms = followed();
    run(arms, { pairs: 100, control: 2, candidate: 3 });
    expect(arms.overrules(NAME, 'one-of')).toBe(false);
    expect(arms.reason(NAME)).toBeUndefined();
    const other = followed();
    run(other, { pairs: 100, control: 2, candidate: 9 });
    expect(other.overrules(NAME, 'one-of')).toBe(true);
    expect(other.reason(NAME)).toBe(
      'the candidate differs in 90 % of 100 comparisons, the control from itself in 20 % of 100',
    );
  });

  test('stays excused where both drift alike, or the candidate less', () => {
    for (const candidate of [0, 5]) {
      const arms = followed();
      run(arms, { pairs: 500, control: 5, candidate });
      expect(arms.overrules(NAME, 'one-of')).toBe(false);
    }
  });

  test('is excused again under a new version of the candidate, until that one has shown the same', () => {
    const arms = followed();
    run(arms, { pairs: 100, control: 2, candidate: 9 });
    arms.countCandidate('2', DRIFTS);
    expect(arms.overrules(NAME, 'one-of')).toBe(false);
    run(arms, { pairs: 100, control: 2, candidate: 9, version: '2' });
    expect(arms.overrules(NAME, 'one-of')).toBe(true);
    expect(arms.reason(NAME)).toContain('20 % of 200');
  });

  test('is counted from the pair after the first excuse', () => {
    const arms = new PathArms();
    run(arms, { pairs: 100, control: 0, candidate: 10 });
    expect(arms.overrules(NAME, 'one-of')).toBe(false);
    expect(arms.reason(NAME)).toBeUndefined();
    run(arms, { pairs: 50, control: 2, candidate: 10, version: '2' });
    expect(arms.reason(NAME)).toContain('100 % of 50 comparisons, the control from itself in 20 % of 50');
  });
});

test('classes that check every value by itself are left alone', () => {
  const arms = new PathArms();
  for (const noise of ['time', 'uuid', 'token', 'unordered', 'etag']) arms.overrules(NAME, noise);
  run(arms, { pairs: 200, control: 0, candidate: 10 });
  expect(arms.overrules(NAME, 'time')).toBe(false);
  expect(arms.reason(NAME)).toBeUndefined();
});

test('the candidate’s arm is at most 20 times as long as the control’s', () => {
  const arms = followed();
  for (let i = 0; i < 1_000; i++) {
    if (i % 100 === 0) arms.countControl(AGREES);
    arms.countCandidate('1', DRIFTS);
  }
  expect(arms.reason(NAME)).toContain('100 % of 220 comparisons, the control from itself in 0 % of 10');
});

test('with many noisy paths more is demanded of each', () => {
  const alone = followed();
  const among = followed();
  for (let i = 0; i < 200; i++) among.overrules(`body/other/${i}`, 'one-of');
  for (const arms of [alone, among]) run(arms, { pairs: 20, control: 2, candidate: 9 });
  expect(alone.overrules(NAME, 'one-of')).toBe(true);
  expect(among.overrules(NAME, 'one-of')).toBe(false);
  run(among, { pairs: 40, control: 2, candidate: 9, version: '2' });
  expect(among.overrules(NAME, 'one-of')).toBe(true);
});

describe('a saved state', () => {
  test('goes on where it was, through JSON', () => {
    const arms = followed();
    run(arms, { pairs: 100, control: 2, candidate: 9 });
    const copy = new PathArms();
    copy.load(JSON.parse(JSON.stringify(arms.save())));
    expect(copy.save()).toEqual(arms.save());
    expect(copy.overrules(NAME, 'one-of')).toBe(true);
    expect(copy.reason(NAME)).toBe(arms.reason(NAME));
  });

  test.each([
    [undefined],
    [null],
    [[]],
    [[{ controlPairs: -1, candidatePairs: 0, epoch: '', paths: [] }]],
    [[{ controlPairs: 5, candidatePairs: 5, epoch: 7, paths: [] }]],
  ])('%j counts from nothing', (saved) => {
    const arms = followed();
    run(arms, { pairs: 100, control: 2, candidate: 9 });
    arms.load(saved);
    expect(arms.save()).toEqual(new PathArms().save());
  });

  test('leaves out a path whose counts cannot be', () => {
    const arms = new PathArms();
    const path = { path: NAME, controlBefore: 3, candidateBefore: 0, controlDrifts: 3, candidateDrifts: 0 };
    arms.load([
      { controlPairs: 5, candidatePairs: 5, epoch: '', paths: [path, { ...path, path: 'b', controlDrifts: 2 }] },
    ]);
    expect(JSON.stringify(arms.save())).not.toContain(NAME);
    expect(JSON.stringify(arms.save())).toContain('"b"');
  });
});
