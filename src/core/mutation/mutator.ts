import type { Answer, Observation } from '../observation.ts';

/** A known fault planted into an answer. */
export interface Mutator {
  readonly name: string;
  /** What went wrong, as one sentence for people. */
  readonly fault: string;
  /**
   * The answer with the fault in it, at a place drawn at random; undefined where it cannot be planted.
   * The rest of the answer stays as it was: values keep their digits, texts their bytes; only white space between JSON
   * values goes, and `Content-Length` follows the body. Bodies with a content coding are left alone: decode them first.
   *
   * @param random Numbers from 0 to below 1.
   */
  plant(answer: Answer, random: Random): Planted | undefined;
}

export interface Planted {
  readonly answer: Observation;
  /** Where the fault lies, as differences name it: `body/items/0/price`, `status`, `header:vary`. */
  readonly path: string;
}

/** Numbers from 0 to below 1. */
export type Random = () => number;

/** One of a list; undefined for an empty one. */
export function draw<T>(list: readonly T[], random: Random): T | undefined {
  return list[Math.floor(random() * list.length)];
}

/** Tries the elements in random order, each once, until one gives something. */
export function firstOf<T, R>(list: readonly T[], random: Random, attempt: (item: T) => R | undefined): R | undefined {
  const left = [...list];
  while (left.length > 0) {
    const at = Math.floor(random() * left.length);
    const [item] = left.splice(at, 1) as [T]; // the index is below the length
    const result = attempt(item);
    if (result !== undefined) return result;
  }
  return undefined;
}
