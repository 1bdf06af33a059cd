/** A set of equal circuits as it is set up: each guards one thing that may be down, all are served by the same threads. */
export interface BreakerPlanInput {
  /** Circuits that are open in a total outage, 1 or more. */
  readonly circuits: number;
  /** Time limit of a call while a circuit is closed, milliseconds above 0. */
  readonly timeoutMs: number;
  /** Errors until a circuit opens, 1 or more. */
  readonly errorThreshold: number;
  /** From the last error until a probe, milliseconds above 0. */
  readonly errorTimeoutMs: number;
  /** Time limit of a probe, milliseconds above 0. */
  readonly halfOpenTimeoutMs: number;
  /** Calls that can be under way at once, 1 or more. */
  readonly threads: number;
  /** Probes that must succeed until a circuit closes, 1 or more. */
  readonly successThreshold: number;
}

export interface BreakerPlan {
  /** Share of all threads that probes want in a total outage, as published: 2.625 for 263 %. */
  readonly extraUtilisation: number;
  /** The same by the exact cycle, always a little less. */
  readonly exactUtilisation: number;
  /** One round of a circuit in a total outage: so long it is open, and then one probe. */
  readonly cycleMs: number;
  /** From the beginning of a total outage until every circuit is open, where the threads do nothing else. */
  readonly allOpenAfterMs: number;
  /** From the end of the outage until a circuit is closed, at most, where no probe has to wait for a thread. */
  readonly closedAfterMs: number;
  /** Ways to come to the aim; empty where it is reached. */
  readonly changes: readonly BreakerChangeAdvice[];
}

/** One way to come to the aim, everything else as it is. */
export interface BreakerChangeAdvice {
  readonly errorTimeoutMs?: number;
  readonly halfOpenTimeoutMs?: number;
  readonly circuits?: number;
  readonly threads?: number;
  /** What the utilisation then is. */
  readonly extraUtilisation: number;
}

/** Above it probes are felt by everything else: `cutover check` warns. */
export const HIGH_UTILISATION = 0.1;
/** Above it probes want more than there is, so that the outage of one thing is that of all: `cutover check` refuses. */
export const FULL_UTILISATION = 1;

/**
 * Share of all threads that probes take in a total outage: the circuit breaker equation of D. Polan, "Your Circuit Breaker
 * is Misconfigured" (Shopify Engineering, 2020), derived here anew.
 *
 * In a total outage every circuit is open. After `errorTimeout` it lets one call through as a probe, which takes the whole
 * `halfOpenTimeout` and fails, so that the circuit opens again. Each of N circuits holds a thread for h in every T:
 *
 *     wanted:    N × h / T   thread-seconds a second (Little's law: probes a second × time of a probe)
 *     available: k           thread-seconds a second
 *     share:     U = N × h / (T × k)
 *
 * 42 circuits, h = 0.25 s, T = 2 s, k = 2: 42 × 0.25 / (2 × 2) = 2.625, published as 263 %.
 * The same with h = 0.05 s and T = 30 s: 42 × 0.05 / (30 × 2) = 0.035, published as 4 %.
 * Neither the errors until a circuit opens nor the time limit of ordinary calls is in it: they only say how long it takes
 * to get there.
 */
export function extraUtilisation(input: BreakerUse): number {
  return (input.circuits * input.halfOpenTimeoutMs) / (input.errorTimeoutMs * input.threads);
}

export type BreakerUse = Pick<BreakerPlanInput, 'circuits' | 'halfOpenTimeoutMs' | 'errorTimeoutMs' | 'threads'>;

/**
 * What a set of circuits costs in a total outage, and what to change where that is too much.
 *
 * `exactUtilisation`: T runs from the end of a failed probe, so that a round is T + h and not T: 233 % instead of 263 %.
 * The published form is what is judged: it is never too low, and the same within 1 % where h is below a hundredth of T.
 * `allOpenAfterMs`: every circuit needs its errors, each holds a thread for the whole time limit: N × errors × timeout / k.
 */
export function planBreakers(input: BreakerPlanInput): BreakerPlan {
  const { circuits, errorTimeoutMs, halfOpenTimeoutMs, threads } = input;
  const cycleMs = errorTimeoutMs + halfOpenTimeoutMs;
  return {
    extraUtilisation: extraUtilisation(input),
    exactUtilisation: (circuits * halfOpenTimeoutMs) / (cycleMs * threads),
    cycleMs,
    allOpenAfterMs: (circuits * input.errorThreshold * input.timeoutMs) / threads,
    closedAfterMs: cycleMs + input.successThreshold * halfOpenTimeoutMs,
    changes: adviseBreakers(input),
  };
}

/** Ways to come to `HIGH_UTILISATION` or below, the ones that cost nothing first: waiting longer, probing shorter, both. */
export function adviseBreakers(input: BreakerUse): readonly BreakerChangeAdvice[] {
  const excess = extraUtilisation(input) / HIGH_UTILISATION;
  if (excess <= 1) return [];
  const { circuits, errorTimeoutMs, halfOpenTimeoutMs, threads } = input;
  const both = Math.sqrt(excess);
  const ways: Partial<BreakerUse>[] = [
    { errorTimeoutMs: roundUp(errorTimeoutMs * excess) },
    { halfOpenTimeoutMs: Math.floor(halfOpenTimeoutMs / excess) },
    { errorTimeoutMs: roundUp(errorTimeoutMs * both), halfOpenTimeoutMs: Math.floor(halfOpenTimeoutMs / both) },
    { circuits: Math.floor(circuits / excess) },
    { threads: Math.ceil(threads * excess) },
  ];
  const isPossible = (way: Partial<BreakerUse>): boolean => Object.values(way).every((value) => value >= 1);
  return ways.filter(isPossible).map((way) => ({ ...way, extraUtilisation: extraUtilisation({ ...input, ...way }) }));
}

/** A time that people would write: whole seconds from one second on. */
function roundUp(ms: number): number {
  return ms < 1_000 ? Math.ceil(ms) : Math.ceil(ms / 1_000) * 1_000;
}
