import type { Side } from './cell.ts';
import type { ServedRecord } from './ports.ts';
import { upperBound } from './sequential-test.ts';
import { SlidingCount } from './sliding-count.ts';

/** What the candidate must keep, whatever the control does. */
export interface ServiceLimits {
  /** Share of requests that may fail, 0 to 1; undefined: none is set. */
  readonly errorRate: number | undefined;
  /** Milliseconds to the first byte that one request in a hundred may take longer than. */
  readonly p99Ms: number | undefined;
  readonly withinMs: number;
}

/** A limit counts as broken when the window leaves this doubt at most: one request too many is no breach. */
const DOUBT = 0.001;
/** However little doubt there is: so many that failed or were slow, at least. */
const LEAST = 5;
const SLOW_SHARE = 0.01;

/** Holds one endpoint's answers against absolute limits, over a sliding window. */
export class LimitWatch {
  readonly #limits: ServiceLimits;
  readonly #counts: Readonly<Record<Side, Counts>>;

  constructor(limits: ServiceLimits) {
    this.#limits = limits;
    this.#counts = { control: newCounts(limits), candidate: newCounts(limits) };
  }

  /**
   * Takes a request in; gives which limit the candidate breaks, with the numbers. Where the control breaks it as much,
   * going back to it helps nobody, and nothing is given (I11).
   * @param isFailed Whether the side that the decision named failed.
   */
  served({ at, decision, upstreamMs, failedOver }: ServedRecord, isFailed: boolean): string | undefined {
    const { errorRate, p99Ms, withinMs } = this.#limits;
    const counts = this.#counts[decision.side];
    counts.all.add(at, 1);
    if (isFailed) counts.failed.add(at, 1);
    const isSlow = !isFailed && !failedOver && p99Ms !== undefined && upstreamMs > p99Ms;
    if (isSlow) counts.slow.add(at, 1);
    if (decision.side === 'control' || (!isFailed && !isSlow)) return undefined;
    const over = `within ${withinMs / 1_000} s`;
    if (isFailed && errorRate !== undefined) {
      const broken = this.#broken('failed', errorRate, at);
      return broken && `${broken} failed ${over}: more than ${percent(errorRate)}`;
    }
    if (!isSlow) return undefined;
    const broken = this.#broken('slow', SLOW_SHARE, at);
    return broken && `${broken} took longer than ${p99Ms} ms ${over}: more than ${percent(SLOW_SHARE)}`;
  }

  /** `7 of 120 of the candidate's requests`, where that is certainly more than the limit, and more than the control's. */
  #broken(what: 'failed' | 'slow', limit: number, at: number): string | undefined {
    const { control, candidate } = this.#counts;
    const [bad, all] = [candidate[what].sum(at), candidate.all.sum(at)];
    if (bad < LEAST || bad <= limit * all || leastShare(bad, all) <= limit) return undefined;
    const [theirBad, theirs] = [control[what].sum(at), control.all.sum(at)];
    if (theirs > 0 && theirBad / theirs > limit && theirBad * all >= bad * theirs) return undefined;
    return `${bad} of ${all} of the candidate's requests`;
  }
}

/** Lower bound of a share at a fixed look (Clopper and Pearson 1934): the upper bound of the rest. */
function leastShare(bad: number, all: number): number {
  return 1 - upperBound(1 - DOUBT, bad, all - bad);
}

interface Counts {
  readonly all: SlidingCount;
  readonly failed: SlidingCount;
  readonly slow: SlidingCount;
}

function newCounts({ withinMs }: ServiceLimits): Counts {
  return { all: new SlidingCount(withinMs), failed: new SlidingCount(withinMs), slow: new SlidingCount(withinMs) };
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}
