/** Mismatches of a cause that are kept at once; the store keeps as many. */
export const KEPT_AT_ONCE = 20;
/** Further ones: so many a second, so that what is shown is of today. */
const KEPT_PER_SECOND = 1;
/** Causes followed; of those not seen for longest the first mismatches are kept anew. */
const MOST_CAUSES = 10_000;

interface Allowance {
  left: number;
  readonly at: number;
}

/**
 * Decides of which mismatches redacted copies are made: redacting a page takes longer than comparing it, and of one cause
 * the store keeps the last 20. A mismatch is kept where one of its causes has room; all are counted.
 */
export class KeepPlan {
  readonly #monotonic: () => number;
  /** The one seen longest ago first. */
  readonly #causes = new Map<string, Allowance>();

  /** @param monotonic Milliseconds that only grow. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  /** True: it is to be kept, and counts as kept. `causes` are ids of signatures. */
  wants(causes: readonly string[]): boolean {
    const now = this.#monotonic();
    const allowances = causes.map((cause) => this.#allowance(cause, now));
    const isWanted = causes.length === 0 || allowances.some((left) => left >= 1);
    causes.forEach((cause, index) => {
      const left = allowances[index] ?? 0;
      this.#causes.delete(cause);
      this.#causes.set(cause, { left: isWanted ? Math.max(0, left - 1) : left, at: now });
    });
    this.#forget();
    return isWanted;
  }

  #allowance(cause: string, now: number): number {
    const known = this.#causes.get(cause);
    if (known === undefined) return KEPT_AT_ONCE;
    return Math.min(KEPT_AT_ONCE, known.left + ((now - known.at) / 1_000) * KEPT_PER_SECOND);
  }

  #forget(): void {
    for (const cause of this.#causes.keys()) {
      if (this.#causes.size <= MOST_CAUSES) return;
      this.#causes.delete(cause);
    }
  }
}
