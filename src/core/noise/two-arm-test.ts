/**
 * Whether the candidate differs from the control more often than the control differs from itself, at one path:
 * two Bernoulli arms, tested in a way that may be looked at after every pair.
 *
 * The evidence is a mixture likelihood ratio: how well chosen pairs of rates with candidate > control explain the counts,
 * averaged over fixed weights, against the best pair of rates with candidate ≤ control. For each rate of the null the
 * average is a martingale that starts at 1, and the maximum in the denominator can only lower it, so by Ville (1939) it
 * reaches 1/α with probability at most α, however often one looks, in whatever order and number the arms come, as long as
 * what is asked next does not know its own outcome. Source: Wasserman, Ramdas, Balakrishnan 2020, "Universal inference",
 * PNAS 117(29), section 7 (the sequential form with a mixture in place of the plug-in); the two-arm setting as in Turner,
 * Ly, Grünwald 2024, "Generic E-variables for exact sequential k-sample tests", whose blocks would need arms that keep step.
 */

/** Pairs of either arm and in how many of them the path differed. Counts of two observers add up. */
export interface TwoArms {
  /** Control–control pairs. */
  readonly controlPairs: number;
  readonly controlDrifts: number;
  /** Control–candidate pairs. */
  readonly candidatePairs: number;
  readonly candidateDrifts: number;
}

/** False alarms: of a path of pure noise over all looks, and the expected share of them among flagged paths. */
export const FALSE_ALARM = 0.01;

/** Rates of the control that the mixture knows, evenly spaced on the arcsine scale, on which a binomial's spread is even. */
const RATES = 100;
/** How many times the control's odds the candidate's may be, with weights: most on what is still hard to see. */
const ODDS: readonly (readonly [ratio: number, weight: number])[] = [
  [1.25, 0.1],
  [1.6, 0.3],
  [2.5, 0.25],
  [5, 0.15],
  [25, 0.1],
  [400, 0.1],
];

interface Point {
  readonly logWeight: number;
  /** Logarithms of the rates of either arm and of what is left of 1. */
  readonly drift: readonly [control: number, candidate: number];
  readonly agree: readonly [control: number, candidate: number];
}

const MIXTURE: readonly Point[] = mixture();

function mixture(): Point[] {
  const angles = Array.from({ length: RATES }, (_, i) => ((i + 0.5) / RATES) * (Math.PI / 2));
  // sin 2φ is the density under which the rate sin²φ is uniform.
  const total = angles.reduce((sum, angle) => sum + Math.sin(2 * angle), 0);
  return angles.flatMap((angle) => {
    const control = Math.sin(angle) ** 2;
    return ODDS.map(([ratio, weight]): Point => {
      const candidate = (ratio * control) / (1 - control + ratio * control);
      return {
        logWeight: Math.log((weight * Math.sin(2 * angle)) / total),
        drift: [Math.log(control), Math.log(candidate)],
        agree: [Math.log1p(-control), Math.log1p(-candidate)],
      };
    });
  });
}

/**
 * Natural logarithm of the evidence that the candidate differs more often; 4.605 = ln 100 is enough for 1 %.
 * Exact where it could matter; −∞ where a bound already shows it below `floor`, which costs a hundredth.
 *
 * @param floor What is not of interest, e.g. ln 100.
 */
export function logEvidence(arms: TwoArms, floor = Number.NEGATIVE_INFINITY): number {
  const { controlPairs, controlDrifts, candidatePairs, candidateDrifts } = arms;
  const excess = best(controlPairs, controlDrifts) + best(candidatePairs, candidateDrifts);
  const isAbove = candidateDrifts * controlPairs > controlDrifts * candidatePairs;
  // Under the null the best candidate's rate is at most the control's: where it is above, both are the pooled rate.
  const none = isAbove ? best(controlPairs + candidatePairs, controlDrifts + candidateDrifts) : excess;
  // No mixture explains the counts better than the best two rates do.
  if (excess - none < floor) return Number.NEGATIVE_INFINITY;
  return logMixture(arms) - none;
}

function logMixture({ controlPairs, controlDrifts, candidatePairs, candidateDrifts }: TwoArms): number {
  const controlAgrees = controlPairs - controlDrifts;
  const candidateAgrees = candidatePairs - candidateDrifts;
  const terms = MIXTURE.map(
    ({ logWeight, drift, agree }) =>
      logWeight +
      controlDrifts * drift[0] +
      controlAgrees * agree[0] +
      candidateDrifts * drift[1] +
      candidateAgrees * agree[1],
  );
  const largest = terms.reduce((most, term) => Math.max(most, term));
  return largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0));
}

/** Logarithm of the likelihood of `drifts` of `pairs` at their own rate; 0 at a rate of 0 or 1. */
function best(pairs: number, drifts: number): number {
  return times(drifts, pairs) + times(pairs - drifts, pairs);
}

function times(count: number, of: number): number {
  return count === 0 ? 0 : count * Math.log(count / of);
}

/**
 * The keys whose evidence stands when many are tested at once: of those, at most the share `level` is false in expectation,
 * however they depend on each other. e-BH: Wang, Ramdas 2022, "False discovery rate control with e-values", JRSS-B 84(3),
 * section 4: the k largest, for the largest k whose k-th evidence is at least m / (k · level).
 *
 * @param logs Logarithm of the evidence of every key that is tested; all m of them, or the level does not hold.
 */
export function discoveries(logs: ReadonlyMap<string, number>, level: number = FALSE_ALARM): ReadonlySet<string> {
  const ranked = [...logs].sort(([, a], [, b]) => b - a);
  let found = 0;
  for (const [i, [, log]] of ranked.entries()) {
    if (log >= Math.log(ranked.length / ((i + 1) * level))) found = i + 1;
  }
  return new Set(ranked.slice(0, found).map(([key]) => key));
}
