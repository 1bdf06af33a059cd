import fc from 'fast-check';
import { expect, test } from 'vitest';
import { alignLines } from './align-lines.ts';

const texts = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 }).map((lines) => lines.join('\n'));

test('a text beside itself differs nowhere', () => {
  fc.assert(fc.property(texts, (text) => alignLines(text, text).every((pair) => pair.same)));
});

test('each side reads in full and in order', () => {
  fc.assert(
    fc.property(texts, texts, (control, candidate) => {
      const pairs = alignLines(control, candidate);
      expect(pairs.flatMap((pair) => (pair.control === undefined ? [] : [pair.control])).join('\n')).toBe(control);
      expect(pairs.flatMap((pair) => (pair.candidate === undefined ? [] : [pair.candidate])).join('\n')).toBe(
        candidate,
      );
    }),
  );
});

test('an inserted line is one difference, not a cascade', () => {
  const pairs = alignLines('a\nb\nc', 'a\nx\nb\nc');
  expect(pairs.filter((pair) => !pair.same)).toEqual([{ candidate: 'x', same: false }]);
});

test('a changed line stands beside what it was', () => {
  expect(alignLines('a\nb\nc', 'a\nB\nc')[1]).toEqual({ control: 'b', candidate: 'B', same: false });
});
