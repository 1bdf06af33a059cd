/** Levels of worth, 0 the highest. */
export const LEVELS = 32;
/** The part of a supply that is spread evenly over all that ask, whatever they are worth: nothing starves. */
const EVEN_SHARE = 0.1;

/**
 * Shares a supply out over levels of worth: the highest level gets what it asks for, then the next, and where the supply
 * ends a lot decides. A tenth is spread over all alike. Supply and demand are in the same unit, whatever that is.
 * 100 ask, 20 at level 0, for a supply of 10: 9.2 of 10 go to level 0, and each other has a chance of 1 %.
 */
export class LevelShares {
  readonly #demand: Float64Array = new Float64Array(LEVELS);
  #total = 0;

  /** Notes that something of the level asks. */
  asked(level: number, weight = 1): void {
    this.#demand[level] = (this.#demand[level] ?? 0) + weight;
    this.#total += weight;
  }

  get total(): number {
    return this.#total;
  }

  /** Lets what was asked so far count less from now on. */
  fade(factor: number): void {
    this.#total = 0;
    for (let level = 0; level < LEVELS; level++) {
      const left = (this.#demand[level] ?? 0) * factor;
      this.#demand[level] = left;
      this.#total += left;
    }
  }

  /** The chance, 0 to 1, that a request of the level gets some of the supply; what asks itself included. */
  chance(level: number, supply: number): number {
    if (this.#total <= supply) return 1;
    const even = (EVEN_SHARE * supply) / this.#total;
    let free = (1 - EVEN_SHARE) * supply;
    for (let higher = 0; higher < level; higher++) free -= (this.#demand[higher] ?? 0) * (1 - even);
    const own = (this.#demand[level] ?? 0) * (1 - even);
    if (free <= 0) return even;
    return free >= own ? 1 : even + (1 - even) * (free / own);
  }
}
