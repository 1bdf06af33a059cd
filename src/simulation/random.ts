/** A stream of chance that a seed determines: the same seed gives the same numbers on every machine. */
export class Random {
  #state: number;
  #spare: number | undefined;

  /** Streams of different names are independent. */
  constructor(seed: number, name = '') {
    let hash = seed ^ 0x811c9dc5;
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    this.#state = (hash ^ (hash >>> 13)) >>> 0;
  }

  /** Uniform in [0, 1) (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('nothing to pick from');
    return list[this.below(list.length)] as T; // the index is below the length
  }

  /** Time until the next event of a Poisson process with this mean distance. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  /** Of the standard normal distribution (Box and Muller 1958); two come at once. */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** Draws indices by weight in constant time (the alias method, Walker 1977). */
export class Lottery {
  readonly #keep: Float64Array;
  readonly #alias: Uint32Array;

  /** @param weights Above 0 at least once, none negative. */
  constructor(weights: readonly number[]) {
    const size = weights.length;
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / size;
    const scaled = Float64Array.from(weights, (weight) => weight / mean);
    this.#keep = new Float64Array(size).fill(1);
    this.#alias = Uint32Array.from({ length: size }, (_, at) => at);
    const small: number[] = [];
    const large: number[] = [];
    for (let at = 0; at < size; at++) ((scaled[at] ?? 0) < 1 ? small : large).push(at);
    while (small.length > 0 && large.length > 0) {
      const low = small.pop() as number; // both lists were looked at
      const high = large.at(-1) as number;
      this.#keep[low] = scaled[low] ?? 1;
      this.#alias[low] = high;
      const left = (scaled[high] ?? 1) - (1 - (scaled[low] ?? 1));
      scaled[high] = left;
      if (left < 1) small.push(large.pop() as number);
    }
  }

  draw(random: Random): number {
    const at = random.below(this.#keep.length);
    return random.next() < (this.#keep[at] ?? 1) ? at : (this.#alias[at] ?? at);
  }
}

/** Weights by rank (Zipf): the k-th is 1/k^exponent; 0 makes all alike. */
export function zipfWeights(count: number, exponent: number): number[] {
  return Array.from({ length: count }, (_, rank) => 1 / (rank + 1) ** exponent);
}
