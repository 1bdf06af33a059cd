import { type Canary, cappedPpm } from './canary.ts';
import type { EndpointId, Side, TenantId } from './cell.ts';
import type { CellStates } from './cell-states.ts';
import type { ClusterMark } from './cluster/mark.ts';
import { readItems } from './control-items.ts';
import type { FreezeOrder } from './freeze.ts';
import type { Approval, GateRecord } from './gate.ts';
import type { Lock } from './plan/locks.ts';
import type { PlanMark } from './plan/plan-mark.ts';
import type { StateItem } from './ports.ts';
import type { Dial, EndpointPolicy, ForceList, Latch, ListedEndpoint, Pin, Scope, TableData } from './routing.ts';
import type { Cohorts } from './scope.ts';
import { scopeContains, scopeKey, scopesOverlap } from './scope.ts';

/** What the configuration gives to the table. */
export interface TableBase {
  readonly force: Readonly<Record<Side, ForceList>>;
  readonly cohorts: Cohorts;
  /** Policy of endpoints that are not listed. */
  readonly defaults: EndpointPolicy;
  readonly endpoints: readonly ListedEndpoint[];
  /** Dials the configuration sets; at most one per scope, else the last counts. */
  readonly dials: readonly Dial[];
  /** Absent: nothing is locked. */
  readonly locked?: readonly Lock[];
}

/** A latch, with the members its cohort had when it fell: a changed configuration cannot let anyone slip out of it. */
export interface HeldLatch extends Latch {
  readonly members?: readonly TenantId[];
}

/** A version that was announced. */
export interface Announced {
  readonly version: string;
  /** What the side's version page went on telling meanwhile; absent: the same, or nothing is known. */
  readonly polled?: string;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
}

/** A dial set by a person. */
export interface DialOrder extends Dial {
  /** What the configuration said for this scope at that time; null: nothing. */
  readonly configPpm: number | null;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
}

/**
 * Everything that decides who serves, besides the request: the configuration's part (`base`) and what people and the
 * controller ordered. Immutable; `applyCommand` gives the next one.
 *
 * A person's dial counts until the configuration's own value for the same scope changes; then the configuration counts,
 * unless that would raise the dial under a latch: then the order stays until no latch covers its scope.
 * A rollback leaves the dials as they are: lifting the latch brings back what they say, so lower them first if that is too much.
 */
export interface ControlState {
  readonly revision: number;
  readonly madeAt: number;
  readonly base: TableBase;
  /** By `scopeKey`. */
  readonly latches: ReadonlyMap<string, HeldLatch>;
  /** By id. */
  readonly pins: ReadonlyMap<string, Pin>;
  /** By `scopeKey`; orders that no longer count are gone. */
  readonly dials: ReadonlyMap<string, DialOrder>;
  /** Scopes in which nothing is promoted, by `scopeKey`. */
  readonly holds: ReadonlyMap<string, Latch>;
  /** Versions that people or their pipelines announced. */
  readonly versions: ReadonlyMap<Side, Announced>;
  /** What people said of clusters, by id. */
  readonly marks: ReadonlyMap<string, ClusterMark>;
  /** What was said at the gates where ramps wait, by the endpoint that leads the ramp. */
  readonly gates: ReadonlyMap<EndpointId, GateRecord>;
  /** Endpoints that were retired by an order, besides those the configuration retires. */
  readonly retired: ReadonlyMap<EndpointId, Approval>;
  /** A person's word over the calendar of freezes, under the key `all`; no more than one. */
  readonly freezes: ReadonlyMap<string, FreezeOrder>;
  /** Caps every dial while a new candidate version is looked at, or after it has failed; undefined: no cap. */
  readonly canary: Canary | undefined;
  /** Cells in any other state than `observing`. */
  readonly cells: CellStates;
  /** Undefined before the first plan that is known by its text. */
  readonly plan: PlanMark | undefined;
  /** Keys of stored items that no longer count; the next command deletes them. */
  readonly stale: readonly string[];
}

/**
 * The state that the stored items and a configuration make together; items of other kinds are left alone.
 * @throws CutoverError STORE_CORRUPT where an item is not of its form: a latch that cannot be read must not be forgotten.
 */
