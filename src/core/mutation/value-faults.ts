import { looksRandom } from '../noise/token.ts';
import { shiftMoment } from './moment-edit.ts';
import type { Mutator, Random } from './mutator.ts';
import { encodeUtf8 } from './utf8.ts';
import { type ValueSpot, valueMutator } from './value-spot.ts';

const UUID = /[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}/i;
const DATE_TIME =
  /\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?|[A-Z][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{4} \d\d:\d\d:\d\d GMT/;
const EPOCH = /^1[4-9]\d{8}(?:\.\d+)?$|^1[4-9]\d{11}$/;
const TOKEN = /(?<![\w-])[\w-]{16,200}(?![\w-])/;
const INTEGER = /(?<![\p{L}\d_.,:+/-])-?\d{1,12}(?![\p{L}\d_.,:%/-])/u;
const DECIMAL = /(?<![\p{L}\d_.,:+-])-?\d{1,12}\.\d{1,12}(?![\p{L}\d_.,:-])/u;
const MONEY = /(?<![\p{L}\d_.,:+-])\d{1,9}\.\d0(?![\p{L}\d_.,:-])/u;

/** Words that stand for a state, and another of the same kind for each. */
const STATES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ['active', 'inactive'],
    ['open', 'closed'],
    ['enabled', 'disabled'],
    ['pending', 'completed'],
    ['paid', 'unpaid'],
    ['draft', 'published'],
    ['shipped', 'returned'],
    ['admin', 'member'],
    ['public', 'private'],
    ['low', 'high'],
    ['in_stock', 'sold_out'],
    ['yes', 'no'],
    ['EUR', 'USD'],
    ['en', 'de'],
  ].flatMap(([one = '', other = '']) => [
    [one, other],
    [other, one],
    [one.toUpperCase(), other.toUpperCase()],
    [other.toUpperCase(), one.toUpperCase()],
  ]),
);

/** Members that tell whose data it is. */
const OWNER =
  /^(e-?mail|user(_?name|_?id)?|owner(_?id)?|customer(_?id|_?name)?|account(_?id)?|tenant(_?id)?|author|assignee|organi[sz]ation)$/i;

/** The match of a pattern in the value's text rewritten. */
function within(
  pattern: RegExp,
  { text }: ValueSpot,
  change: (match: string) => string | undefined,
): string | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const next = change(found[0]);
  return next === undefined ? undefined : text.slice(0, found.index) + next + text.slice(found.index + found[0].length);
}

/** A time in the text, or a number that is one, moved by seconds. */
function moved(spot: ValueSpot, seconds: number): string | undefined {
  if (EPOCH.test(spot.text)) return shiftMoment(spot.text, seconds);
  return withinText(DATE_TIME, spot, (match) => shiftMoment(match, seconds));
}

/** The same in texts alone: a number with other characters is none. */
function withinText(
  pattern: RegExp,
  spot: ValueSpot,
  change: (match: string) => string | undefined,
): string | undefined {
  return spot.kind === 'text' ? within(pattern, spot, change) : undefined;
}

function isToken(text: string): boolean {
  return !UUID.test(text) && /\d/.test(text) && /[a-z]/i.test(text) && looksRandom(text);
}

function between(least: number, most: number, random: Random): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** Decimal text with one digit less behind the point, rounded half up; undefined where that changes no value. */
function rounded(text: string): string | undefined {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)\.(\d+)$/.exec(text) ?? [];
  if (fraction.replace(/0+$/, '').length === 0 || /0$/.test(fraction)) return undefined;
  const scale = BigInt(whole + fraction);
  const tens = ((scale + 5n) / 10n).toString().padStart(whole.length + fraction.length - 1, '0');
  const cut = tens.length - (fraction.length - 1);
  return sign + tens.slice(0, cut) + (fraction.length > 1 ? `.${tens.slice(cut)}` : '');
}

/** UTF-8 bytes read as latin1: `é` becomes `Ã©`. */
function mojibake(text: string): string | undefined {
  if (!/[\u0080-\uFFFF]/.test(text)) return undefined;
  return Array.from(encodeUtf8(text), (byte) => String.fromCharCode(byte)).join('');
}

