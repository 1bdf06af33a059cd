import type { Side } from './cell.ts';
import type { FailureEvidence } from './renewing-test.ts';

/**
 * On pairs: of the requests that only one side failed, does the candidate fail more than its half? What both failed drops
 * out, and with it the time of day, the tenants and the request itself (McNemar 1947, made valid at any moment).
 *
 * The pair must have been drawn before anyone knew how it ends. A failover alone is none: it is asked for because the
 * candidate failed, and nobody asks the candidate again where the control fails, so that of two sides that are equally
 * noisy only the candidate's failures would be seen.
 */

/** The candidate's share of the one-sided failures, if it is to blame: the alternatives to a half. */
export const CANDIDATE_SHARES: readonly number[] = [0.6, 0.75, 0.9, 0.97];

/** What a request says that `side` failed and the other answered. Nine of the candidate's in a row reach 157. */
export function discordant(side: Side): FailureEvidence {
  return EVIDENCE[side];
}

const EVIDENCE: Readonly<Record<Side, FailureEvidence>> = {
  candidate: { logs: CANDIDATE_SHARES.map((share) => Math.log(2 * share)), candidate: 1, control: 0, expected: 0.5 },
  control: {
    logs: CANDIDATE_SHARES.map((share) => Math.log(2 * (1 - share))),
    candidate: 0,
    control: 1,
    expected: 0.5,
  },
};
