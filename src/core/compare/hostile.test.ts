import { describe, expect, test } from 'vitest';
import { align } from './align.ts';
import { Budget } from './budget.ts';
import { Findings } from './finding.ts';
import { comparable } from './html-node.ts';
import { parseJson } from './json.ts';
import { canonicalNumber } from './json-value.ts';
import { BODY } from './path.ts';
import { ORDERED } from './walk.ts';
import { walkJson } from './walk-json.ts';

const LARGE = 1_000_000;
const budget = (): Budget => new Budget(4_000_000, () => false);
const NUMBERS = { hash: (value: number) => value, equal: (a: number, b: number) => a === b, similarity: () => 0.5 };
const list = (length: number, make: (at: number) => number): number[] => Array.from({ length }, (_, at) => make(at));

/** None of these ends within the life of a test where the work grows with the square of the input. */
describe('work that grows with the input alone', () => {
  test('numbers with a million zeros inside keep every digit', () => {
    const zeros = '0'.repeat(LARGE);
    expect(canonicalNumber(`1${zeros}1`)).toHaveLength(LARGE + 2 + 2);
    expect(canonicalNumber(`0.${zeros}10`)).toBe(`1e-${LARGE + 1}`);
    expect(canonicalNumber(`${zeros}`)).toBe('0');
  });

  test('a style of a million spaces means what it holds', () => {
    expect(comparable('style', `${' '.repeat(LARGE)}a${' '.repeat(LARGE)}: b;`)).toBe('a:b');
    expect(comparable('style', ' color : red ; border: 1px  solid ; ')).toBe('color:red;border:1px  solid');
  });

  test('two halves that changed places are moved, nothing else', () => {
    const [a, b] = [list(200_000, (at) => Number(at < 100_000)), list(200_000, (at) => Number(at >= 100_000))];
    expect(align(a, b, NUMBERS, budget())).toEqual({ changed: [], removed: [], added: [], moved: true });
  });

  test('a list of which nothing is left is removed, however long it is', () => {
    expect(
      align(
        list(300_000, (at) => at),
        [-1],
        NUMBERS,
        budget(),
      ).removed,
    ).toHaveLength(299_999);
  });

  test('objects of thousands of members are told apart within the budget', () => {
    const rows = (value: number): string =>
      JSON.stringify(
        list(18, (row) => row).map((row) =>
          Object.fromEntries(list(5_000, (at) => at).map((at) => [`k${at}`, row * at + value])),
        ),
      );
    const parse = (text: string) => {
      const parsed = parseJson(text, budget());
      if (!parsed.ok) throw new Error(parsed.message);
      return parsed.node;
    };
    const [a, b] = [parse(rows(1)), parse(rows(2))];
    const context = { budget: budget(), findings: new Findings(), keyOrder: false, listMode: () => ORDERED };
    walkJson(a, b, BODY, context);
    expect(context.findings.count).toBe(90_000);
  });
});
