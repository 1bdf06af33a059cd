/** A value that was read, or what to do so that it can be. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | Refused;

export interface Refused {
  readonly ok: false;
  /** What was expected in its place, where that says more than the field's own expectation. */
  readonly expected?: string;
  readonly hint?: string;
}

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 } as const;

/**
 * A share as parts per million: `5%` is 50,000. At most four decimals, because one part per million is `0.0001%`.
 * A share without the sign is refused: `5` could mean five percent, five parts per million or five times everything.
 */
export function parseShare(text: string): Parsed<number> {
  const match = /^(\d{1,3}(?:\.\d+)?)\s?%$/.exec(text);
  if (match?.[1] === undefined) {
    return /^\d+(\.\d+)?$/.test(text) ? { ok: false, hint: `Write "${text}%".` } : { ok: false };
  }
  if (/\.\d{5,}$/.test(match[1])) {
    return { ok: false, hint: 'At most four decimals: one part per million is 0.0001%.' };
  }
  const ppm = Math.round(Number(match[1]) * 10_000);
  return ppm <= 1_000_000 ? { ok: true, value: ppm } : { ok: false };
}

/** A share as people write it: 50,000 is `5%`. The inverse of `parseShare`. */
export function formatShare(ppm: number): string {
  return `${Number((ppm / 10_000).toFixed(4))}%`;
}

/** A duration in whole milliseconds: `250ms`, `1.5s`, `5m`, `2h`, `7d`. */
export function parseDuration(text: string): Parsed<number> {
  const match = /^(\d{1,15}(?:\.\d{1,3})?)\s?(ms|s|m|h|d)$/.exec(text);
  // The pattern admits these units only.
  if (match !== null) return whole(Number(match[1]) * DURATION_UNITS[match[2] as keyof typeof DURATION_UNITS]);
  if (/^\d+$/.test(text)) return { ok: false, hint: `Write the unit, for example "${text}s" or "${text}ms".` };
  const word = /^(\d+)\s*(?:sec|min|hour|day|msec|milli)/i.test(text);
  return word ? { ok: false, hint: 'The units are ms, s, m, h and d.' } : { ok: false };
}

/** A duration as people write it, in the largest unit that is exact: 90,000 is `90s`, 60,000 is `1m`. */
export function formatDuration(ms: number): string {
  return formatWith(ms, DURATION_UNITS);
}

/** A size in bytes: `512B`, `64KiB`, `1.5MiB`, `2GiB`. Decimal units are refused, because readers disagree about them. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d{1,15}(?:\.\d{1,3})?)\s?(B|KiB|MiB|GiB)$/.exec(text);
  // The pattern admits these units only.
  if (match !== null) return whole(Number(match[1]) * SIZE_UNITS[match[2] as keyof typeof SIZE_UNITS]);
  const near = /^(\d+)\s*([kmg])(?:i?b)?$/i.exec(text);
  if (near?.[2] !== undefined) return { ok: false, hint: `Write "${near[1]}${near[2].toUpperCase()}iB".` };
  if (/^\d{1,15}$/.test(text)) return { ok: false, hint: `For bytes write "${formatSize(Number(text))}".` };
  return { ok: false };
}

/** A size as people write it, in the largest unit that is exact: 65,536 is `64KiB`. */
export function formatSize(bytes: number): string {
  return formatWith(bytes, SIZE_UNITS);
}

/** The end of a day, UTC, of `2027-01-31`, in milliseconds since the epoch: the day named still counts. */
export function parseDay(text: string): Parsed<number> {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return { ok: false, hint: 'Write year, month and day, for example 2027-01-31.' };
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const start = Date.UTC(year, month - 1, day);
  // Date.UTC turns 30 February into 2 March; a day that does not come back as written does not exist.
  const exists = new Date(start).toISOString().slice(0, 10) === text;
  return exists ? { ok: true, value: start + DURATION_UNITS.d - 1 } : { ok: false, hint: 'There is no such day.' };
}

function whole(value: number): Parsed<number> {
  // Two factors of at most three decimals: rounding takes away what binary fractions added.
  const rounded = Math.round(value * 1_000) / 1_000;
  return Number.isInteger(rounded)
    ? { ok: true, value: rounded }
    : { ok: false, hint: 'There are no fractions of a millisecond or a byte.' };
}

function formatWith(value: number, units: Readonly<Record<string, number>>): string {
  let best = '';
  for (const [unit, factor] of Object.entries(units)) {
    if (best === '' || (value !== 0 && value % factor === 0)) best = `${value / factor}${unit}`;
  }
  return best;
}