export function restoreState(items: ReadonlyMap<string, unknown>, base: TableBase): ControlState {
  return settleDials({ ...readItems(items), base, stale: [] });
}

/** A state and the table it made. */
export interface Made {
  readonly state: ControlState;
  readonly table: TableData;
}

/** The routing table a state makes. Parts that a state before made and that did not change since are the same objects. */
export function tableOf(state: ControlState, last?: Made): TableData {
  const since = (...parts: (keyof ControlState)[]): TableData | undefined =>
    parts.every((part) => last?.state[part] === state[part]) ? last?.table : undefined;
  return {
    revision: state.revision,
    madeAt: state.madeAt,
    latches:
      since('latches')?.latches ??
      [...state.latches.values()].map(({ scope, at, actor, reason }) => ({ scope, at, actor, reason })),
    force: state.base.force,
    pins: since('pins')?.pins ?? [...state.pins.values()],
    cohorts: since('base', 'latches')?.cohorts ?? cohortsOf(state),
    dials: since('base', 'dials', 'canary')?.dials ?? servedDials(state),
    defaults: state.base.defaults,
    endpoints: since('base', 'retired')?.endpoints ?? endpointsOf(state),
    cells: state.cells,
  };
}

/** The dials that count with requests. */
function servedDials(state: ControlState): readonly Dial[] {
  const { canary } = state;
  const dials = [...dialsOf(state).values()];
  return canary === undefined ? dials : dials.map((one) => ({ ...one, dialPpm: cappedPpm(canary, one.dialPpm) }));
}

/** The listed endpoints, and those that an order retired. */
function endpointsOf({ base, retired }: ControlState): readonly ListedEndpoint[] {
  if (retired.size === 0) return base.endpoints;
  const listed = base.endpoints.map((one) => (retired.has(one.id) ? { ...one, retired: true } : one));
  const known = new Set(listed.map(({ id }) => id));
  const found = [...retired.keys()].filter((id) => !known.has(id));
  return [...listed, ...found.map((id) => ({ ...base.defaults, id, retired: true }))];
}

/** The configuration's cohorts, those under a latch with the members they had when it fell. */
export function cohortsOf(state: ControlState): Cohorts {
  const held = [...state.latches.values()].filter((latch) => latch.members !== undefined);
  if (held.length === 0) return state.base.cohorts;
  const cohorts = new Map(Object.entries(state.base.cohorts));
  for (const { scope, members = [] } of held) {
    if (scope.cohort === undefined) continue;
    cohorts.set(scope.cohort, [...new Set([...(cohorts.get(scope.cohort) ?? []), ...members])]);
  }
  return Object.fromEntries(cohorts);
}

/** Every dial that counts, by `scopeKey`: a person's order before the configuration's. */
export function dialsOf(state: ControlState): ReadonlyMap<string, Dial> {
  const dials = new Map<string, Dial>(state.base.dials.map((dial) => [scopeKey(dial.scope), dial]));
  for (const [key, { scope, dialPpm }] of state.dials) dials.set(key, { scope, dialPpm });
  return dials;
}

/** The configuration's own value for a scope; null where it says nothing. */
export function configuredPpm(base: TableBase, scope: Scope): number | null {
  const key = scopeKey(scope);
  return base.dials.findLast((dial) => scopeKey(dial.scope) === key)?.dialPpm ?? null;
}

/** A latch that holds everything in a scope. */
export function latchOver(state: ControlState, scope: Scope): HeldLatch | undefined {
  if (state.latches.size === 0) return undefined;
  const cohorts = cohortsOf(state);
  return [...state.latches.values()].find((latch) => scopeContains(latch.scope, scope, cohorts));
}

/**
 * The lowest dial that any request in a scope has now, where no dial is set for exactly that scope: a new dial of at most
 * this raises nothing. The exact dial where there is one.
 */
