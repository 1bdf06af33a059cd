import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Freeze, type FreezeOrder, frozenAt, frozenByCalendar } from '../core/freeze.ts';
import { isZone, zoneOffset } from './zone.ts';

const HOUR = 3_600_000;
const BERLIN = 'Europe/Berlin';

function at(text: string): number {
  return Date.parse(text);
}

/** What a clock on the wall shows, as a configuration writes it. */
function local(text: string): number {
  return Date.parse(`${text}Z`);
}

const SEASON: Freeze = {
  name: 'sales-season',
  zone: BERLIN,
  fromLocal: local('2026-11-20T18:00'),
  toLocal: local('2026-12-01T06:00'),
};
const WEEKENDS: Freeze = { name: 'weekend', zone: BERLIN, weekdays: [5, 6, 0], fromMinute: 0, toMinute: 1_440 };
const NIGHTS: Freeze = {
  name: 'nights',
  zone: BERLIN,
  weekdays: [0, 1, 2, 3, 4, 5, 6],
  fromMinute: 1_320,
  toMinute: 360,
};

test.each([
  ['UTC', '2026-07-01T00:00Z', 0],
  [BERLIN, '2026-07-01T00:00Z', 2 * HOUR],
  [BERLIN, '2026-12-01T00:00Z', HOUR],
  ['America/New_York', '2026-12-01T00:00Z', -5 * HOUR],
  ['Asia/Kolkata', '2026-12-01T00:00Z', 5.5 * HOUR],
  ['Australia/Lord_Howe', '2026-07-01T00:00Z', 10.5 * HOUR],
])('the wall clock of %s at %s is %d ms ahead of UTC', (zone, when, ahead) => {
  expect(zoneOffset(zone, at(when))).toBe(ahead);
  expect(zoneOffset(zone, at(when) + 1)).toBe(ahead);
});

test.each([
  ['Europe/Berlin', true],
  ['UTC', true],
  ['Mars/Olympus', false],
  ['', false],
])('%s is a zone: %s', (name, known) => {
  expect(isZone(name)).toBe(known);
});

test.each([
  ['2026-11-20T16:59:59Z', undefined],
  ['2026-11-20T17:00:00Z', '2026-12-01T05:00:00Z'],
  ['2026-12-01T04:59:59Z', '2026-12-01T05:00:00Z'],
  ['2026-12-01T05:00:00Z', undefined],
])('a season in local time: at %s it is frozen until %s', (now, until) => {
  expect(frozenByCalendar([SEASON], at(now), zoneOffset)).toEqual(
    until === undefined ? undefined : { name: 'sales-season', until: at(until) },
  );
});

test('days that follow one another are one freeze, across the change of the clocks', () => {
  // Clocks went forward on Sunday, 29 March 2026: the weekend has 71 hours.
  const begin = at('2026-03-26T23:00:00Z');
  expect(frozenByCalendar([WEEKENDS], begin - 1, zoneOffset)).toBeUndefined();
  const { until = 0 } = frozenByCalendar([WEEKENDS], begin, zoneOffset) ?? {};
  expect(until - begin).toBe(71 * HOUR);
  // And back on Sunday, 25 October 2026: 73 hours.
  const autumn = at('2026-10-22T22:00:00Z');
  expect((frozenByCalendar([WEEKENDS], autumn, zoneOffset)?.until ?? 0) - autumn).toBe(73 * HOUR);
});

test('a night belongs to the day on which it begins, and is an hour shorter or longer when clocks change', () => {
  const spring = frozenByCalendar([NIGHTS], at('2026-03-28T21:30:00Z'), zoneOffset);
  expect(spring?.until).toBe(at('2026-03-29T04:00:00Z'));
  const autumn = frozenByCalendar([NIGHTS], at('2026-10-24T20:30:00Z'), zoneOffset);
  expect(autumn?.until).toBe(at('2026-10-25T05:00:00Z'));
  const monday: Freeze = { ...NIGHTS, name: 'monday', weekdays: [1] };
  expect(frozenByCalendar([monday], at('2026-06-02T03:00:00Z'), zoneOffset)?.name).toBe('monday');
  expect(frozenByCalendar([monday], at('2026-06-01T03:00:00Z'), zoneOffset)).toBeUndefined();
});

