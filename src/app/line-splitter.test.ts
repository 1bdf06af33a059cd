import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Line, LineSplitter } from './line-splitter.ts';

function split(chunks: readonly Buffer[], maxBytes = 1_000_000): Line[] {
  const splitter = new LineSplitter(maxBytes);
  return [...chunks.flatMap((chunk) => [...splitter.push(chunk)]), ...splitter.end()];
}

test('lines are the same however the bytes arrive, also where a character is cut in two', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'é', '漢', '🙂', '\u2028', '\u2029', '\u0085', '\n', '\r', ' ') }),
      fc.array(fc.nat(40)),
      (text, cuts) => {
        const bytes = Buffer.from(text);
        const places = [0, ...cuts.filter((at) => at <= bytes.length).sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((at, n) => bytes.subarray(places[n], at));
        const expected = text
          .split('\n')
          .map((line, at) => ({ number: at + 1, text: line }))
          .filter((line) => line.text.trim() !== '');
        expect(split(chunks)).toEqual(expected);
      },
    ),
  );
});

test('a line separator inside a JSON string does not end the line', () => {
  const line = JSON.stringify({ body: 'one\u2028two\u2029three' });
  expect(split([Buffer.from(`${line}\n${line}`)])).toEqual([
    { number: 1, text: line },
    { number: 2, text: line },
  ]);
});

test('a line that is too long is named and not kept, and the next one is whole', () => {
  const chunks = [Buffer.from('12345'), Buffer.from('678901\n'), Buffer.from('1234567890\nx')];
  expect(split(chunks, 10)).toEqual([
    { number: 1, text: undefined },
    { number: 2, text: '1234567890' },
    { number: 3, text: 'x' },
  ]);
});
