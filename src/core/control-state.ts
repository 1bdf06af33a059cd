import type { CellKey, CellState, Side, TenantId } from './cell.ts';
import { cellOfKey } from './cell.ts';
import { type ClusterChange, changeMark } from './cluster/mark.ts';
import type { ControlState, DialOrder, HeldLatch } from './control-model.ts';
import {
  changedItems,
  cohortsOf,
  configuredPpm,
  dialsOf,
  latchOver,
  presentPpm,
  settleDials,
} from './control-model.ts';
import type { ErrorCode } from './errors.ts';
import { planRefusal } from './plan/guard.ts';
import { type LoadCommand, loadConfig } from './plan/load-plan.ts';
import { lockOver, lockText } from './plan/locks.ts';
import type { NewJournalEntry, StateItem } from './ports.ts';
import { type RampCommand, rampStep } from './ramp-commands.ts';
import type { Dial, Pin, Scope } from './routing.ts';
import { PPM } from './routing.ts';
import { describeScope, scopeKey, tenantsOf } from './scope.ts';
import { type VersionCommand, versionStep } from './version-commands.ts';

export type { ControlState, DialOrder, HeldLatch, Made, TableBase } from './control-model.ts';
// The door of this area is this module; the model lies apart to keep either readable.
export { restoreState, tableOf } from './control-model.ts';

/** What can be ordered. */
export type Command =
  | RampCommand
  | {
      readonly kind: 'dial.set';
      readonly scope: Scope;
      readonly dialPpm: number;
      /** What decided it, where no person did. */
      readonly evidence?: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'rollback'; readonly scope: Scope }
  | { readonly kind: 'unlatch'; readonly scope: Scope }
  | {
      readonly kind: 'pin.set';
      readonly id: string;
      readonly scope: Scope;
      readonly side: Side;
      readonly until?: number;
    }
  | { readonly kind: 'pin.lift'; readonly id: string }
  | LoadCommand
  /**
   * States of the cells that change; `observing` forgets a cell. Dials may be lowered in the same breath.
   * `evidence` is what decided it: proofs, a tripwire's numbers.
   */
  | {
      readonly kind: 'cells.set';
      readonly cells: readonly (readonly [CellKey, CellState])[];
      readonly dials?: readonly Dial[];
      readonly evidence?: Readonly<Record<string, unknown>>;
    }
  /** Nothing in the scope is promoted until it is resumed; what serves goes on, and is taken back as ever. */
  | { readonly kind: 'hold'; readonly scope: Scope }
  | { readonly kind: 'resume'; readonly scope: Scope }
  /** What is said of a cluster of differences; `scope` is what it is about, for the journal. */
  | {
      readonly kind: 'cluster.mark';
      readonly id: string;
      readonly scope: string;
      readonly change: ClusterChange;
      /** What decided it, where no person did. */
      readonly evidence?: Readonly<Record<string, unknown>>;
    }
  | VersionCommand
  /** What was kept of a tenant's traffic is deleted; changes nothing of who serves. */
  | { readonly kind: 'purge'; readonly tenant: TenantId };