test('overlapping freezes end with the last', () => {
  const thanksgiving: Freeze = {
    ...SEASON,
    name: 'later',
    toLocal: local('2026-12-03T12:00'),
    fromLocal: local('2026-11-30T00:00'),
  };
  expect(frozenByCalendar([SEASON, thanksgiving], at('2026-11-25T00:00Z'), zoneOffset)?.until).toBe(
    at('2026-12-03T11:00Z'),
  );
});

test('a freeze without an end in sight is told with one', () => {
  const always: Freeze = { ...WEEKENDS, weekdays: [0, 1, 2, 3, 4, 5, 6] };
  const { until = 0 } = frozenByCalendar([always], 0, zoneOffset) ?? {};
  expect(until).toBeGreaterThan(400 * 24 * HOUR);
});

const NOW = at('2026-11-25T12:00Z');
const FREEZE: FreezeOrder = { kind: 'freeze', until: NOW + HOUR, actor: 'cli:ann', reason: 'load test', at: 0 };
const THAW: FreezeOrder = { ...FREEZE, kind: 'thaw' };

test('a person freezes, and lifts what the calendar freezes', () => {
  const when = { now: NOW, offsetOf: zoneOffset };
  expect(frozenAt([], FREEZE, when)).toEqual({
    name: 'by hand',
    until: NOW + HOUR,
    actor: 'cli:ann',
    reason: 'load test',
  });
  expect(frozenAt([SEASON], FREEZE, when)?.until).toBe(at('2026-12-01T05:00:00Z'));
  expect(frozenAt([SEASON], THAW, when)).toBeUndefined();
  expect(frozenAt([SEASON], THAW, { ...when, now: NOW + HOUR })?.name).toBe('sales-season');
  expect(frozenAt([], FREEZE, { ...when, now: NOW + HOUR })).toBeUndefined();
});

const freezes: fc.Arbitrary<Freeze> = fc.oneof(
  fc.record({
    name: fc.constant('f'),
    zone: fc.constantFrom(BERLIN, 'America/New_York', 'Australia/Lord_Howe', 'UTC'),
    weekdays: fc.uniqueArray(fc.nat(6), { minLength: 1, maxLength: 3 }),
    fromMinute: fc.nat(1_439),
    toMinute: fc.nat(1_440),
  }),
  fc
    .tuple(fc.constantFrom(BERLIN, 'America/New_York'), fc.nat(365 * 24), fc.integer({ min: 1, max: 2_000 }))
    .map(([zone, start, hours]) => ({
      name: 'f',
      zone,
      fromLocal: local('2026-01-01T00:00') + start * HOUR,
      toLocal: local('2026-01-01T00:00') + (start + hours) * HOUR,
    })),
);

test('whatever the zone does, a freeze holds from now to its end but where the clock repeats an hour, and ends in the future', () => {
  const year = fc.integer({ min: at('2026-01-01T00:00Z'), max: at('2027-01-01T00:00Z') });
  fc.assert(
    fc.property(freezes, year, (freeze, now) => {
      const frozen = frozenByCalendar([freeze], now, zoneOffset);
      if (frozen === undefined) return;
      expect(frozen.until).toBeGreaterThan(now);
      const length = frozen.until - now;
      // The day of a change may show an hour twice; what holds then is looked at above.
      if (zoneOffset(freeze.zone, now) !== zoneOffset(freeze.zone, frozen.until)) return;
      for (const share of [0.25, 0.5, 0.999]) {
        const middle = Math.floor(now + length * share);
        if (zoneOffset(freeze.zone, middle) !== zoneOffset(freeze.zone, now)) continue;
        expect(frozenByCalendar([freeze], middle, zoneOffset)?.until).toBe(frozen.until);
      }
    }),
  );
});
