import { expect, test } from 'vitest';
import { Budget, BudgetSpent } from '../core/compare/budget.ts';
import { boundedParse } from './bounded-parse.ts';
import { parsedHtml } from './html-tree.ts';

const budget = (): Budget => new Budget(4_000_000, () => false);
const many = (count: number, make: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join('');

test.each([
  ['elements a million deep', '<div>'.repeat(1_000_000)],
  ['tables in tables', '<table><tr><td>'.repeat(100_000)],
  [
    'formatting that is opened anew in every paragraph',
    many(5_000, (at) => `<b id=${at}>`) + '<p>x</p>'.repeat(50_000),
  ],
  ['an element of a million attributes', `<p ${many(1_000_000, (at) => ` a${at}`)}>`],
  ['a million comments', '<!---->'.repeat(1_000_000)],
])('the parser gives up on %s', (_, page) => {
  expect(() => boundedParse(page, budget())).toThrow(BudgetSpent);
});

test('a page handed over in parts is the page, wherever it is cut', () => {
  // 4,096 characters are handed over at once: references, tags, line ends and pairs of units lie across every cut.
  const unit = '<p class="a&amp;b">x &notin; 😀\r\n</p><!-- c --><script>"</p>"</script>';
  for (let shift = 0; shift < unit.length; shift++) {
    const page = `${'.'.repeat(4_096 - shift)}${unit}`;
    const text = JSON.stringify(parsedHtml(page, budget()).children[1]?.children.map(({ name, text }) => name + text));
    expect(text).toBe(JSON.stringify([`${'.'.repeat(4_096 - shift)}`, 'p', 'script']));
  }
});
