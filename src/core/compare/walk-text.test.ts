import { expect, test } from 'vitest';
import { Budget } from './budget.ts';
import { Findings } from './finding.ts';
import { BODY } from './path.ts';
import { ORDERED } from './walk.ts';
import { walkText } from './walk-text.ts';

function told(a: string, b: string): string[] {
  const findings = new Findings();
  const budget = new Budget(100_000, () => false);
  walkText(a, b, BODY, { budget, findings, keyOrder: false, listMode: () => ORDERED });
  return findings.list.map(({ kind, place }) => `${kind} ${place.path}`);
}

const blocks = (...variants: string[]): string =>
  variants.map((variant, i) => `id: ${i}\nvariant: ${variant}\nprice: ${i}.50\n`).join('');

test('lines that change behind their labels stay in their blocks, whatever lines of other blocks look like', () => {
  expect(told(blocks('A', 'A', 'B', 'A'), blocks('B', 'A', 'A', 'B'))).toEqual([
    'value body/line/2',
    'value body/line/8',
    'value body/line/11',
  ]);
});

test('another label, and a line more, are still told as such', () => {
  expect(told('a: 1\nb: 2\n', 'a: 1\nc: 2\n')).toEqual(['value body/line/2']);
  expect(told('a: 1\nb: 2\n', 'a: 1\nx: 9\nb: 2\n')).toEqual(['added body/line/2']);
  expect(told('red\ngreen\nblue\n', 'green\nblue\nred\n')).toEqual(['order body/line']);
});