export function presentPpm(state: ControlState, scope: Scope): number {
  const dials = dialsOf(state);
  const exact = dials.get(scopeKey(scope));
  if (exact !== undefined) return exact.dialPpm;
  const cohorts = cohortsOf(state);
  let lowest = dials.get('all')?.dialPpm ?? 0;
  for (const dial of dials.values()) {
    const counts = specificity(dial.scope) < specificity(scope) && scopesOverlap(dial.scope, scope, cohorts);
    if (counts) lowest = Math.min(lowest, dial.dialPpm);
  }
  return lowest;
}

/** The order in which the table looks dials up: cell, tenant, cohort with endpoint, cohort, endpoint, everything. */
function specificity(scope: Scope): number {
  const endpoint = scope.endpoint === undefined ? 0 : 1;
  if (scope.tenant !== undefined) return 4 + endpoint;
  return scope.cohort === undefined ? endpoint : 2 + endpoint;
}

/** Drops the orders the configuration has overtaken. A function of state alone, so that a restart comes to the same. */
export function settleDials(state: ControlState): ControlState {
  const dials = new Map(state.dials);
  for (const [key, order] of state.dials) {
    if (!stillCounts(state, order)) dials.delete(key);
  }
  if (dials.size === state.dials.size) return state;
  const gone = [...state.dials.keys()].filter((key) => !dials.has(key)).map((key) => `dial:${key}`);
  return { ...state, dials, stale: [...state.stale, ...gone] };
}

function stillCounts(state: ControlState, order: DialOrder): boolean {
  const configured = configuredPpm(state.base, order.scope);
  if (configured === order.configPpm) return true;
  // Without a value of its own the scope would inherit one that may be higher.
  const mayRaise = configured === null || configured > order.dialPpm;
  return mayRaise && latchOver(state, order.scope) !== undefined;
}

/** The items in which two states differ, for the store: `undefined` deletes. */
export function changedItems(before: ControlState, after: ControlState): StateItem[] {
  const items: StateItem[] = [];
  for (const key of before.stale) items.push({ key, value: undefined });
  compareMaps('latch:', before.latches, after.latches, items);
  compareMaps('pin:', before.pins, after.pins, items);
  compareMaps('dial:', before.dials, after.dials, items);
  for (const [key, cell] of after.cells.changesSince(before.cells))
    items.push({ key: `cell:${key}`, value: cell === 'observing' ? undefined : cell });
  compareMaps('hold:', before.holds, after.holds, items);
  compareMaps('version:', before.versions, after.versions, items);
  compareMaps('cluster:', before.marks, after.marks, items);
  compareMaps('gate:', before.gates, after.gates, items);
  compareMaps('retired:', before.retired, after.retired, items);
  compareMaps('freeze:', before.freezes, after.freezes, items);
  if (before.canary !== after.canary) items.push({ key: 'canary', value: after.canary });
  if (before.plan !== after.plan) items.push({ key: 'plan', value: after.plan });
  items.push({ key: 'revision', value: { revision: after.revision, madeAt: after.madeAt } });
  // A key may be stale and set anew; the last word counts, and is said once.
  return [...new Map(items.map((item) => [item.key, item])).values()];
}

function compareMaps(
  prefix: string,
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
  items: StateItem[],
): void {
  if (before === after) return;
  for (const key of before.keys()) if (!after.has(key)) items.push({ key: prefix + key, value: undefined });
  for (const [key, value] of after) if (before.get(key) !== value) items.push({ key: prefix + key, value });
}

/** Ids of endpoints as the journal names them, at most 100. */
export function endpointChanges(before: TableBase, after: TableBase): Readonly<Record<string, readonly EndpointId[]>> {
  const olds = new Map(before.endpoints.map((endpoint) => [endpoint.id, JSON.stringify(endpoint)]));
  const news = new Map(after.endpoints.map((endpoint) => [endpoint.id, JSON.stringify(endpoint)]));
  return {
    added: [...news.keys()].filter((id) => !olds.has(id)).slice(0, 100),
    removed: [...olds.keys()].filter((id) => !news.has(id)).slice(0, 100),
    changed: [...news]
      .filter(([id, text]) => olds.has(id) && olds.get(id) !== text)
      .map(([id]) => id)
      .slice(0, 100),
  };
}
