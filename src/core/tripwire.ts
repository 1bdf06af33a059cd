import type { EndpointId, Side } from './cell.ts';
import { FailureTests } from './failure-tests.ts';
import type { ServedRecord, VerifiedExchange } from './ports.ts';
import type { Decision } from './routing.ts';
import { LimitWatch, type ServiceLimits } from './service-limits.ts';
import { SlidingCount } from './sliding-count.ts';
import { SlowTest } from './slow-test.ts';

/** So many events within a sliding window. */
export interface Burst {
  readonly count: number;
  readonly withinMs: number;
}

/** Which tripwires are armed; undefined: off. */
export interface TripwirePolicy {
  /**
   * Requests the candidate failed while the control did not. `count` is the least number of them; a run that cannot be
   * noise trips where so many fall within `withinMs`, statistics where there have been so many at all.
   */
  readonly candidateFailures: Burst | undefined;
  /** Requests in a row to which the candidate gave no answer at all. */
  readonly hardDown: { readonly consecutive: number } | undefined;
  /** Confirmed mismatches between what the candidate served and the control. */
  readonly reverseMismatch: Burst | undefined;
  /** The candidate is slow more often than the control. */
  readonly latency?: LatencyTripwire | undefined;
  /** What the candidate must keep whatever the control does. */
  readonly limits?: ServiceLimits | undefined;
}

export interface LatencyTripwire {
  /** Slow answers of the candidate that count, at least. */
  readonly count: number;
  /** Time after the candidate's first answer in which nothing counts. */
  readonly warmUpMs: number;
  readonly action: TripwireAction;
}

/** `take-back`: the control serves at once. `hold`: nothing more is promoted until a person says so. */
export const TRIPWIRE_ACTIONS = ['hold', 'take-back'] as const;
export type TripwireAction = (typeof TRIPWIRE_ACTIONS)[number];

export const TRIPWIRES = ['candidate-failures', 'hard-down', 'reverse-mismatch', 'latency', 'limits'] as const;
export type TripwireName = (typeof TRIPWIRES)[number];

/** A tripwire that went off. */
export interface Tripped {
  readonly tripwire: TripwireName;
  readonly endpoint: EndpointId;
  /** With the numbers that decided it. */
  readonly detail: string;
  readonly action: TripwireAction;
}

/** Whether a person, a list or a token chose the side: such traffic feeds no test of rates. */
export function isForced({ reason }: Pick<Decision, 'reason'>): boolean {
  return reason === 'included' || reason === 'excluded' || reason === 'pinned';
}

/** How much worse than the control's the candidate's failure rate must be: where both fail, neither is to blame. */
const RATIO = 2;
/** Endpoints watched at once; the one that is known longest is forgotten. Each takes 30 KB at most. */
const MAX_WATCHED = 10_000;

/** The failure rate at which no candidate is called certainly broken, whatever the control's is. */
const TOLERATED_RATE = 0.05;
/** False alarms of the run that cannot be noise: one in so many requests of a candidate at the tolerated rate. */
const CERTAIN = 1_000_000;

/** Watches served requests and reverse comparisons, per endpoint. Time comes with the events; nothing waits for a round. */
export class Tripwires {
  /** Asked anew each time: it may follow a configuration. */
  readonly #policy: TripwirePolicy;
  readonly #watched = new Map<EndpointId, Watch>();

  constructor(policy: TripwirePolicy) {
    this.#policy = policy;
  }

  /** Takes a served request in; gives what it sets off. */
  served(record: ServedRecord): Tripped | undefined {
    // An answer that its client did not wait for says nothing about who would have given it.
    const { reason } = record.decision;
    if (record.clientAborted || isForced(record.decision) || reason === 'retired') return undefined;
    // The candidate was not asked, and the control only because of that.
    if (reason === 'breaker') return undefined;
    const watch = this.#watch(record.endpoint);
    const outcome = outcomeOf(record);
    const failed = failedSide(outcome);
    const beyond = watch.limits?.served(record, failed === record.decision.side);
    const isSlow = watch.slow?.served(record) === true;
    watch.tests.served(record, failed);
    if (outcome.candidate !== undefined) watch.run = nextRun(watch, record.at, failed === 'candidate');
    watch.controlServed.add(record.at, outcome.control === undefined ? 0 : 1);
    watch.controlFailed.add(record.at, outcome.control === 'failed' ? 1 : 0);
    if (beyond !== undefined) return this.#trip('limits', record.endpoint, beyond);
    if (outcome.candidate === undefined) return undefined;
    watch.candidateServed.add(record.at, 1);
    const isBlamed = failed === 'candidate';
    watch.candidateFailed.add(record.at, isBlamed ? 1 : 0);
    if (outcome.candidate !== 'silent') watch.silent = 0;
    else if (isBlamed) watch.silent += 1;
    if (isBlamed) return this.#hardDown(record, watch) ?? this.#failures(record, watch);
    return isSlow ? this.#slow(record.endpoint, watch) : undefined;
  }

