import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameButHost } from './hosts.ts';

const HOSTS = { client: 'shop.example:443', control: ['old.internal:8080'], candidate: ['new.internal:4000'] };

test.each<[string, string, string, boolean]>([
  ['a link with and without host', 'https://shop.example/a', '/a', true],
  ['each under its own name', 'http://old.internal:8080/a?b=1', 'http://new.internal:4000/a?b=1', true],
  ['one under the name clients use', 'https://shop.example/a', 'http://new.internal:4000/a', true],
  ['the host alone and its root', 'https://shop.example', '/', true],
  ['two links in one text', '<a href="https://shop.example/a">/b', '<a href="/a">//shop.example/b', true],
  ['escaped slashes', '"http:\\/\\/old.internal:8080\\/a"', '"http:\\/\\/new.internal:4000\\/a"', true],
  ['another path', 'https://shop.example/a', '/b', false],
  ['another scheme of one host', 'https://shop.example/a', 'http://shop.example/a', false],
  ["the candidate under the control's name", 'https://shop.example/a', 'http://old.internal:8080/a', false],
  ['a third host', 'https://shop.example/a', 'https://evil.example/a', false],
  ['a host that only begins alike', 'https://shop.example/a', 'https://shop.example.evil/a', false],
  ['another port', 'https://shop.example/a', 'https://shop.example:81/a', false],
  ['no link at all', 'a/b', 'a/c', false],
])('%s', (_, control, candidate, expected) => expect(sameButHost(control, candidate, HOSTS)).toBe(expected));

test('what differs beside the hosts is never equal', () => {
  const path = fc.stringMatching(/^\/[a-z]{1,10}$/);
  fc.assert(
    fc.property(path, path, (a, b) => {
      expect(sameButHost(`https://shop.example${a}`, `http://new.internal:4000${b}`, HOSTS)).toBe(a === b);
    }),
  );
});
