import type { Clock, Timer, UnverifiedReason } from '../core/ports.ts';
import { LONGEST_WAIT_MS } from './sessions.ts';

/** Copies that wait at a time; their answers lie in the capture pool, whose bound counts as well. */
export const MOST_HELD = 500;
/** How often those who wait are looked at, beside each mirror that ends. */
const LOOK_MS = 50;

interface Held {
  readonly go: () => void;
  readonly late: (reason: UnverifiedReason) => void;
  readonly until: number;
}

/**
 * Copies of sessions that wait for a quiet moment and a place in the budget, first come, first sent, for five seconds at most.
 * A request of a session that is shed costs all that come after it, so a busy second would cost every visit in progress;
 * a copy that waits costs memory alone.
 */
export class MirrorQueue {
  readonly #clock: Clock;
  readonly #obstacle: () => UnverifiedReason | undefined;
  readonly #held: Held[] = [];
  #timer: Timer | undefined;
  #isLooking = false;

  /** @param obstacle Why nothing may be sent now; undefined: a place was taken, and one copy goes. */
  constructor(clock: Clock, obstacle: () => UnverifiedReason | undefined) {
    this.#clock = clock;
    this.#obstacle = obstacle;
  }

  get size(): number {
    return this.#held.length;
  }

  get isFull(): boolean {
    return this.#held.length >= MOST_HELD;
  }

  /** Calls `go` when a copy may be sent, or `late` with the reason that stood against it. */
  add(go: () => void, late: (reason: UnverifiedReason) => void): void {
    if (this.isFull) {
      late('overload');
      return;
    }
    this.#held.push({ go, late, until: this.#clock.monotonic() + LONGEST_WAIT_MS });
    this.look();
  }

  /** Lets go whoever may. What is let go may end at once and come back here: that is no second look. */
  look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      const obstacle = this.#obstacle();
      if (obstacle !== undefined && first.until > this.#clock.monotonic()) break;
      this.#held.shift();
      if (obstacle === undefined) first.go();
      else first.late(obstacle);
    }
    this.#isLooking = false;
    if (this.#held.length > 0 && this.#timer === undefined) {
      this.#timer = this.#clock.after(LOOK_MS, () => {
        this.#timer = undefined;
        this.look();
      });
    }
  }
}
