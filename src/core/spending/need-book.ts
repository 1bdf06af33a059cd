import type { Cell, EndpointId, TenantId } from '../cell.ts';

/** What an endpoint still needs for the proof that is pooled over its tenants. */
export interface EndpointNeed {
  /** Comparisons that are missing; 0 where it is proven, or nothing is pooled. */
  readonly pooled: number;
  /** Cells that wait for it, about; 0 where nothing is pooled. */
  readonly cells: number;
  /** Comparisons of its own that a cell needs of which nothing is told. */
  readonly own: number;
}

/** What proofs still need, as the controller tells the proxies: plain data, and only what changed. */
export interface Needs {
  /** True: what was told before is forgotten. */
  readonly isWhole?: true;
  readonly endpoints: readonly (readonly [EndpointId, EndpointNeed])[];
  /** Comparisons of its own that a cell is missing. */
  readonly cells: readonly (readonly [EndpointId, TenantId, number])[];
  /** Endpoints that are no more. */
  readonly gone: readonly EndpointId[];
}

/** What was drawn and not told of yet is taken for used this long; what came to nothing is drawn anew after it. */
const PENDING_MS = 10_000;

interface Home {
  need: EndpointNeed;
  /** Cells that need another number than `need.own`. */
  readonly cells: Map<TenantId, number>;
  /** Drawn since the controller told of them last. */
  pooledPending: number;
  readonly pending: Map<TenantId, number>;
}

/** What one comparison of a cell would be good for. */
export interface CellNeed {
  /** Comparisons of its own that are missing. */
  readonly own: number;
  readonly pooled: number;
  /** Cells that wait for the pooled ones; 0 where nothing is pooled. */
  readonly cells: number;
}

/** What a proxy knows of what proofs need, and what it drew meanwhile. */
export class NeedBook {
  readonly #homes = new Map<EndpointId, Home>();
  readonly #maxCells: number;
  #cellCount = 0;
  #clearedAt: number;

  /** @param maxCells Of which a need of its own is kept; all others count as new. About 40 bytes each. */
  constructor(maxCells: number, now: number) {
    this.#maxCells = maxCells;
    this.#clearedAt = now;
  }

  apply({ isWhole, endpoints, cells, gone }: Needs): void {
    if (isWhole === true) {
      this.#homes.clear();
      this.#cellCount = 0;
    }
    for (const id of gone) {
      this.#cellCount -= this.#homes.get(id)?.cells.size ?? 0;
      this.#homes.delete(id);
    }
    for (const [id, need] of endpoints) {
      const home = this.#homes.get(id);
      if (home === undefined) this.#homes.set(id, { need, cells: new Map(), pooledPending: 0, pending: new Map() });
      else {
        home.need = need;
        home.pooledPending = 0;
      }
    }
    for (const [id, tenant, own] of cells) this.#set(id, tenant, own);
  }

  #set(id: EndpointId, tenant: TenantId, own: number): void {
    const home = this.#homes.get(id);
    if (home === undefined) return;
    home.pending.delete(tenant);
    const isKnown = home.cells.has(tenant);
    if (own === home.need.own) {
      if (home.cells.delete(tenant)) this.#cellCount -= 1;
      return;
    }
    if (!isKnown && this.#cellCount >= this.#maxCells) return;
    if (!isKnown) this.#cellCount += 1;
    home.cells.set(tenant, own);
  }

  /** What a comparison of the cell is good for; undefined: nothing was told of its endpoint yet. */
  of({ endpoint, tenant }: Cell): CellNeed | undefined {
    const home = this.#homes.get(endpoint);
    if (home === undefined) return undefined;
    const { need } = home;
    return {
      own: Math.max(0, (home.cells.get(tenant) ?? need.own) - (home.pending.get(tenant) ?? 0)),
      pooled: Math.max(0, need.pooled - home.pooledPending),
      cells: need.cells,
    };
  }

  /** A comparison of the cell is on its way. */
  drawn({ endpoint, tenant }: Cell, now: number): void {
    if (now - this.#clearedAt >= PENDING_MS) this.#clear(now);
    const home = this.#homes.get(endpoint);
    if (home === undefined) return;
    home.pending.set(tenant, (home.pending.get(tenant) ?? 0) + 1);
    home.pooledPending += 1;
  }

  #clear(now: number): void {
    this.#clearedAt = now;
    for (const home of this.#homes.values()) {
      home.pending.clear();
      home.pooledPending = 0;
    }
  }
}
