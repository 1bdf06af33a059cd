import type { EndpointId } from './cell.ts';
import type { ServedRecord, VerifiedExchange } from './ports.ts';
import type { Decision } from './routing.ts';

/** So many events within a sliding window. */
export interface Burst {
  readonly count: number;
  readonly withinMs: number;
}

/** Which tripwires are armed; undefined: off. */
export interface TripwirePolicy {
  /** Requests the candidate failed while the control did not. */
  readonly candidateFailures: Burst | undefined;
  /** Requests in a row to which the candidate gave no answer at all. */
  readonly hardDown: { readonly consecutive: number } | undefined;
  /** Confirmed mismatches between what the candidate served and the control. */
  readonly reverseMismatch: Burst | undefined;
}

export const TRIPWIRES = ['candidate-failures', 'hard-down', 'reverse-mismatch'] as const;
export type TripwireName = (typeof TRIPWIRES)[number];

/** A tripwire that went off. */
export interface Tripped {
  readonly tripwire: TripwireName;
  readonly endpoint: EndpointId;
  /** With the numbers that decided it. */
  readonly detail: string;
}

/** Whether a person, a list or a token chose the side: such traffic feeds no test of rates. */
export function isForced({ reason }: Pick<Decision, 'reason'>): boolean {
  return reason === 'included' || reason === 'excluded' || reason === 'pinned';
}

/** How much worse than the control's the candidate's failure rate must be: where both fail, neither is to blame. */
const RATIO = 2;
/** Endpoints watched at once; the one that was quiet longest is forgotten. Each takes 10 KB at most. */
const MAX_WATCHED = 10_000;

/** Watches served requests and reverse comparisons, per endpoint. Time comes with the events; nothing waits for a round. */
export class Tripwires {
  readonly #policy: TripwirePolicy;
  readonly #watched = new Map<EndpointId, Watch>();

  constructor(policy: TripwirePolicy) {
    this.#policy = policy;
  }

  /** Takes a served request in; gives what it sets off. */
  served(record: ServedRecord): Tripped | undefined {
    // An answer that its client did not wait for says nothing about who would have given it.
    if (record.clientAborted || isForced(record.decision) || record.decision.reason === 'retired') return undefined;
    const watch = this.#watch(record.endpoint);
    const outcome = outcomeOf(record);
    watch.controlServed.add(record.at, outcome.control === undefined ? 0 : 1);
    watch.controlFailed.add(record.at, outcome.control === 'failed' ? 1 : 0);
    if (outcome.candidate === undefined) return undefined;
    watch.candidateServed.add(record.at, 1);
    // The control failed the very same request: that speaks against neither.
    const isBlamed = outcome.candidate !== 'answered' && outcome.control !== 'failed';
    watch.candidateFailed.add(record.at, isBlamed ? 1 : 0);
    if (outcome.candidate !== 'silent') watch.silent = 0;
    else if (isBlamed) watch.silent += 1;
    return isBlamed ? (this.#hardDown(record, watch) ?? this.#failures(record, watch)) : undefined;
  }

  /** Takes a comparison in; gives what it sets off. */
  verified(verified: VerifiedExchange): Tripped | undefined {
    const { result, cell, at } = verified;
    const limit = this.#policy.reverseMismatch;
    if (limit === undefined || verified.direction !== 'reverse' || verified.forced === true) return undefined;
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

  /** Forgets what an endpoint did; after it was taken back, or when a person begins anew. */
  reset(endpoint: EndpointId): void {
    this.#watched.delete(endpoint);
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
    if (count < limit.count || !isWorse(watch, record.at)) return undefined;
    const served = watch.candidateServed.sum(record.at);
    const detail = `the candidate failed ${count} of ${served} requests within ${seconds(limit.withinMs)}, the control ${watch.controlFailed.sum(record.at)} of ${watch.controlServed.sum(record.at)}`;
    return this.#trip('candidate-failures', record.endpoint, detail);
  }

  #trip(tripwire: TripwireName, endpoint: EndpointId, detail: string): Tripped {
    // It went off once for these; what comes next is counted anew.
    this.reset(endpoint);
    return { tripwire, endpoint, detail };
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
  const rate = (failed: Window, served: Window): number => failed.sum(at) / Math.max(1, served.sum(at));
  return rate(watch.candidateFailed, watch.candidateServed) > RATIO * rate(watch.controlFailed, watch.controlServed);
}

interface Outcome {
  /** `silent`: no answer at all. undefined: it was not asked. */
  readonly candidate: 'answered' | 'failed' | 'silent' | undefined;
  readonly control: 'answered' | 'failed' | undefined;
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
  readonly candidateServed: Window;
  readonly candidateFailed: Window;
  readonly controlServed: Window;
  readonly controlFailed: Window;
  readonly mismatched: Window;
  /** Requests in a row without any answer of the candidate. */
  silent: number;
}

function newWatch(policy: TripwirePolicy): Watch {
  const failures = policy.candidateFailures?.withinMs ?? USUAL_WINDOW_MS;
  return {
    candidateServed: new Window(failures),
    candidateFailed: new Window(failures),
    controlServed: new Window(failures),
    controlFailed: new Window(failures),
    mismatched: new Window(policy.reverseMismatch?.withinMs ?? USUAL_WINDOW_MS),
    silent: 0,
  };
}

/** A window is exact to a twentieth of itself. */
const SLOTS = 20;

/** A count over a sliding window, in at most 21 slots. */
class Window {
  readonly #slotMs: number;
  #slots: { readonly slot: number; count: number }[] = [];

  constructor(withinMs: number) {
    this.#slotMs = withinMs / SLOTS;
  }

  /** Adds at a time. A clock that went back a little adds to the newest slot; one that went far back begins anew. */
  add(at: number, by: number): void {
    if (by === 0) return;
    const slot = Math.floor(at / this.#slotMs);
    const last = this.#slots.at(-1);
    if (last !== undefined && slot <= last.slot && last.slot - slot < SLOTS) {
      last.count += by;
      return;
    }
    // What lies in the future of a clock that was set back would never leave the window.
    if (last !== undefined && slot < last.slot) this.#slots = [];
    this.#slots.push({ slot, count: by });
    if (this.#slots.length > SLOTS + 1) this.#slots.shift();
  }

  sum(at: number): number {
    const first = Math.floor(at / this.#slotMs) - SLOTS;
    return this.#slots.reduce((sum, { slot, count }) => sum + (slot > first ? count : 0), 0);
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
