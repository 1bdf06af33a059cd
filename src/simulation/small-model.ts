import { type CellKey, cellKey, type EndpointId, isOpen, type TenantId } from '../core/cell.ts';
import { type CellPolicy, type CellRecord, type Epoch, newCell, transition } from '../core/cell-machine.ts';
import {
  applyCommand,
  type Command,
  type ControlState,
  restoreState,
  type TableBase,
  tableOf,
} from '../core/control-state.ts';
import type { Assessment, AssessmentKind } from '../core/evidence.ts';
import { climb, newRamp, type Ramp, type RampPolicy } from '../core/ramp.ts';
import { PPM, type TableData } from '../core/routing.ts';
import { scopeKey } from '../core/scope.ts';

/**
 * Two cells, two proxies, a store, a controller: the pure functions of the product, and between them every order in which
 * a crash, a partition or a store that refuses can fall. What the controller does with its store, step by step, is
 * modelled: record, then journal, then in force; a rollback in force first, then journaled.
 */

export const ENDPOINT = 'GET /a' as EndpointId; // as the catalogue names it
export const TENANTS = ['acme', 'globex'] as const as unknown as readonly TenantId[]; // names as identification gives them
export const CELLS: readonly CellKey[] = TENANTS.map((tenant) => cellKey(tenant, ENDPOINT));
/** One who moves at half of the dial, and one who moves at the whole of it. */
export const SUBJECTS = ['u1', 'u2', 'u3', 'u4'];
const BASE: TableBase = {
  force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
  cohorts: {},
  defaults: {
    proof: 'endpoint',
    maxPpm: PPM,
    writes: false,
    acts: false,
    sharedValidators: false,
    salt: 's',
    mirrorPpm: PPM,
    retired: false,
  },
  endpoints: [],
  dials: [{ scope: {}, dialPpm: 0 }],
};
const CELL_POLICY: CellPolicy = { ownMatches: 0, renewWithinMs: 1, coolDownMs: 0, returnIntervalMs: 0, retries: 1_000 };
const RAMP_POLICY: RampPolicy = {
  steps: [
    { kind: 'dial', dialPpm: 500_000 },
    { kind: 'dial', dialPpm: PPM },
  ],
  dwellMs: 0,
  coolDownMs: 0,
  returnIntervalMs: 0,
  retries: 1_000,
};
/** Where a latch over everything lies among the latches. */
const EVERYTHING = scopeKey({});
/** Time stands still but for what runs out. */
export const NOW = 1;
const LATER = 10;

export interface SmallProxy {
  readonly table: TableData | undefined;
  readonly isCut: boolean;
}

/** A command between the controller and the store. */
interface Pending {
  readonly next: ControlState;
  /** True: the store has it, and the controller does not know yet. */
  readonly isLasting: boolean;
  /** It lifts the rollback of everything, and no other one was ordered since. */
  readonly isLifting: boolean;
  /** Where the ramp stands when it is in force; undefined: where it does. */
  readonly ramp: Ramp | undefined;
}

export interface Model {
  readonly isUp: boolean;
  readonly storeWorks: boolean;
  /** In force in the controller. */
  readonly state: ControlState;
  /** Highest revision given out. */
  readonly highest: number;
  /** A rollback that the store does not have yet. */
  readonly isUnsaved: boolean;
  readonly pending: Pending | undefined;
  /** What the store has. */
  readonly lasting: ControlState;
  readonly saved: readonly CellRecord[];
  /** What the controller has in memory. */
  readonly records: readonly CellRecord[];
  readonly ramp: Ramp;
  readonly epoch: number;
  readonly proxies: readonly SmallProxy[];
  /** A person's rollback was answered, and not lifted since. */
  readonly isRolledBack: boolean;
  /** How often each thing may still happen; Infinity: as often as one likes. */
  readonly left: {
    readonly crashes: number;
    readonly cuts: number;
    readonly outages: number;
    readonly deployments: number;
    readonly orders: number;
  };
}

