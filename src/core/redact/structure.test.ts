import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isBareStructure, structureOf } from './structure.ts';

const markOf = (value: string): string => `⟦r:${String(value.length).padStart(8, '0')}⟧`;

test.each([
  [
    'names of members stay, values do not',
    '{"name":"Ann","age":42,"vip":true,"x":null}',
    '{"name":"⟦r:00000003⟧","age":"⟦r:00000002⟧","vip":true,"x":null}',
  ],
  ['lists keep their length', '["a","bb"]', '["⟦r:00000001⟧","⟦r:00000002⟧"]'],
  ['a quote inside a value ends nothing', String.raw`{"a":"say \"b\": c"}`, '{"a":"⟦r:00000012⟧"}'],
  [
    'elements and names of attributes stay',
    '<p class="big">Hi <b id=x>Ann</b></p>',
    '<p class="⟦r:00000003⟧">⟦r:00000003⟧<b id="⟦r:00000001⟧">⟦r:00000003⟧</b></p>',
  ],
  ['a comment is content', '<!-- Ann --><i></i>', '<!--⟦r:00000012⟧--><i></i>'],
  ['other text is a mark a line', 'Ann\n\nBob', '⟦r:00000003⟧\n\n⟦r:00000003⟧'],
  ['what is a mark already stays one', '{"password":"⟦r:deadbeef⟧"}', '{"password":"⟦r:deadbeef⟧"}'],
  ['JSON that was cut keeps no half value', '{"a":"secre', '{"a":"⟦r:00000005⟧"'],
])('%s', (_, text, expected) => {
  expect(structureOf(text, markOf)).toBe(expected);
});

test('no text of a value is left in the structure of a document', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.stringMatching(/^[A-Z]{4,12}$/)), (members) => {
      const structure = structureOf(JSON.stringify({ deep: [members] }), () => '⟦r:00000000⟧');
      for (const value of Object.values(members)) expect(structure).not.toContain(value);
      expect(() => JSON.parse(structure)).not.toThrow();
    }),
  );
});

test.each([
  ['a structure', structureOf('{"name":"Ann","age":42,"tags":["a"],"vip":true}', markOf), true],
  ['a page without its texts', structureOf('<p class="big">Hi <b id=x>Ann</b></p>', markOf), true],
  ['lines without their text', structureOf('Ann\n\nBob', markOf), true],
  ['an answer that lost one secret of several values', '{"password":"⟦r:deadbeef⟧","age":42}', false],
  ['an answer that was all secret', '{"password":"⟦r:deadbeef⟧"}', true],
  ['an answer without values', '{"items":[],"next":null}', false],
  ['nothing', '', false],
])('whether only marks are left: %s', (_, text, expected) => {
  expect(isBareStructure(text)).toBe(expected);
});
