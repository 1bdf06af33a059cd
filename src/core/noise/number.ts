import { FlatLearner, type Learner, type ValuePair } from './learner.ts';

/** Integers that stay exact as numbers. */
const INTEGER = /^\d{1,15}$/;
const DECIMAL = /^-?\d{1,300}(?:\.(\d{1,100}))?$/;

/** A counter may be asked a little before the smallest one seen. */
const COUNTER_SLACK = 5;

type CounterState = { readonly seen: boolean; readonly least: number; readonly last: number };

/** Integers that only rise: visits, sequence numbers. */
export class CounterLearner extends FlatLearner<CounterState> implements Learner {
  readonly name = 'counter';

  constructor() {
    super({ seen: false, least: 0, last: 0 });
  }

  absorb({ control, candidate }: ValuePair): boolean {
    if (!INTEGER.test(control.text) || !INTEGER.test(candidate.text)) return false;
    const [first, second] = [Number(control.text), Number(candidate.text)];
    if (second <= first || (this.state.seen && first < this.state.last)) return false;
    this.state = { seen: true, least: this.state.seen ? this.state.least : first, last: second };
    return true;
  }

  accepts({ control, candidate }: ValuePair): boolean {
    if (!INTEGER.test(control.text) || !INTEGER.test(candidate.text)) return false;
    if (Math.abs(candidate.text.length - control.text.length) > 1) return false;
    return Number(candidate.text) >= this.state.least - COUNTER_SLACK;
  }

  envelope(): string {
    return `an integer of at least ${Math.max(0, this.state.least - COUNTER_SLACK)}, as many digits as the control's, one more or less`;
  }
}

type NumberState = {
  readonly seen: boolean;
  readonly least: number;
  readonly greatest: number;
  readonly fewest: number;
  readonly most: number;
};

/** Numbers of one magnitude, with as many decimals as seen. */
export class NumberLearner extends FlatLearner<NumberState> implements Learner {
  readonly name = 'number';

  constructor() {
    super({ seen: false, least: 0, greatest: 0, fewest: 0, most: 0 });
  }

  absorb({ control, candidate }: ValuePair): boolean {
    for (const { text } of [control, candidate]) {
      const number = readNumber(text);
      if (number === undefined) return false;
      const { seen, least, greatest, fewest, most } = this.state;
      this.state = {
        seen: true,
        least: seen ? Math.min(least, number.value) : number.value,
        greatest: seen ? Math.max(greatest, number.value) : number.value,
        fewest: seen ? Math.min(fewest, number.decimals) : number.decimals,
        most: seen ? Math.max(most, number.decimals) : number.decimals,
      };
    }
    return true;
  }

  accepts({ candidate }: ValuePair): boolean {
    const number = readNumber(candidate.text);
    if (number === undefined) return false;
    const [low, high] = this.range();
    if (number.value < low || number.value > high) return false;
    const { fewest, most } = this.state;
    // Serialisers drop trailing zeros: where the count varies, one more or less in a hundred numbers is two off.
    const slack = fewest === most ? 0 : 2;
    return number.decimals >= fewest - slack && number.decimals <= most + slack;
  }

  /** A tenth of the smallest magnitude to ten times the largest. */
  private range(): readonly [number, number] {
    const { least, greatest } = this.state;
    return [least >= 0 ? least / 10 : least * 10, greatest >= 0 ? greatest * 10 : greatest / 10];
  }

  envelope(): string {
    const [low, high] = this.range();
    const { fewest, most } = this.state;
    return `a number from ${low} to ${high} with ${fewest === most ? fewest : `about ${fewest} to ${most}`} decimals`;
  }
}

function readNumber(text: string): { value: number; decimals: number } | undefined {
  const parts = DECIMAL.exec(text);
  const value = Number(text);
  // Ten times the value must still be a number.
  if (parts === null || Math.abs(value) > 1e300) return undefined;
  return { value, decimals: parts[1]?.length ?? 0 };
}
