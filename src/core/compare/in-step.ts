/** How far from its expected place a part of the other document is looked for: a few insertions at once are followed. */
export const PROBES = [-1, 1, -2, 2] as const;

/**
 * Tells whether parts of a first text stand in a second one.
 * A run once measured answers for all that lies in it, so that going through both in step compares no text twice.
 */
export class InStep {
  readonly #first: string;
  readonly #second: string;
  /** `first` from `start` to `end` stands in `second` too, `shift` characters further on; then they part. */
  #start = 0;
  #end = 0;
  #shift = 0;

  constructor(first: string, second: string) {
    this.#first = first;
    this.#second = second;
  }

  /** Whether what the first text holds from `start` to `end` stands in the second at `at`. */
  isSame(start: number, end: number, at: number): boolean {
    const shift = at - start;
    if (shift !== this.#shift || start < this.#start || start >= this.#end) {
      this.#shift = shift;
      this.#start = start;
      this.#end = start + commonLength(this.#first, start, this.#second, at, Number.POSITIVE_INFINITY);
    }
    return end <= this.#end;
  }

  /** The same, without forgetting the run that was measured; gives the length of what is common, at most `end - start`. */
  probe(start: number, end: number, at: number): number {
    return commonLength(this.#first, start, this.#second, at, end - start);
  }
}

/** Characters compared at once, as slices: the engine compares those as memory. */
const CHUNK = 256;

/** How many characters from `a[from]` and `b[at]` on are the same, counted up to `most`. */
function commonLength(a: string, from: number, b: string, at: number, most: number): number {
  const limit = Math.min(a.length - from, b.length - at, most);
  const near = Math.min(limit, 32);
  let same = 0;
  while (same < near && a.charCodeAt(from + same) === b.charCodeAt(at + same)) same++;
  if (same < near) return same;
  while (same + CHUNK <= limit && a.slice(from + same, from + same + CHUNK) === b.slice(at + same, at + same + CHUNK)) {
    same += CHUNK;
  }
  while (same < limit && a.charCodeAt(from + same) === b.charCodeAt(at + same)) same++;
  return same;
}
