import type { Flaw } from './truth.ts';
import type { Invariant, Violation } from './witness.ts';

/** Smallest, median, and so on; null where there is nothing to measure. */
export interface Quantiles {
  readonly count: number;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

/** One change of who serves. */
export interface Change {
  /** Milliseconds since the begin. */
  readonly at: number;
  readonly kind: 'promotion' | 'dial' | 'rollback' | 'hold' | 'order';
  readonly actor: string;
  readonly reason: string;
  /** Cells that opened, and that closed. */
  readonly opened: number;
  readonly closed: number;
  /** Endpoints taken back; at most 20 are named. */
  readonly endpoints?: readonly string[];
  /** A taking back that nothing justified, or a promotion that should not have been. */
  readonly wrong?: true;
}

/** A time in which the candidate was worse somewhere, and how long it took to be taken back there. */
export interface Detection {
  readonly endpoint: string;
  readonly flaw: Flaw;
  readonly from: number;
  /** null: it lasted to the end. */
  readonly until: number | null;
  /** The first request that was at risk; null: the candidate served none, because nothing was open. */
  readonly exposedAt: number | null;
  /** The first time after that that the endpoint was taken back, or held by a tripwire; null: never. */
  readonly detectedAt: number | null;
}

/** What a simulation comes to. Times are milliseconds since the begin; the same scenario and seed give the same bytes. */
export interface SimulationResult {
  readonly scenario: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly notes: readonly string[];
  readonly requests: {
    readonly total: number;
    readonly control: number;
    readonly candidate: number;
    readonly failedOver: number;
    /** Nobody served them: every proxy was down. */
    readonly unserved: number;
  };
  readonly comparisons: {
    readonly match: number;
    readonly mismatch: number;
    readonly inconclusive: number;
    readonly dropped: number;
  };
  readonly cells: {
    /** That had traffic. */
    readonly total: number;
    /** That ever opened, and that are open at the end. */
    readonly opened: number;
    readonly openAtEnd: number;
  };
  /** From a cell's first request to its first opening. */
  readonly timeToOpenMs: Quantiles;
  /** The candidate's share of all answers, and open cells, by slots of equal length; null: no request. */
  readonly share: readonly { readonly at: number; readonly share: number | null; readonly openCells: number }[];
  readonly finalShare: number | null;
  /** Cells opened, and dials raised by a ramp. */
  readonly promotions: number;
  /** Cells opened where the candidate was wrong more often than the proof allows. */
  readonly falsePromotions: number;
  /** Takings back by tripwires and evidence, and those of them where the candidate was in nothing worse. */
  readonly rollbacks: number;
  readonly falseRollbacks: number;
  /** Takings back by what did it. */
  readonly rollbacksBy: Readonly<Record<string, number>>;
  readonly detections: readonly Detection[];
  /** From the first request at risk to the taking back. */
  readonly timeToDetectMs: Quantiles;
  /** Flaws that put a request at risk and were not taken back. */
  readonly undetected: number;
  readonly clientsHurt: {
    /** Requests with a wrong or failed answer that the control would have given right, and the users who got them. */
    readonly requests: number;
    readonly subjects: number;
  };
  /** Orders of people that were refused, or that nobody was there to take. */
  readonly refusedOrders: readonly { readonly at: number; readonly what: string }[];
  readonly events: readonly {
    readonly at: number;
    readonly until: number | null;
    readonly kind: string;
    readonly what: string;
  }[];
  readonly changes: readonly Change[];
  readonly invariants: {
    readonly checks: Readonly<Record<Invariant, number>>;
    readonly violations: Readonly<Record<Invariant, number>>;
  };
  readonly violations: readonly Violation[];
}

/** Quantiles by the nearest rank. */
export function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (share: number): number | null => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  return { count: sorted.length, min: at(0), p50: at(0.5), p90: at(0.9), p95: at(0.95), max: at(1) };
}
