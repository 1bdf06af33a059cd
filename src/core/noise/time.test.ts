import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readMoment } from './moment.ts';
import { recogniseTime } from './time.ts';

const AT = Date.UTC(2026, 4, 10, 12, 0, 0);

test.each([
  ['2026-05-10T12:00:00Z', AT],
  ['2026-05-10 12:00:00', AT],
  ['2026-05-10T14:00:00.250+02:00', AT + 250],
  ['Sun, 10 May 2026 12:00:00 GMT', AT],
  ['Sunday, 10-May-26 12:00:00 GMT', AT],
  ['Sun, 10-May-2026 12:00:00 GMT', AT],
  ['Sun, 10 May 2026 14:00:00 +0200', AT],
  [String(AT / 1000), AT],
  [String(AT), AT],
])('%s is a moment', (text, ms) => {
  expect(readMoment(text, AT)?.ms).toBe(ms);
});

test.each(['2026-02-29T00:00:00Z', '2026-05-10T24:00:00Z', 'Mon, 10 May 2026 12:00:00 GMT', '12345678901', 'soon'])(
  '%s is none',
  (text) => {
    expect(readMoment(text, AT)).toBeUndefined();
  },
);

test('any moment is read as it was written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(2079, 11, 31) }), (ms) => {
      const date = new Date(ms);
      const whole = Math.floor(ms / 1000) * 1000;
      expect(readMoment(date.toISOString(), ms)?.ms).toBe(ms);
      expect(readMoment(date.toUTCString(), ms)?.ms).toBe(whole);
    }),
  );
});

test.each([
  ['the same second', '2026-05-10T12:00:00Z', '2026-05-10T12:00:01Z', true],
  ['a frozen clock', '2026-05-10T12:00:00Z', '2026-05-10T11:50:00Z', false],
  ['another zone', '2026-05-10T12:00:00Z', '2026-05-10T14:00:00Z', false],
  ['another form of the zone', '2026-05-10T12:00:00Z', '2026-05-10T12:00:00+00:00', false],
  ['the same moment in another zone', '2026-05-10T12:00:00+00:00', '2026-05-10T14:00:00+02:00', false],
  ['another fraction', '2026-05-10T12:00:00.123Z', '2026-05-10T12:00:00.123456Z', false],
  ['seconds for milliseconds', String(AT), String(AT / 1000), false],
  ['a control far from now', '2020-05-10T12:00:00Z', '2026-05-10T12:00:00Z', false],
])('%s', (_, control, candidate, passes) => {
  expect(recogniseTime(control, candidate, { at: AT, gapMs: 20 }) !== undefined).toBe(passes);
});
