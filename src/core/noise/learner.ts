import type { Value } from '../compare/finding.ts';

/** When a pair was asked. */
export interface NoiseContext {
  /** When the client's request arrived, ms since the epoch. */
  readonly at: number;
  /** Between the two requests, ms. */
  readonly gapMs: number;
  /** Names the exchange, where two may have arrived in the same millisecond; otherwise `at` does. */
  readonly exchange?: string;
  /** What was asked; both sides were asked the same. */
  readonly request?: { readonly target: string; readonly headers: readonly (readonly [string, string])[] };
}

/** Which noise a difference is, and what of it must not come again. */
export interface Recognised {
  readonly class: string;
  /** The drawn parts of either side; absent where nothing was drawn: a time. */
  readonly drawn?: { readonly control: string; readonly candidate: string };
  /** Moments of either side, where a candidate's clock that stands still can be told from one that goes. */
  readonly clock?: ClockPair;
  /** What may happen once by chance, and says that something is lost when it happens again soon: `rounded`. */
  readonly rare?: string;
}

/** Two values of one place: two answers of the control, or the control's and the candidate's. */
export interface ValuePair {
  readonly control: Value;
  readonly candidate: Value;
  /** Whether the place is inside a repeated element. */
  readonly repeated: boolean;
}

/** Moments that the two sides showed in one exchange. */
export interface ClockPair {
  readonly controlMs: number;
  readonly candidateMs: number;
  /** When the client's request arrived, by the same clock. */
  readonly at: number;
  /** How far two clocks that go may be apart in this exchange. */
  readonly reachMs: number;
}

/** What a learner keeps: one flat record, so that one reader serves all of them. */
export type Flat = { readonly [key: string]: number | string | boolean | readonly string[] };

/** Distinct values, shapes and formats kept of one path. */
export const MAX_KEPT = 64;
/** Characters of a fixed text that is kept; longer ones are not learned. */
export const MAX_KEPT_TEXT = 200;

/** One class of noise at one path: it takes samples of the control as long as they fit, and checks the candidate against them. */
export interface Learner {
  readonly name: string;
  /** Takes two answers of the control; false when they are none of this class, which ends the learner. */
  absorb(pair: ValuePair, context: NoiseContext): boolean;
  /** What the candidate's value is, if it is inside what the control has shown. */
  recognise(pair: ValuePair, context: NoiseContext): Recognised | undefined;
  /** Whether the samples can be nothing but noise, however few they are. */
  isCertain?(): boolean;
  /** What is still checked, as a sentence. */
  envelope(): string;
  save(): unknown;
  /** Takes a saved state; false when it is none. */
  load(saved: unknown): boolean;
}

/** A learner whose knowledge is one flat record. */
export abstract class FlatLearner<S extends Flat> {
  state: S;

  constructor(state: S) {
    this.state = state;
  }

  save(): S {
    return this.state;
  }

  load(saved: unknown): boolean {
    const state = readLike(this.state, saved);
    if (state !== undefined) this.state = state;
    return state !== undefined;
  }
}

/** The members of `saved` that `template` has, if all are there with the same types and inside the bounds. */
export function readLike<S extends Flat>(template: S, saved: unknown): S | undefined {
  const from = record(saved);
  if (from === undefined) return undefined;
  const state: Record<string, unknown> = {};
  for (const [key, example] of Object.entries(template)) {
    const value = Object.hasOwn(from, key) ? from[key] : undefined;
    if (!isLike(example, value)) return undefined;
    state[key] = value;
  }
  return state as S; // every member of the template was read with the template's type
}

function isLike(example: Flat[string], value: unknown): boolean {
  if (Array.isArray(example)) {
    return Array.isArray(value) && value.length <= MAX_KEPT && value.every((item) => isKeptText(item));
  }
  if (typeof example === 'number') return Number.isFinite(value);
  return typeof example === 'string' ? isKeptText(value) : typeof value === typeof example;
}

function isKeptText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_KEPT_TEXT;
}

/** An object of a saved state, or undefined. */
export function record(saved: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof saved !== 'object' || saved === null || Array.isArray(saved)) return undefined;
  return saved as Record<string, unknown>; // an object that is neither null nor a list
}

/** The list with `item`, unless it is there or the list is full. */
export function withItem(list: readonly string[], item: string): readonly string[] {
  return list.includes(item) || list.length >= MAX_KEPT ? list : [...list, item];
}

/** A count of a saved state, or undefined. */
export function readCount(saved: unknown): number | undefined {
  return typeof saved === 'number' && Number.isSafeInteger(saved) && saved >= 0 ? saved : undefined;
}
