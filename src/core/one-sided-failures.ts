import type { Side } from './cell.ts';
import { CANDIDATE_SHARES } from './discordant-test.ts';
import type { VerifiedExchange } from './ports.ts';
import { meanRatio } from './renewing-test.ts';

/** How many requests of drawn pairs only one side failed. */
export type OneSidedFailures = Readonly<Record<Side, number>>;

export const NO_FAILURES: OneSidedFailures = { control: 0, candidate: 0 };

/** Chance that a candidate that fails as often as the control is called worse, however often one looks; of one test. */
const FALSE_ALARM = 0.01;
/** The same where there is a test for each cell: of a hundred cells that last as many epochs one is taken back for nothing. */
export const CELL_FALSE_ALARM = 0.0001;

/**
 * Failures of the candidate that none of the control's stands against. Where both fail equally often this grows more slowly
 * than the comparisons, so that a proof comes later and does come; where the candidate fails more it grows with them.
 */
export function excessFailures({ candidate, control }: OneSidedFailures): number {
  return Math.max(0, candidate - control);
}

/**
 * Whether the candidate fails more of the same requests than the control: the test on discordant pairs over all that was
 * gathered (McNemar 1947, as a mean of likelihood ratios: Ville 1939). At 1 % nine of the candidate's in a row are enough.
 */
export function failsMore({ candidate, control }: OneSidedFailures, falseAlarm: number = FALSE_ALARM): boolean {
  const logs = CANDIDATE_SHARES.map((share) => candidate * Math.log(2 * share) + control * Math.log(2 * (1 - share)));
  return meanRatio(logs) >= 1 / falseAlarm;
}

/** No answer at all, or one that tells of a failure. */
export function isFailure(status: number): boolean {
  return status === 0 || status >= 500;
}

/**
 * The side that alone failed the request. A control that took too long speaks for nobody: copies have a time limit of
 * their own. A candidate that did is wrong all the same.
 */
export function failedAlone({ statuses, unpaired }: Pick<VerifiedExchange, 'statuses' | 'unpaired'>): Side | undefined {
  const isControl = isFailure(statuses.control);
  if (isControl === isFailure(statuses.candidate)) return undefined;
  if (!isControl) return 'candidate';
  return unpaired === undefined ? 'control' : undefined;
}