  #slow(endpoint: EndpointId, watch: Watch): Tripped | undefined {
    const { latency } = this.#policy;
    const detail = latency && watch.slow?.verdict(latency.count);
    if (latency === undefined || detail === undefined) return undefined;
    if (latency.action === 'take-back') return this.#trip('latency', endpoint, detail);
    // The candidate goes on serving what it has: what is known of its failures stays.
    watch.slow = new SlowTest(0);
    return { tripwire: 'latency', endpoint, detail, action: 'hold' };
  }

  /**
   * Takes a comparison in; gives what it sets off.
   * @param isMoving Whether the dial gives the candidate a share of the cell. What it fails elsewhere keeps cells closed, and hurts nobody.
   */
  verified(verified: VerifiedExchange, isMoving: boolean): Tripped | undefined {
    if (verified.forced === true) return undefined;
    if (isMoving && this.#watch(verified.cell.endpoint).tests.compared(verified)) {
      const tripped = this.#significant(verified.cell.endpoint);
      if (tripped !== undefined) return tripped;
    }
    return this.#mismatch(verified);
  }

  #mismatch(verified: VerifiedExchange): Tripped | undefined {
    const { result, cell, at } = verified;
    const limit = this.#policy.reverseMismatch;
    if (limit === undefined || verified.direction !== 'reverse') return undefined;
    // Failures have tripwires of their own. What the candidate did not repeat may close a cell by its rate, not in a moment.
    const isClear =
      result.verdict === 'mismatch' && result.intermittent !== true && result.signature?.kind !== 'failure';
    if (!isClear || verified.statuses.control === 0 || verified.statuses.control >= 500) return undefined;
    const watch = this.#watch(cell.endpoint);
    watch.mismatched.add(at, 1);
    const count = watch.mismatched.sum(at);
    if (count < limit.count) return undefined;
    const detail = `${count} confirmed mismatches within ${seconds(limit.withinMs)} while the candidate served`;
    return this.#trip('reverse-mismatch', cell.endpoint, detail);
  }

  /** What speaks against the candidate of an endpoint without having set a tripwire off yet; promotions wait for it to pass. */
  warning(endpoint: EndpointId): string | undefined {
    const watch = this.#watched.get(endpoint);
    const { candidateFailures, latency } = this.#policy;
    if (watch === undefined) return undefined;
    return (
      (candidateFailures && watch.tests.warning(candidateFailures.count)) ??
      (latency && watch.slow?.warning(latency.count))
    );
  }

  /** Forgets what an endpoint did; after it was taken back, or when a person begins anew. */
  reset(endpoint: EndpointId): void {
    this.#watched.delete(endpoint);
  }

  /** Forgets everything: another version of the candidate is another candidate. */
  resetAll(): void {
    this.#watched.clear();
  }

  #hardDown(record: ServedRecord, watch: Watch): Tripped | undefined {
    const limit = this.#policy.hardDown;
    if (limit === undefined || watch.silent < limit.consecutive || !isWorse(watch, record.at)) return undefined;
    return this.#trip('hard-down', record.endpoint, `the candidate gave no answer ${watch.silent} times in a row`);
  }

  #failures(record: ServedRecord, watch: Watch): Tripped | undefined {
    const limit = this.#policy.candidateFailures;
    if (limit === undefined) return undefined;
    const count = watch.candidateFailed.sum(record.at);
    if (count < limit.count || watch.run < CERTAIN) return this.#significant(record.endpoint);
    const served = watch.candidateServed.sum(record.at);
    const detail = `the candidate failed ${count} of ${served} requests within ${seconds(limit.withinMs)}, the control ${watch.controlFailed.sum(record.at)} of ${watch.controlServed.sum(record.at)}`;
    return this.#trip('candidate-failures', record.endpoint, detail);
  }

  #significant(endpoint: EndpointId): Tripped | undefined {
    const limit = this.#policy.candidateFailures;
    const detail = limit && this.#watch(endpoint).tests.verdict(limit.count);
    return detail === undefined ? undefined : this.#trip('candidate-failures', endpoint, detail);
  }

  #trip(tripwire: TripwireName, endpoint: EndpointId, detail: string): Tripped {
    // It went off once for these; what comes next is counted anew.
    this.reset(endpoint);
    return { tripwire, endpoint, detail, action: 'take-back' };
  }

  #watch(endpoint: EndpointId): Watch {
    const present = this.#watched.get(endpoint);
    const watch = present ?? newWatch(this.#policy);
    if (present === undefined && this.#watched.size >= MAX_WATCHED) {
      const [first] = this.#watched.keys();
      if (first !== undefined) this.#watched.delete(first);
    }
    if (present === undefined) this.#watched.set(endpoint, watch);
    return watch;
  }
}

