import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Column, cut, milliseconds, percent, ppm, safe, tableLines, wantsColour, widthOf } from './output.ts';

describe('text from elsewhere', () => {
  test('cannot do anything to a terminal, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(safe(text)).not.toMatch(/(?!\t)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      }),
    );
  });

  test('that is harmless stays as it is', () => {
    for (const text of ['GET /straße/漢字', 'family 👨‍👩‍👧', 'नमस्ते', 'a\tb', '']) expect(safe(text)).toBe(text);
  });

  test('that hides is shown', () => {
    expect(safe('a\u200bb\ufeff\r\n\u001b[0m')).toBe('a\\u{200b}b\\u{feff}\\u{d}\\u{a}\\u{1b}[0m');
  });
});

describe('widths', () => {
  test.each([
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['漢字', 4],
    ['한국', 4],
    ['🙂', 2],
    ['ａ', 2],
    ['', 0],
  ])('%j takes %i columns', (text, expected) => {
    expect(widthOf(text)).toBe(expected);
  });

  test('a text that is cut is as wide as it may be at most, and ends in an ellipsis', () => {
    expect(cut('abcdef', 6)).toBe('abcdef');
    expect(cut('abcdef', 5)).toBe('abcd…');
    expect(cut('漢字漢字', 5)).toBe('漢字…');
    expect(cut('漢字漢字', 4)).toBe('漢…');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, width) => {
        expect(widthOf(cut(text, width))).toBeLessThanOrEqual(width);
        if (widthOf(text) <= width) expect(cut(text, width)).toBe(text);
      }),
    );
  });
});

interface Row {
  readonly name: string;
  readonly words: string;
  readonly number: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'name', value: (row) => row.name, flexible: true },
  { title: 'number', value: (row) => String(row.number), right: true },
  { title: 'words', value: (row) => row.words, spare: 1 },
];

describe('tables', () => {
  const rows = [
    { name: 'a', words: 'x', number: 7 },
    { name: 'a longer name', words: 'several words', number: 1_000 },
  ];

  test('stand in columns, numbers at the right', () => {
    expect(tableLines(rows, COLUMNS, 80)).toEqual([
      'name           number  words',
      'a                   7  x',
      'a longer name    1000  several words',
    ]);
  });

  test('give way first in flexible columns, then lose spare ones', () => {
    expect(tableLines(rows, COLUMNS, 35)).toEqual([
      'name          number  words',
      'a                  7  x',
      'a longer na…    1000  several words',
    ]);
    expect(tableLines(rows, COLUMNS, 30)).toEqual([
      'name           number',
      'a                   7',
      'a longer name    1000',
    ]);
  });

  test('fit every width from 12, whatever is in them', () => {
    const row = fc.record({
      name: fc.string({ unit: 'grapheme', maxLength: 60 }),
      words: fc.string({ unit: 'grapheme', maxLength: 60 }),
      number: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), fc.integer({ min: 12, max: 120 }), (many, width) => {
        const lines = tableLines(many, COLUMNS, width);
        expect(lines).toHaveLength(many.length + 1);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ TERM: 'dumb' }, true, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: 'false' }, true, false],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
])('with %j on a terminal (%s): colours %s', (environment, isTTY, expected) => {
  expect(wantsColour(environment, { isTTY })).toBe(expected);
});

test('numbers as people read them', () => {
  expect([percent(null), percent(1), percent(0.999_999), percent(0.5), percent(0), percent(0.000_001)]).toEqual([
    '–',
    '100%',
    '>99.99%',
    '50%',
    '0%',
    '<0.01%',
  ]);
  expect([ppm(0), ppm(1), ppm(12_345), ppm(1_000_000)]).toEqual(['0%', '0.0001%', '1.2345%', '100%']);
  expect([milliseconds(null), milliseconds(0.5), milliseconds(12.4), milliseconds(1_500)]).toEqual([
    '–',
    '0.50 ms',
    '12 ms',
    '1.50 s',
  ]);
});
