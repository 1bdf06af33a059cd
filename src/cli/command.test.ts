import { describe, expect, test } from 'vitest';
import { parseDuration, parseHeader, parseInterval, parsePercent, parseWhole, scopeText } from './command.ts';

describe('shares', () => {
  test.each([
    ['0%', 0],
    ['5%', 50_000],
    ['0.1%', 1_000],
    ['0.0001%', 1],
    ['100%', 1_000_000],
    [' 5 % ', 50_000],
  ])('%j is %i parts per million', (text, expected) => {
    expect(parsePercent(text)).toBe(expected);
  });

  test.each(['5', '101%', '100.0001%', '-1%', 'abc', '', '%', '0.00001%', '1e1%', '٥%'])('%j is none', (text) => {
    expect(() => parsePercent(text)).toThrow('Give a percentage from 0% to 100%');
  });
});

describe('times', () => {
  test.each([
    ['250ms', 250],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('%j is %i ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['5', '0s', '-1s', 's', '1w', '', '1 s'])('%j is none', (text) => {
    expect(() => parseDuration(text)).toThrow('Give a time with its unit');
  });

  test('an interval is nothing that would hammer, and nothing a timer cannot keep', () => {
    expect(parseInterval('100ms')).toBe(100);
    expect(parseInterval('24d')).toBe(2_073_600_000);
    for (const text of ['99ms', '25d']) expect(() => parseInterval(text)).toThrow('100ms to 24d');
  });
});

test('whole numbers are within their bounds', () => {
  const parse = parseWhole(1, 200);
  expect([parse('1'), parse('200')]).toEqual([1, 200]);
  for (const text of ['0', '201', '1.5', '-1', 'x', '']) expect(() => parse(text)).toThrow('from 1 to 200');
});

test('headers are a name and a value that HTTP can write', () => {
  expect(parseHeader('Host: acme.example')).toEqual(['Host', 'acme.example']);
  expect(parseHeader('x-empty:')).toEqual(['x-empty', '']);
  expect(parseHeader('authorization: Bearer a:b')).toEqual(['authorization', 'Bearer a:b']);
  for (const line of ['none', ': x', 'a b: x', 'x: a\r\ny: b', 'x: \u0000', 'x: 漢'])
    expect(() => parseHeader(line)).toThrow('is no header');
});

test('a scope as people read it', () => {
  expect(scopeText({})).toBe('everything');
  expect(scopeText({ tenant: 'acme', endpoint: 'GET /a' })).toBe('acme · GET /a');
  expect(scopeText({ cohort: 'beta' })).toBe('cohort beta');
});
