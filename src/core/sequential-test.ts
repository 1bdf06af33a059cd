/**
 * Tests that are valid at any moment: they may be looked at after every comparison, and stopped when one likes.
 * Source of the argument: Wald 1945 (sequential probability ratio), Ville 1939 (a non-negative martingale that starts at 1
 * reaches 1/α with probability at most α), Shin, Ramdas, Rinaldo 2022 (e-detectors).
 */

/** The two mismatch rates a comparison tells apart: `limit` is not tolerated, `limit / 10` is as good as wanted. */
export interface RateTest {
  /** Mismatch rate that a proof excludes, above 0 and below 1. */
  readonly limit: number;
  /** 0.95: wrong with at most 5 %. */
  readonly confidence: number;
}

/** How far below the limit the rate is that the test hopes for. */
const HOPE = 10;

function goodRate(test: RateTest): number {
  return test.limit / HOPE;
}

/**
 * Logarithm of the evidence that the mismatch rate is below the limit, after `matches` and `mismatches`.
 * At 1 % each match adds 0.00905 and each mismatch takes 2.303 away.
 */
export function logEvidence(test: RateTest, matches: number, mismatches: number): number {
  const good = goodRate(test);
  return mismatches * Math.log(good / test.limit) + matches * Math.log((1 - good) / (1 - test.limit));
}

/** What the logarithm must reach for a proof: ln(1/α); 2.996 at 95 %. */
export function neededEvidence(test: RateTest): number {
  return -Math.log(1 - test.confidence);
}

/** Clean comparisons still needed for a proof; 0 when it is there. 332 for 1 % at 95 % from nothing (331.03 rounded up), 3,327 for 0.1 %. */
export function cleanComparisonsNeeded(test: RateTest, matches: number, mismatches: number): number {
  const missing = neededEvidence(test) - logEvidence(test, matches, mismatches);
  return missing <= 0 ? 0 : Math.ceil(missing / logEvidence(test, 1, 0));
}

/** Whether the matches and mismatches prove that the rate is below the limit. */
export function isProven(test: RateTest, matches: number, mismatches: number): boolean {
  return logEvidence(test, matches, mismatches) >= neededEvidence(test);
}

/** Whether they prove the opposite, that the rate is not as low as hoped: the same ratio turned round. */
export function isDisproven(test: RateTest, matches: number, mismatches: number): boolean {
  return -logEvidence(test, matches, mismatches) >= neededEvidence(test);
}

/**
 * Upper bound of the mismatch rate at one fixed look (Clopper and Pearson 1934), for display beside a proof.
 * 0 of 332 at 95 %: 0.898 %.
 */
export function upperBound(confidence: number, matches: number, mismatches: number): number {
  const total = matches + mismatches;
  if (total === 0 || mismatches >= total) return 1;
  const alpha = 1 - confidence;
  if (mismatches === 0) return 1 - alpha ** (1 / total);
  // Summing costs a step per mismatch; with so many the score interval (Wilson 1927) is as good: 0.2 % off at 100.
  if (mismatches > MAX_SUMMED) return wilson(normalQuantile(confidence), mismatches, total);
  // The bound is the rate at which as few mismatches as these have probability α; it grows with the rate, so halve.
  let low = mismatches / total;
  let high = 1;
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (binomialAtMost(mismatches, total, middle) > alpha) low = middle;
    else high = middle;
  }
  return high;
}

const MAX_SUMMED = 100;

function wilson(z: number, mismatches: number, total: number): number {
  const rate = mismatches / total;
  const spread = z * Math.sqrt((rate * (1 - rate)) / total + (z * z) / (4 * total * total));
  return Math.min(1, (rate + (z * z) / (2 * total) + spread) / (1 + (z * z) / total));
}

/** The z that a normal variable stays below with probability `p` ≥ 0.5; Abramowitz and Stegun 26.2.23, off by 4.5e-4 at most. */
function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(1 - p));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

/** P(X ≤ k) for X binomial with n trials at `rate`, summed in logarithms. k is small where this is used; it costs k steps. */
function binomialAtMost(k: number, n: number, rate: number): number {
  let term = n * Math.log1p(-rate);
  let sum = Math.exp(term);
  for (let i = 1; i <= k; i += 1) {
    term += Math.log((n - i + 1) / i) + Math.log(rate) - Math.log1p(-rate);
    sum += Math.exp(term);
  }
  return Math.min(1, sum);
}

/**
 * Watches a stream of comparisons for a change to the worse, however long it was good before:
 * the Shiryaev–Roberts e-detector, M ← (M + 1) · ratio, which raises a false alarm once in 1/α comparisons on average or more seldom.
 */
export interface ChangeDetector {
  /** M; 0 at the start. */
  readonly level: number;
}

export const NO_CHANGE: ChangeDetector = { level: 0 };

/** The detector after one more comparison. */
export function detect(detector: ChangeDetector, test: RateTest, isMismatch: boolean): ChangeDetector {
  const good = goodRate(test);
  const ratio = isMismatch ? test.limit / good : (1 - test.limit) / (1 - good);
  // Far above any threshold nothing is told apart; the bound keeps the number finite.
  return { level: Math.min(1e12, (detector.level + 1) * ratio) };
}

/** Whether the detector has reached 1/α. */
export function hasChanged(detector: ChangeDetector, falseAlarm: number): boolean {
  return detector.level >= 1 / falseAlarm;
}
