import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isVersion, type PolledVersion, pointerSteps, polled, toldVersion, valueAt } from './told-version.ts';

describe('JSON pointers', () => {
  // RFC 6901, section 5.
  const document = {
    foo: ['bar', 'baz'],
    '': 0,
    'a/b': 1,
    'c%d': 2,
    'e^f': 3,
    'g|h': 4,
    'i\\j': 5,
    'k"l': 6,
    ' ': 7,
    'm~n': 8,
  };

  test.each<[pointer: string, value: unknown]>([
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
    ['/foo/01', undefined],
    ['/foo/-', undefined],
    ['/foo/length', undefined],
    ['/toString', undefined],
  ])('%j leads where RFC 6901 says', (pointer, value) => {
    expect(valueAt(document, pointerSteps(pointer) ?? [])).toEqual(value);
  });

  test.each(['a', '/a~', '/a~2', '#/a', '/a'.repeat(33)])('%j is none', (text) => {
    expect(pointerSteps(text)).toBeUndefined();
  });
});

describe('what an answer tells', () => {
  const plain = 'text/plain';
  const json = 'application/json';
  test.each<[what: string, mediaType: string, text: string, pointer: string | undefined, version: string | undefined]>([
    ['a line', plain, '2.4.0\n', undefined, '2.4.0'],
    ['the first of several lines', '', '\n  build-7 \r\nby ann', undefined, 'build-7'],
    ['a line with spaces', plain, 'version 2', undefined, undefined],
    ['nothing', plain, '', undefined, undefined],
    ['129 characters', plain, 'a'.repeat(129), undefined, undefined],
    ['a letter beyond ASCII', plain, 'v2-ü', undefined, undefined],
    ['a page', 'text/html', '<html>\n', undefined, undefined],
    ['a text in JSON', json, '"2.4.0"', undefined, '2.4.0'],
    ['an object without a pointer', json, '{"version":"2"}', undefined, undefined],
    ['an object that is called text', plain, '{\n"version":"2"}', undefined, undefined],
    ['a text at a pointer', json, '{"build":{"id":"abc123"}}', '/build/id', 'abc123'],
    ['a text at a pointer, called text', plain, '\ufeff{"build":{"id":"abc123"}}', '/build/id', 'abc123'],
    ['a whole number', json, '{"build":417}', '/build', '417'],
    ['a fraction', json, '{"version":1.10}', '/version', undefined],
    ['a number that JSON cannot tell from its neighbour', json, '{"build":9007199254740993}', '/build', undefined],
    ['nothing at the pointer', json, '{}', '/version', undefined],
    ['an object at the pointer', json, '{"version":{}}', '/version', undefined],
    ['damaged JSON', json, '{"version":', '/version', undefined],
  ])('%s', (_, mediaType, text, pointer, version) => {
    const told = toldVersion({ mediaType, text }, pointer === undefined ? undefined : pointerSteps(pointer));
    expect(told.ok ? told.version : undefined).toBe(version);
  });

  test('any text tells a version or a problem, and never throws', () => {
    const pointers = fc.constantFrom(undefined, [], ['a'], ['0', 'b']);
    const texts = fc.oneof(fc.string(), fc.json());
    fc.assert(
      fc.property(texts, fc.constantFrom(plain, json, ''), pointers, (text, mediaType, pointer) => {
        const told = toldVersion({ mediaType, text }, pointer);
        expect(told.ok ? isVersion(told.version) : told.problem !== '').toBe(true);
      }),
    );
  });
});

describe('polls', () => {
  const announced = (told: string | undefined, versions: string): string[] => {
    let state: PolledVersion = { told, next: undefined };
    const all: string[] = [];
    for (const version of versions) {
      const { announce, ...next } = polled(state, version);
      if (announce !== undefined) all.push(announce);
      state = next;
    }
    return all;
  };

  test.each<[told: string | undefined, polls: string, announced: string]>([
    [undefined, 'a', ''],
    [undefined, 'aaa', 'a'],
    ['a', 'aaaa', ''],
    ['a', 'abab', ''],
    ['a', 'abcbc', ''],
    ['a', 'abb', 'b'],
    ['a', 'bbbaab', 'ba'],
  ])('from %s on, %s announce "%s"', (told, polls, expected) => {
    expect(announced(told, polls).join('')).toBe(expected);
  });
});