/** Everything as often as one likes. */
export const UNLIMITED: Model['left'] = {
  crashes: Number.POSITIVE_INFINITY,
  cuts: Number.POSITIVE_INFINITY,
  outages: Number.POSITIVE_INFINITY,
  deployments: Number.POSITIVE_INFINITY,
  orders: Number.POSITIVE_INFINITY,
};

export interface Step {
  readonly name: string;
  readonly next: Model;
}

function assessment(kind: AssessmentKind): Assessment {
  const isBad = kind === 'fail';
  return {
    kind,
    matches: 400,
    mismatches: isBad ? 50 : 0,
    inconclusive: 0,
    log: 3,
    needed: 3,
    remaining: 0,
    bound: 0.01,
    requests: 20,
    tenants: 2,
    spanMs: 1_000,
    statusClasses: [2],
    missing: [],
  };
}

function epochOf({ epoch }: Pick<Model, 'epoch'>): Epoch {
  return { candidateVersion: `v${epoch}`, rules: 'r' };
}

/** The world before anything has happened: the controller has started, both proxies have its table. */
export function beginning(left: Model['left']): Model {
  const state = restoreState(new Map(), BASE);
  const table = tableOf(state);
  const records = CELLS.map(() => newCell(NOW));
  return {
    isUp: true,
    storeWorks: true,
    state,
    highest: state.revision,
    isUnsaved: false,
    pending: undefined,
    lasting: state,
    saved: records,
    records,
    ramp: newRamp(NOW),
    epoch: 1,
    proxies: [0, 1].map(() => ({ table, isCut: false })),
    isRolledBack: false,
    left,
  };
}

/** Everything that can happen next. */
export function stepsOf(model: Model): Step[] {
  const steps: Step[] = [];
  const add = (name: string, next: Model | undefined): void => {
    if (next !== undefined) steps.push({ name, next });
  };
  const { left } = model;
  if (model.isUp) {
    for (const cell of CELLS.keys()) {
      add(`cell ${cell} passes`, passes(model, cell));
      add(`cell ${cell} fails`, fails(model, cell));
      add(`cell ${cell} runs out`, runsOut(model, cell));
      add(`cell ${cell} is shown as it is`, synced(model, cell));
    }
    add('the ramp climbs', climbs(model));
    add('the command is stored', stored(model));
    add('the command is in force', inForce(model));
    add('the rollback is journaled', journaled(model));
    if (left.orders > 0) {
      const spent = { ...model, left: { ...left, orders: left.orders - 1 } };
      add('a person rolls back', rollsBack(spent));
      add('a person lifts the rollback', ordered(spent, { kind: 'unlatch', scope: {} }));
      for (const [cell, tenant] of TENANTS.entries())
        add(
          `a person lifts the latch of cell ${cell}`,
          ordered(spent, { kind: 'unlatch', scope: { tenant, endpoint: ENDPOINT } }),
        );
      add('a person lowers the dial', ordered(spent, { kind: 'dial.set', scope: { endpoint: ENDPOINT }, dialPpm: 0 }));
    }
    if (left.deployments > 0)
      add('a version is deployed', deployed({ ...model, left: { ...left, deployments: left.deployments - 1 } }));
    if (left.crashes > 0) add('the controller dies', dies({ ...model, left: { ...left, crashes: left.crashes - 1 } }));
  } else {
    const started = starts(model);
    add('the controller starts', started);
    if (started !== undefined && left.crashes > 0)
      add('the controller dies when its start is stored', {
        ...model,
        lasting: started.lasting,
        left: { ...left, crashes: left.crashes - 1 },
      });
  }
  if (model.storeWorks && left.outages > 0)
    add('the store fails', { ...model, storeWorks: false, left: { ...left, outages: left.outages - 1 } });
  if (!model.storeWorks) add('the store works', { ...model, storeWorks: true });
  for (const [at, proxy] of model.proxies.entries()) {
    if (!proxy.isCut && left.cuts > 0)
      add(
        `proxy ${at} is cut off`,
        withProxy({ ...model, left: { ...left, cuts: left.cuts - 1 } }, at, { ...proxy, isCut: true }),
      );
    // A proxy that is back while nobody controls hears of it when somebody does.
    if (proxy.isCut && model.isUp)
      add(`proxy ${at} is back`, withProxy(model, at, joined(model, { ...proxy, isCut: false })));
  }
  return steps;
}

