import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Budget } from './budget.ts';
import { closeXml } from './cut-xml.ts';
import { parseXml } from './xml.ts';

test.each([
  ['<a><b>1</b><c>2', '<a><b>1</b><c></c></a>'],
  ['<a><b x="1 > 0"/><c y=\'', '<a><b x="1 > 0"/></a>'],
  [
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c>">]><a>x<!-- <b> --',
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c>">]><a></a>',
  ],
  ['<n:a xmlns:n="u"><n:b><![CDATA[ <c> ]]>', '<n:a xmlns:n="u"><n:b><![CDATA[ <c> ]]></n:b></n:a>'],
  ['no document', undefined],
  ['<a></b>', undefined],
  ['<a>'.repeat(300), undefined],
])('%j is closed', (text, expected) => expect(closeXml(text)?.text).toBe(expected));

test('the beginning of a document is a document, wherever it is cut behind its first tag', () => {
  const leaf = fc.constantFrom('text', '<e/>', '<!-- > -->', '<![CDATA[<x>]]>', '<?p >?>', '&amp;');
  const { node } = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      leaf,
      fc
        .tuple(fc.constantFrom('a', 'b:c'), fc.array(tie('node'), { maxLength: 4 }))
        .map(([name, inner]) => `<${name} q=">">${inner.join('')}</${name}>`),
    ),
  }));
  fc.assert(
    fc.property(fc.array(node, { maxLength: 5 }), fc.nat(2_000), (nodes, at) => {
      const text = `<r xmlns:b="u">${nodes.join('')}</r>`;
      const closed = closeXml(text.slice(0, Math.max(16, at % (text.length + 1))));
      expect(closed).toBeDefined();
      expect(parseXml(closed?.text ?? '', new Budget(1_000_000, () => false)).ok, closed?.text).toBe(true);
      expect(text.startsWith(closed?.text.slice(0, closed.kept) ?? '?')).toBe(true);
    }),
  );
});
