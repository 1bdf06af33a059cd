import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DiffLine, unifiedDiff } from './unified-diff.ts';

const SIGN = { same: ' ', control: '-', candidate: '+' } as const;
const shown = (lines: readonly DiffLine[]): string[] =>
  lines.map((line) => (line.kind === 'gap' ? `@${line.lines}` : `${SIGN[line.kind]}${line.text}`));

describe('a unified difference', () => {
  test('shows what changed, with equal lines around it and the number of those left out', () => {
    const control = 'a\nb\nc\nd\ne\nf\ng';
    const candidate = 'a\nb\nc\nX\ne\nf\ng\nh';
    expect(shown(unifiedDiff(control, candidate, 1))).toEqual(['@2', ' c', '-d', '+X', ' e', '@1', ' g', '+h']);
  });

  test('is empty where the texts are equal', () => {
    expect(unifiedDiff('a\nb', 'a\nb', 3)).toEqual([]);
  });

  test('lays JSON out, so that one long line shows the members that differ', () => {
    const lines = unifiedDiff('{"id":7,"total":10,"paid":true}', '{"id":7,"total":11,"paid":true}', 0);
    expect(shown(lines)).toEqual(['@2', '-  "total": 10,', '+  "total": 11,', '@2']);
  });

  test('leaves the text as it is where only one side is JSON, or where laid out they would be equal', () => {
    expect(shown(unifiedDiff('{"a":1}', '<p>', 0))).toEqual(['-{"a":1}', '+<p>']);
    expect(shown(unifiedDiff('{"a":1}', '{"a": 1}', 0))).toEqual(['-{"a":1}', '+{"a": 1}']);
  });

  test('gives back both texts, whatever they are', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '', ' x'), { maxLength: 12 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, text, (control, candidate) => {
        fc.pre(control !== candidate);
        const lines = unifiedDiff(control, candidate, Number.MAX_SAFE_INTEGER);
        const side = (other: DiffLine['kind']): string =>
          lines.flatMap((line) => (line.kind === 'gap' || line.kind === other ? [] : [line.text])).join('\n');
        expect(side('candidate')).toBe(control);
        expect(side('control')).toBe(candidate);
      }),
    );
  });

  test('of two large texts that have nothing in common ends soon, and still shows both', () => {
    const many = (word: string): string => Array.from({ length: 20_000 }, (_, n) => `${word} ${n}`).join('\n');
    const lines = unifiedDiff(many('control'), many('candidate'), 2);
    expect(lines.filter(({ kind }) => kind === 'control')).toHaveLength(20_000);
    expect(lines.filter(({ kind }) => kind === 'candidate')).toHaveLength(20_000);
  });
});
