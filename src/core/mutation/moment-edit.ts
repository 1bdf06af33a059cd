const ISO = /^(\d{4})-(\d\d)-(\d\d)([Tt ])(\d\d):(\d\d):(\d\d)(.*)$/;
const HTTP = /^[A-Z][a-z]{2}, (\d\d)([ -])([A-Z][a-z]{2})\2(\d{4}) (\d\d):(\d\d):(\d\d)(.*)$/;
const EPOCH_SECONDS = /^([12]\d{9})(\.\d+)?$/;
const EPOCH_MS = /^([12]\d{12})(\.\d+)?$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];
const DAY_S = 86_400;

/**
 * A moment moved by whole seconds and written as before: ISO 8601, the date of RFC 9110 section 5.6.7 or of cookies, seconds
 * or milliseconds since the epoch. Fraction and zone stay as they are. Undefined for any other text.
 */
export function shiftMoment(text: string, seconds: number): string | undefined {
  const ms = EPOCH_MS.exec(text);
  if (ms !== null) return `${Number(ms[1]) + seconds * 1000}${ms[2] ?? ''}`;
  const epoch = EPOCH_SECONDS.exec(text);
  if (epoch !== null) return `${Number(epoch[1]) + seconds}${epoch[2] ?? ''}`;
  return shiftIso(text, seconds) ?? shiftHttp(text, seconds);
}

function shiftIso(text: string, seconds: number): string | undefined {
  const parts = ISO.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, separator = '', hour, minute, second, rest = ''] = parts;
  const { date, time } = moved([year, month, day, hour, minute, second].map(Number), seconds);
  return `${pad(date.year, 4)}-${pad(date.month)}-${pad(date.day)}${separator}${time}${rest}`;
}

function shiftHttp(text: string, seconds: number): string | undefined {
  const parts = HTTP.exec(text);
  if (parts === null) return undefined;
  const [, day, dash = '', monthName = '', year, hour, minute, second, rest = ''] = parts;
  const month = MONTHS.indexOf(monthName) + 1;
  if (month === 0) return undefined;
  const { days, date, time } = moved([Number(year), month, ...[day, hour, minute, second].map(Number)], seconds);
  const weekday = DAYS[((days % 7) + 7) % 7];
  const written = [pad(date.day), MONTHS[date.month - 1], pad(date.year, 4)].join(dash);
  return `${weekday}, ${written} ${time}${rest}`;
}

function moved(fields: readonly number[], by: number): { days: number; date: CivilDate; time: string } {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields;
  const total = daysOf(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second + by;
  const days = Math.floor(total / DAY_S);
  const rest = total - days * DAY_S;
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map((part) => pad(part)).join(':');
  return { days, date: civil(days), time };
}

interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Days since 1 January 1970; years are counted from March, so that the leap day ends one. */
function daysOf(year: number, month: number, day: number): number {
  const march = month < 3 ? year - 1 : year;
  const leaps = Math.floor(march / 4) - Math.floor(march / 100) + Math.floor(march / 400);
  return march * 365 + leaps + Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1 - 719_468;
}

/** The inverse of `daysOf`: in eras of 400 years, each of 146,097 days. */
function civil(days: number): CivilDate {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const inEra = shifted - era * 146_097;
  const yearInEra = Math.floor(
    (inEra - Math.floor(inEra / 1_460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  );
  const inYear = inEra - (365 * yearInEra + Math.floor(yearInEra / 4) - Math.floor(yearInEra / 100));
  const marchMonth = Math.floor((5 * inYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const day = inYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  return { year: era * 400 + yearInEra + (month < 3 ? 1 : 0), month, day };
}

function pad(value: number, length = 2): string {
  return String(value).padStart(length, '0');
}
