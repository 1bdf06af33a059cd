import type { Finding, Value } from '../compare/finding.ts';
import { readCount, record } from './learner.ts';
import { shapeOf } from './list-noise.ts';
import { FORGOTTEN_PAIRS, isOften, notLearned, rarely } from './value-noise.ts';
import { VaryingLearner } from './varying.ts';

/** Shapes kept of what comes and goes; a longer one is not kept. */
const MAX_SHAPES = 16;
const MAX_SHAPE = 2_000;

/** A member that is in some answers of the control and missing in others to the same request: absent, or what was seen. */
export class OptionalNoise {
  samples = 0;
  #lastPair = 0;
  readonly #shapes = new Set<string>();
  readonly #values = new VaryingLearner();

  absorb({ control, candidate }: Finding, pairNumber: number): void {
    const value = control ?? candidate;
    if (value === undefined) return;
    this.samples++;
    this.#lastPair = pairNumber;
    const shape = shapeIn(value);
    if (this.#shapes.size < MAX_SHAPES && shape.length <= MAX_SHAPE) this.#shapes.add(shape);
    if (isPlain(value)) this.#values.see(value.text, false);
  }

  /** Whether what is missing or new may be so: it came and went often enough, and what is there looks as it did. */
  covers({ control, candidate }: Finding, pairs: number): boolean {
    const value = control ?? candidate;
    if (value === undefined || !isOften(this.samples, pairs)) return false;
    if (pairs - this.#lastPair > FORGOTTEN_PAIRS || !this.#shapes.has(shapeIn(value))) return false;
    if (candidate === undefined || !isPlain(candidate)) return true;
    return this.#values.recognise({ control: candidate, candidate, repeated: false }) !== undefined;
  }

  /** Why it is not excused; undefined: it is. */
  refusal(pairs: number): string | undefined {
    if (pairs - this.#lastPair > FORGOTTEN_PAIRS)
      return notLearned(`it has neither come nor gone in ${FORGOTTEN_PAIRS} pairs`);
    return isOften(this.samples, pairs) ? undefined : rarely(this.samples, pairs);
  }

  envelope(): string {
    const shapes = this.#shapes.size;
    return `absent, or of ${shapes} ${shapes === 1 ? 'shape' : 'shapes'} the control has shown: ${this.#values.envelope()}`;
  }

  save(): unknown {
    const { samples } = this;
    return { samples, lastPair: this.#lastPair, shapes: [...this.#shapes], values: this.#values.save() };
  }

  load(saved: unknown): boolean {
    const from = record(saved);
    const [samples, lastPair] = [readCount(from?.['samples']), readCount(from?.['lastPair'])];
    const shapes = from?.['shapes'];
    if (samples === undefined || lastPair === undefined || !Array.isArray(shapes)) return false;
    if (!this.#values.load(from?.['values'])) return false;
    this.samples = samples;
    this.#lastPair = lastPair;
    for (const shape of shapes.slice(0, MAX_SHAPES)) {
      if (typeof shape === 'string' && shape.length <= MAX_SHAPE) this.#shapes.add(shape);
    }
    return true;
  }
}

function isPlain({ type }: Value): boolean {
  return type === 'text' || type === 'number' || type === 'boolean';
}

function shapeIn(value: Value): string {
  return `${value.type} ${shapeOf(value) ?? ''}`;
}