/** Over which both sides' failures are set against each other where only the run in a row counts. */
const USUAL_WINDOW_MS = 10_000;

/** Whether the candidate fails clearly more often than the control does at the same time (I11). */
function isWorse(watch: Watch, at: number): boolean {
  return rate(watch.candidateFailed, watch.candidateServed, at) > RATIO * controlRate(watch, at);
}

function controlRate(watch: Watch, at: number): number {
  return rate(watch.controlFailed, watch.controlServed, at);
}

function rate(failed: SlidingCount, served: SlidingCount, at: number): number {
  return failed.sum(at) / Math.max(1, served.sum(at));
}

/**
 * The run of failures after one more request of the candidate: a detector as in `sequential-test.ts`, of a failure rate
 * halfway between the tolerated one and 1. At 5 % a failure counts ×10.5 and an answer ×0.5, so that six in a row are
 * certain. Tolerated is twice the control's rate where that is more; from 50 % on nothing is certain (I11).
 */
function nextRun(watch: Watch, at: number, isFailure: boolean): number {
  if (!isFailure) return (watch.run + 1) / 2;
  const tolerated = Math.max(TOLERATED_RATE, RATIO * controlRate(watch, at));
  const isTelling = tolerated < 0.5;
  // The bound keeps the number finite.
  return isTelling ? Math.min(1e12, ((watch.run + 1) * (1 + tolerated)) / (2 * tolerated)) : watch.run;
}

interface Outcome {
  /** `silent`: no answer at all. undefined: it was not asked. */
  readonly candidate: 'answered' | 'failed' | 'silent' | undefined;
  readonly control: 'answered' | 'failed' | undefined;
}

/** The side that is to blame, if one is. The control failed the very same request: that speaks against neither. */
function failedSide({ candidate, control }: Outcome): Side | undefined {
  if (candidate === undefined) return control === 'failed' ? 'control' : undefined;
  return candidate !== 'answered' && control !== 'failed' ? 'candidate' : undefined;
}

function outcomeOf(record: ServedRecord): Outcome {
  const isFailed = record.servedBy === undefined || record.status >= 500;
  if (record.decision.side === 'control') {
    return { candidate: undefined, control: isFailed || record.failure !== undefined ? 'failed' : 'answered' };
  }
  const isSilent = record.failure === 'refused' || record.failure === 'reset' || record.failure === 'timeout';
  // `failure` tells of the chosen side; a failover's status is the control's.
  if (record.failedOver)
    return { candidate: isSilent ? 'silent' : 'failed', control: isFailed ? 'failed' : 'answered' };
  if (isSilent) return { candidate: 'silent', control: undefined };
  return { candidate: isFailed || record.failure !== undefined ? 'failed' : 'answered', control: undefined };
}

interface Watch {
  readonly candidateServed: SlidingCount;
  readonly candidateFailed: SlidingCount;
  readonly controlServed: SlidingCount;
  readonly controlFailed: SlidingCount;
  readonly mismatched: SlidingCount;
  readonly tests: FailureTests;
  slow: SlowTest | undefined;
  readonly limits: LimitWatch | undefined;
  /** Level of the detector of a candidate that is certainly broken. */
  run: number;
  /** Requests in a row without any answer of the candidate. */
  silent: number;
}

function newWatch(policy: TripwirePolicy): Watch {
  const failures = policy.candidateFailures?.withinMs ?? USUAL_WINDOW_MS;
  return {
    candidateServed: new SlidingCount(failures),
    candidateFailed: new SlidingCount(failures),
    controlServed: new SlidingCount(failures),
    controlFailed: new SlidingCount(failures),
    mismatched: new SlidingCount(policy.reverseMismatch?.withinMs ?? USUAL_WINDOW_MS),
    tests: new FailureTests(),
    slow: policy.latency === undefined ? undefined : new SlowTest(policy.latency.warmUpMs),
    limits: policy.limits === undefined ? undefined : new LimitWatch(policy.limits),
    run: 0,
    silent: 0,
  };
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
