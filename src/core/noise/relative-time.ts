import { FlatLearner, type Learner, MAX_KEPT, type Recognised, type ValuePair, withItem } from './learner.ts';

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  sec: 1,
  second: 1,
  m: 60,
  min: 60,
  minute: 60,
  h: 3_600,
  hr: 3_600,
  hour: 3_600,
  d: 86_400,
  day: 86_400,
  w: 604_800,
  week: 604_800,
  mo: 2_629_800,
  month: 2_629_800,
  y: 31_557_600,
  year: 31_557_600,
};
const COUNTED =
  /^(in )?(about )?(an?|\d{1,4})( ?)(sec|second|min|minute|hr|hour|day|week|month|year|mo|[smhdwy])(s?)( ago| from now)?$/i;
const NOW =
  /^(just now|now|a moment ago|moments ago|a few seconds ago|gerade eben|jetzt|à l’instant|à l'instant|ahora mismo|hace un momento)$/i;
/** German, French and Spanish: `vor 3 Stunden`, `il y a 3 heures`, `hace 3 horas`, and ahead `in`, `dans`, `en` or `dentro de`. */
const COUNTED_ELSEWHERE =
  /^(vor|in|il y a|dans|hace|en|dentro de) (ein|eine|einem|einer|un|une|una|\d{1,4}) ([a-zäñéû]{3,9})$/i;
const UNITS_ELSEWHERE: readonly (readonly [begin: string, seconds: number])[] = [
  ['sek', 1],
  ['seg', 1],
  ['sec', 1],
  ['min', 60],
  ['stunde', 3_600],
  ['heure', 3_600],
  ['hora', 3_600],
  ['tag', 86_400],
  ['jour', 86_400],
  ['día', 86_400],
  ['dia', 86_400],
  ['woche', 604_800],
  ['semaine', 604_800],
  ['semana', 604_800],
  ['monat', 2_629_800],
  ['mois', 2_629_800],
  ['mes', 2_629_800],
  ['jahr', 31_557_600],
  ['an', 31_557_600],
  ['año', 31_557_600],
];

interface Relative {
  readonly form: string;
  readonly seconds: number;
  /** Its smallest step. */
  readonly step: number;
}

/** `3 hours ago` as words that stay the same and seconds. */
function readRelative(text: string): Relative | undefined {
  // `now` and `jetzt` are the only ones of one word.
  if (text.length > 40 || (text.length > 5 && !text.includes(' '))) return undefined;
  if (NOW.test(text)) return { form: 'now', seconds: 0, step: 60 };
  const [whole, before = '', about = '', count = '', space = '', unit = '', , after = ''] = COUNTED.exec(text) ?? [];
  if (whole === undefined || (before === '') === (after === '')) return readElsewhere(text);
  const step = UNIT_SECONDS[unit.toLowerCase()] ?? 0;
  const form = `${before}${about}N${space}${unit.length > 3 ? 'unit' : 'u'}${after}`.toLowerCase();
  return { form, seconds: (/\d/.test(count) ? Number(count) : 1) * step, step };
}

function readElsewhere(text: string): Relative | undefined {
  const [, before, count = '', unit = ''] = COUNTED_ELSEWHERE.exec(text) ?? [];
  const step = UNITS_ELSEWHERE.find(([begin]) => unit.toLowerCase().startsWith(begin))?.[1];
  if (before === undefined || step === undefined) return undefined;
  return { form: `${before} N unit`.toLowerCase(), seconds: (/\d/.test(count) ? Number(count) : 1) * step, step };
}

/** Two distances in words whose step is a minute at most, one step or the time between the two requests apart. */
export function isRelativeTime(control: string, candidate: string, gapMs: number): boolean {
  const mine = readRelative(control);
  const theirs = mine === undefined ? undefined : readRelative(candidate);
  if (mine === undefined || theirs === undefined || Math.max(mine.step, theirs.step) > 60) return false;
  const reach = Math.max(mine.step, theirs.step) + Math.ceil(Math.max(0, gapMs) / 1000);
  return (mine.form === theirs.form || mine.seconds < 120) && Math.abs(mine.seconds - theirs.seconds) <= reach;
}

type RelativeState = {
  readonly seen: boolean;
  readonly least: number;
  readonly most: number;
  /** Largest distance of two answers to one request. */
  readonly apart: number;
  readonly forms: readonly string[];
};

/** Distances in words: `just now`, `3 hours ago`, `in 5 minutes`. */
export class RelativeTimeLearner extends FlatLearner<RelativeState> implements Learner {
  readonly name = 'relative-time';

  constructor() {
    super({ seen: false, least: 0, most: 0, apart: 0, forms: [] });
  }

  absorb({ control, candidate }: ValuePair): boolean {
    const [left, right] = [readRelative(control.text), readRelative(candidate.text)];
    if (left === undefined || right === undefined || this.state.forms.length >= MAX_KEPT - 1) return false;
    const { seen, least, most, forms, apart } = this.state;
    const [low, high] = [Math.min(left.seconds, right.seconds), Math.max(left.seconds, right.seconds)];
    this.state = {
      seen: true,
      least: seen ? Math.min(least, low) : low,
      most: seen ? Math.max(most, high) : high,
      apart: Math.max(apart, high - low),
      forms: withItem(withItem(forms, left.form), right.form),
    };
    return true;
  }

  recognise({ control, candidate }: ValuePair): Recognised | undefined {
    const [mine, read] = [readRelative(control.text), readRelative(candidate.text)];
    if (read === undefined || mine === undefined) return undefined;
    if (!this.state.forms.includes(read.form) && mine.form !== read.form) return undefined;
    if (read.seconds < this.least() || read.seconds > this.most()) return undefined;
    const reach = Math.max(2 * this.state.apart, mine.step, read.step);
    return Math.abs(read.seconds - mine.seconds) <= reach ? { class: this.name } : undefined;
  }

  private least(): number {
    return this.state.least / 2 - 60;
  }

  private most(): number {
    return this.state.most * 2 + 60;
  }

  envelope(): string {
    return `a distance in words (${this.state.forms.join(', ')}) of ${Math.max(0, this.least())} to ${this.most()} s, a step or ${2 * this.state.apart} s from the control's`;
  }
}
