import type { Attempts } from '../core/compare/walk.ts';

/** Pages read without an attempt, at most, before the next one. */
const MOST_SKIPPED = 63;

/**
 * Whether a page is worth reading as a plain one first. An attempt that fails costs part of a whole reading, and pages of one
 * endpoint are written alike: after each failure in a row twice as many pages go without (0, 1, 3, 7, … 63).
 * A single odd page among plain ones costs nothing but its own attempt.
 */
export class PlainAttempts implements Attempts {
  #failures = 0;
  #left = 0;

  /** Whether to try this page; asked once a pair. */
  begin(): boolean {
    if (this.#left === 0) return true;
    this.#left -= 1;
    return false;
  }

  ended(isPlain: boolean): void {
    this.#failures = isPlain ? 0 : this.#failures + 1;
    this.#left = isPlain ? 0 : Math.min(MOST_SKIPPED, 2 ** (this.#failures - 1) - 1);
  }
}
