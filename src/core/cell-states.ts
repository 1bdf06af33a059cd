import {
  CELL_STATES,
  type CellKey,
  type CellState,
  cellKey,
  cellOfKey,
  type EndpointId,
  type TenantId,
} from './cell.ts';

/** Cells by endpoint, state and tenant: how they are written down. */
export type WrittenCells = Readonly<Record<EndpointId, Readonly<Partial<Record<CellState, readonly TenantId[]>>>>>;

type Shard = ReadonlyMap<TenantId, CellState>;

/** The cells of one endpoint, spread over a power of two of small maps, so that changing one copies few. */
interface Home {
  readonly shards: readonly Shard[];
  readonly size: number;
}

/** Cells per shard, on average, from which on there are four times as many shards. */
const CROWDED = 64;

/**
 * States of the cells that are in any other state than `observing`. Immutable: `with` gives the next one and shares with
 * this one everything that did not change, so that a change costs in proportion to what changes, with a million cells too.
 * Holds about 50 bytes a cell, besides the tenants' names, which endpoints share.
 */
export class CellStates {
  static readonly EMPTY: CellStates = new CellStates(new Map(), new Map());
  readonly size: number;
  readonly #homes: ReadonlyMap<EndpointId, Home>;
  readonly #counts: ReadonlyMap<CellState, number>;

  private constructor(homes: ReadonlyMap<EndpointId, Home>, counts: ReadonlyMap<CellState, number>) {
    this.#homes = homes;
    this.#counts = counts;
    let size = 0;
    for (const count of counts.values()) size += count;
    this.size = size;
  }

  static of(cells: Iterable<readonly [CellKey, CellState]>): CellStates {
    return CellStates.EMPTY.with(cells);
  }

  /** What `toJSON` wrote. */
  static read(written: WrittenCells): CellStates {
    return CellStates.gather(Object.entries(written) as [EndpointId, WrittenCells[EndpointId]][]); // keys are endpoints
  }

  /** What `written` gave, in any order; each cell once. */
  static gather(parts: readonly (readonly [EndpointId, WrittenCells[EndpointId]])[]): CellStates {
    const names = new Map<TenantId, TenantId>();
    const homes = new Map<EndpointId, { shards: Map<TenantId, CellState>[]; size: number }>();
    const counts = new Map<CellState, number>();
    const groups = parts.flatMap(([endpoint, byState]) =>
      CELL_STATES.map((state) => ({ endpoint, state, tenants: byState[state] ?? [] })),
    );
    for (const { endpoint, state, tenants } of groups) {
      if (tenants.length === 0) continue;
      const home = homes.get(endpoint) ?? { shards: [], size: 0 };
      homes.set(endpoint, home);
      home.size += tenants.length;
      counts.set(state, (counts.get(state) ?? 0) + tenants.length);
    }
    for (const home of homes.values()) home.shards = emptyShards(home.size);
    for (const { endpoint, state, tenants } of groups) {
      const shards = homes.get(endpoint)?.shards ?? [];
      for (const tenant of tenants) shards[shardOf(tenant, shards.length)]?.set(oneName(names, tenant), state);
    }
    return new CellStates(homes, counts);
  }

  stateOf(endpoint: EndpointId, tenant: TenantId): CellState | undefined {
    const home = this.#homes.get(endpoint);
    return home?.shards[shardOf(tenant, home.shards.length)]?.get(tenant);
  }

  get(key: CellKey): CellState | undefined {
    const { endpoint, tenant } = cellOfKey(key);
    return this.stateOf(endpoint, tenant);
  }

  /** Cells in a state. */
  count(state: CellState): number {
    return this.#counts.get(state) ?? 0;
  }

