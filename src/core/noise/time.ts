import { FlatLearner, type Learner, MAX_KEPT, type NoiseContext, type ValuePair, withItem } from './learner.ts';

/** A text read as a moment. */
export interface Moment {
  /** The way it is written: separators, digits of the fraction, form of the zone. */
  readonly format: string;
  /** The zone as written: `Z`, `+02:00`, `GMT`; empty where there is none (read as UTC). */
  readonly zone: string;
  /** Milliseconds since the epoch. */
  readonly ms: number;
  /** Smallest step of the format, ms. */
  readonly precisionMs: number;
}

const ISO_SOURCE = String.raw`(\d{4})-(\d\d)-(\d\d)([Tt ])(\d\d):(\d\d):(\d\d)(?:([.,])(\d{1,9}))?([Zz]|[+-]\d\d(?::?\d\d)?)?`;
const DAY_SOURCE = '(Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(day)?';
const HTTP_SOURCE = String.raw`${DAY_SOURCE}, (\d\d)([ -])(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\4(\d{4}|\d\d) (\d\d):(\d\d):(\d\d) (GMT|UTC|[+-]\d{4})`;
const ISO = new RegExp(`^${ISO_SOURCE}$`);
const HTTP = new RegExp(`^${HTTP_SOURCE}$`);
const EPOCH = /^([12]\d{9}|[12]\d{12})(\.\d{1,9})?$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];

/** Finds dates inside a text: ISO 8601 and the HTTP forms, without groups. */
export const DATE_IN_TEXT = [HTTP_SOURCE, ISO_SOURCE]
  .map((source) => source.replaceAll(/(?<!\\)\((?!\?)/g, '(?:').replace(String.raw`\4`, '[ -]'))
  .join('|');

/**
 * Reads ISO 8601 (also with a space, with or without fraction and zone), the three date forms of RFC 9110 section 5.6.7
 * but asctime, their cousin of cookies (`Sun, 06-Nov-1994 …`), and seconds (10 digits) or milliseconds (13) since the epoch.
 * Undefined for anything else, and for dates that do not exist or fall on another day of the week than they say.
 */
export function readMoment(text: string): Moment | undefined {
  if (text.length < 10 || text.length > 40) return undefined;
  return readEpoch(text) ?? readIso(text) ?? readHttpDate(text);
}

function readEpoch(text: string): Moment | undefined {
  const [, digits, fraction] = EPOCH.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const unit = digits.length === 10 ? 1000 : 1;
  // Serialisers drop trailing zeros of a number, so the count of digits is no part of the format.
  const format = `${unit === 1 ? 'epoch milliseconds' : 'epoch seconds'}${fraction === undefined ? '' : ' with fraction'}`;
  return { format, zone: '', ms: Number(text) * unit, precisionMs: fraction === undefined ? unit : 1 };
}

function readIso(text: string): Moment | undefined {
  const parts = ISO.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, separator, hour, minute, second, point = '', fraction = '', zone = ''] = parts;
  const ms = toMs([year, month, day, hour, minute, second].map(Number));
  if (ms === undefined) return undefined;
  const exact = ms - offsetMs(zone) + (fraction === '' ? 0 : Number(`0.${fraction}`) * 1000);
  const format = `YYYY-MM-DD${separator}HH:MM:SS${point}${'f'.repeat(fraction.length)}${zone.replaceAll(/\d/g, '0').replace('-', '+')}`;
  return { format, zone, ms: exact, precisionMs: Math.max(1, 1000 / 10 ** fraction.length) };
}