/** A proxy takes what is newer, never what is older. */
function joined(model: Model, proxy: SmallProxy): SmallProxy {
  const table = model.isUp ? tableOf(model.state) : newestTable(model);
  return table === undefined || (proxy.table?.revision ?? -1) >= table.revision ? proxy : { ...proxy, table };
}

function newestTable({ proxies }: Model): TableData | undefined {
  return proxies
    .map(({ table }) => table)
    .reduce((one, other) => ((other?.revision ?? -1) > (one?.revision ?? -1) ? other : one));
}

function withProxy(model: Model, at: number, proxy: SmallProxy): Model {
  return { ...model, proxies: model.proxies.with(at, proxy) };
}

/** Puts a state in force: every proxy that can be reached has its table. */
function published(model: Model, state: ControlState): Model {
  const next = { ...model, state };
  return { ...next, proxies: next.proxies.map((proxy) => (proxy.isCut ? proxy : joined(next, proxy))) };
}

const BY = { actor: 'controller', reason: '', at: NOW } as const;

/** A command is on its way to the store; one at a time. */
function ordered(model: Model, command: Command, ramp?: Ramp): Model | undefined {
  // What waits goes first, and nothing is ordered over a store that refuses.
  if (model.pending !== undefined || model.isUnsaved || !model.storeWorks) return undefined;
  const applied = applyCommand({ ...model.state, revision: model.highest }, command, BY);
  if (!applied.ok) return undefined;
  const isLifting = command.kind === 'unlatch' && scopeKey(command.scope) === EVERYTHING;
  return {
    ...model,
    pending: { next: applied.state, isLasting: false, isLifting, ramp },
    highest: applied.state.revision,
  };
}

function stored(model: Model): Model | undefined {
  const { pending } = model;
  if (pending === undefined || pending.isLasting) return undefined;
  // Refused: nothing was made of this revision, unless a rollback came after it.
  if (!model.storeWorks)
    return {
      ...model,
      pending: undefined,
      highest: model.highest === pending.next.revision ? model.state.revision : model.highest,
    };
  const isRolledBack = model.isRolledBack && !pending.isLifting;
  return { ...model, pending: { ...pending, isLasting: true }, lasting: pending.next, isRolledBack };
}

/** What was stored takes effect, under the latch that fell meanwhile. */
function inForce(model: Model): Model | undefined {
  const { pending } = model;
  if (pending === undefined || !pending.isLasting) return undefined;
  const done = { ...model, pending: undefined, ramp: pending.ramp ?? model.ramp };
  const settled = model.isUnsaved
    ? { ...pending.next, latches: model.state.latches, revision: model.highest + 1 }
    : pending.next;
  const next = published({ ...done, highest: Math.max(model.highest, settled.revision) }, settled);
  return withOpened(next, model.state);
}

/** A cell whose promotion is in force has the record that was saved for it, unless it was taken back meanwhile. */
function withOpened(model: Model, before: ControlState): Model {
  let records = model.records;
  for (const [at, key] of CELLS.entries()) {
    const isNew = isOpen(model.state.cells.get(key)) && !isOpen(before.cells.get(key));
    const saved = model.saved[at];
    const isUntouched = records[at]?.state === 'observing' || records[at]?.state === 'closed';
    if (isNew && saved !== undefined && isUntouched) records = records.with(at, saved);
  }
  return { ...model, records };
}

function rollsBack(model: Model): Model | undefined {
  const applied = applyCommand({ ...model.state, revision: model.highest }, { kind: 'rollback', scope: {} }, BY);
  if (!applied.ok) return undefined;
  const next = published({ ...model, highest: applied.state.revision, isUnsaved: true }, applied.state);
  // Where it reaches nobody, it counts from when it is journaled: until then the answer says so.
  const isHeard = next.proxies.some(({ isCut }) => !isCut);
  return {
    ...next,
    isRolledBack: model.isRolledBack || isHeard,
    records: next.records.map((record) => moved(record, 'latched')),
  };
}

