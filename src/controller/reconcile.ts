import { cellOfKey, isOpen } from '../core/cell.ts';
import { transition } from '../core/cell-machine.ts';
import type { ControlState } from '../core/control-state.ts';
import { newRamp } from '../core/ramp.ts';
import { scopeKey } from '../core/scope.ts';
import type { CellTrack, MovementBook } from './movement-book.ts';
import type { MovementOrders } from './movement-orders.ts';
import { observing } from './movement-records.ts';
import type { MovementRules } from './movement-rules.ts';
import { isForAll, scopedDials } from './ramp-plan.ts';

export interface Reconciled {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly orders: Pick<MovementOrders, 'unsynced'>;
  readonly state: ControlState;
  readonly now: number;
}

/**
 * Makes records and control state agree after a start. Gives the cells that are open in the control state without a proof of
 * theirs (I4), for the caller to close; all others take over what the control state says.
 */
export function reconcile(parts: Reconciled): CellTrack[] {
  const { book, orders, now } = parts;
  const { cells } = parts.state;
  const unproven: CellTrack[] = [];
  for (const track of book.tracks()) {
    const state = cells.stateOf(track.cell.endpoint, track.cell.tenant);
    // The record is saved first: where the command did not follow, the cell was never served.
    if (isOpen(track.record.state) && !isOpen(state)) book.setRecord(track, observing(track, now));
    renewIfOld(track, parts);
    if (state !== undefined && state !== track.record.state) orders.unsynced.add(track);
  }
  for (const [key, state] of cells) {
    const track = book.track(cellOfKey(key));
    if (track === undefined) continue;
    if (isOpen(state) && (!isOpen(track.record.state) || track.record.proof === undefined)) {
      book.setRecord(track, observing(track, now));
      unproven.push(track);
    } else if (track.record.state !== state) orders.unsynced.add(track);
  }
  reconcileRamps(parts);
  return unproven;
}

/** A proof of another epoch, whose end was not saved any more, is renewed or runs out. */
function renewIfOld(track: CellTrack, { book, rules, now }: Reconciled): void {
  const { epoch } = book;
  const made = track.record.state === 'open' ? track.record.proof?.epoch : undefined;
  if (made === undefined || (made.candidateVersion === epoch.candidateVersion && made.rules === epoch.rules)) return;
  const moved = transition(track.record, { kind: 'deployed', epoch }, rules.cellPolicy, now);
  if (moved.ok) book.setRecord(track, moved.next);
}

/** A ramp's dial is what the control state says; what the last save missed is caught up with. */
function reconcileRamps({ book, rules, state, now }: Reconciled): void {
  for (const home of book.endpoints.values()) {
    if (home.ramp === undefined) continue;
    const { scoped: _scoped, ...saved } = home.ramp;
    const { steps } = rules.rampOf(home.id);
    const scoped = scopedDials(home.id, steps, state);
    const ramp = scoped.length === 0 ? saved : { ...saved, scoped };
    home.ramp = ramp;
    const dialPpm = state.dials.get(scopeKey({ endpoint: home.id }))?.dialPpm ?? 0;
    if (dialPpm === ramp.dialPpm) continue;
    const step = steps.findIndex((one) => one.kind === 'dial' && isForAll(one) && one.dialPpm === dialPpm);
    home.ramp = step < 0 || dialPpm === 0 ? newRamp(now) : { ...ramp, step, dialPpm, since: now };
  }
}
