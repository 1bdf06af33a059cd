import { DATE_IN_TEXT, mayBeginDate } from './moment.ts';
import { UUID_IN_TEXT } from './uuid.ts';

/**
 * Which characters make a run. `fine`: letters and digits alone, so `00-8ef4…-7260…-01` has four parts.
 * `wide`: base64 may hold `+`, `/`, `%` and end with `=`; `narrow` is without them, so that a query's runs are apart.
 */
export type RunKind = 'fine' | 'narrow' | 'wide';

const KINDS: Readonly<Record<RunKind, number>> = { fine: 1, narrow: 2, wide: 4 };

/** For each character of ASCII the kinds of run it belongs to, as bits. */
const MEMBERSHIP = membership();

function membership(): Uint8Array {
  const table = new Uint8Array(128);
  const add = (characters: string, bits: number): void => {
    for (const character of characters) table[character.charCodeAt(0)] = bits;
  };
  add('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', 7);
  add('_-', KINDS.narrow | KINDS.wide);
  add('%+/', KINDS.wide);
  return table;
}

const DATE = new RegExp(DATE_IN_TEXT, 'y');
const UUID = new RegExp(UUID_IN_TEXT, 'y');
const [DASH, EQUALS] = [45, 61];

/**
 * Calls `take` with where each date, uuid or run of a text begins and ends, from left to right; a date is tried before a uuid,
 * and that before a run. Stops where `take` gives false. The expensive patterns are tried only where they could begin.
 */
export function eachRun(text: string, kind: RunKind, take: (from: number, to: number) => boolean): void {
  const bit = KINDS[kind];
  let at = 0;
  while (at < text.length) {
    const end = isMember(text, at, bit) ? endOf(text, at, kind, bit) : at;
    if (end > at && !take(at, end)) return;
    at = Math.max(end, at + 1);
  }
}

function isMember(text: string, at: number, bit: number): boolean {
  const code = text.charCodeAt(at);
  return code < 128 && ((MEMBERSHIP[code] ?? 0) & bit) !== 0;
}

/** Every date and uuid begins with a letter or digit, and so with a character of every kind of run. */
function endOf(text: string, from: number, kind: RunKind, bit: number): number {
  if (mayBeginDate(text, from)) {
    DATE.lastIndex = from;
    if (DATE.test(text)) return DATE.lastIndex;
  }
  if (
    text.charCodeAt(from + 8) === DASH &&
    text.charCodeAt(from + 13) === DASH &&
    text.charCodeAt(from + 18) === DASH
  ) {
    UUID.lastIndex = from;
    if (UUID.test(text)) return UUID.lastIndex;
  }
  let end = from + 1;
  while (end < text.length && isMember(text, end, bit)) end++;
  if (kind === 'wide') while (text.charCodeAt(end) === EQUALS) end++;
  return end;
}
