import type { Sample } from '../core/evidence.ts';
import { failedAlone } from '../core/one-sided-failures.ts';
import type { VerifiedExchange } from '../core/ports.ts';

/** A comparison as evidence sees it; undefined: it is none. `at` is steady time. */
export function sampleOf(verified: VerifiedExchange, at: number): Sample | undefined {
  const { cell, result, statuses, unpaired } = verified;
  const failedBy = failedAlone(verified);
  // Nobody asks the candidate where the control fails: failovers alone would show the candidate's half of equal noise.
  if (failedBy === 'candidate' && unpaired === 'failed-over') return undefined;
  const { control } = statuses;
  return {
    at,
    verdict: result.verdict,
    // An answer like "not found" proves nothing, but to answer it differently is wrong all the same.
    proves: (control >= 200 && control < 400) || result.verdict === 'mismatch',
    request: `${cell.tenant} ${verified.requestHash}`,
    subject: verified.subjectHash ?? '',
    tenant: cell.tenant,
    statusClass: Math.floor(control / 100),
    ...(failedBy === undefined ? {} : { failedBy }),
    ...(verified.preferred === true ? { preferred: true } : {}),
  };
}