/** Faults of single values, in JSON, HTML and text alike. */
export const VALUE_FAULTS: readonly Mutator[] = [
  valueMutator(
    'state-swapped',
    'A word that stands for a state, such as "active", is another one.',
    ({ text }) => STATES[text],
  ),
  valueMutator('off-by-one', 'A whole number is one too high or too low.', (spot, random) =>
    within(INTEGER, spot, (match) =>
      EPOCH.test(match) ? undefined : (BigInt(match) + (random() < 0.5 ? 1n : -1n)).toString(),
    ),
  ),
  valueMutator('rounded', 'A decimal number has lost its last digit.', (spot) => within(DECIMAL, spot, rounded)),
  valueMutator('money-as-text', 'An amount such as 12.50 is written 12.5.', (spot) =>
    withinText(MONEY, spot, (match) => match.slice(0, -1)),
  ),
  valueMutator('money-float', 'An amount such as 12.5 is a little off, such as 12.499999998.', (spot) =>
    spot.kind !== 'number' || !/^\d{1,7}\.\d{1,2}$/.test(spot.text)
      ? undefined
      : String(Number((Number(spot.text) - 2e-9).toFixed(9))),
  ),
  valueMutator(
    'big-integer-rounded',
    'An integer beyond 2^53 went through a double and lost its last digits.',
    (spot) => within(/(?<![\w.-])[1-9]\d{15,30}(?![\w.-])/, spot, (match) => BigInt(Number(match)).toString()),
  ),
  valueMutator('text-truncated', 'A text ends in the middle.', ({ kind, text }) =>
    kind === 'number' || text.length < 12 || !/\p{L}{2}/u.test(text)
      ? undefined
      : text.slice(0, Math.floor(text.length * 0.6)).trimEnd(),
  ),
  valueMutator('wrong-time-zone', 'A time is off by whole hours, as if another zone applied.', (spot, random) =>
    moved(spot, (random() < 0.5 ? -1 : 1) * between(1, 11, random) * 3_600),
  ),
  valueMutator('stale-time', 'A time is days old, as from a clock or a cache that stands still.', (spot, random) =>
    moved(spot, -between(86_400, 30 * 86_400, random)),
  ),
  valueMutator('uuid-version', 'A uuid is of another version.', (spot) =>
    withinText(UUID, spot, (match) => `${match.slice(0, 14)}${match[14] === '1' ? '4' : '1'}${match.slice(15)}`),
  ),
  valueMutator('uuid-shape', 'A uuid is written without its dashes.', (spot) =>
    withinText(UUID, spot, (match) => match.replaceAll('-', '')),
  ),
  valueMutator('token-length', 'A token is shorter than it should be.', (spot) =>
    withinText(TOKEN, spot, (match) => (isToken(match) ? match.slice(0, Math.floor(match.length * 0.75)) : undefined)),
  ),
  valueMutator('token-alphabet', 'A token is made of other characters than it should be.', (spot) =>
    withinText(TOKEN, spot, (match) => {
      if (!isToken(match)) return undefined;
      return /[G-Zg-z_-]/.test(match)
        ? hexOf(match)
        : match.toUpperCase() === match
          ? match.toLowerCase()
          : match.toUpperCase();
    }),
  ),
  valueMutator('tenant-mix-up', "A value is that of another tenant's or person's data.", ({ kind, text, name }) => {
    if (!OWNER.test(name)) return undefined;
    if (kind === 'number') return String(900_000_000 + text.length * 7_919);
    return text.includes('@') ? 'someone.else@other.example' : 'Someone Else';
  }),
  valueMutator('mojibake', 'UTF-8 was read as latin1.', ({ text }) => mojibake(text)),
  valueMutator('escaped-twice', 'A character is escaped once too often, as in "&amp;amp;".', (spot) =>
    withinText(/&(?:[a-z]{2,8}|#\d{1,6});|&/i, spot, (match) => `&amp;${match.slice(1)}`),
  ),
];

/** As many hex digits as there were characters. */
function hexOf(text: string): string {
  return Array.from(text, (character, at) => ((character.charCodeAt(0) * 7 + at * 3) % 16).toString(16)).join('');
}
