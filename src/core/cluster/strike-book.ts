import type { CellKey, EndpointId, TenantId } from '../cell.ts';
import { cellOfKey } from '../cell.ts';
import { cleanComparisonsNeeded, upperBound } from '../sequential-test.ts';

/** Clusters remembered per cell. */
export const MAX_PER_CELL = 32;
/** Confidence with which a cluster counts as gone, and that of the bound on its old rate. */
const FIXED_CONFIDENCE = 0.99;
const RATE_CONFIDENCE = 0.95;
/** Clean comparisons that say nothing is gone by chance, however often it struck before. */
export const MIN_CLEAN = 30;
/** Rarer than this, nobody waits for a cluster to prove itself gone: that would take 300,000 comparisons. */
const MIN_RATE = 1e-5;

/** How often a cluster struck a cell while it did: from its first version's beginning to the end of the last version it was seen in. */
interface Strikes {
  count: number;
  /** Comparisons of the cell when the version began in which it struck last, and when that version ended; -1: it has not. */
  from: number;
  until: number;
}

interface CellStrikes {
  /** Comparisons that told something, since the cell is known here. */
  comparisons: number;
  /** Of them, those before the present version. */
  start: number;
  /** More clusters struck it in this version than are remembered. */
  isCrowded: boolean;
  readonly clusters: Map<string, Strikes>;
}

/** What blocks a cell: the clusters that struck it in the present version. */
export interface Blocking {
  readonly clusters: readonly string[];
  /** There are more than these. */
  readonly isCrowded: boolean;
}

/** A cluster that has not struck since a version ended. */
export interface Quiet {
  /** Upper limit its old rate is proven to exceed, 0 to 1. */
  readonly rate: number;
  /** Comparisons since, in the cells it struck, and how many it takes to call it fixed. */
  readonly clean: number;
  readonly needed: number;
}

/**
 * Which clusters strike which cells, within the present candidate version, and how long those of earlier versions have been quiet.
 * Bounded: so many cells, 32 clusters each.
 */
export class StrikeBook {
  readonly #maxCells: number;
  readonly #cells = new Map<CellKey, CellStrikes>();
  readonly #unsaved = new Set<CellKey>();
  /** The present candidate version; to be set where the first one becomes known by its name. */
  version: string;

  constructor(options: { readonly maxCells: number; readonly version: string }) {
    this.#maxCells = options.maxCells;
    this.version = options.version;
  }

  /** A comparison that told something: `match`, `ignored` or `mismatch`, with the clusters of its causes. */
  add(key: CellKey, clusters: readonly string[], more: boolean): void {
    const cell = this.#cell(key);
    if (cell === undefined) return;
    cell.comparisons += 1;
    for (const id of clusters) strike(cell, id);
    if (more) cell.isCrowded = true;
    if (cell.clusters.size > 0) this.#unsaved.add(key);
  }

  #cell(key: CellKey): CellStrikes | undefined {
    const known = this.#cells.get(key);
    if (known !== undefined || this.#cells.size >= this.#maxCells) return known;
    const made: CellStrikes = { comparisons: 0, start: 0, isCrowded: false, clusters: new Map() };
    this.#cells.set(key, made);
    return made;
  }

  /** Another candidate version runs from now on: nothing has struck in it yet. */
  beginVersion(version: string): void {
    this.version = version;
    for (const [key, cell] of this.#cells) {
      endVersion(cell);
      if (cell.clusters.size > 0) this.#unsaved.add(key);
    }
  }

  /** What blocks a cell in the present version. */
  blocking(key: CellKey): Blocking {
    const cell = this.#cells.get(key);
    if (cell === undefined) return { clusters: [], isCrowded: false };
    return {
      clusters: [...cell.clusters].flatMap(([id, one]) => (one.until < 0 ? [id] : [])),
      isCrowded: cell.isCrowded,
    };
  }

  /**
   * The clusters that struck before the present version and not since, with what it takes to call them fixed.
   *
   * The rule: a cluster is gone when, in the cells it struck, so many comparisons in a row are clean that its old rate is excluded at 99 %
   * (the sequential ratio that opens cells, with that rate as its limit), at least 30. The old rate is its lower bound at 95 %
   * (Clopper and Pearson 1934) over the same cells in the last version it struck in. At 50 % it takes 30, at 1 % about 500.
   */
  quiet(): ReadonlyMap<string, Quiet> {
    const sums = new Map<string, { strikes: number; exposed: number; clean: number; isPresent: boolean }>();
    for (const { comparisons, clusters } of this.#cells.values()) {
      for (const [id, { count, from, until }] of clusters) {
        const sum = sums.get(id) ?? { strikes: 0, exposed: 0, clean: 0, isPresent: false };
        sums.set(id, sum);
        if (until < 0) sum.isPresent = true;
        else {
          sum.strikes += count;
          sum.exposed += until - from;
          sum.clean += comparisons - until;
        }
      }
    }
    const quiet = new Map<string, Quiet>();
    for (const [id, { strikes, exposed, clean, isPresent }] of sums) {
      if (isPresent) continue;
      const rate = 1 - upperBound(RATE_CONFIDENCE, strikes, Math.max(0, exposed - strikes));
      if (rate < MIN_RATE) continue;
      const limit = Math.min(rate, 0.5);
      const needed = Math.max(MIN_CLEAN, cleanComparisonsNeeded({ limit, confidence: FIXED_CONFIDENCE }, 0, 0));
      quiet.set(id, { rate, clean, needed });
    }
    return quiet;
  }

