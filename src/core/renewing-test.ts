/** What failures say about which side is to blame, under several alternatives at once. Adds up over proxies and over time. */
export interface FailureEvidence {
  /** Natural logarithm of the likelihood ratio of each alternative. */
  readonly logs: readonly number[];
  /** Failures that fell on the candidate. */
  readonly candidate: number;
  /** Failures that fell on the control. */
  readonly control: number;
  /** How many of both were to be expected on the candidate where neither side is to blame. */
  readonly expected: number;
}

/** The evidence of both; its logarithms are the sums, because the failures are others. */
export function addEvidence(one: FailureEvidence, other: FailureEvidence): FailureEvidence {
  return {
    logs: one.logs.map((log, at) => log + (other.logs[at] ?? 0)),
    candidate: one.candidate + other.candidate,
    control: one.control + other.control,
    expected: one.expected + other.expected,
  };
}

/** The mean of the likelihood ratios: 100 is reached by chance at most once in 100 (Ville 1939), however often one looks. */
export function meanRatio(logs: readonly number[]): number {
  return logs.reduce((sum, log) => sum + Math.exp(log), 0) / Math.max(1, logs.length);
}

/** An alternative that has fallen to a tenth of what it began with begins anew: a long good time must not make blind. */
const RENEW_BELOW = -Math.log(10);
/** Far above any threshold nothing is told apart; the bound keeps the number finite. */
const MOST = 100;

/** The share of the false alarms that the k-th beginning may spend, k from 1: 6/(π²k²), which sums to 1. */
export function spending(k: number): number {
  return 6 / (Math.PI * k) ** 2;
}

/** What one alternative gathered since it last began. */
export interface Run {
  readonly log: number;
  /** Which beginning this is, from 1. */
  readonly number: number;
  readonly candidate: number;
  readonly control: number;
  readonly expected: number;
}

/**
 * A test that may be looked at after every failure and goes on for weeks. Under each alternative it begins anew whenever
 * nothing speaks for it any more; the beginnings share one budget, so that all of them together reach 1/α with
 * probability α at most. Takes evidence of several proxies in any order.
 */
export class RenewingTest {
  #runs: Run[];

  /** @param alternatives How many logarithms the evidence has. */
  constructor(alternatives: number) {
    this.#runs = Array.from({ length: alternatives }, () => begun(1));
  }

  take(evidence: FailureEvidence): void {
    this.#runs = this.#runs.map((run, at) => {
      const log = run.log + (evidence.logs[at] ?? 0);
      if (log < RENEW_BELOW) return begun(run.number + 1);
      return {
        log: Math.min(MOST, log),
        number: run.number,
        candidate: run.candidate + evidence.candidate,
        control: run.control + evidence.control,
        expected: run.expected + evidence.expected,
      };
    });
  }

  /** Begins every alternative anew: what comes is no longer independent of what was taken in. */
  renew(): void {
    this.#runs = this.#runs.map((run) => begun(run.number + 1));
  }

  /** What has been gathered, about 1 or less where neither side is to blame; 1/α is reached with probability α at most. */
  get level(): number {
    return meanRatio(this.#runs.map(weighed));
  }

  /** The alternative for which most speaks. */
  get strongest(): Run {
    return this.#runs.reduce((best, run) => (weighed(run) > weighed(best) ? run : best), this.#runs[0] ?? begun(1));
  }
}

function weighed(run: Run): number {
  return run.log + Math.log(spending(run.number));
}

function begun(number: number): Run {
  return { log: 0, number, candidate: 0, control: 0, expected: 0 };
}
