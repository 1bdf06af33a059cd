import type { Side } from './cell.ts';
import type { FailureEvidence } from './renewing-test.ts';

/**
 * On live traffic: does the candidate fail more often than the control? Each failure fell on one of them, and the share of
 * the requests that the candidate has at that moment says how likely that was. Only who got the failure counts: that both
 * fail more today, that traffic bursts or that the dial was turned makes no difference.
 * Source of the argument: Lindon and Malek 2022 (arXiv 2011.03567).
 */

/** How many times more often the candidate may fail, as far as this test is concerned. */
export const TOLERATED_RATIO = 1.2;
/** Below it, and as close to 1, the other side is no alternative; a dial has no smaller step. */
const LEAST_SHARE = 1e-6;
/** How many times more often it fails, if it does: the alternatives. */
export const FAILURE_RATIOS: readonly number[] = [1.5, 2, 3, 5, 10];

/**
 * What one failure says.
 * @param share The candidate's expected share of the requests among which this one was, known before it: above 0 and below 1.
 * At 0 and 1 the failure could have fallen on one side only and says nothing; above about 0.7 it says little (74 in a row at 0.9).
 */
export function attributed(side: Side, share: number): FailureEvidence {
  const isTelling = share >= LEAST_SHARE && share <= 1 - LEAST_SHARE;
  const tolerated = candidateShare(share, TOLERATED_RATIO);
  return {
    logs: FAILURE_RATIOS.map((ratio) => {
      if (!isTelling) return 0;
      const expected = candidateShare(share, ratio);
      return side === 'candidate' ? Math.log(expected / tolerated) : Math.log((1 - expected) / (1 - tolerated));
    }),
    candidate: isTelling && side === 'candidate' ? 1 : 0,
    control: isTelling && side === 'control' ? 1 : 0,
    expected: isTelling ? share : 0,
  };
}

/** The candidate's share of all failures where it fails `ratio` times as often: 0.5 at a share of 1/3 and twice as often. */
function candidateShare(share: number, ratio: number): number {
  return (share * ratio) / (share * ratio + 1 - share);
}