/** Who orders, why and when (milliseconds since the epoch). */
export interface By {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

export interface Applied {
  readonly ok: true;
  readonly state: ControlState;
  readonly journal: NewJournalEntry;
  /** What changed, for the store; written together with the entry. */
  readonly items: StateItem[];
}

export interface Rejected {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** Most pins, latches and dials there may be at once; each costs a look-up entry per member of its cohort. */
export const MAX_ORDERS = 10_000;
/** Most changes that one journal entry spells out. */
const MAX_EVIDENCE = 100;

/**
 * The next state, its journal entry and the items to store; or why not. Total and pure.
 * An accepted command raises the revision by one, even where it changes nothing else: what was ordered stays in the journal.
 *
 * - `dial.set`: CONFLICT where it would raise a dial under a latch that covers the whole scope; lowering always works.
 * - `rollback`: never refused for the state it meets; a second one for the same scope keeps the first latch.
 * - `unlatch`: lifts exactly the latch of that scope, else NOT_FOUND with the latches there are.
 * - `pin.set`: CONFLICT for an id in use, or for a pin to the candidate under a latch; pins whose time is over go away by `pins.end`.
 * - `config.load`: never lifts a latch; a dial it would raise under one stays where it was until no latch covers it. With a guard,
 *   CONFLICT for what `planRefusal` says: it slips a latch, raises in a freeze, or lifts a lock without the file's word.
 * - What raises something under a lock of the plan is a CONFLICT, whoever orders it.
 */
export function applyCommand(state: ControlState, command: Command, by: By): Applied | Rejected {
  const step = nextStep(state, command, by);
  if ('code' in step) return step;
  const next = settleDials({
    ...step.state,
    stale: [],
    revision: state.revision + 1,
    madeAt: by.at,
  });
  return {
    ok: true,
    // What settling dropped is deleted by this very command.
    state: { ...next, stale: [] },
    items: changedItems(state, next),
    journal: {
      at: by.at,
      actor: by.actor,
      action: step.action,
      scope: step.scope,
      reason: by.reason,
      evidence: { ...step.evidence, ...otherDials(state, next, command) },
      revision: next.revision,
    },
  };
}

interface Step {
  readonly state: ControlState;
  readonly action: string;
  readonly scope: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

function nextStep(state: ControlState, command: Command, by: By): Step | Rejected {
  switch (command.kind) {
    case 'dial.set':
      return setDial(state, command, by);
    case 'rollback':
      return rollBack(state, command.scope, by);
    case 'unlatch':
      return unlatch(state, command.scope);
    case 'pin.set':
      return setPin(state, command, by);
    case 'pin.lift':
      return liftPin(state, command.id);
    case 'config.load':
      return loadPlan(state, command, by);
    case 'cells.set':
      return setCells(state, command, by);
    case 'hold':
      return hold(state, command.scope, by);
    case 'resume':
      return resume(state, command.scope);
    case 'deploy':
    case 'version.polled':
      return versionStep(state, command, by);
    case 'purge':
      return { state, action: 'purged', scope: describeScope({ tenant: command.tenant }), evidence: {} };
    case 'cluster.mark':
      return markCluster(state, command, by);
    case 'retire': {
      const locked = command.endpoints.map((endpoint) => underLock(state, { endpoint }, 'it cannot be retired'));
      return locked.find((one) => one !== undefined) ?? rampStep(state, command, by);
    }
    default:
      return rampStep(state, command, by);
  }
}

function setDial(state: ControlState, command: Command & { kind: 'dial.set' }, by: By): Step | Rejected {
  const { scope, dialPpm } = command;
  if (!Number.isInteger(dialPpm) || dialPpm < 0 || dialPpm > PPM) {
    return rejected(
      'INPUT_INVALID',
      `A dial of ${dialPpm} is not possible.`,
      'Give parts per million: 0 to 1,000,000.',
    );
  }
  const unknown = unknownCohort(state, scope);
  if (unknown !== undefined) return unknown;
  if (!state.dials.has(scopeKey(scope)) && state.dials.size >= MAX_ORDERS) {
    return rejected('CONFLICT', `There are ${MAX_ORDERS} dials already.`, 'Set the dial of a wider scope.');
  }
  const before = presentPpm(state, scope);
  const latch = dialPpm > before ? latchOver(state, scope) : undefined;
  if (latch !== undefined)
    return underLatch(`The dial of ${describeScope(scope)} cannot be raised to ${dialPpm}`, latch);
  const locked = dialPpm > before ? underLock(state, scope, 'the dial cannot be raised') : undefined;
  if (locked !== undefined) return locked;
  const order: DialOrder = { scope, dialPpm, configPpm: configuredPpm(state.base, scope), ...stamp(by) };
  return {
    state: { ...state, dials: new Map(state.dials).set(scopeKey(scope), order) },
    action: 'dial.set',
    scope: describeScope(scope),
    evidence: { before: dialsOf(state).get(scopeKey(scope))?.dialPpm ?? null, after: dialPpm, ...command.evidence },
  };
}

function rollBack(state: ControlState, scope: Scope, by: By): Step | Rejected {
  const key = scopeKey(scope);
  const present = state.latches.get(key);
  const unknown = present === undefined ? unknownCohort(state, scope) : undefined;
  if (unknown !== undefined) return unknown;
  if (present === undefined && state.latches.size >= MAX_ORDERS) {
    return rejected(
      'CONFLICT',
      `There are ${MAX_ORDERS} latches already.`,
      'Roll back a wider scope: `cutover rollback`.',
    );
  }
  const latch = present ?? newLatch(state, scope, by);
  return {
    state: present === undefined ? { ...state, latches: new Map(state.latches).set(key, latch) } : state,
    action: 'rollback',
    scope: describeScope(scope),
    evidence: { before: present ?? null, after: latch },
  };
}

function newLatch(state: ControlState, scope: Scope, by: By): HeldLatch {
  const latch = { scope, ...stamp(by) };
  return scope.cohort === undefined
    ? latch
    : { ...latch, members: tenantsOf({ cohort: scope.cohort }, cohortsOf(state)) ?? [] };
}

function unlatch(state: ControlState, scope: Scope): Step | Rejected {
  const key = scopeKey(scope);
  const latch = state.latches.get(key);
  if (latch === undefined) {
    const names = [...state.latches.values()].map((held) => describeScope(held.scope));
    const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ` and ${names.length - 20} more` : '');
    return rejected(
      'NOT_FOUND',
      `There is no latch on ${describeScope(scope)}.`,
      names.length === 0 ? 'There is no latch at all.' : `Latches there are: ${shown}.`,
    );
  }
  const locked = underLock(state, scope, 'the rollback cannot be lifted');
  if (locked !== undefined) return locked;
  const latches = new Map(state.latches);
  latches.delete(key);
  return {
    state: { ...state, latches },
    action: 'unlatch',
    scope: describeScope(scope),
    evidence: { before: latch, after: null },
  };
}

function setPin(state: ControlState, command: Command & { kind: 'pin.set' }, by: By): Step | Rejected {
  const { id, scope, side, until } = command;
  if (id === '') return rejected('INPUT_INVALID', 'A pin needs an id.', 'Give any name that is not in use.');
  if (until !== undefined && !(until > by.at)) {
    return rejected(
      'INPUT_INVALID',
      `The pin ${id} would end before it begins.`,
      'Give an end in the future, or none.',
    );
  }
  const unknown = unknownCohort(state, scope);
  if (unknown !== undefined) return unknown;
  const pins = new Map(state.pins);
  if (pins.has(id))
    return rejected('CONFLICT', `There is a pin ${id} already.`, 'Lift it first, or choose another id.');
  if (pins.size >= MAX_ORDERS) return rejected('CONFLICT', `There are ${MAX_ORDERS} pins already.`, 'Lift some first.');
  const latch = side === 'candidate' ? latchOver(state, scope) : undefined;
  if (latch !== undefined) return underLatch(`${describeScope(scope)} cannot be pinned to the candidate`, latch);
  const locked =
    side === 'candidate' ? underLock(state, scope, 'nothing there can be pinned to the candidate') : undefined;
  if (locked !== undefined) return locked;
  const pin: Pin = { scope, side, ...stamp(by), ...(until === undefined ? {} : { until }) };
  return {
    state: { ...state, pins: pins.set(id, pin) },
    action: 'pin.set',
    scope: describeScope(scope),
    evidence: { id, before: null, after: pin },
  };
}

function liftPin(state: ControlState, id: string): Step | Rejected {
  const pin = state.pins.get(id);
  if (pin === undefined) {
    return rejected('NOT_FOUND', `There is no pin ${id}.`, 'It may have ended; the list of pins shows those in force.');
  }
  const locked = pin.side === 'control' ? underLock(state, pin.scope, 'the pin cannot be lifted') : undefined;
  if (locked !== undefined) return locked;
  const pins = new Map(state.pins);
  pins.delete(id);
  return {
    state: { ...state, pins },
    action: 'pin.lifted',
    scope: describeScope(pin.scope),
    evidence: { id, before: pin, after: null },
  };
}

function loadPlan(state: ControlState, command: LoadCommand, by: By): Step | Rejected {
  const { ifRevision } = command;
  const present = state.plan;
  if (ifRevision === undefined || ifRevision === (present?.revision ?? 0))
    return planRefusal(state, command) ?? loadConfig(state, command, by);
  const who =
    present === undefined ? '' : `, of ${present.actor}${present.reason === '' ? '' : ` (${present.reason})`}`;
  return rejected(
    'CONFLICT',
    `The plan in force is revision ${present?.revision ?? 0}${who}, not ${ifRevision}.`,
    'Look at what changed meanwhile: cutover revisions. Then plan anew.',
  );
}

function setCells(state: ControlState, command: Command & { kind: 'cells.set' }, by: By): Step | Rejected {
  const { cells: changes, dials = [] } = command;
  const moves: { cell: string; before: CellState; after: CellState }[] = [];
  for (const [key, after] of changes) {
    if (moves.length === MAX_EVIDENCE) break;
    moves.push({ cell: key, before: state.cells.get(key) ?? 'observing', after });
  }
  let next: ControlState = { ...state, cells: state.cells.with(changes) };
  const lowered: unknown[] = [];
  for (const dial of dials) {
    const step = setDial(next, { kind: 'dial.set', ...dial }, by);
    if ('code' in step) return step;
    lowered.push({ scope: step.scope, ...step.evidence });
    next = step.state;
  }
  const [only] = changes;
  const single = changes.length === 1 && only !== undefined;
  return {
    state: next,
    action: single ? (CELL_ACTIONS[only[1]] ?? `cell.${only[1]}`) : changes.length === 0 ? 'dial.set' : 'cells.set',
    scope: single
      ? describeScope(cellOfKey(only[0]))
      : changes.length === 0
        ? scopesText(dials)
        : `${changes.length} cells`,
    evidence: {
      ...(single ? { before: moves[0]?.before, after: only[1] } : { count: changes.length, cells: moves }),
      ...(lowered.length === 0 ? {} : { dials: lowered }),
      ...command.evidence,
    },
  };
}

function scopesText(dials: readonly Dial[]): string {
  const names = dials.slice(0, 20).map((dial) => describeScope(dial.scope));
  return dials.length > names.length ? `${names.join(', ')} and ${dials.length - names.length} more` : names.join(', ');
}

function hold(state: ControlState, scope: Scope, by: By): Step | Rejected {
  const key = scopeKey(scope);
  const unknown = unknownCohort(state, scope);
  if (unknown !== undefined) return unknown;
  if (!state.holds.has(key) && state.holds.size >= MAX_ORDERS) {
    return rejected('CONFLICT', `There are ${MAX_ORDERS} holds already.`, 'Hold a wider scope: `cutover hold`.');
  }
  const held = { scope, ...stamp(by) };
  return {
    state: { ...state, holds: new Map(state.holds).set(key, held) },
    action: 'hold',
    scope: describeScope(scope),
    evidence: { before: state.holds.get(key) ?? null, after: held },
  };
}

function resume(state: ControlState, scope: Scope): Step | Rejected {
  const key = scopeKey(scope);
  const held = state.holds.get(key);
  if (held === undefined) {
    const names = [...state.holds.values()].slice(0, 20).map((one) => describeScope(one.scope));
    return rejected(
      'NOT_FOUND',
      `There is no hold on ${describeScope(scope)}.`,
      names.length === 0 ? 'Nothing is held.' : `Holds there are: ${names.join(', ')}.`,
    );
  }
  const holds = new Map(state.holds);
  holds.delete(key);
  return {
    state: { ...state, holds },
    action: 'resume',
    scope: describeScope(scope),
    evidence: { before: held, after: null },
  };
}

function markCluster(state: ControlState, command: Command & { kind: 'cluster.mark' }, by: By): Step | Rejected {
  const { id, scope, change, evidence } = command;
  const before = state.marks.get(id);
  if (before === undefined && state.marks.size >= MAX_ORDERS) {
    return rejected('CONFLICT', `${MAX_ORDERS} clusters are marked already.`, 'Reopen some that are settled.');
  }
  const marked = changeMark(before, change, by);
  if (!marked.ok) return rejected(marked.code, marked.message, marked.hint);
  const marks = new Map(state.marks).set(id, marked.mark);
  // One that is as if nobody had said anything takes no place.
  const { state: now, owner, note } = marked.mark;
  if (now === 'open' && owner === undefined && note === undefined) marks.delete(id);
  return {
    state: { ...state, marks },
    action: marked.action,
    scope,
    evidence: { cluster: id, before: before ?? null, after: marked.mark, ...evidence },
  };
}

/** Actions are in the past, as far as the state's name is not. */
const CELL_ACTIONS: Readonly<Partial<Record<CellState, string>>> = { open: 'cell.opened' };

/** Dials that changed besides the one that was set: by the configuration, or because an order lost its hold. */
function otherDials(before: ControlState, after: ControlState, command: Command): Readonly<Record<string, unknown>> {
  if (command.kind !== 'config.load' && command.kind !== 'unlatch') return {};
  const olds = dialsOf(before);
  const news = dialsOf(after);
  const changes: { scope: string; before: number | null; after: number | null }[] = [];
  for (const [key, dial] of new Map([...olds, ...news])) {
    const change = { before: olds.get(key)?.dialPpm ?? null, after: news.get(key)?.dialPpm ?? null };
    if (change.before !== change.after) changes.push({ scope: describeScope(dial.scope), ...change });
  }
  return changes.length === 0 ? {} : { dials: changes.slice(0, MAX_EVIDENCE), dialsChanged: changes.length };
}

/** Only what is meant to be stored, whatever else the caller's object holds. */
function stamp(by: By): By {
  return { actor: by.actor, reason: by.reason, at: by.at };
}

function unknownCohort(state: ControlState, scope: Scope): Rejected | undefined {
  const cohorts = cohortsOf(state);
  if (scope.cohort === undefined || Object.hasOwn(cohorts, scope.cohort)) return undefined;
  const names = Object.keys(cohorts).slice(0, 20);
  return rejected(
    'NOT_FOUND',
    `There is no cohort ${scope.cohort}.`,
    names.length === 0 ? 'The configuration names no cohorts.' : `Cohorts there are: ${names.join(', ')}.`,
  );
}

/** Only the plan's file moves what it locks; lowering and taking back always work. */
function underLock(state: ControlState, scope: Scope, what: string): Rejected | undefined {
  const lock = lockOver(state, scope);
  if (lock === undefined) return undefined;
  return rejected(
    'CONFLICT',
    `${lockText(lock)}: ${what}.`,
    'Whoever may change the file that Cutover was started with lifts it there (`locked`). Lowering and rollback always work.',
  );
}

function underLatch(what: string, latch: HeldLatch): Rejected {
  return rejected(
    'CONFLICT',
    `${what}: ${latch.actor} rolled back ${describeScope(latch.scope)} (${latch.reason || 'no reason given'}).`,
    `Lift that rollback first: \`cutover unlatch\` for ${describeScope(latch.scope)}.`,
  );
}

function rejected(code: ErrorCode, message: string, hint: string): Rejected {
  return { ok: false, code, message, hint };
}
