import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AliasBook, MAX_BOOK_TEXT, MAX_PAIRS } from './alias-book.ts';
import type { AliasCheck, AliasPair } from './pair.ts';

function pair(control: string, candidate: string, check: AliasCheck = 'always', kind = 'order'): AliasPair {
  return { kind, control, candidate, check };
}

describe('names of one session', () => {
  test('a pair is new once, then known, and translates both ways', () => {
    const book = new AliasBook();
    expect(book.learn(pair('17', '901'))).toBe('new');
    expect(book.learn(pair('17', '901'))).toBe('known');
    expect(book.translate('candidate', 'order', '17')).toBe('901');
    expect(book.translate('control', 'order', '901')).toBe('17');
    expect(book.translate('candidate', 'invoice', '17')).toBeUndefined();
    expect(book.translate('candidate', 'order', '1')).toBeUndefined();
  });

  test.each([
    ['another name for the same thing', pair('17', '902')],
    ['the same name for another thing', pair('18', '901')],
  ])('%s breaks the bijection, and what was known stays', (_, other) => {
    const book = new AliasBook();
    book.learn(pair('17', '901'));
    expect(book.learn(other)).toBe('broken');
    expect(book.pairs()).toEqual([pair('17', '901')]);
  });

  test('a cookie may be made anew by either side; the newest name counts', () => {
    const book = new AliasBook();
    book.learn(pair('a', 'x', 'across'));
    expect(book.learn(pair('a', 'y', 'across'))).toBe('new');
    expect(book.learn(pair('b', 'y', 'across'))).toBe('new');
    expect(['a', 'b'].map((value) => book.translate('candidate', 'order', value))).toEqual(['y', 'y']);
    expect(book.translate('control', 'order', 'x')).toBeUndefined();
  });

  test('empty and huge values are refused', () => {
    const book = new AliasBook();
    expect([pair('', 'x'), pair('x', ''), pair('x', 'y'.repeat(4_097))].map((one) => book.learn(one))).toEqual(
      Array(3).fill('refused'),
    );
    expect(book.count).toBe(0);
  });

  test('whatever is learned, checked pairs are a bijection and the bounds hold', () => {
    const value = fc.integer({ min: 0, max: 30 }).map(String);
    const long = fc.integer({ min: 0, max: 700 }).map((at) => `${at} ${'x'.repeat(at * 3)}`);
    const some = fc.record({
      kind: fc.constantFrom('order', 'invoice'),
      control: fc.oneof(value, long),
      candidate: fc.oneof(value, long),
      check: fc.constantFrom<AliasCheck>('always', 'always', 'across', 'never'),
    });
    fc.assert(
      fc.property(fc.array(some, { maxLength: 900 }), (pairs) => {
        const book = new AliasBook();
        const forgotten: AliasPair[] = [];
        for (const one of pairs) book.learn(one, (gone) => forgotten.push(gone));
        const kept = book.pairs();
        expect(kept.length).toBeLessThanOrEqual(MAX_PAIRS);
        expect(book.size).toBeLessThanOrEqual(MAX_BOOK_TEXT);
        const size = kept.reduce((sum, one) => sum + one.kind.length + one.control.length + one.candidate.length, 0);
        expect(book.size).toBe(size);
        const checked = kept.filter(({ check }) => check === 'always');
        for (const side of ['control', 'candidate'] as const) {
          expect(new Set(checked.map((one) => `${one.kind} ${one[side]}`)).size).toBe(checked.length);
        }
        for (const { kind, control, candidate } of kept) {
          expect(book.translate('candidate', kind, control)).toBe(candidate);
        }
      }),
      { numRuns: 60 },
    );
  });
});