  /** A cluster is settled, or accepted: what it did so far is of no interest any more. */
  forget(id: string): void {
    for (const [key, { clusters }] of this.#cells) if (clusters.delete(id)) this.#unsaved.add(key);
  }

  /** What struck under other rules says nothing about these. */
  forgetAll(): void {
    for (const key of this.#cells.keys()) this.#unsaved.add(key);
    this.#cells.clear();
  }

  /** Endpoints turned out to be one: cells of the old names are gone. */
  forgetEndpoints(ids: readonly EndpointId[]): void {
    const gone = new Set(ids);
    for (const key of this.#cells.keys()) {
      if (!gone.has(cellOfKey(key).endpoint)) continue;
      this.#cells.delete(key);
      this.#unsaved.add(key);
    }
  }

  /** A tenant's traffic is deleted: what struck its cells goes too, and is counted anew. Gives how many cells there were. */
  forgetTenant(tenant: TenantId): number {
    let forgotten = 0;
    for (const key of this.#cells.keys()) {
      if (cellOfKey(key).tenant !== tenant) continue;
      this.#cells.delete(key);
      this.#unsaved.add(key);
      forgotten += 1;
    }
    return forgotten;
  }

  /** Cells that changed since they were taken last, at most `max`, as JSON for `restore`; undefined: gone. */
  take(max: number): readonly { readonly key: CellKey; readonly value: unknown }[] {
    const taken: { key: CellKey; value: unknown }[] = [];
    for (const key of this.#unsaved) {
      if (taken.length >= max) break;
      this.#unsaved.delete(key);
      taken.push({ key, value: this.#document(key) });
    }
    return taken;
  }

  /** What was taken last was not saved. */
  giveBack(keys: readonly CellKey[]): void {
    for (const key of keys) this.#unsaved.add(key);
  }

  #document(key: CellKey): unknown {
    const cell = this.#cells.get(key);
    if (cell === undefined || (cell.clusters.size === 0 && !cell.isCrowded)) return undefined;
    const { comparisons, start, isCrowded, clusters } = cell;
    const struck = [...clusters].map(([id, { count, from, until }]) => [id, count, from, until]);
    return { version: this.version, comparisons, start, isCrowded, clusters: struck };
  }

  /** Takes over what `take` gave; anything else is left out. What was saved in another version has struck before the present one. */
  restore(key: CellKey, value: unknown): void {
    if (value === null || typeof value !== 'object') return;
    const fields = value as Readonly<Record<string, unknown>>; // looked at one by one
    const { comparisons, start, clusters } = fields;
    if (!isCount(comparisons) || !isCount(start) || !Array.isArray(clusters)) return;
    const cell = this.#cell(key);
    if (cell === undefined) return;
    cell.comparisons = comparisons;
    cell.start = start;
    cell.isCrowded = fields['isCrowded'] === true;
    for (const entry of (clusters as unknown[]).slice(0, MAX_PER_CELL)) {
      if (!Array.isArray(entry)) continue;
      const [id, count, from, until] = entry as unknown[];
      if (typeof id !== 'string' || !isCount(count) || !isCount(from) || typeof until !== 'number') continue;
      cell.clusters.set(id, { count, from, until });
    }
    if (fields['version'] !== this.version) endVersion(cell);
  }
}

function strike(cell: CellStrikes, id: string): void {
  const known = cell.clusters.get(id);
  if (known !== undefined && known.until < 0) {
    known.count += 1;
    return;
  }
  if (known === undefined && cell.clusters.size >= MAX_PER_CELL) {
    const [quiet] = [...cell.clusters].find(([, { until }]) => until >= 0) ?? [];
    if (quiet === undefined) {
      cell.isCrowded = true;
      return;
    }
    cell.clusters.delete(quiet);
  }
  cell.clusters.set(id, { count: 1, from: cell.start, until: -1 });
}

function endVersion(cell: CellStrikes): void {
  for (const one of cell.clusters.values()) if (one.until < 0) one.until = cell.comparisons;
  cell.start = cell.comparisons;
  cell.isCrowded = false;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
