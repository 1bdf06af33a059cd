import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readMoment } from './moment.ts';

const AT = Date.UTC(2026, 10, 21, 15, 4, 5);
const MINUTE = Date.UTC(2026, 10, 21, 15, 4);
const DAY = Date.UTC(2026, 10, 21);

describe('a moment is read as it was written', () => {
  test.each<[string, number, number]>([
    ['2026-11-21T15:04:05Z', AT, 1000],
    ['2026-11-21T15:04:05.250+00:00', AT + 250, 1],
    ['2026-11-21 15:04:05', AT, 1000],
    ['2026/11/21 15:04:05', AT, 1000],
    ['2026-11-21 15:04:05 UTC', AT, 1000],
    ['2026-11-21T15:04Z', MINUTE, 60_000],
    ['20261121T150405Z', AT, 1000],
    ['Sat, 21 Nov 2026 15:04:05 GMT', AT, 1000],
    ['Saturday, 21-Nov-26 15:04:05 GMT', AT, 1000],
    ['Sat Nov 21 15:04:05 2026', AT, 1000],
    ['Sat Nov 21 2026 16:04:05 GMT+0100 (Central European Standard Time)', AT, 1000],
    ['Sat Nov 21 15:04:05 UTC 2026', AT, 1000],
    ['11/21/2026, 3:04 PM', MINUTE, 60_000],
    ['11/21/2026, 3:04:05 PM', AT, 1000],
    ['21/11/2026, 15:04:05', AT, 1000],
    ['21.11.2026 15:04', MINUTE, 60_000],
    ['21.11.2026, 15:04:05', AT, 1000],
    ['Nov 21, 2026', DAY, 86_400_000],
    ['Nov 21, 2026, 3:04 PM', MINUTE, 60_000],
    ['November 21, 2026 at 3:04 PM', MINUTE, 60_000],
    ['Saturday, November 21, 2026', DAY, 86_400_000],
    ['21 Nov 2026, 15:04:05', AT, 1000],
    ['21 November 2026', DAY, 86_400_000],
    ['2026-11-21', DAY, 86_400_000],
    ['15:04:05', AT, 1000],
    ['3:04 PM', MINUTE, 60_000],
    [String(AT / 1000), AT, 1000],
    [String(AT), AT, 1],
    [`${AT}000`, AT, 1],
    [`${AT}000000`, AT, 1],
  ])('%s', (text, ms, precisionMs) => {
    expect(readMoment(text, AT)).toMatchObject({ ms, precisionMs });
  });
});

test.each([
  '2026-13-21T15:04:05Z',
  '2026-02-30',
  'Sun, 21 Nov 2026 15:04:05 GMT',
  'Friday, November 21, 2026',
  '31/31/2026, 15:04',
  '13:04 PM',
  '25:04:05',
  '12345678901',
  '20261121',
  '1.2.3',
  'Nov 2026',
  'soon',
  '',
])('%j is none', (text) => {
  expect(readMoment(text, AT)).toBeUndefined();
});

test('of day and month the order is taken that is nearer to the request, and belongs to the form', () => {
  const near = Date.UTC(2026, 10, 12, 9);
  expect(readMoment('11/12/2026, 9:00 AM', near)).toMatchObject({ ms: near, format: 'M/D/YYYY, H:MM AM' });
  expect(readMoment('12/11/2026, 9:00 AM', near)).toMatchObject({ ms: near, format: 'D/M/YYYY, H:MM AM' });
});

test('a time without a day is of the day that brings it nearest', () => {
  const midnight = Date.UTC(2026, 10, 21);
  expect(readMoment('23:59:58', midnight + 1_000)?.ms).toBe(midnight - 2_000);
  expect(readMoment('00:00:02', midnight - 1_000)?.ms).toBe(midnight + 2_000);
});

describe('any moment comes back', () => {
  const moment = fc.integer({ min: Date.UTC(2001, 8, 10), max: Date.UTC(2079, 11, 31) });
  const forms: readonly (readonly [string, Intl.DateTimeFormatOptions])[] = [
    ['en-US', { dateStyle: 'short', timeStyle: 'medium' }],
    ['en-US', { dateStyle: 'medium', timeStyle: 'medium' }],
    ['en-US', { dateStyle: 'long', timeStyle: 'medium' }],
    ['en-US', { dateStyle: 'full', timeStyle: 'medium' }],
    ['en-GB', { dateStyle: 'medium', timeStyle: 'medium' }],
    ['en-GB', { dateStyle: 'long', timeStyle: 'medium' }],
    ['de-DE', { dateStyle: 'medium', timeStyle: 'medium' }],
  ];
  test.each(forms)('as %s writes it with %j', (locale, options) => {
    const format = new Intl.DateTimeFormat(locale, { ...options, timeZone: 'UTC' });
    fc.assert(
      fc.property(moment, (ms) => {
        const whole = Math.floor(ms / 1000) * 1000;
        expect(readMoment(format.format(ms), ms)?.ms).toBe(whole);
      }),
    );
  });

  test('whatever else is read, nothing throws and the answer is a number', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789:-/., TZAPMNovSat+'), maxLength: 40 }), (text) => {
        const read = readMoment(text, AT);
        expect(read === undefined || Number.isFinite(read.ms)).toBe(true);
      }),
    );
  });
});
