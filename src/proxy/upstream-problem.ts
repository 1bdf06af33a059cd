import type { Side } from '../core/cell.ts';
import type { Decision } from '../core/routing.ts';
import type { Problem } from './problem.ts';
import type { UpstreamFailure } from './upstream.ts';

/** Seconds until a client may try a bound retry again. */
const RETRY_AFTER_S = '1';

/** What the client is told when no upstream answered. */
export function problemFor(
  side: Side,
  failure: Pick<UpstreamFailure, 'kind' | 'unsent'>,
  decided: { readonly isKeyed: boolean; readonly decision: Decision },
): Problem {
  const code = side === 'control' ? 'CONTROL_UNREACHABLE' : 'CANDIDATE_UNREACHABLE';
  const isBound = decided.decision.reason === 'idempotency-key' || (decided.isKeyed && side === 'candidate');
  if (isBound && failure.unsent) {
    return {
      status: 503,
      code,
      detail: 'The service that saw this idempotency key first cannot be reached.',
      headers: ['Retry-After', RETRY_AFTER_S],
    };
  }
  if (failure.kind === 'timeout') return { status: 504, code, detail: 'The service did not answer in time.' };
  return { status: 502, code, detail: 'The service could not be reached.' };
}

/** The answers that count as failures of a side: its own fault or that of something behind it. */
export function isFailureStatus(status: number): boolean {
  return status === 500 || status === 502 || status === 503 || status === 504;
}