function readHttpDate(text: string): Moment | undefined {
  const parts = HTTP.exec(text);
  if (parts === null) return undefined;
  const [, name = '', suffix = '', day, dash, monthName = '', yearText = '', hour, minute, second, zone = ''] = parts;
  const long = suffix === 'day';
  // RFC 9110 section 5.6.7: two digits more than 50 years ahead mean the past; Cutover is younger than 2000.
  const year = yearText.length === 4 ? Number(yearText) : Number(yearText) + (Number(yearText) >= 80 ? 1900 : 2000);
  const ms = toMs([year, MONTHS.indexOf(monthName) + 1, Number(day), Number(hour), Number(minute), Number(second)]);
  if (ms === undefined || name.slice(0, 3) !== DAYS[modulo(Math.floor(ms / 86_400_000), 7)]) return undefined;
  if (!long && name.length !== 3) return undefined;
  const date = ['DD', 'Mon', 'Y'.repeat(yearText.length)].join(dash);
  const form = /\d/.test(zone) ? '+0000' : zone;
  return {
    format: `${long ? 'Weekday' : 'Day'}, ${date} HH:MM:SS ${form}`,
    zone,
    ms: ms - offsetMs(zone),
    precisionMs: 1000,
  };
}

function offsetMs(zone: string): number {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? [];
  if (hours === undefined) return 0;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Year, month, day, hour, minute and second of the proleptic Gregorian calendar in UTC as ms since the epoch. */
function toMs(fields: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (day < 1 || day > (MONTH_DAYS[month - 1] ?? 0) + leap) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  return ((daysSinceEpoch(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1000;
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

/** A clock may differ this much from ours before it counts as wrong. */
const CLOCK_MS = 5 * 60_000;

/** Whether both texts are moments of one format and zone, and both close to the request: a frozen or shifted clock is not. */
export function isTimeOfRequest(control: string, candidate: string, { at, gapMs }: NoiseContext): boolean {
  const left = readMoment(control);
  const right = left === undefined ? undefined : readMoment(candidate);
  if (left === undefined || right === undefined) return false;
  if (left.format !== right.format || left.zone !== right.zone) return false;
  const limit = CLOCK_MS + Math.max(0, gapMs) + left.precisionMs;
  return Math.abs(left.ms - at) <= limit && Math.abs(right.ms - at) <= limit;
}

/** Numbers further from the request than this are ids that look like seconds. */
const MAX_DISTANCE_MS = 5 * 366 * 86_400_000;

type TimeState = {
  readonly seen: boolean;
  readonly lowMs: number;
  readonly highMs: number;
  readonly formats: readonly string[];
};

/** Moments at a distance to the request: now, an expiry in an hour, an article's date. */
export class TimeLearner extends FlatLearner<TimeState> implements Learner {
  readonly name = 'time';

  constructor() {
    super({ seen: false, lowMs: 0, highMs: 0, formats: [] });
  }

  absorb({ control, candidate }: ValuePair, { at }: NoiseContext): boolean {
    for (const { text } of [control, candidate]) {
      const moment = readMoment(text);
      if (moment === undefined) return false;
      const distance = moment.ms - at;
      if (moment.format.startsWith('epoch') && Math.abs(distance) > MAX_DISTANCE_MS) return false;
      const { seen, lowMs, highMs, formats } = this.state;
      this.state = {
        seen: true,
        lowMs: seen ? Math.min(lowMs, distance) : distance,
        highMs: seen ? Math.max(highMs, distance) : distance,
        formats: withItem(formats, moment.format),
      };
    }
    return this.state.formats.length < MAX_KEPT;
  }

  accepts({ control, candidate }: ValuePair, { at, gapMs }: NoiseContext): boolean {
    const left = readMoment(control.text);
    const right = readMoment(candidate.text);
    if (left === undefined || right === undefined || left.zone !== right.zone) return false;
    if (left.format !== right.format && !this.state.formats.includes(right.format)) return false;
    const slack = this.slackMs() + Math.max(0, gapMs);
    const distance = right.ms - at;
    return distance >= this.state.lowMs - slack && distance <= this.state.highMs + slack;
  }

  /** The seen distances once more on either side, and 5 s: with distances from 0 to d this allows 2 d + 5 s. */
  private slackMs(): number {
    return this.state.highMs - this.state.lowMs + 5_000;
  }

  envelope(): string {
    const [from, to] = [this.state.lowMs - this.slackMs(), this.state.highMs + this.slackMs()];
    return `written as ${this.state.formats.join(' or ')}, ${Math.round(from / 1000)} to ${Math.round(to / 1000)} s from the request`;
  }
}
