import { attributed, FAILURE_RATIOS } from './attribution-test.ts';
import type { Side } from './cell.ts';
import type { ServedRecord } from './ports.ts';
import { RenewingTest, type Run } from './renewing-test.ts';
import { PPM } from './routing.ts';

/**
 * Whether the candidate is slow more often than the control, on live traffic: slow is what takes longer than the 95th
 * (99th) percentile of the control's last answers. Each slow answer fell on one side, and the dial says how likely that was;
 * only who got it counts, so it is no matter that everything is slower at noon, or how heavy the tail is.
 *
 * Slowness clings to people (much data, far away) and to moments (a pause, a deployment of the database). So a person
 * counts once, because the hash drew the person and not each request, and only the first request of each second is looked
 * at, slow or not: a side that stands still for ten seconds is ten requests at most, times its share. To leave out slow
 * ones instead would leave out more of the side with more traffic.
 */

/**
 * Chance that a candidate that is as fast as the control is called slow, from one version of it to the next: half of 1 %,
 * because moments in which a side stands still are several events that are not independent.
 */
const FALSE_ALARM = 0.005;
/** What is worth a warning: one in so many. Promotions wait for it to pass. */
const WARNING = 40;
/** Answers of the control that say what is slow: replaced as a whole when as many new ones are there. 2 KB an endpoint. */
const REFERENCE = 512;
const QUANTILES: readonly number[] = [0.95, 0.99];
/** One request in so long is looked at, whichever side it is of. */
const APART_MS = 1_000;
/** Slots of people by bucket: when half of them are taken, or after a day, everybody may count anew, in a test begun anew. */
const SLOTS = 2_048;
const PEOPLE_MS = 24 * 3_600_000;

export class SlowTest {
  readonly #warmUpMs: number;
  readonly #quantiles = QUANTILES.map((quantile) => new Quantile(quantile));
  readonly #recent = new Float32Array(REFERENCE);
  #seen = 0;
  #warmAt: number | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param warmUpMs After the first answer of the candidate, what is slow does not count: caches are cold. */
  constructor(warmUpMs: number) {
    this.#warmUpMs = warmUpMs;
  }

  /**
   * Takes a request in that was answered; gives whether it speaks against the candidate. Only what a hash drew counts, at
   * a dial above 0 and below 100 %.
   */
  served({ decision, at, upstreamMs, failedOver, failure, status }: ServedRecord): boolean {
    const { side, reason, dialPpm, bucket } = decision;
    if (failedOver || failure !== undefined || status === 0 || status >= 500) return false;
    // What is slow is judged by what was known before this answer.
    const isDrawn = reason === 'dial' && dialPpm > 0 && dialPpm < PPM;
    const counts =
      isDrawn && this.#isWarm(side, at) && this.#isDue(at) && this.#take({ side, at, bucket, dialPpm, ms: upstreamMs });
    if (side === 'control') this.#learn(upstreamMs);
    return counts && side === 'candidate';
  }

  #isWarm(side: Side, at: number): boolean {
    if (side === 'candidate') this.#warmAt ??= at + this.#warmUpMs;
    return this.#warmAt !== undefined && at >= this.#warmAt;
  }

  #isDue(at: number): boolean {
    // A clock that went back begins anew.
    if (at - this.#lookedAt < APART_MS && at >= this.#lookedAt) return false;
    this.#lookedAt = at;
    return true;
  }

  #take(slow: Answer): boolean {
    let counts = false;
    for (const quantile of this.#quantiles) counts = quantile.take(slow) || counts;
    return counts;
  }

  #learn(ms: number): void {
    this.#recent[this.#seen] = ms;
    this.#seen += 1;
    if (this.#seen < REFERENCE) return;
    this.#seen = 0;
    const sorted = this.#recent.toSorted();
    for (const quantile of this.#quantiles) quantile.slowMs = sorted[Math.floor(quantile.of * REFERENCE)];
  }

  /**
   * What speaks against the candidate, with the numbers; undefined: not enough.
   * @param least Of the candidate's slow answers that count.
   */
  verdict(least: number): string | undefined {
    return this.#beyond(1 / FALSE_ALARM, least);
  }

  /** What already speaks against the candidate, though not enough to act. */
  warning(least: number): string | undefined {
    return this.#beyond(WARNING, least);
  }

  #beyond(threshold: number, least: number): string | undefined {
    // The mean of tests is one test again, whatever they have in common.
    const level = this.#quantiles.reduce((sum, { test }) => sum + test.level, 0) / this.#quantiles.length;
    if (level < threshold) return undefined;
    const worst = this.#quantiles.reduce((one, other) => (other.test.level > one.test.level ? other : one));
    const { strongest } = worst.test;
    return strongest.candidate < least ? undefined : words(strongest, worst, level);
  }
}

interface Answer {
  readonly side: Side;
  readonly at: number;
  readonly bucket: number;
  readonly dialPpm: number;
  readonly ms: number;
}

/** One border between slow and not. */
class Quantile {
  readonly of: number;
  readonly test = new RenewingTest(FAILURE_RATIOS.length);
  /** Undefined until the control has given enough answers. */
  slowMs: number | undefined;
  readonly #people = new Uint8Array(SLOTS);
  #taken = 0;
  #since = Number.NEGATIVE_INFINITY;

  constructor(of: number) {
    this.of = of;
  }

  take({ side, at, bucket, dialPpm, ms }: Answer): boolean {
    if (this.slowMs === undefined || ms <= this.slowMs) return false;
    if (this.#taken >= SLOTS / 2 || at - this.#since >= PEOPLE_MS || at < this.#since) {
      this.#people.fill(0);
      this.#taken = 0;
      // The same people again are no new lots: what they said before must not be counted twice.
      if (this.#since > Number.NEGATIVE_INFINITY) this.test.renew();
      this.#since = at;
    }
    const slot = bucket % SLOTS;
    if (this.#people[slot] === 1) return false;
    this.#people[slot] = 1;
    this.#taken += 1;
    this.test.take(attributed(side, dialPpm / PPM));
    return true;
  }
}

function words({ candidate, control, expected }: Run, { of, slowMs }: Quantile, level: number): string {
  const all = candidate + control;
  const share = Number(((100 * expected) / all).toPrecision(2));
  const border = `${Math.round(slowMs ?? 0)} ms, the control's ${of * 100} %`;
  return `${candidate} of ${all} people with answers slower than ${border}, were served by the candidate, which serves ${share} %: chance 1 in ${Math.floor(level)}`;
}