function moved(record: CellRecord, kind: 'latched' | 'unlatched'): CellRecord {
  const done = transition(record, { kind, actor: 'controller', reason: '' }, CELL_POLICY, NOW);
  return done.ok ? done.next : record;
}

/** The latch gets into the store, on top of what that has by now. */
function journaled(model: Model): Model | undefined {
  if (!model.isUnsaved || !model.storeWorks || model.pending !== undefined) return undefined;
  const revision = Math.max(model.state.revision, model.lasting.revision);
  const lasting = { ...model.lasting, latches: model.state.latches, revision };
  const isRolledBack = model.isRolledBack || lasting.latches.has(EVERYTHING);
  return { ...model, lasting, isUnsaved: false, isRolledBack };
}

/** The proof is saved, then the promotion goes to the store. */
function passes(model: Model, cell: number): Model | undefined {
  const record = model.records[cell];
  const key = CELLS[cell];
  if (record === undefined || key === undefined || !model.storeWorks || model.pending !== undefined) return undefined;
  if (record.state === 'latched') {
    // Lifted: it gathers evidence anew.
    if (model.state.latches.size > 0) return undefined;
    return { ...model, records: model.records.with(cell, moved(record, 'unlatched')) };
  }
  const own = assessment('pass');
  const event = { kind: 'assessed', own, pooled: own, epoch: epochOf(model), controlVersion: 'c1' } as const;
  // Time stands still, so a closed cell has rested at once; it is one step with the promotion that follows.
  const rested = record.state === 'closed' ? transition(record, event, CELL_POLICY, NOW) : undefined;
  const done = transition(rested?.ok === true ? rested.next : record, event, CELL_POLICY, NOW);
  if (!done.ok || done.next === record) return undefined;
  const { next } = done;
  if (!isOpen(next.state)) return { ...model, records: model.records.with(cell, next) };
  if (model.state.latches.size > 0) return undefined;
  const saved = model.saved.with(cell, next);
  // A renewal changes nobody's side: the record alone.
  if (isOpen(record.state)) return { ...model, saved, records: model.records.with(cell, next) };
  return ordered({ ...model, saved }, { kind: 'cells.set', cells: [[key, 'open']] });
}

/** Evidence turned: the cell goes back, by the journal or, where that refuses or is busy, by a latch. */
function fails(model: Model, cell: number): Model | undefined {
  const record = model.records[cell];
  if (record === undefined || !isOpen(record.state)) return undefined;
  const own = assessment('fail');
  const event = { kind: 'assessed', own, epoch: epochOf(model), controlVersion: 'c1' } as const;
  const done = transition(record, event, CELL_POLICY, NOW);
  return done.ok && done.next !== record ? retreats(model, cell, done.next) : undefined;
}

function runsOut(model: Model, cell: number): Model | undefined {
  const record = model.records[cell];
  if (record === undefined || record.state !== 'renewing') return undefined;
  const event = {
    kind: 'assessed',
    own: assessment('insufficient'),
    epoch: epochOf(model),
    controlVersion: 'c1',
  } as const;
  const done = transition(record, event, CELL_POLICY, LATER);
  return done.ok && done.next !== record ? retreats(model, cell, done.next) : undefined;
}

function retreats(model: Model, cell: number, next: CellRecord): Model | undefined {
  const key = CELLS[cell];
  if (key === undefined) return undefined;
  const closed = { ...model, records: model.records.with(cell, next) };
  const journaling = ordered(closed, { kind: 'cells.set', cells: [[key, next.state]] });
  if (journaling !== undefined) return journaling;
  const scope = { tenant: TENANTS[cell] as TenantId, endpoint: ENDPOINT }; // as many as cells
  const applied = applyCommand({ ...closed.state, revision: closed.highest }, { kind: 'rollback', scope }, BY);
  if (!applied.ok) return undefined;
  return published({ ...closed, highest: applied.state.revision, isUnsaved: true }, applied.state);
}

/** Open in the control state only: the record is what counts. */
function synced(model: Model, cell: number): Model | undefined {
  const [key, record] = [CELLS[cell], model.records[cell]];
  if (key === undefined || record === undefined) return undefined;
  if (!isOpen(model.state.cells.get(key)) || isOpen(record.state)) return undefined;
  return ordered(model, { kind: 'cells.set', cells: [[key, record.state]] });
}

