/** How many mirrors may be sent. */
export interface MirrorBudgetOptions {
  /** On average, and at most at once after a quiet second; 0 is off. */
  readonly perSecond: number;
  /** In flight at the same time; 0 is off. */
  readonly concurrency: number;
}

/**
 * A token bucket that holds one second's worth, together with a bound on what is in flight.
 * Time is given by the caller, in milliseconds; a clock that goes back gives nothing and takes nothing.
 * 50 per second: 50 at once after a quiet second, then one every 20 ms.
 */
export class MirrorBudget {
  #perSecond = 0;
  #concurrency = 0;
  /** A budget below one a second must still be able to save up for one. */
  #burst = 0;
  #tokens: number;
  #filledAt: number;
  #inFlight = 0;

  constructor(options: MirrorBudgetOptions, now: number) {
    this.#tokens = 0;
    this.#filledAt = now;
    this.resize(options, now);
    this.#tokens = this.#burst;
  }

  /** Other bounds from here on. What is in flight stays so, also beyond a lower bound; nothing is saved up beyond the new one. */
  resize(options: MirrorBudgetOptions, now: number): void {
    this.#fill(now);
    this.#perSecond = Math.max(0, options.perSecond);
    this.#concurrency = Math.max(0, options.concurrency);
    this.#burst = this.#perSecond > 0 ? Math.max(1, this.#perSecond) : 0;
    this.#tokens = Math.min(this.#tokens, this.#burst);
  }

  /** True: one mirror may be sent; call `done` when it ended, however it ended. */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#inFlight >= this.#concurrency || this.#tokens < 1) return false;
    this.#tokens -= 1;
    this.#inFlight += 1;
    return true;
  }

  /** Whether more than half of what may be sent at once is left, of tokens and of places. */
  isPlentiful(now: number): boolean {
    this.#fill(now);
    return this.#tokens > this.#burst / 2 && this.#inFlight < this.#concurrency / 2;
  }

  /** A mirror ended. Without one in flight it does nothing. */
  done(): void {
    if (this.#inFlight > 0) this.#inFlight -= 1;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  #fill(now: number): void {
    const elapsedMs = now - this.#filledAt;
    this.#filledAt = now;
    if (elapsedMs > 0) this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#perSecond) / 1000);
  }
}
