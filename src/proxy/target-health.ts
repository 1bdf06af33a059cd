import type { HealthSettings } from '../config/settings.ts';

/** A change of mind about a target. */
export interface HealthTurn {
  readonly healthy: boolean;
  readonly reason: string;
}

/**
 * What we think of one target: from the traffic it gets and, where a path is configured, from checks of our own.
 * The two are counted apart, so that neither a working login page hides a failing check nor the other way round.
 *
 *     healthy   --- `unhealthyAfter` failures in a row, of traffic or of checks -------------------> unhealthy
 *     unhealthy --- `healthyAfter` successes in a row: of checks if there are any, else of traffic -> healthy
 *
 * Pure: time comes as an argument (milliseconds of a monotonic clock).
 */
export class TargetHealth {
  readonly #settings: HealthSettings;
  #healthy = true;
  #reason = 'not tried yet';
  #trafficFailures = 0;
  #checkFailures = 0;
  #successes = 0;
  #probeAt = 0;
  #probing = false;

  constructor(settings: HealthSettings) {
    this.#settings = settings;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  get reason(): string {
    return this.#reason;
  }

  /** A request got an answer, of whatever status: the target lives. */
  trafficSucceeded(): HealthTurn | undefined {
    this.#trafficFailures = 0;
    if (this.#healthy) {
      this.#reason = 'answers';
      return undefined;
    }
    // The next probe need not wait: this one went well.
    this.#probeAt = 0;
    if (this.#settings.path !== undefined) return undefined;
    return this.#countSuccess('answers again');
  }

  /** A request could not connect, was reset before an answer, or waited too long for the first byte. */
  trafficFailed(now: number, reason: string): HealthTurn | undefined {
    this.#trafficFailures += 1;
    return this.#countFailure(now, this.#trafficFailures, reason);
  }

  checkSucceeded(): HealthTurn | undefined {
    this.#checkFailures = 0;
    if (this.#healthy) {
      this.#reason = 'check passed';
      return undefined;
    }
    return this.#countSuccess('checks pass again');
  }

  checkFailed(now: number, reason: string): HealthTurn | undefined {
    this.#checkFailures += 1;
    return this.#countFailure(now, this.#checkFailures, `check: ${reason}`);
  }

  /**
   * Whether one request may try the unhealthy target; only without active checks.
   * Due `intervalMs` after the last failure, one at a time. A request that cannot be repeated is risked only
   * when another interval went by without one that can.
   */
  probeDue(now: number, repeatable: boolean): boolean {
    if (this.#healthy || this.#probing || this.#settings.path !== undefined) return false;
    return now >= this.#probeAt + (repeatable ? 0 : this.#settings.intervalMs);
  }

  probeBegun(): void {
    this.#probing = true;
  }

  probeEnded(): void {
    this.#probing = false;
  }

  #countFailure(now: number, inARow: number, reason: string): HealthTurn | undefined {
    this.#successes = 0;
    this.#probeAt = now + this.#settings.intervalMs;
    this.#reason = reason;
    if (!this.#healthy || inARow < this.#settings.unhealthyAfter) return undefined;
    this.#healthy = false;
    return { healthy: false, reason };
  }

  #countSuccess(reason: string): HealthTurn | undefined {
    this.#successes += 1;
    if (this.#successes < this.#settings.healthyAfter) return undefined;
    this.#healthy = true;
    this.#successes = 0;
    this.#trafficFailures = 0;
    this.#checkFailures = 0;
    this.#reason = reason;
    return { healthy: true, reason };
  }
}
