import { hash48 } from '../compare/hash.ts';
import { type Learner, type NoiseContext, type Recognised, readCount, record, type ValuePair } from './learner.ts';
import { LinkLearner } from './link.ts';
import { CounterLearner, NumberLearner } from './number.ts';
import { PartsLearner } from './parts.ts';
import { PrefixedLearner } from './prefixed.ts';
import { RelativeTimeLearner } from './relative-time.ts';
import { TimeLearner } from './time.ts';
import { TokenLearner } from './token.ts';
import { UuidLearner } from './uuid.ts';
import { VaryingLearner } from './varying.ts';

/** Most specific first: the first that fits all samples is the class. The last fits everything. */
const WHOLE: Readonly<Record<string, () => Learner>> = {
  time: () => new TimeLearner(),
  uuid: () => new UuidLearner(),
  relative: () => new RelativeTimeLearner(),
  counter: () => new CounterLearner(),
  number: () => new NumberLearner(),
  json: () => new PartsLearner('json', newPart),
  encoded: () => new PartsLearner('encoded', newPart),
  prefixed: () => new PrefixedLearner(),
  token: () => new TokenLearner(),
  link: () => new LinkLearner(),
  insideFine: () => new PartsLearner('inside-fine', newPart),
  inside: () => new PartsLearner('inside', newPart),
  insideWide: () => new PartsLearner('inside-wide', newPart),
  varying: () => new VaryingLearner(),
};

/** Shortest random run inside a text: the hash of `app.3f9a2c.js`. */
const LEAST_RUN = 5;

/** The same for one part of a text, which has no parts of its own. */
const PART: Readonly<Record<string, () => Learner>> = {
  time: () => new TimeLearner(),
  uuid: () => new UuidLearner(),
  counter: () => new CounterLearner(),
  number: () => new NumberLearner(),
  prefixed: () => new PrefixedLearner(),
  token: () => new TokenLearner(LEAST_RUN),
  varying: () => new VaryingLearner(),
};

/**
 * Classes that say little of a value: data that changed between two readings fits them as well. They count from the third
 * drift on, and only where the place drifts often: noise does at nearly every reading, data hardly ever.
 */
const WEAK: ReadonlySet<string> = new Set(['counter', 'number', 'prefixed', 'link', 'varying']);
const WEAK_SAMPLES = 3;
/** Among so many pairs two drifts are as telling: noise in one of ten pairs shows thrice in 30, or twice. */
const MANY_PAIRS = 25;
/** From so many pairs on what was learned is all there is to learn. */
const ENOUGH_PAIRS = 10;
/** Share of the pairs in which the place drifted; low, because a place may be in few of an endpoint's answers. */
const WEAK_SHARE = 0.05;
/** A place that has not drifted in so many pairs of its endpoint has lost the right to be excused. */
export const FORGOTTEN_PAIRS = 500;
/** Places of one pattern that are told apart. */
const MAX_PLACES = 4;
/** From so many drifts at one and the same place on, the others of its pattern are steady. */
const ALONE_SAMPLES = 10;
/** Every so many samples the learners begin anew beside the old ones and take their place: old evidence fades. */
const GENERATION = 250;

/** Whether so many drifts in so many pairs are noise rather than data that changed meanwhile. */
export function isOften(samples: number, pairs: number): boolean {
  return samples >= (pairs >= MANY_PAIRS ? WEAK_SAMPLES - 1 : WEAK_SAMPLES) && samples >= WEAK_SHARE * pairs;
}

/** Why a drift is not excused that was hardly ever seen. */
export function rarely(samples: number, pairs: number): string {
  return notLearned(
    `it drifted in ${samples} of ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}, too rarely to be told from data that changed`,
  );
}

export function notLearned(why: string): string {
  return `not learned: ${why}`;
}

function newPart(): ValueNoise {
  return new ValueNoise(PART);
}

/** What control–control pairs have shown of one place: the classes that fit all samples so far, and how often it drifted. */
export class ValueNoise {
  samples = 0;
  /** Number of the endpoint's pair in which it drifted last. */
  lastPair = 0;
  /** Hashes of the places of the pattern that drifted, the first few. */
  readonly #places = new Set<string>();
  readonly #learners: Readonly<Record<string, () => Learner>>;
  readonly #alive: Map<string, Learner>;
  #next: ValueNoise | undefined;

  constructor(learners: Readonly<Record<string, () => Learner>> = WHOLE) {
    this.#learners = learners;
    this.#alive = new Map(Object.entries(learners).map(([name, begin]) => [name, begin()]));
  }

  absorb(pair: ValuePair, context: NoiseContext, pairNumber: number): void {
    this.samples++;
    this.lastPair = pairNumber;
    for (const [name, learner] of this.#alive) {
      if (!learner.absorb(pair, context)) this.#alive.delete(name);
    }
    this.#renew(pair, context, pairNumber);
  }

