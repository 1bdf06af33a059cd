import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, formatShare, formatSize, parseDay, parseDuration, parseShare, parseSize } from './units.ts';

const value = (parsed: { ok: boolean; value?: unknown }) => (parsed.ok ? parsed.value : undefined);

describe('units', () => {
  test.each([
    ['5%', 50_000],
    ['0%', 0],
    ['100%', 1_000_000],
    ['0.0001%', 1],
    ['33.3333%', 333_333],
    ['5 %', 50_000],
    ['0.29%', 2_900],
    ['5', undefined],
    ['0.05', undefined],
    ['100.0001%', undefined],
    ['0.00001%', undefined],
    ['-1%', undefined],
    ['1e1%', undefined],
    ['', undefined],
  ])('a share %j is %j parts per million', (text, ppm) => {
    expect(value(parseShare(text))).toBe(ppm);
  });

  test.each([
    ['250ms', 250],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['0.1s', 100],
    ['1.001s', 1_001],
    ['0.5ms', undefined],
    ['30', undefined],
    ['30S', undefined],
    ['1h30m', undefined],
    ['-5s', undefined],
  ])('a duration %j is %j milliseconds', (text, ms) => {
    expect(value(parseDuration(text))).toBe(ms);
  });

  test.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['1.5MiB', 1_572_864],
    ['1GiB', 1_073_741_824],
    ['64KB', undefined],
    ['64k', undefined],
    ['0.3B', undefined],
    ['1024', undefined],
  ])('a size %j is %j bytes', (text, bytes) => {
    expect(value(parseSize(text))).toBe(bytes);
  });

  test('the hint of a decimal unit names the binary one', () => {
    expect(parseSize('64kb')).toEqual({ ok: false, hint: 'Write "64KiB".' });
  });

  test('a date counts until the end of its day, and days that do not exist are refused', () => {
    expect(value(parseDay('2027-01-31'))).toBe(Date.parse('2027-01-31T23:59:59.999Z'));
    expect(value(parseDay('2028-02-29'))).toBe(Date.parse('2028-02-29T23:59:59.999Z'));
    expect(parseDay('2027-02-29').ok).toBe(false);
    expect(parseDay('2027-1-31').ok).toBe(false);
  });

  test('what is written is read again, for every share, duration and size', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(2 ** 40), (ppm, amount) => {
        expect(value(parseShare(formatShare(ppm)))).toBe(ppm);
        expect(value(parseDuration(formatDuration(amount)))).toBe(amount);
        expect(value(parseSize(formatSize(amount)))).toBe(amount);
      }),
    );
  });
});
