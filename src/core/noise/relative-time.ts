import { FlatLearner, type Learner, MAX_KEPT, type ValuePair, withItem } from './learner.ts';

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
const NOW = /^(just now|now|a moment ago|moments ago)$/i;

/** `3 hours ago` as words that stay the same and seconds. */
function readRelative(text: string): { form: string; seconds: number } | undefined {
  if (text.length > 40) return undefined;
  if (NOW.test(text)) return { form: 'now', seconds: 0 };
  const [whole, before = '', about = '', count = '', space = '', unit = '', , after = ''] = COUNTED.exec(text) ?? [];
  if (whole === undefined || (before === '') === (after === '')) return undefined;
  const seconds = (/\d/.test(count) ? Number(count) : 1) * (UNIT_SECONDS[unit.toLowerCase()] ?? 0);
  return { form: `${before}${about}N${space}${unit.length > 3 ? 'unit' : 'u'}${after}`.toLowerCase(), seconds };
}

type RelativeState = {
  readonly seen: boolean;
  readonly least: number;
  readonly most: number;
  readonly forms: readonly string[];
};

/** Distances in words: `just now`, `3 hours ago`, `in 5 minutes`. */
export class RelativeTimeLearner extends FlatLearner<RelativeState> implements Learner {
  readonly name = 'relative-time';

  constructor() {
    super({ seen: false, least: 0, most: 0, forms: [] });
  }

  absorb({ control, candidate }: ValuePair): boolean {
    for (const { text } of [control, candidate]) {
      const read = readRelative(text);
      if (read === undefined || this.state.forms.length >= MAX_KEPT) return false;
      const { seen, least, most, forms } = this.state;
      this.state = {
        seen: true,
        least: seen ? Math.min(least, read.seconds) : read.seconds,
        most: seen ? Math.max(most, read.seconds) : read.seconds,
        forms: withItem(forms, read.form),
      };
    }
    return true;
  }

  accepts({ control, candidate }: ValuePair): boolean {
    const read = readRelative(candidate.text);
    if (read === undefined) return false;
    if (!this.state.forms.includes(read.form) && readRelative(control.text)?.form !== read.form) return false;
    return read.seconds >= this.least() && read.seconds <= this.most();
  }

  private least(): number {
    return this.state.least / 2 - 60;
  }

  private most(): number {
    return this.state.most * 2 + 60;
  }

  envelope(): string {
    return `a distance in words (${this.state.forms.join(', ')}) of ${Math.max(0, this.least())} to ${this.most()} s`;
  }
}
