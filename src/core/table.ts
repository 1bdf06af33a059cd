import type { CellState, EndpointId, Side, TenantId } from './cell.ts';
import type { EndpointPolicy, ForceList, Scope, TableData } from './routing.ts';
import type { Cohorts } from './scope.ts';
import { describeScope, tenantsOf } from './scope.ts';

/** A latch, pin or dial as the decision uses it. */
export interface TableEntry {
  /** As `Decision.rule` names it: `latch all`, `pin tenant acme`, `dial GET /a`. */
  readonly rule: string;
  /** Counts while `now` is below; Infinity for what does not end. */
  readonly until: number;
  /** Of a dial, before the endpoint's cap; 0 for the rest. */
  readonly dialPpm: number;
}

/** Names forced to one side, ready to be asked. */
export interface ForceSets {
  readonly tenants: ReadonlySet<TenantId>;
  readonly endpoints: ReadonlySet<EndpointId>;
}

/** The table, ready for decisions: every lookup is a few map reads and allocates nothing. */
export interface RoutingTable {
  readonly data: TableData;
  readonly latches: ScopeIndex;
  readonly pins: Readonly<Record<Side, ScopeIndex>>;
  readonly force: Readonly<Record<Side, ForceSets>>;
  /** Whether anything in the table asks for a tenant, so that one without a name cannot be judged. */
  readonly asksForTenant: boolean;
  policyOf(endpoint: EndpointId): EndpointPolicy;
  /** The most specific dial, before the endpoint's `maxPpm`; `no dial` with 0 where none applies. */
  dialFor(endpoint: EndpointId, tenant: TenantId | undefined): { readonly dialPpm: number; readonly rule: string };
  stateOf(endpoint: EndpointId, tenant: TenantId | undefined): CellState | undefined;
}

/**
 * Prepares a table for `decide`. Cohorts are unfolded into their members here, so the cost is in proportion to the
 * entries times the members of their cohorts, paid once per change of the table.
 */
export function compileTable(data: TableData): RoutingTable {
  const policies = new Map<EndpointId, EndpointPolicy>(data.endpoints.map((listed) => [listed.id, listed]));
  const dials = new ScopeIndex();
  for (const dial of data.dials)
    dials.add(dial.scope, data.cohorts, entry('dial', dial.scope, { dialPpm: dial.dialPpm }));
  return {
    data,
    latches: latchIndex(data),
    pins: { control: pinIndex(data, 'control'), candidate: pinIndex(data, 'candidate') },
    force: { control: forceSets(data.force.control), candidate: forceSets(data.force.candidate) },
    asksForTenant: asksForTenant(data),
    policyOf: (endpoint) => policies.get(endpoint) ?? data.defaults,
    dialFor: (endpoint, tenant) => dials.find(endpoint, tenant, 0) ?? NO_DIAL,
    stateOf: (endpoint, tenant) => (tenant === undefined ? undefined : data.cells.stateOf(endpoint, tenant)),
  };
}

const NO_DIAL: TableEntry = { rule: 'no dial', until: Number.POSITIVE_INFINITY, dialPpm: 0 };

/**
 * Entries by what they apply to, most specific first: cell, tenant, cohort with endpoint, cohort, endpoint, everything.
 * Where several lie in one place (a tenant in two cohorts) the lower dial counts, then the longer life, then the earlier entry:
 * so raising any of them never lowers what counts.
 */
export class ScopeIndex {
  readonly #cells = new Map<TenantId, Map<EndpointId, TableEntry>>();
  readonly #tenants = new Map<TenantId, TableEntry>();
  readonly #cohortCells = new Map<TenantId, Map<EndpointId, TableEntry>>();
  readonly #cohorts = new Map<TenantId, TableEntry>();
  readonly #endpoints = new Map<EndpointId, TableEntry>();
  #all: TableEntry | undefined;
  #isEmpty = true;

  add(scope: Scope, cohorts: Cohorts, added: TableEntry): void {
    this.#isEmpty = false;
    const tenants = tenantsOf(scope, cohorts);
    if (tenants === undefined) {
      if (scope.endpoint === undefined) this.#all = better(this.#all, added);
      else put(this.#endpoints, scope.endpoint, added);
      return;
    }
    // A tenant within a cohort is as specific as the tenant.
    const named = scope.tenant !== undefined;
    for (const tenant of tenants) {
      if (scope.endpoint === undefined) put(named ? this.#tenants : this.#cohorts, tenant, added);
      else put(inner(named ? this.#cells : this.#cohortCells, tenant), scope.endpoint, added);
    }
  }

  /** The most specific entry that is alive at `now`. */
  find(endpoint: EndpointId, tenant: TenantId | undefined, now: number): TableEntry | undefined {
    if (this.#isEmpty) return undefined;
    return (
      (tenant === undefined ? undefined : this.#findTenant(endpoint, tenant, now)) ??
      alive(this.#endpoints.get(endpoint), now) ??
      alive(this.#all, now)
    );
  }

  #findTenant(endpoint: EndpointId, tenant: TenantId, now: number): TableEntry | undefined {
    return (
      alive(this.#cells.get(tenant)?.get(endpoint), now) ??
      alive(this.#tenants.get(tenant), now) ??
      alive(this.#cohortCells.get(tenant)?.get(endpoint), now) ??
      alive(this.#cohorts.get(tenant), now)
    );
  }
}

function alive(found: TableEntry | undefined, now: number): TableEntry | undefined {
  return found !== undefined && now < found.until ? found : undefined;
}

function put<K>(map: Map<K, TableEntry>, key: K, added: TableEntry): void {
  map.set(key, better(map.get(key), added));
}

function better(before: TableEntry | undefined, added: TableEntry): TableEntry {
  if (before === undefined || added.dialPpm < before.dialPpm) return added;
  return added.dialPpm === before.dialPpm && added.until > before.until ? added : before;
}

function inner<V>(map: Map<TenantId, Map<EndpointId, V>>, tenant: TenantId): Map<EndpointId, V> {
  const present = map.get(tenant);
  if (present !== undefined) return present;
  const made = new Map<EndpointId, V>();
  map.set(tenant, made);
  return made;
}

function entry(kind: string, scope: Scope, more: { dialPpm?: number; until?: number | undefined } = {}): TableEntry {
  return {
    rule: `${kind} ${describeScope(scope)}`,
    until: more.until ?? Number.POSITIVE_INFINITY,
    dialPpm: more.dialPpm ?? 0,
  };
}

function latchIndex(data: TableData): ScopeIndex {
  const index = new ScopeIndex();
  for (const latch of data.latches) index.add(latch.scope, data.cohorts, entry('latch', latch.scope));
  return index;
}

function pinIndex(data: TableData, side: Side): ScopeIndex {
  const index = new ScopeIndex();
  for (const pin of data.pins) {
    if (pin.side === side) index.add(pin.scope, data.cohorts, entry('pin', pin.scope, { until: pin.until }));
  }
  return index;
}

function forceSets(list: ForceList): ForceSets {
  return { tenants: new Set(list.tenants), endpoints: new Set(list.endpoints) };
}

function asksForTenant(data: TableData): boolean {
  const names = (scope: Scope): boolean => scope.tenant !== undefined || scope.cohort !== undefined;
  return (
    [...data.latches, ...data.pins, ...data.dials].some((item) => names(item.scope)) ||
    data.force.control.tenants.length > 0 ||
    data.force.candidate.tenants.length > 0
  );
}
