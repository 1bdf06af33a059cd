import { attributed, FAILURE_RATIOS } from './attribution-test.ts';
import type { Side } from './cell.ts';
import { CANDIDATE_SHARES, discordant } from './discordant-test.ts';
import { isFailure } from './one-sided-failures.ts';
import type { ServedRecord, VerifiedExchange } from './ports.ts';
import { RenewingTest, type Run } from './renewing-test.ts';
import { PPM } from './routing.ts';
import { ShareBook } from './share-book.ts';

/** Chance that a candidate that fails as often as the control is taken back, from one version of it to the next. */
const FALSE_ALARM = 0.01;
/** What is worth a warning: one in so many. Promotions wait for it to pass. */
const WARNING = 20;
/** So many subjects among the candidate's last failures: one broken client is not a broken candidate. */
const SUBJECTS = 3;
/** The failures that are looked at for it. */
const RECENT = 5;

/**
 * Whether the candidate fails an endpoint's requests more often than the control: live failures by attribution, pairs by
 * what only one side failed. The mean of both tests is one test again, whatever they have in common.
 */
export class FailureTests {
  readonly #live = new RenewingTest(FAILURE_RATIOS.length);
  readonly #pairs = new RenewingTest(CANDIDATE_SHARES.length);
  readonly #shares = new ShareBook();
  /** Buckets of the candidate's last failures that counted. */
  #subjects: number[] = [];
  readonly #pairsFrom = new ShareBook();

  /**
   * Takes a served request in. What counts is what a hash drew: the dial decided, and not all or nothing. Elsewhere (no
   * proof, a pin, a latch, an idempotency key) the other side was no alternative, and there is nothing to compare with.
   * @param failed The side that is to blame for a failure; undefined where nothing failed, or both did.
   */
  served(record: ServedRecord, failed: Side | undefined): void {
    const { decision, at } = record;
    const { reason, dialPpm, side } = decision;
    const tenant = record.tenant ?? '';
    if (reason !== 'dial' || dialPpm <= 0 || dialPpm >= PPM) return;
    if (failed !== undefined && this.#shares.mayCount(tenant, dialPpm, at)) {
      this.#live.take(attributed(side, this.#shares.share(tenant, dialPpm)));
      if (side === 'candidate') this.#subjects = [...this.#subjects.slice(1 - RECENT), decision.bucket];
    }
    this.#shares.drawn(tenant, dialPpm, side);
  }

  /** Takes a comparison in; gives whether it speaks against the candidate. Either direction counts, drawn pairs alone. */
  compared({ unpaired, statuses, cell, at }: VerifiedExchange): boolean {
    const isFailed = { control: isFailure(statuses.control), candidate: isFailure(statuses.candidate) };
    if (unpaired !== undefined || isFailed.control === isFailed.candidate) return false;
    if (!this.#pairsFrom.mayCount(cell.tenant, 0, at)) return false;
    this.#pairs.take(discordant(isFailed.candidate ? 'candidate' : 'control'));
    return isFailed.candidate;
  }

  /**
   * What speaks against the candidate, with the numbers; undefined: not enough.
   * @param least Of the candidate's failures.
   */
  verdict(least: number): string | undefined {
    return this.#beyond(1 / FALSE_ALARM, least);
  }

  /** What already speaks against the candidate, though not enough to take it back. */
  warning(least: number): string | undefined {
    return this.#beyond(WARNING, least);
  }

  #beyond(threshold: number, least: number): string | undefined {
    const [live, pairs] = [this.#live.level, this.#pairs.level];
    const level = (live + pairs) / 2;
    if (level < threshold) return undefined;
    const isLive = live >= pairs;
    const run = isLive ? this.#live.strongest : this.#pairs.strongest;
    if (run.candidate < least || (isLive && new Set(this.#subjects).size < SUBJECTS)) return undefined;
    return `${isLive ? liveWords(run) : pairWords(run)}: chance 1 in ${Math.floor(level)}`;
  }
}

function liveWords({ candidate, control, expected }: Run): string {
  const all = candidate + control;
  const share = Number(((100 * expected) / all).toPrecision(2));
  return `${candidate} of ${all} failures fell on the candidate, which served ${share} %`;
}

function pairWords({ candidate, control }: Run): string {
  return `of ${candidate + control} requests that only one side failed, the candidate failed ${candidate}`;
}
