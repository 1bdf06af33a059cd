/** A text read as a moment. */
export interface Moment {
  /** The way it is written: separators, form of the zone; the digits of a fraction are counted apart. */
  readonly format: string;
  /** The zone as written: `Z`, `+02:00`, `GMT`; empty where there is none (read as UTC). */
  readonly zone: string;
  /** Milliseconds since the epoch. A time without a day is read as the one nearest to the request. */
  readonly ms: number;
  /** Smallest step of the format, ms. */
  readonly precisionMs: number;
  /** Digits of the fraction of a second. */
  readonly digits: number;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['thu', 'fri', 'sat', 'sun', 'mon', 'tue', 'wed'];
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

const MONTH =
  '(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)';
const WEEKDAY = '(Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(day)?';
const SHORT_DAY = '(Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const SHORT_MONTH = '(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
/** Hours, minutes, perhaps seconds with a fraction and half of the day; a narrow space stands before AM in newer locale data. */
const CLOCK = String.raw`(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:([ \u00a0\u202f]?)([AaPp]\.?[Mm]\.?))?`;
const ZONE = String.raw`( ?)(Z|UTC|GMT|CEST|CET|BST|[ECMP][SD]T|[+-]\d\d:?\d\d)`;
const WORD_ZONES: Readonly<Record<string, number>> = {
  CET: 60,
  CEST: 120,
  BST: 60,
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
};

/** Year, month, day, hour, minute, second; then fraction, half of the day, zone. */
interface Fields {
  readonly format: string;
  readonly date: readonly [year: number, month: number, day: number] | undefined;
  readonly clock: readonly [hour: number, minute: number, second: number] | undefined;
  readonly hasSeconds?: boolean;
  readonly fraction?: string | undefined;
  readonly zone?: string | undefined;
  readonly weekday?: string | undefined;
}

interface Form {
  readonly source: string;
  /** Undefined where the groups are no date after all; several where day and month may be either. */
  readonly read: (groups: readonly (string | undefined)[]) => readonly Fields[];
}

const FORMS: readonly Form[] = [
  {
    // ISO 8601, also with a space, with or without fraction and zone.
    source: String.raw`(\d{4})([-/])(\d\d)\2(\d\d)([Tt ])(\d\d):(\d\d)(?::(\d\d)(?:([.,])(\d{1,9}))?)?( ?)([Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)?`,
    read: ([year, dash, month, day, separator, hour, minute, second, point = '', fraction, space = '', zone]) => [
      {
        format: `YYYY${dash}MM${dash}DD${separator}HH:MM${second === undefined ? '' : ':SS'}${point}${zone === undefined ? '' : space + zoneForm(zone)}`,
        date: numbers(year, month, day),
        clock: numbers(hour, minute, second ?? '0'),
        hasSeconds: second !== undefined,
        fraction,
        zone,
      },
    ],
  },
  {
    // ISO 8601, basic form.
    source: String.raw`(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(?:([.,])(\d{1,9}))?(Z|[+-]\d{4})?`,
    read: ([year, month, day, hour, minute, second, point = '', fraction, zone]) => [
      {
        format: `YYYYMMDDTHHMMSS${point}${zoneForm(zone)}`,
        date: numbers(year, month, day),
        clock: numbers(hour, minute, second),
        hasSeconds: true,
        fraction,
        zone,
      },
    ],
  },
  {
    // RFC 9110 section 5.6.7: IMF-fixdate, the form of RFC 850, and their cousin of cookies; RFC 5322 with other zones.
    source: String.raw`${WEEKDAY}, (\d\d)([ -])${SHORT_MONTH}\4(\d{4}|\d\d) (\d\d):(\d\d):(\d\d) (GMT|UTC|[+-]\d{4})`,
    read: ([name = '', suffix = '', day, dash, month, year = '', hour, minute, second, zone]) =>
      suffix === '' && name.length !== 3
        ? []
        : [
            {
              format: `${suffix === '' ? 'Day' : 'Weekday'}, DD${dash}Mon${dash}${'Y'.repeat(year.length)} HH:MM:SS ${zoneForm(zone)}`,
              date: [fullYear(year), monthOf(month), Number(day)],
              clock: numbers(hour, minute, second),
              hasSeconds: true,
              zone,
              weekday: name,
            },
          ],
  },
  {
    // asctime (RFC 9110 section 5.6.7), `date`, and a JavaScript date as text.
    source: String.raw`${SHORT_DAY} ${SHORT_MONTH} ([ \d]\d) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?: (UTC|GMT(?:[+-]\d{4})?|[A-Z]{3,4}))?(?: (\d{4}))?(?: \([A-Za-z ]{3,40}\))?`,
    read: ([weekday, month, day, early, hour, minute, second, zone, late]) =>
      (early === undefined) === (late === undefined)
        ? []
        : [
            {
              format: `Day Mon D ${early === undefined ? '' : 'YYYY '}HH:MM:SS ${zone === undefined ? '' : zoneForm(zone)}${late === undefined ? '' : ' YYYY'}`,
              date: [Number(early ?? late), monthOf(month), Number(day)],
              clock: numbers(hour, minute, second),
              hasSeconds: true,
              zone: zone === undefined ? undefined : zone.replace(/^GMT(?=[+-])/, ''),
              weekday,
            },
          ],
  },
  {
    // Numbers with slashes, dashes or dots, day or month first: `11/21/2026, 3:04 PM`, `21.11.2026 15:04`.
    source: String.raw`(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d\d)(?:(,? |, )${CLOCK}(?:${ZONE})?)?`,
    read: ([one = '', dash = '', two = '', year = '', comma = '', ...rest]) => {
      const clock = readClock(rest);
      if (year.length === 2 && clock === undefined) return [];
      const form = (first: string, second: string): string =>
        `${first}${dash}${second}${dash}${'Y'.repeat(year.length)}${comma}${clock?.format ?? ''}`;
      const dayFirst = {
        format: form('D', 'M'),
        date: [fullYear(year), Number(two), Number(one)],
        ...clockFields(clock),
      } as const;
      const monthFirst = {
        format: form('M', 'D'),
        date: [fullYear(year), Number(one), Number(two)],
        ...clockFields(clock),
      } as const;
      return dash === '.' ? [dayFirst] : [dayFirst, monthFirst];
    },
  },
  {
    // `Nov 21, 2026`, `Saturday, November 21, 2026 at 3:04 PM`.
    source: String.raw`(?:${WEEKDAY},? )?${MONTH}( )(\d{1,2})(,? )(\d{4})(?:(,? | at |, at )${CLOCK}(?:${ZONE})?)?`,
    read: ([name, suffix, month = '', , day, comma, year, between = '', ...rest]) => {
      const clock = readClock(rest);
      return [
        {
          format: `${name === undefined ? '' : suffix === undefined ? 'Day ' : 'Weekday '}${month.length > 4 ? 'Month' : 'Mon'} D${comma}YYYY${between}${clock?.format ?? ''}`,
          date: [Number(year), monthOf(month), Number(day)],
          ...clockFields(clock),
          weekday: name,
        },
      ];
    },
  },
  {
    // `21 Nov 2026`, `21 November 2026, 15:04`.
    source: String.raw`(?:${WEEKDAY},? )?(\d{1,2})([ -])${MONTH}\4(\d{4})(?:(,? | at |, at )${CLOCK}(?:${ZONE})?)?`,
    read: ([name, suffix, day, dash, month = '', year, between = '', ...rest]) => {
      const clock = readClock(rest);
      return [
        {
          format: `${name === undefined ? '' : suffix === undefined ? 'Day ' : 'Weekday '}D${dash}${month.length > 4 ? 'Month' : 'Mon'}${dash}YYYY${between}${clock?.format ?? ''}`,
          date: [Number(year), monthOf(month), Number(day)],
          ...clockFields(clock),
          weekday: name,
        },
      ];
    },
  },
  {
    source: String.raw`(\d{4})([-/])(\d\d)\2(\d\d)`,
    read: ([year, dash, month, day]) => [
      { format: `YYYY${dash}MM${dash}DD`, date: numbers(year, month, day), clock: undefined },
    ],
  },
  {
    source: `${CLOCK}(?:${ZONE})?`,
    read: (groups) => {
      const clock = readClock(groups);
      return clock === undefined ? [] : [{ format: clock.format, date: undefined, ...clockFields(clock) }];
    },
  },
];
const COMPILED = FORMS.map(({ source, read }) => ({ pattern: new RegExp(`^${source}$`), read }));

/** Finds dates inside a text, without groups; the basic form and bare numbers are left to the runs around them. */
export const DATE_IN_TEXT: string = FORMS.flatMap(({ source }, at) => (at === 1 ? [] : [ungrouped(source)])).join('|');

/** A group that is referred to has a fixed set of characters, so the reference may be that set: both texts must agree anyway. */
function ungrouped(source: string): string {
  return source.replaceAll(/(?<!\\)\((?!\?)/g, '(?:').replaceAll(/\\[24]/g, '[-/. ]');
}

/** What a weekday's or a month's name begins with. */
const NAMES: ReadonlySet<string> = new Set(
  [...DAYS, ...MONTHS].map((name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`),
);
const DATE_MARKS = '-/.: ';

/** Cheap: whether a date as in `DATE_IN_TEXT` may begin at this place. Its first digits are one, two or four, and a separator follows. */
export function mayBeginDate(text: string, at: number): boolean {
  const first = text.charCodeAt(at);
  if (isDigit(first)) {
    const count = leadingDigits(text, at, 5);
    return (count < 3 || count === 4) && DATE_MARKS.includes(text[at + count] ?? '?');
  }
  return first >= 65 && first <= 90 && NAMES.has(text.slice(at, at + 3));
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Digits from `at` on, counted up to `most`. */
function leadingDigits(text: string, at: number, most: number): number {
  let count = 0;
  while (count < most && isDigit(text.charCodeAt(at + count))) count++;
  return count;
}

/** Digits of an epoch in nanoseconds. */
const MOST_DIGITS = 19;

const EPOCH = /^([12]\d{9}|[12]\d{12}|[12]\d{15}|[12]\d{18})(\.\d{1,9})?$/;
const EPOCH_UNITS: Readonly<Record<number, readonly [name: string, perMs: number]>> = {
  10: ['seconds', 0.001],
  13: ['milliseconds', 1],
  16: ['microseconds', 1_000],
  19: ['nanoseconds', 1_000_000],
};

/**
 * Reads ISO 8601 (extended and basic), the date forms of RFC 9110 section 5.6.7, dates and times as people write them,
 * and seconds, milliseconds, microseconds or nanoseconds since the epoch, told by their digits.
 * Undefined for anything else, and for dates that do not exist or fall on another day of the week than they say.
 *
 * @param near When it was, ms since the epoch, roughly: tells 11/12 from 12/11, and of which day a bare time is.
 */
export function readMoment(text: string, near: number): Moment | undefined {
  if (text.length < 4 || text.length > 80) return undefined;
  const digits = leadingDigits(text, 0, MOST_DIGITS + 1);
  if (digits > 9) return readEpoch(text);
  const isBasic = digits === 8 && text[8] === 'T';
  if (!isBasic && !mayBeginDate(text, 0)) return undefined;
  for (const { pattern, read } of COMPILED) {
    const groups = pattern.exec(text);
    if (groups === null) continue;
    const best = nearest(read(groups.slice(1)), near);
    if (best !== undefined) return best;
  }
  return undefined;
}

/** Of several readings the one nearest to the request, the first where two are as near. */
function nearest(readings: readonly Fields[], near: number): Moment | undefined {
  let best: Moment | undefined;
  for (const fields of readings) {
    const moment = toMoment(fields, near);
    if (moment === undefined) continue;
    if (best === undefined || Math.abs(moment.ms - near) < Math.abs(best.ms - near)) best = moment;
  }
  return best;
}

function readEpoch(text: string): Moment | undefined {
  const [, whole, fraction] = EPOCH.exec(text) ?? [];
  const unit = EPOCH_UNITS[whole?.length ?? 0];
  if (unit === undefined) return undefined;
  const [name, perMs] = unit;
  // Serialisers drop trailing zeros of a number, so the count of digits is no part of the format.
  const format = `epoch ${name}${fraction === undefined ? '' : ' with fraction'}`;
  const precisionMs = perMs < 1 && fraction === undefined ? 1000 : 1;
  return { format, zone: '', ms: Number(text) / perMs, precisionMs, digits: 0 };
}

function toMoment(fields: Fields, near: number): Moment | undefined {
  const { format, date, clock, fraction = '', zone = '', weekday } = fields;
  const offset = offsetMs(zone);
  if (offset === undefined) return undefined;
  const ms = date === undefined ? sinceMidnight(clock, near, offset) : toMs([...date, ...(clock ?? [0, 0, 0])]);
  if (ms === undefined) return undefined;
  if (weekday !== undefined && weekday.slice(0, 3).toLowerCase() !== DAYS[modulo(Math.floor(ms / DAY_MS), 7)])
    return undefined;
  const precisionMs = clock === undefined ? DAY_MS : fields.hasSeconds === true ? 1000 : MINUTE_MS;
  const exact = ms - offset + (fraction === '' ? 0 : Number(`0.${fraction}`) * 1000);
  return {
    format,
    zone,
    ms: exact,
    precisionMs: fraction === '' ? precisionMs : Math.max(1, 1000 / 10 ** fraction.length),
    digits: fraction.length,
  };
}

/** The time of day on the day that brings it nearest. */
function sinceMidnight(clock: Fields['clock'], near: number, offset: number): number | undefined {
  if (clock === undefined || clock[0] > 23 || clock[1] > 59 || clock[2] > 60) return undefined;
  const day = Math.floor((near + offset) / DAY_MS) * DAY_MS;
  const ms = day + ((clock[0] * 60 + clock[1]) * 60 + clock[2]) * 1000;
  const ahead = ms - offset - near;
  return ahead > DAY_MS / 2 ? ms - DAY_MS : ahead < -DAY_MS / 2 ? ms + DAY_MS : ms;
}

interface Clock {
  readonly format: string;
  readonly time: readonly [number, number, number];
  readonly hasSeconds: boolean;
  readonly fraction: string | undefined;
  readonly zone: string | undefined;
}

/** The groups of `CLOCK` and of the zone after it; undefined where there is no time. */
function readClock(groups: readonly (string | undefined)[]): Clock | undefined {
  const [hour, minute, second, fraction, space = '', half, zoneSpace = '', zone] = groups;
  if (hour === undefined || minute === undefined) return undefined;
  const twelve = Number(hour);
  if (half !== undefined && (twelve < 1 || twelve > 12)) return undefined;
  const isAfternoon = half !== undefined && /^p/i.test(half);
  const hours = half === undefined ? twelve : (twelve % 12) + (isAfternoon ? 12 : 0);
  const form = half === undefined ? '' : `${space}${half.replace(/[AaPp]/, (letter) => (letter < 'a' ? 'A' : 'a'))}`;
  return {
    format: `H:MM${second === undefined ? '' : ':SS'}${form}${zone === undefined ? '' : zoneSpace + zoneForm(zone)}`,
    time: [hours, Number(minute), Number(second ?? '0')],
    hasSeconds: second !== undefined,
    fraction,
    zone,
  };
}

function clockFields(clock: Clock | undefined): Pick<Fields, 'clock' | 'hasSeconds' | 'fraction' | 'zone'> {
  if (clock === undefined) return { clock: undefined };
  const { time, hasSeconds, fraction, zone } = clock;
  return { clock: time, hasSeconds, fraction, zone };
}

function numbers(a = '', b = '', c = ''): [number, number, number] {
  return [Number(a), Number(b), Number(c)];
}

function monthOf(name = ''): number {
  return MONTHS.indexOf(name.slice(0, 3).toLowerCase()) + 1;
}

/** RFC 9110 section 5.6.7: two digits more than 50 years ahead mean the past; Cutover is younger than 2000. */
function fullYear(text: string): number {
  const year = Number(text);
  return text.length === 4 ? year : year + (year >= 80 ? 1900 : 2000);
}

/** A zone with its digits folded: `+00:00` for any offset, words as they are. */
function zoneForm(zone = ''): string {
  if (zone.length < 2) return zone;
  return zone.replaceAll(/\d/g, '0').replace('-', '+');
}

function offsetMs(zone: string): number | undefined {
  if (zone === '' || zone === 'Z') return 0;
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  if (hours !== undefined) return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
  if (/^(|z|utc|gmt)$/i.test(zone)) return 0;
  const minutesEast = WORD_ZONES[zone];
  return minutesEast === undefined ? undefined : minutesEast * MINUTE_MS;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Year, month, day, hour, minute and second of the proleptic Gregorian calendar in UTC as ms since the epoch. */
function toMs(fields: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (day < 1 || day > (MONTH_DAYS[month - 1] ?? 0) + leap) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  return ((daysSinceEpoch(year, month, day) * 24 + hour) * 60 + minute) * MINUTE_MS + second * 1000;
}

/** Days are counted from 1 March, so that the leap day ends a year. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month < 3 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - 719_468;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
