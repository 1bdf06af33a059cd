import type { Cell } from '../core/cell.ts';
import type { Observation } from '../core/observation.ts';
import type { ProbeChance } from './breakers.ts';
import type { MirrorCandidate } from './mirror-candidate.ts';

/** A request that is verified. */
export type Sampled = MirrorCandidate & {
  readonly cell: Cell;
  /** No lot was drawn: it is here because the candidate failed. */
  readonly isUndrawn?: true;
  /** Drawn because of its cell. */
  readonly isPreferred?: true;
  /** Its copy is to be the probe of a breaker. */
  readonly probe?: ProbeChance;
};

/** What one side did with it. */
export interface Served {
  readonly observation: Observation;
  readonly startedAt: number;
}

/** A stream that went on when what is compared of it was complete. */
export function isOpen({ observation }: Served): boolean {
  return observation.kind === 'answer' && observation.isOpen === true;
}

export function isTooSlow({ observation }: Served): boolean {
  return observation.kind === 'failure' && observation.failure === 'timeout';
}
