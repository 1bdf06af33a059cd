import { describe, expect, test } from 'vitest';
import { type EndpointPower, type KnownPower, missingPower } from './power.ts';

const found = (more: Partial<EndpointPower> = {}): EndpointPower => ({
  endpoint: 'GET /a',
  answers: 4,
  faults: [],
  power: 1,
  rules: [],
  noiseHides: 0,
  ...more,
});
const known = (more: Partial<EndpointPower> = {}, rest: Partial<KnownPower> = {}): KnownPower => ({
  at: 1,
  recorded: 4,
  found: found(more),
  trouble: '',
  ...rest,
});

/** 25 faults, of which the first ones are hidden by these. */
function faults(...hiders: EndpointPower['faults'][number]['hiddenBy'][number][]): EndpointPower['faults'] {
  return Array.from({ length: 25 }, (_, n) => {
    const hider = hiders[n];
    const hiddenBy = hider === undefined ? [] : [hider];
    return { fault: `f${n}`, says: 'it is wrong', planted: 2, found: 2 - hiddenBy.length, hiddenBy };
  });
}
const rule = { kind: 'rule', name: 'ignore-prices', count: 1 } as const;
const noise = { kind: 'noise', name: 'token at body/id', count: 1 } as const;

describe('what an endpoint lacks of the power that a proof demands', () => {
  test.each<[string, number | undefined, KnownPower | undefined, string | undefined]>([
    ['nothing where none is demanded', undefined, undefined, undefined],
    ['a measurement', 0.95, undefined, 'power is not measured yet'],
    [
      'recordings',
      0.95,
      { at: 1, recorded: 0, found: undefined, trouble: '' },
      'power is not measured yet: 0 recorded answers',
    ],
    [
      'a measurement that ends',
      0.95,
      { at: 1, recorded: 9, found: undefined, trouble: 'measuring took longer than 60 s' },
      'power cannot be measured: measuring took longer than 60 s',
    ],
    [
      'answers that are good ones, and whole',
      0.95,
      known({ answers: 0, power: null }),
      'power cannot be measured: none of 4 recorded answers is a good one with a text of at most 64 KiB',
    ],
    [
      'answers that a fault fits into',
      0.95,
      known({ answers: 1, power: null }),
      'power is unknown: no fault could be planted into 1 recorded answer',
    ],
    ['nothing where exactly as much is found', 0.95, known({ power: 0.95 }), undefined],
    ['nothing where all is found', 1, known({ power: 1 }), undefined],
    [
      'what a rule hides, with how many faults',
      0.95,
      known({ power: 0.88, faults: faults(rule, rule, rule, noise) }),
      'power 88 % is below 95 %: rule ignore-prices hides 3 of 25 faults',
    ],
    [
      'what noise hides',
      0.95,
      known({ power: 0.88, faults: faults(noise) }),
      'power 88 % is below 95 %: noise token at body/id hides 1 of 25 faults',
    ],
    [
      'a header that is not compared',
      0.99,
      known({ power: 0.9, faults: faults({ kind: 'header', name: 'header:etag', count: 1 }) }),
      'power 90 % is below 99 %: 1 of 25 faults are missed, header:etag is not compared',
    ],
  ])('is %s', (_, least, known, expected) => {
    expect(missingPower(least, known)).toBe(expected);
  });

  test('is never rounded up to what it is below', () => {
    expect(missingPower(0.95, known({ power: 0.949_99, faults: faults(rule) }))).toMatch(
      /^power 94\.9 % is below 95 %/,
    );
    expect(missingPower(1, known({ power: 0.999_99, faults: faults(rule) }))).toMatch(/^power 99\.9 % is below 100 %/);
  });
});
