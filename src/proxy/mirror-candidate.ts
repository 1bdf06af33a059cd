import type { Settings } from '../config/settings.ts';
import { type Cell, SIDES, type Side } from '../core/cell.ts';
import type { UnverifiedReason } from '../core/ports.ts';
import type { EndpointOrigin, EndpointPolicy } from '../core/routing.ts';
import { losesCredentials } from './headers.ts';
import type { RequestHead } from './request-guard.ts';

/** What sampling looks at. */
export interface MirrorCandidate {
  readonly head: RequestHead;
  readonly cell: Cell | undefined;
  readonly origin: EndpointOrigin;
  readonly policy: EndpointPolicy;
  readonly subject: string | undefined;
  /** What `mayRepeat` said: sending it once more has no effect. */
  readonly isRepeatable: boolean;
  /** A person, a list or a token chose the side. */
  readonly isForced: boolean;
  /** True where the side was chosen by a proof that must be watched: its lot is drawn from the spare half of the budget as well. */
  readonly isWatched: boolean;
  /** A breaker kept it from the candidate: its copy may be a probe. */
  readonly isHeldBack?: true;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Why a request cannot be verified whatever is free. */
export function unfit({ head, policy }: MirrorCandidate, { sides, mirror }: Settings): UnverifiedReason | undefined {
  if (SIDES.some((side) => losesCredentials(head, sides[side]))) return 'credentials-stripped';
  if (head.range && !policy.sharedValidators) return 'partial';
  if (head.body === 'chunked' || (head.body !== 'none' && head.body > mirror.maxBodyBytes)) return 'body-too-large';
  return undefined;
}

/** Whether its copy could be the probe of a breaker, if the lot falls on it. */
export function isProbeable(candidate: MirrorCandidate, settings: Settings): boolean {
  const { cell, origin, policy, isRepeatable } = candidate;
  const isMirrored = cell !== undefined && origin !== 'unknown' && !policy.retired && policy.mirrorPpm > 0;
  return isRepeatable && isMirrored && unfit(candidate, settings) === undefined;
}

/** I7: what has effects is copied only where its endpoint says so, and only to the candidate, whose data is its own. */
export function mayCopy({ isRepeatable, policy }: MirrorCandidate, servedBy: Side): boolean {
  return isRepeatable || (policy.mirrorWrites === true && servedBy === 'control');
}
