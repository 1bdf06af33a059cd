import { z } from 'zod';
import { duration, message, share } from '../config/fields.ts';
import { list, mapping } from '../config/shapes.ts';
import { parseDuration } from '../config/units.ts';
import { PPM } from '../core/routing.ts';

export const DAY_MS = 24 * 3_600_000;
/** Longest simulation. */
export const MAX_DURATION_MS = 90 * DAY_MS;
/** Changes of one rate or latency over time; more is no scenario that anybody reads. */
const MAX_PARTS = 1_000;

/** From one moment on something has a value, until the next part. */
export interface Part<T> {
  /** Milliseconds since the begin. */
  readonly from: number;
  readonly value: T;
}

/** How long one side takes: half of its answers at most `p50`, 99 in 100 at most `p99`. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** A moment or a time within the simulation; a plain 0 needs no unit. */
export function time(min = 0) {
  return z.preprocess((input) => (input === 0 ? '0s' : input), duration(min, MAX_DURATION_MS));
}

/** A share of requests, 0 to 1 inside: `1%`, or `0.01`. */
export function rate() {
  const expected = 'a share from 0% to 100% such as 5%, or a number from 0 to 1';
  const tooMuch = (issue: { readonly input?: unknown }): string =>
    message(expected, `Write "${String(issue.input)}%" for so many percent.`);
  const number = z
    .number({ error: expected })
    .min(0, { error: tooMuch })
    .max(1, { error: tooMuch })
    .meta({ title: 'share' });
  return z
    .union([share().transform((ppm) => ppm / PPM), number], {
      error: (issue) => (typeof issue.input === 'number' ? tooMuch(issue) : expected),
    })
    .meta({ title: 'share' });
}

/** Any number above 0, with a bound. */
export function amount(max: number, what = 'a number') {
  const expected = `${what} above 0 and at most ${max}`;
  return z
    .number({ error: expected })
    .gt(0, { error: expected })
    .max(max, { error: expected })
    .meta({ title: 'number' });
}

const MAX_LATENCY_MS = 600_000;

function milliseconds() {
  return amount(MAX_LATENCY_MS, 'milliseconds');
}

const spread = mapping(
  {
    p50: milliseconds().meta({ description: 'Half of the answers take at most so long, milliseconds.' }),
    p99: milliseconds()
      .exactOptional()
      .meta({ description: '99 in 100 take at most so long, milliseconds.', 'x-default': '`p50`: all take as long' }),
  },
  'milliseconds, or {p50, p99}',
);

/** `20`, or `{p50: 20, p99: 200}`: milliseconds. */
export function latency() {
  const error = 'milliseconds such as 20, or {p50: 20, p99: 200}';
  return z
    .union([milliseconds(), spread], { error })
    .transform((given, context): Latency => {
      const { p50, p99 = p50 } = typeof given === 'number' ? { p50: given } : given;
      if (p99 >= p50) return { p50, p99 };
      context.addIssue({ code: 'custom', message: message(error, 'p99 is never below p50.') });
      return z.NEVER;
    })
    .meta({ title: 'latency' });
}

/** A value, or a list of values from moments on. `key` is what a part calls its value. */
export function overTime<S extends z.ZodType>(key: string, schema: S, expected: string) {
  const from = time().prefault('0s').meta({ description: 'From when on, since the begin.' });
  const part = mapping({ from, [key]: schema.meta({ description: 'What holds from then on.' }) }, expected);
  const parts = list(part, MAX_PARTS, 1);
  return z
    .union([schema, parts], { error: `${expected}, or a list of {from, ${key}}` })
    .transform((given): readonly Part<z.output<S>>[] => {
      if (!Array.isArray(given)) return [{ from: 0, value: given as z.output<S> }]; // what is no list passed the schema
      const made = (given as Readonly<Record<string, unknown>>[]).map((one) => ({
        from: one['from'] as number, // both passed their schemas
        value: one[key] as z.output<S>,
      }));
      return made.toSorted((one, other) => one.from - other.from);
    });
}

/** `-1h`, `90s`: milliseconds, either way. */
export function signedTime() {
  const expected = 'a time with its unit, forwards or backwards, such as 1h or -90s';
  return z
    .string({ error: expected })
    .transform((text, context): number => {
      const parsed = parseDuration(text.trim().replace(/^[+-]\s?/, ''));
      if (parsed.ok && parsed.value <= 3_650 * DAY_MS)
        return text.trim().startsWith('-') ? -parsed.value : parsed.value;
      context.addIssue({ code: 'custom', message: expected });
      return z.NEVER;
    })
    .meta({ title: 'time, signed', pattern: '^[+-]? ?\\d+(\\.\\d{1,3})? ?(ms|s|m|h|d)$', examples: ['1h', '-90s'] });
}