  /** Notes at which place of the pattern it drifted: an entry of a map, an element of a list. */
  note(path: string): void {
    if (this.#places.size < MAX_PLACES) this.#places.add(hash48(path));
  }

  /** Whether what was learned speaks of this place: if only one of all has ever drifted, its neighbours stay as they are. */
  covers(path: string): boolean {
    return this.#places.size !== 1 || this.samples < ALONE_SAMPLES || this.#places.has(hash48(path));
  }

  /** Two generations overlap, so that the one in use has always seen at least as many samples as the younger one was given. */
  #renew(pair: ValuePair, context: NoiseContext, pairNumber: number): void {
    if (this.samples < GENERATION) return;
    if (this.#next === undefined) this.#next = new ValueNoise(this.#learners);
    const next = this.#next;
    next.samples++;
    for (const [name, learner] of next.#alive) {
      if (!learner.absorb(pair, context)) next.#alive.delete(name);
    }
    next.lastPair = pairNumber;
    if (next.samples < GENERATION) return;
    this.#alive.clear();
    for (const [name, learner] of next.#alive) this.#alive.set(name, learner);
    this.#next = undefined;
  }

  /** The class that decides. */
  learner(): { readonly key: string; readonly learner: Learner } | undefined {
    const [key, learner] = this.#alive.entries().next().value ?? [];
    if (key === undefined || learner === undefined) return undefined;
    const varying = this.#alive.get('varying');
    // A few values that come again and again say more than that they are numbers.
    const isLoose = WEAK.has(key) || key.startsWith('inside');
    if (isLoose && varying instanceof VaryingLearner && varying.isClosed()) return { key: 'varying', learner: varying };
    return { key, learner };
  }

  /** Whether enough was seen to decide alone, so that what is noise anywhere no longer counts here. */
  isSettled(pairs: number): boolean {
    return (this.samples >= WEAK_SAMPLES || pairs >= ENOUGH_PAIRS) && this.isTrusted(pairs);
  }

  /** The same for a part of a text that is known to drift: a part that did so twice may do so again. */
  isTrustedPart(): boolean {
    const found = this.learner();
    return found !== undefined && (!WEAK.has(found.key) || this.samples > 1 || found.learner.isCertain?.() === true);
  }

  /** Whether what was learned counts: weak classes count from the third drift on, or the second of many pairs, where the place drifts often. */
  isTrusted(pairs: number): boolean {
    const found = this.learner();
    if (found === undefined || pairs - this.lastPair > FORGOTTEN_PAIRS) return false;
    if (!WEAK.has(found.key) || found.learner.isCertain?.() === true) return true;
    return isOften(this.samples, pairs);
  }

  /**
   * Why not all is excused that drifted, or that its pattern reaches; undefined: it is.
   * @param hasNeighbours Whether the pattern stands for elements of a list or entries of a map.
   */
  refusal(pairs: number, hasNeighbours: boolean): string | undefined {
    if (pairs - this.lastPair > FORGOTTEN_PAIRS) return notLearned(`it has not drifted in ${FORGOTTEN_PAIRS} pairs`);
    if (!this.isTrusted(pairs)) return rarely(this.samples, pairs);
    if (!hasNeighbours || this.#places.size !== 1 || this.samples < ALONE_SAMPLES) return undefined;
    return 'not learned for its neighbours: of all places of this pattern only one has drifted';
  }

  recognise(pair: ValuePair, context: NoiseContext): Recognised | undefined {
    return this.learner()?.learner.recognise(pair, context);
  }

  save(): unknown {
    const alive = [...this.#alive].map(([name, learner]) => ({ name, state: learner.save() }));
    const { samples, lastPair } = this;
    return {
      samples,
      lastPair,
      places: [...this.#places],
      alive,
      ...(this.#next === undefined ? {} : { next: this.#next.save() }),
    };
  }

  /** Takes a saved state; false when it is none. */
  load(saved: unknown): boolean {
    const from = record(saved);
    const [samples, lastPair] = [readCount(from?.['samples']), readCount(from?.['lastPair'])];
    const list = from?.['alive'];
    if (from === undefined || samples === undefined || lastPair === undefined || !Array.isArray(list)) return false;
    const states = new Map<unknown, unknown>(list.map((item) => [record(item)?.['name'], record(item)?.['state']]));
    for (const [name, learner] of this.#alive) {
      if (!states.has(name)) this.#alive.delete(name);
      else if (!learner.load(states.get(name))) return false;
    }
    this.samples = samples;
    this.lastPair = lastPair;
    const places: unknown = from['places'];
    for (const place of Array.isArray(places) ? places.slice(0, MAX_PLACES) : []) {
      if (typeof place === 'string' && place.length === 12) this.#places.add(place);
    }
    if (from['next'] !== undefined) {
      const next = new ValueNoise(this.#learners);
      if (record(from['next'])?.['next'] !== undefined || !next.load(from['next'])) return false;
      this.#next = next;
    }
    return this.#alive.size > 0;
  }
}
