import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Redactor } from '../redact.ts';

function body(text: string, type = 'text/csv'): string {
  const hash = (value: string) =>
    [...value]
      .reduce((sum, c) => (Math.imul(sum, 31) + c.charCodeAt(0)) >>> 0, 7)
      .toString(16)
      .padStart(8, '0');
  return new Redactor({ names: ['pin'], hash }).begin().body(text, type);
}

test.each<[string, string, string]>([
  ['a column of secrets', 'user,password,age\njoe,hunter2,7\nann,s3cret,8\n', 'text/csv'],
  ['in quotes', '"user","password"\r\n"joe","hunter2"\r\n"ann","s3cret"', 'text/csv; charset=utf-8'],
  ['behind semicolons', 'user;password\njoe;hunter2\nann;s3cret\n', 'text/csv'],
  ['a name of ones own', 'pin\thunter2?\nhunter2\tx\ns3cret\ty\n', 'text/tab-separated-values'],
])('%s is replaced', (_, text, type) => {
  const redacted = body(text, type);
  expect(redacted).not.toContain('s3cret');
  expect(redacted.split('\n').slice(1).join()).not.toContain('hunter2');
  expect(redacted.match(/⟦r:/g)).toHaveLength(2);
});

test('a table without secrets stays byte for byte, whatever it is', () => {
  const piece = fc.oneof(fc.constantFrom(',', '"', '\n', '\r\n', '""', 'a', 'b c'), fc.stringMatching(/^[a-z ]{0,3}$/));
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = `name,city\n${pieces.join('')}`;
      expect(body(text)).toBe(text);
    }),
  );
});
