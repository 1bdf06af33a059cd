import { describe, expect, test } from 'vitest';
import { BASELINES } from './rules.ts';
import { type Plain, plainDifferences } from './tree.ts';

const differ = (a: Plain, b: Plain) => plainDifferences(a, b);
const baseline = (name: string) => {
  const found = BASELINES.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

describe('differences of plain trees', () => {
  test.each<[Plain, Plain, string[]]>([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: 1 }, { a: 2 }, ['/a value']],
    [{ a: 1 }, { a: '1' }, ['/a type']],
    [{ a: null }, { a: [] }, ['/a type']],
    [{ a: 1 }, {}, ['/a missing']],
    [{}, { a: 1 }, ['/a extra']],
    [[1, 2], [2, 1], [' order']],
    [[1, 2], [1], [' length']],
    [{ l: [{ x: 1 }, { x: 2 }] }, { l: [{ x: 1 }, { x: 3 }] }, ['/l/*/x value']],
  ])('%o and %o: %o', (a, b, expected) => {
    expect(differ(a, b).map(({ path, kind }) => `${path} ${kind}`)).toEqual(expected);
  });
});

describe('the baselines', () => {
  const uuid = (last: string) => `3f2b8c1e-7a4d-4c5b-9e1f-2a3b4c5d6e7${last}`;

  test('deep equality calls any difference a mismatch', () => {
    expect(
      baseline('deep equality')
        .learn([])
        .mismatches([differ(1, 1), differ(1, 2)]),
    ).toEqual([false, true]);
  });

  test('times and ids are never compared, but must be there', () => {
    const judge = baseline('ignore times and ids').learn([]);
    const pairs = [
      differ({ a: '2026-05-10T12:00:00Z' }, { a: 'yesterday' }),
      differ({ a: uuid('0') }, { a: uuid('1') }),
      differ({ a: uuid('0') }, {}),
      differ({ a: 'x' }, { a: 'y' }),
      differ([1, 2], [2, 1]),
    ];
    expect(judge.mismatches(pairs)).toEqual([false, false, true, true, false]);
  });

  test('two thresholds weigh how often a field differs against how often it did in the control', () => {
    const [same, other] = [differ({ a: 1 }, { a: 1 }), differ({ a: 1 }, { a: 2 })];
    const learned = [...Array.from({ length: 15 }, () => other), ...Array.from({ length: 15 }, () => same)];
    const judge = baseline('two thresholds').learn(learned);
    expect(judge.mismatches([other, same])).toEqual([false, false]);
    expect(judge.mismatches([other, other])).toEqual([true, true]);
    expect(judge.mismatches([differ({ a: 1 }, { a: 'x' })])).toEqual([true]);
  });

  test('two cases decide what is ignored for good', () => {
    const drift = differ({ a: 1, l: [1, 2] }, { a: 2, l: [2, 1] });
    const late = differ({ b: 1 }, { b: 2 });
    const judge = baseline('two cases').learn([drift, drift, late]);
    expect(judge.mismatches([drift, late, differ({ a: 1 }, { a: null })])).toEqual([false, true, false]);
  });
});
