import { FlatLearner, type Learner, type Recognised, type ValuePair } from './learner.ts';

/** Integers that stay exact as numbers. */
const INTEGER = /^\d{1,15}$/;
const DECIMAL = /^-?\d{1,300}(?:\.(\d{1,100}))?(?:[eE]([+-]?\d{1,3}))?$/;

/** A counter may be asked in the other order, and somebody else may count between the two. */
const COUNTER_SLACK = 5;
/** So many times the largest step seen may lie between the two sides. */
const COUNTER_STEPS = 10;

/** And so much of the control's: counters of several processes are not in step. */
const COUNTER_SHARE = 0.02;

type CounterState = {
  readonly seen: boolean;
  readonly least: number;
  readonly last: number;
  readonly step: number;
  /** Whether it also rises from one exchange to the next: one counter for all requests. */
  readonly rises: boolean;
  readonly pairs: number;
};

/** Integers that rise from one answer to the next: visits, sequence numbers. */
export class CounterLearner extends FlatLearner<CounterState> implements Learner {
  readonly name = 'counter';

  constructor() {
    super({ seen: false, least: 0, last: 0, step: 0, rises: true, pairs: 0 });
  }

  absorb({ control, candidate }: ValuePair): boolean {
    if (!INTEGER.test(control.text) || !INTEGER.test(candidate.text)) return false;
    const [first, second] = [Number(control.text), Number(candidate.text)];
    if (second <= first) return false;
    const { seen, least, last, step, rises, pairs } = this.state;
    this.state = {
      seen: true,
      pairs: pairs + 1,
      least: seen ? Math.min(least, first) : first,
      last: second,
      step: Math.max(step, second - first),
      rises: rises && (!seen || first >= last),
    };
    return true;
  }

  recognise({ control, candidate }: ValuePair): Recognised | undefined {
    if (!INTEGER.test(control.text) || !INTEGER.test(candidate.text)) return undefined;
    const ahead = Number(candidate.text) - Number(control.text);
    const share = COUNTER_SHARE * Number(control.text);
    if (ahead < -Math.max(share, this.back()) || ahead > Math.max(share, this.forth())) return undefined;
    return this.rises() && Number(candidate.text) < this.least() ? undefined : { class: this.name };
  }

  /** Five numbers in a row rise by chance in 1 of 120 cases. */
  private rises(): boolean {
    return this.state.rises && this.state.pairs >= 5;
  }

  private least(): number {
    return Math.max(0, this.state.least - COUNTER_SLACK);
  }

  private back(): number {
    return 2 * this.state.step + COUNTER_SLACK;
  }

  private forth(): number {
    return COUNTER_STEPS * (this.state.step + 1);
  }

  envelope(): string {
    const least = this.rises() ? `, at least ${this.least()}` : '';
    return `an integer that rises with each answer: at most ${this.back()} below the control's and ${this.forth()} above, or 2 %${least}`;
  }
}

type NumberState = {
  readonly pairs: number;
  readonly least: number;
  readonly greatest: number;
  /** Largest distance of two answers, and the same as a share of the larger. */
  readonly apart: number;
  readonly share: number;
  readonly fewest: number;
  readonly most: number;
};

/** Up to this share two answers are one value that was computed in another order, or a measure that wavers. */
const FLOAT_SHARE = 0.05;
/** Below this it is rounding and nothing else: data changes by more. */
const ROUNDING_SHARE = 2e-6;
/** From so many pairs on the extremes seen are near the true ones. */
const ENOUGH_PAIRS = 10;

/** Numbers as far from each other as seen, of the magnitude seen, with as many decimals as seen. */
export class NumberLearner extends FlatLearner<NumberState> implements Learner {
  constructor() {
    super({ pairs: 0, least: 0, greatest: 0, apart: 0, share: 0, fewest: 0, most: 0 });
  }

  get name(): string {
    return this.state.share <= FLOAT_SHARE && this.state.most > 0 ? 'float' : 'number';
  }

