import type { Value } from '../compare/finding.ts';
import type { DifferenceKind } from '../verdict.ts';

/**
 * How a value became another, in words that are the same for all values one cause touches.
 * `isTelling`: two such changes at one place of two endpoints are hardly a coincidence.
 */
export interface Change {
  readonly transition: string;
  readonly isTelling: boolean;
}

/** A finding without its place. */
export interface Changed {
  readonly kind: DifferenceKind;
  readonly control?: Value;
  readonly candidate?: Value;
}

/** What a finding says about how values change. What is gone or new has only its being there in common: rows differ in what it held. */
export function changeOf({ kind, control, candidate }: Changed): Change {
  switch (kind) {
    case 'removed':
      return { transition: 'present → absent', isTelling: true };
    case 'added':
      return { transition: 'absent → present', isTelling: true };
    case 'type':
      return { transition: `${kindOfValue(control)} → ${kindOfValue(candidate)}`, isTelling: true };
    case 'order':
      return { transition: 'another order', isTelling: false };
    case 'whitespace':
      return { transition: 'other white space', isTelling: false };
    case 'timing':
      return { transition: 'far slower', isTelling: false };
    case 'alias':
      return { transition: "another's value", isTelling: false };
    case 'value':
    case 'failure':
      return valueChange(control, candidate);
  }
}

function valueChange(control: Value | undefined, candidate: Value | undefined): Change {
  if (control === undefined || candidate === undefined || control.type !== candidate.type) {
    return { transition: `${kindOfValue(control)} → ${kindOfValue(candidate)}`, isTelling: false };
  }
  const relation = relationOf(control, candidate);
  const kind = kindOfValue(control);
  if (relation !== undefined) return { transition: `${kind}: ${relation}`, isTelling: true };
  return { transition: `${kind} → ${kindOfValue(candidate)}`, isTelling: false };
}

const TIME = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)|^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} /;
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/;
const LONGEST = 2_000;

/** A value's class, coarse: a member that holds `12` here and `A7` there is one member. */
function kindOfValue(value: Value | undefined): string {
  if (value === undefined) return 'absent';
  if (value.type !== 'text') return value.type;
  const text = value.text.trim();
  if (text === '') return 'empty';
  if (UUID.test(text)) return 'uuid';
  if (TIME.test(text)) return 'time';
  if (/^https?:\/\//.test(text)) return 'url';
  return 'text';
}

/** What both values have to do with each other, where that can be said at a glance. */
function relationOf(control: Value, candidate: Value): string | undefined {
  if (control.text.length > LONGEST || candidate.text.length > LONGEST) return undefined;
  if (control.type === 'boolean') return 'inverted';
  if (control.type === 'number') return numberRelation(control.text, candidate.text);
  if (control.type !== 'text') return undefined;
  return numberRelation(control.text, candidate.text) ?? textRelation(control.text, candidate.text);
}

/** Factors by which units differ: cents, thousands, seconds and milliseconds, bits and bytes do not hide among others. */
const FACTORS: readonly number[] = [100, 1_000, 1_000_000];

function numberRelation(mine: string, theirs: string): string | undefined {
  if (!mayBeNumber(mine) || !mayBeNumber(theirs) || !NUMBER.test(mine) || !NUMBER.test(theirs)) return undefined;
  const [a, b] = [Number(mine), Number(theirs)];
  if (a === 0 || b === 0) return undefined;
  const near = (x: number, y: number): boolean => Math.abs(x - y) <= Math.abs(x) * 1e-9;
  for (const factor of FACTORS) {
    if (near(a * factor, b)) return `× ${factor}`;
    if (near(b * factor, a)) return `÷ ${factor}`;
  }
  if (near(a, -b)) return 'other sign';
  return undefined;
}

/** Cheap: a sign or a digit comes first. */
function mayBeNumber(text: string): boolean {
  const first = text.charCodeAt(0);
  return first === 45 || (first >= 48 && first <= 57);
}

function textRelation(mine: string, theirs: string): string | undefined {
  if (mine.toLowerCase() === theirs.toLowerCase()) return 'other case';
  const from = instantOf(mine);
  const to = from === undefined ? undefined : instantOf(theirs);
  if (from !== undefined && to !== undefined) {
    if (from === to) return 'same time, written otherwise';
    if (Math.abs(from - to) <= 14 * HOUR && (from - to) % (HOUR / 4) === 0) return 'other time zone';
  }
  if (escaped(mine) === theirs || mine === escaped(theirs)) return 'escaped otherwise';
  if (theirs.length >= 8 && theirs.length < mine.length && mine.startsWith(theirs.replace(/(?:…|\.\.\.)$/, '')))
    return 'cut';
  return undefined;
}

const HOUR = 3_600_000;
const INSTANT = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?\d*)?(Z|[+-]\d{2}:?\d{2})?$/;

/** Milliseconds of an RFC 3339 time; one without a zone counts as UTC. Days since the epoch by Hinnant's algorithm (2013). */
function instantOf(text: string): number | undefined {
  if (text[4] !== '-') return undefined;
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6] ?? 0)];
  const y = year - (month <= 2 ? 1 : 0);
  const era = Math.floor(y / 400);
  const inEra = y - era * 400;
  const inYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const days = era * 146_097 + inEra * 365 + Math.floor(inEra / 4) - Math.floor(inEra / 100) + inYear - 719_468;
  const zone = match[8] === undefined || match[8] === 'Z' ? null : /^([+-])(\d{2}):?(\d{2})$/.exec(match[8]);
  const offset = zone === null ? 0 : (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3]));
  const milliseconds = match[7] === undefined ? 0 : Number(match[7]) * 10 ** (3 - match[7].length);
  return (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * 1_000 + milliseconds;
}

function escaped(text: string): string {
  if (!/[&<>"']/.test(text)) return text;
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