  /** The next states; `observing` forgets a cell. */
  with(changes: Iterable<readonly [CellKey, CellState]>): CellStates {
    const homes = new Map(this.#homes);
    const counts = new Map(this.#counts);
    const drafts = new Map<EndpointId, Draft>();
    for (const [key, state] of changes) {
      const { endpoint, tenant } = cellOfKey(key);
      let draft = drafts.get(endpoint);
      if (draft === undefined) {
        draft = new Draft(homes.get(endpoint));
        drafts.set(endpoint, draft);
      }
      const before = draft.set(tenant, state);
      if (before !== undefined) counts.set(before, (counts.get(before) ?? 0) - 1);
      if (state !== 'observing') counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    for (const [endpoint, draft] of drafts) {
      const home = draft.done();
      if (home.size === 0) homes.delete(endpoint);
      else homes.set(endpoint, home);
    }
    return drafts.size === 0 ? this : new CellStates(homes, counts);
  }

  /** What must be given to `with` of `before` to come to this; costs in proportion to what is not shared. */
  changesSince(before: CellStates): [CellKey, CellState][] {
    const changes: [CellKey, CellState][] = [];
    for (const [endpoint, home] of this.#homes) {
      const old = before.#homes.get(endpoint);
      if (home !== old) addChanges(endpoint, old ?? NO_HOME, home, changes);
    }
    for (const [endpoint, old] of before.#homes)
      if (!this.#homes.has(endpoint)) addChanges(endpoint, old, NO_HOME, changes);
    return changes;
  }

  *[Symbol.iterator](): Generator<readonly [CellKey, CellState]> {
    for (const [endpoint, { shards }] of this.#homes)
      for (const shard of shards) for (const [tenant, state] of shard) yield [cellKey(tenant, endpoint), state];
  }

  *values(): Generator<CellState> {
    for (const { shards } of this.#homes.values()) for (const shard of shards) yield* shard.values();
  }

  toJSON(): WrittenCells {
    const written = [...this.#homes].map(([endpoint, { shards }]) => [endpoint, writtenShards(shards)] as const);
    return Object.fromEntries(written);
  }

  /** The same in pieces of about 4,000 cells, an endpoint in as many as it takes: for those who must not hold others up. */
  *written(): Generator<readonly [EndpointId, WrittenCells[EndpointId]]> {
    for (const [endpoint, { shards }] of this.#homes)
      for (let at = 0; at < shards.length; at += CROWDED)
        yield [endpoint, writtenShards(shards.slice(at, at + CROWDED))];
  }
}

const NO_HOME: Home = { shards: [], size: 0 };

/** An endpoint's cells while they are changed: each shard is copied once. */
class Draft {
  #shards: Map<TenantId, CellState>[];
  #size: number;
  #own = new Set<number>();

  constructor(home: Home | undefined) {
    // Read only until `#own` names them.
    this.#shards = home === undefined ? [new Map()] : ([...home.shards] as Map<TenantId, CellState>[]);
    this.#size = home?.size ?? 0;
  }

  /** Gives the state before. */
  set(tenant: TenantId, state: CellState): CellState | undefined {
    const at = shardOf(tenant, this.#shards.length);
    let shard = this.#shards[at] ?? new Map<TenantId, CellState>();
    const before = shard.get(tenant);
    if (before === state || (before === undefined && state === 'observing')) return before;
    if (!this.#own.has(at)) {
      shard = new Map(shard);
      this.#shards[at] = shard;
      this.#own.add(at);
    }
    if (state === 'observing') shard.delete(tenant);
    else shard.set(tenant, state);
    this.#size += (state === 'observing' ? 0 : 1) - (before === undefined ? 0 : 1);
    if (this.#size > CROWDED * this.#shards.length) this.#grow();
    return before;
  }

  #grow(): void {
    const grown = emptyShards(this.#size);
    for (const shard of this.#shards)
      for (const [tenant, state] of shard) grown[shardOf(tenant, grown.length)]?.set(tenant, state);
    this.#shards = grown;
    this.#own = new Set(grown.keys());
  }

  done(): Home {
    return { shards: this.#shards, size: this.#size };
  }
}

/** As many as `size` cells need. */
function emptyShards(size: number): Map<TenantId, CellState>[] {
  let count = 1;
  while (size > CROWDED * count) count *= 4;
  return Array.from({ length: count }, () => new Map<TenantId, CellState>());
}

/** Where a tenant lies among `count` shards, a power of two: FNV-1a over the code units, folded. */
function shardOf(tenant: TenantId, count: number): number {
  if (count === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < tenant.length; i++) hash = Math.imul(hash ^ tenant.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (count - 1);
}

function addChanges(endpoint: EndpointId, before: Home, after: Home, changes: [CellKey, CellState][]): void {
  const isAlike = before.shards.length === after.shards.length;
  const stateIn = (home: Home, tenant: TenantId): CellState | undefined =>
    home.shards[shardOf(tenant, home.shards.length)]?.get(tenant);
  after.shards.forEach((shard, at) => {
    if (isAlike && before.shards[at] === shard) return;
    for (const [tenant, state] of shard)
      if (stateIn(before, tenant) !== state) changes.push([cellKey(tenant, endpoint), state]);
  });
  before.shards.forEach((shard, at) => {
    if (isAlike && after.shards[at] === shard) return;
    for (const tenant of shard.keys())
      if (stateIn(after, tenant) === undefined) changes.push([cellKey(tenant, endpoint), 'observing']);
  });
}

function writtenShards(shards: readonly Shard[]): Partial<Record<CellState, TenantId[]>> {
  const byState: Partial<Record<CellState, TenantId[]>> = {};
  for (const shard of shards)
    for (const [tenant, state] of shard) {
      const tenants = byState[state];
      if (tenants === undefined) byState[state] = [tenant];
      else tenants.push(tenant);
    }
  return byState;
}

/** The same text for the same name: a tenant's name is kept once, not once an endpoint. */
function oneName(names: Map<TenantId, TenantId>, name: TenantId): TenantId {
  const known = names.get(name);
  if (known !== undefined) return known;
  names.set(name, name);
  return name;
}