  absorb({ control, candidate }: ValuePair): boolean {
    const [a, b] = [readNumber(control.text), readNumber(candidate.text)];
    if (a === undefined || b === undefined) return false;
    const { pairs, least, greatest, apart, share, fewest, most } = this.state;
    const [low, high] = [Math.min(a.value, b.value), Math.max(a.value, b.value)];
    const [few, many] = [Math.min(a.decimals, b.decimals), Math.max(a.decimals, b.decimals)];
    this.state = {
      pairs: pairs + 1,
      least: pairs > 0 ? Math.min(least, low) : low,
      greatest: pairs > 0 ? Math.max(greatest, high) : high,
      apart: Math.max(apart, high - low),
      share: Math.max(share, shareOf(a.value, b.value)),
      fewest: pairs > 0 ? Math.min(fewest, few) : few,
      most: Math.max(most, many),
    };
    return true;
  }

  isCertain(): boolean {
    return this.state.share <= ROUNDING_SHARE;
  }

  recognise({ control, candidate }: ValuePair): Recognised | undefined {
    const [mine, theirs] = [readNumber(control.text), readNumber(candidate.text)];
    if (mine === undefined || theirs === undefined || !this.hasDecimals(theirs.decimals)) return undefined;
    const near = this.factor();
    const { share, apart, least, greatest } = this.state;
    const isNear = Math.abs(mine.value - theirs.value) <= near * apart;
    // Something that is computed wavers in proportion: a price of 10 less than one of 1,000.
    const isAlike = share <= FLOAT_SHARE && shareOf(mine.value, theirs.value) <= this.reach();
    if (!(share <= FLOAT_SHARE ? isAlike : isNear)) return undefined;
    // Where two answers are far nearer to each other than those of different requests, the range says nothing.
    if (share <= FLOAT_SHARE || apart <= FLOAT_SHARE * (greatest - least)) return { class: this.name };
    const [low, high] = this.range(least, greatest);
    return theirs.value >= low && theirs.value <= high ? { class: this.name } : undefined;
  }

  /** The share by which two numbers may differ; counters that go round waver as whole numbers do. */
  private reach(): number {
    const reach = this.factor() * this.state.share;
    return this.state.most === 0 ? Math.max(COUNTER_SHARE, reach) : reach;
  }

  /** How much further than seen: the largest of few pairs says little. */
  private factor(): number {
    return this.state.pairs >= ENOUGH_PAIRS ? 2 : 4;
  }

  private hasDecimals(decimals: number): boolean {
    const { fewest, most, pairs } = this.state;
    // Serialisers drop trailing zeros: one in ten numbers. If 40 of them have not, there are none to drop.
    const isExact = fewest === most && (pairs >= 2 * ENOUGH_PAIRS || most === 0);
    const fewer = isExact ? 0 : pairs >= 2 * ENOUGH_PAIRS ? 1 : 2;
    if (isExact) return decimals === most;
    // Full precision may show one more digit than ever before.
    const more = most > 9 || (pairs < ENOUGH_PAIRS && fewest !== most) ? 2 : 0;
    return decimals >= fewest - fewer && decimals <= most + more;
  }

  /** What was seen and as much again on either side, but no other sign. */
  private range(least: number, greatest: number): readonly [number, number] {
    const wide = (greatest - least) * (this.state.pairs >= ENOUGH_PAIRS ? 1 : 3);
    const [low, high] = [least - wide, greatest + wide];
    return [
      least > 0 ? Math.max(low, least / 10) : least === 0 ? 0 : low,
      greatest < 0 ? Math.min(high, greatest / 10) : greatest === 0 ? 0 : high,
    ];
  }

  envelope(): string {
    const { fewest, most, share, apart, least, greatest } = this.state;
    const decimals = `with ${fewest === most ? fewest : `about ${fewest} to ${most}`} decimals`;
    const near = this.factor();
    if (share <= FLOAT_SHARE) return `a number ${decimals}, within ${short(this.reach() * 100)} % of the control's`;
    const [low, high] = this.range(least, greatest);
    return `a number from ${short(low)} to ${short(high)} ${decimals}, at most ${short(near * apart)} from the control's`;
  }
}

/** The distance of two numbers as a share of the larger. */
function shareOf(a: number, b: number): number {
  return a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function readNumber(text: string): { value: number; decimals: number } | undefined {
  const parts = DECIMAL.exec(text);
  const value = Number(text);
  // Ten times the value must still be a number.
  if (parts === null || Math.abs(value) > 1e300) return undefined;
  return { value, decimals: Math.max(0, (parts[1]?.length ?? 0) - Number(parts[2] ?? 0)) };
}