function climbs(model: Model): Model | undefined {
  const openCells = CELLS.filter((key) => isOpen(model.state.cells.get(key))).length;
  const done = climb(model.ramp, { kind: 'assessed', pooled: assessment('pass'), openCells }, RAMP_POLICY, NOW);
  if (!done.ok || done.next === model.ramp) return undefined;
  const { next } = done;
  if (next.dialPpm === model.ramp.dialPpm) return next.step === model.ramp.step ? undefined : { ...model, ramp: next };
  const dials = [{ scope: { endpoint: ENDPOINT }, dialPpm: next.dialPpm }];
  return ordered(model, { kind: 'cells.set', cells: [], dials }, next);
}

function deployed(model: Model): Model {
  const next = { ...model, epoch: model.epoch + 1 };
  const records = next.records.map((record) => {
    const done = transition(record, { kind: 'deployed', epoch: epochOf(next) }, CELL_POLICY, NOW);
    return done.ok ? done.next : record;
  });
  return { ...next, records };
}

/** What was on its way and not stored is lost; what is in memory too. */
function dies(model: Model): Model {
  return { ...model, isUp: false, pending: undefined, isUnsaved: false };
}

/** From what is stored, and the last table of a proxy: latches in it that the store never got are kept. */
function starts(model: Model): Model | undefined {
  if (!model.storeWorks) return undefined;
  const last = newestTable(model);
  const isNewer = last !== undefined && last.revision > model.lasting.revision;
  const latches = new Map(model.lasting.latches);
  if (isNewer) for (const latch of last.latches) latches.set(JSON.stringify(latch.scope), latch);
  for (const latch of model.lasting.latches.values()) {
    latches.delete(JSON.stringify(latch.scope));
    latches.set([...model.lasting.latches].find(([, one]) => one === latch)?.[0] ?? '', latch);
  }
  const highest = Math.max(model.lasting.revision, last?.revision ?? 0);
  const loaded = applyCommand(
    { ...model.lasting, latches, revision: highest },
    { kind: 'config.load', base: BASE },
    BY,
  );
  if (!loaded.ok) return undefined;
  const records = model.saved.map((record, at) => restoredRecord(model, record, loaded.state, at));
  // Open in the control state, and no proof recorded: closed before anybody is served by it.
  const cells = CELLS.flatMap((key, at) =>
    isOpen(loaded.state.cells.get(key)) && !isOpen(records[at]?.state) ? ([[key, 'observing']] as const) : [],
  );
  const reconciled = cells.length === 0 ? loaded : applyCommand(loaded.state, { kind: 'cells.set', cells }, BY);
  if (!reconciled.ok) return undefined;
  const dialPpm = [...reconciled.state.dials.values()].find(({ scope }) => scope.endpoint === ENDPOINT)?.dialPpm ?? 0;
  const step = RAMP_POLICY.steps.findIndex((one) => one.kind === 'dial' && one.dialPpm === dialPpm);
  const ramp = step < 0 ? newRamp(NOW) : { ...newRamp(NOW), step, dialPpm };
  const { state } = reconciled;
  // What the store never got is stored with the start.
  const next: Model = { ...model, isUp: true, records, ramp, lasting: state, highest: state.revision };
  return published(next, state);
}

function restoredRecord(model: Model, record: CellRecord, state: ControlState, at: number): CellRecord {
  const shown = state.cells.get(CELLS[at] as CellKey); // as many as cells
  const isServing = isOpen(record.state) && isOpen(shown);
  const kept = isServing ? record : newCell(NOW);
  const isOld = kept.proof !== undefined && kept.proof.epoch.candidateVersion !== epochOf(model).candidateVersion;
  const renewed = isOld ? transition(kept, { kind: 'deployed', epoch: epochOf(model) }, CELL_POLICY, NOW) : undefined;
  const current = renewed?.ok === true ? renewed.next : kept;
  return state.latches.has(EVERYTHING) ? moved(current, 'latched') : current;
}
