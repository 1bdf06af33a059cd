/**
 * The rule of two thresholds, as published with Diffy's defaults: a field is shown when the candidate differs more often than
 * the control differs from itself, by more than 20 % of both together and by more than 0.03 % of all requests.
 */
export interface Counts {
  /** Pairs control–candidate in which the field differs. */
  readonly raw: number;
  /** Pairs control–control in which it differs. */
  readonly noise: number;
  /** Pairs of either kind. */
  readonly total: number;
}

export const RELATIVE_PERCENT = 20;
export const ABSOLUTE_PERCENT = 0.03;

export function isShown({ raw, noise, total }: Counts): boolean {
  if (raw <= noise || total === 0) return false;
  const apart = raw - noise;
  return (100 * apart) / (raw + noise) > RELATIVE_PERCENT && (100 * apart) / total > ABSOLUTE_PERCENT;
}

/**
 * How often the rule shows a field in which nothing is wrong but noise, and one that differs more often by `extra`.
 * Exact: both arms are binomial and independent.
 */
export function chanceShown(total: number, noiseRate: number, extra = 0): number {
  const [noise, raw] = [binomial(total, noiseRate), binomial(total, Math.min(1, noiseRate + extra * (1 - noiseRate)))];
  let sum = 0;
  for (let n = 0; n <= total; n++) {
    for (let r = n + 1; r <= total; r++) {
      if (isShown({ raw: r, noise: n, total })) sum += (noise[n] as number) * (raw[r] as number); // both have total + 1 entries
    }
  }
  return sum;
}

/** Probabilities of 0 to `n` hits, by logarithms, because the factors of 400 do not fit a double. */
function binomial(n: number, rate: number): number[] {
  const list: number[] = [];
  let log = n * Math.log1p(-rate);
  for (let k = 0; k <= n; k++) {
    list.push(Math.exp(log));
    log += Math.log((n - k) / (k + 1)) + Math.log(rate) - Math.log1p(-rate);
  }
  return list;
}
