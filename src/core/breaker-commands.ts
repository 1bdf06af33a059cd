import type { ControlState } from './control-model.ts';
import type { RampStepDone } from './ramp-commands.ts';

/** Breakers opened or closed by themselves; for the journal, it changes nothing of what was ordered. Names as people read them. */
export interface BreakerCommand {
  readonly kind: 'breakers.changed';
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  /** How many are open now. */
  readonly open: number;
}

/** Names that one entry spells out. */
const MAX_NAMES = 100;

export function breakerStep(state: ControlState, { opened, closed, open }: BreakerCommand): RampStepDone {
  const changed = [...opened, ...closed];
  const [only] = changed;
  const action = closed.length === 0 ? 'breaker.opened' : opened.length === 0 ? 'breaker.closed' : 'breakers.changed';
  return {
    state,
    action,
    scope: changed.length === 1 && only !== undefined ? only : `${changed.length} breakers`,
    evidence: { opened: opened.slice(0, MAX_NAMES), closed: closed.slice(0, MAX_NAMES), open },
  };
}
