import type { ServedRecord } from '../../src/core/ports.ts';
import { SlidingCount } from '../../src/core/sliding-count.ts';

/** A rule that others use, beside ours: gives whether a request makes it take the candidate back. */
export interface Rule {
  readonly name: string;
  served(record: ServedRecord): boolean;
}

/** Five failures of the candidate within 10 s, and more than twice the control's rate in them. */
export class RatioRule implements Rule {
  readonly name = '5 in 10 s, twice the rate';
  readonly #counts = [0, 1, 2, 3].map(() => new SlidingCount(10_000));

  served(record: ServedRecord): boolean {
    const isCandidate = record.decision.side === 'candidate';
    const isFailed = record.failure !== undefined;
    const [served, failed] = this.#counts.slice(isCandidate ? 0 : 2) as [SlidingCount, SlidingCount]; // there are four
    served.add(record.at, 1);
    if (!isFailed) return false;
    failed.add(record.at, 1);
    if (!isCandidate) return false;
    const [ours, bad, theirs, worse] = this.#counts.map((count) => count.sum(record.at)) as [
      number,
      number,
      number,
      number,
    ];
    return bad >= 5 && bad / ours > (2 * worse) / Math.max(1, theirs);
  }
}

/** Success of the candidate's requests of at least 99 %, looked at once a minute; one minute below it is enough. */
export class ThresholdRule implements Rule {
  readonly name = 'success ≥ 99 % each minute';
  #minute = 0;
  #served = 0;
  #failed = 0;

  served(record: ServedRecord): boolean {
    const minute = Math.floor(record.at / 60_000);
    let isBelow = false;
    if (minute !== this.#minute) {
      isBelow = this.#served > 0 && this.#failed / this.#served > 0.01;
      this.#minute = minute;
      this.#served = 0;
      this.#failed = 0;
    }
    if (record.decision.side === 'candidate') {
      this.#served += 1;
      if (record.failure !== undefined) this.#failed += 1;
    }
    return isBelow;
  }
}
