import type { Answer, CapturedRequest, Observation } from '../core/observation.ts';
import type { AskAgain, Clock, Timer } from '../core/ports.ts';

/** Mismatches that wait for the budget; more are unconfirmed at once. */
const MOST_WAITING = 64;
/** How long one waits. Longer, and the control's data has changed for other reasons. */
const LONGEST_WAIT_MS = 5_000;
const RETRY_MS = 250;

export interface ConfirmationOptions {
  readonly askAgain: AskAgain;
  readonly clock: Clock;
}

/**
 * Asks the control again about a mismatch, within the budget for repeats.
 *
 * What cannot be asked is not guessed: it waits up to 5 s for the budget, then it is `unconfirmed`.
 * The exception is a cause that was confirmed before: where the same signature stood three times and hardly ever
 * turned out to be the control's own movement, it stands without asking. Otherwise a candidate that is wrong more often
 * than the budget allows to ask would look better than one that is wrong rarely.
 */
export class Confirmation {
  readonly #askAgain: AskAgain;
  readonly #clock: Clock;
  readonly #causes = new KnownCauses();
  readonly #waits = new Map<Timer, () => void>();
  #waiting = 0;
  #isClosed = false;

  constructor(options: ConfirmationOptions) {
    this.#askAgain = options.askAgain;
    this.#clock = options.clock;
  }

  /**
   * The control's second answer and when it was asked for, or how the mismatch ends without one.
   *
   * @param cause Names the signature and the candidate's version.
   */
  async askControl(
    request: CapturedRequest,
    first: { readonly status: number; readonly cause: string },
  ): Promise<{ readonly answer: Answer; readonly askedAt: number } | 'mismatch' | 'unconfirmed'> {
    const isKnown = this.#causes.isKnown(first.cause);
    // The budget belongs to causes that are new: a known one asks only if nobody waits.
    if (isKnown && this.#waiting > 0) return 'mismatch';
    const deadline = this.#clock.monotonic() + LONGEST_WAIT_MS;
    for (;;) {
      const askedAt = this.#clock.now();
      const again = await this.#ask(request);
      if (again !== undefined && isAsGood(again, first.status)) return { answer: again, askedAt };
      if (isKnown) return 'mismatch';
      const isOver = this.#clock.monotonic() + RETRY_MS > deadline;
      if (this.#isClosed || isOver || this.#waiting >= MOST_WAITING) return 'unconfirmed';
      await this.#wait();
    }
  }

  /** How many wait for the budget. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Asks the candidate again; undefined where the budget refuses. */
  async askCandidate(request: CapturedRequest): Promise<Observation | undefined> {
    return this.#isClosed ? undefined : await this.#askAgain.ask('candidate', request);
  }

  /** What confirming came to. */
  ended(cause: string, how: 'steady' | 'moved'): void {
    this.#causes.count(cause, how);
  }

  /** Everything that waits ends now, unconfirmed. */
  close(): void {
    this.#isClosed = true;
    for (const [timer, resume] of this.#waits) {
      timer.cancel();
      resume();
    }
    this.#waits.clear();
  }

  async #ask(request: CapturedRequest): Promise<Observation | undefined> {
    return this.#isClosed ? undefined : await this.#askAgain.ask('control', request);
  }

  async #wait(): Promise<void> {
    this.#waiting += 1;
    await new Promise<void>((resume) => {
      const timer = this.#clock.after(RETRY_MS, () => {
        this.#waits.delete(timer);
        resume();
      });
      this.#waits.set(timer, resume);
    });
    this.#waiting -= 1;
  }
}

/** A control that now fails tells nothing about its first answer. */
function isAsGood(again: Observation, firstStatus: number): again is Answer {
  return again.kind === 'answer' && (again.status < 500 || firstStatus >= 500);
}

/** Confirmations in which a cause must have stood before it is believed without asking. */
const STOOD_BEFORE = 3;
/** At most so many of its confirmations may have shown that the control moved. */
const MOVED_SHARE = 0.1;
const MOST_CAUSES = 10_000;

class KnownCauses {
  readonly #causes = new Map<string, { steady: number; moved: number }>();

  isKnown(cause: string): boolean {
    const counts = this.#causes.get(cause);
    if (counts === undefined || counts.steady < STOOD_BEFORE) return false;
    return counts.moved <= MOVED_SHARE * (counts.steady + counts.moved);
  }

  count(cause: string, how: 'steady' | 'moved'): void {
    const counts = this.#causes.get(cause) ?? { steady: 0, moved: 0 };
    counts[how] += 1;
    // Set anew, so that the map's order is that of the last use and the oldest is the first.
    this.#causes.delete(cause);
    this.#causes.set(cause, counts);
    if (this.#causes.size <= MOST_CAUSES) return;
    const oldest = this.#causes.keys().next();
    if (!oldest.done) this.#causes.delete(oldest.value);
  }
}
