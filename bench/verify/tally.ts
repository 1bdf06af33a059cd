/** How often each tool was right: ours first, then the baselines in their order. */
export interface Tally {
  total: number;
  readonly hits: number[];
}

/** Counts by a name, made when first asked for. */
export class Tallies {
  readonly #tools: number;
  readonly #byName = new Map<string, Tally>();

  constructor(tools: number) {
    this.#tools = tools;
  }

  add(name: string, hits: readonly boolean[]): void {
    const tally = this.of(name);
    tally.total++;
    hits.forEach((hit, at) => {
      if (hit) tally.hits[at] = (tally.hits[at] ?? 0) + 1;
    });
  }

  of(name: string): Tally {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const made = { total: 0, hits: Array.from({ length: this.#tools }, () => 0) };
    this.#byName.set(name, made);
    return made;
  }

  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /** All names together. */
  sum(): Tally {
    const sum: Tally = { total: 0, hits: Array.from({ length: this.#tools }, () => 0) };
    for (const { total, hits } of this.#byName.values()) {
      sum.total += total;
      hits.forEach((count, at) => {
        sum.hits[at] = (sum.hits[at] ?? 0) + count;
      });
    }
    return sum;
  }
}
