import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DATE_IN_TEXT } from './moment.ts';
import { eachRun, type RunKind } from './runs.ts';
import { UUID_IN_TEXT } from './uuid.ts';

const CHARACTERS: Readonly<Record<RunKind, string>> = {
  fine: '[A-Za-z\\d]+',
  narrow: '[\\w-]+',
  wide: '[\\w%+/-]+=*',
};

/** The same by one pattern that is tried everywhere. */
function plainly(text: string, kind: RunKind): string[] {
  const pattern = new RegExp(`${DATE_IN_TEXT}|${UUID_IN_TEXT}|${CHARACTERS[kind]}`, 'g');
  return [...text.matchAll(pattern)].map(([run]) => run);
}

function runsOf(text: string, kind: RunKind): string[] {
  const runs: string[] = [];
  eachRun(text, kind, (from, to) => runs.push(text.slice(from, to)) > 0);
  return runs;
}

const PIECES = [
  ...['2026-11-21T13:45:56.123Z', '2026/11/21', '2026-11-2', '20261121T134556Z', '1.2.2026', '1/2/26 3:04 PM', '13:45'],
  ...['Sat, 21 Nov 2026 13:45:56 GMT', 'Saturday, 21-Nov-26 13:45:56 GMT', 'Sat Nov 21 13:45:56 2026', 'Nov 21, 2026'],
  ...['21 November 2026 at 15:04', 'Saturday, November 21, 2026', 'Maybe', 'Monday', 'Mon', '12345', '123', '1234:56'],
  ...['6f9619ff-8b86-4011-b42d-00c04fc964ff', '6f9619ff-8b86-0011-b42d-00c04fc964ff', '00-8ef4-7260-01'],
  ...['', ' ', '-', '_', '=', '==', '%', '+', '/', '.', ',', ':', 'é', '\u{1f600}', '€', 'a', 'F', 'nonce-', '?id='],
];

const texts = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 5 })), { maxLength: 12 });

test('a text has the dates, uuids and runs that one pattern tried at every place finds', () => {
  const kinds = fc.constantFrom<RunKind>('fine', 'narrow', 'wide');
  const isSame = fc.property(texts, kinds, (pieces, kind) => {
    const text = pieces.join('');
    expect(runsOf(text, kind)).toEqual(plainly(text, kind));
  });
  fc.assert(isSame, { numRuns: 2_000 });
});

test('no run is looked for once the caller has enough', () => {
  const runs: number[] = [];
  eachRun('a b c', 'fine', (from) => runs.push(from) < 2);
  expect(runs).toEqual([0, 2]);
});
