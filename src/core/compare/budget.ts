/** Thrown inside a comparison that has used up its work; the comparer turns it into `inconclusive`, reason `tooLarge`. */
export class BudgetSpent extends Error {}

/** How often the clock is looked at: once per this many units of work. */
const CHECK_EVERY = 4096;

/**
 * The work one comparison may do, counted in nodes visited, so that the same pair always gives the same verdict.
 * Time is the second bound: `expired` is asked once in 4,096 units, because reading a clock costs more than visiting a node.
 */
export class Budget {
  #left: number;
  #untilCheck = CHECK_EVERY;
  readonly #expired: () => boolean;

  /**
   * @param units Nodes that may be visited.
   * @param expired Whether the time for this comparison is over.
   */
  constructor(units: number, expired: () => boolean) {
    this.#left = units;
    this.#expired = expired;
  }

  /** Counts work. Throws `BudgetSpent` when there is none left. */
  spend(units: number): void {
    this.#left -= units;
    this.#untilCheck -= units;
    if (this.#left < 0) throw new BudgetSpent('work');
    if (this.#untilCheck <= 0) {
      this.#untilCheck = CHECK_EVERY;
      if (this.#expired()) throw new BudgetSpent('time');
    }
  }
}
