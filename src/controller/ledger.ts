import type { Cell, EndpointId, Side, TenantId } from '../core/cell.ts';
import { LatencySketch } from '../core/latency-sketch.ts';
import type { CellCounts, Clock, Cluster, ServedRecord, UnverifiedReason, VerifiedExchange } from '../core/ports.ts';
import type { EndpointOrigin } from '../core/routing.ts';
import { pathOfId, TemplateSketch } from '../core/template-sketch.ts';
import { signaturesOf } from '../core/verdict.ts';
import { ShareRing } from './share-ring.ts';
import { Tally } from './tally.ts';

/** Stands for tenants, and for endpoints, that came after the bound was reached. */
export const OTHER = '_other';
/** Stands for requests that name no tenant. */
export const NO_TENANT = '_none';
/** Clusters told apart per endpoint; beyond it the number stays there. */
const MAX_CLUSTERS = 1_000;
/** Clusters told apart over all endpoints. */
const MAX_ALL_CLUSTERS = 20_000;

export interface LedgerLimits {
  /** Cells that are counted one by one; the rest of an endpoint is its tenant `_other`. */
  readonly cells: number;
  /** Endpoints that are counted one by one: the listed ones, those found live, and a few for unknown ones. */
  readonly endpoints: number;
}

/** A cell as it is counted. */
export interface CellEntry {
  readonly cell: Cell;
  /** Order of appearance, from 1: what pages continue after. */
  readonly sequence: number;
  readonly total: Tally;
  /** Counted since the last take. */
  readonly delta: Tally;
}

/** An endpoint as it is counted. */
export interface EndpointEntry {
  readonly id: EndpointId;
  origin: EndpointOrigin;
  readonly total: Tally;
  readonly cells: Map<TenantId, CellEntry>;
  readonly latency: SideSketches;
  readonly clusters: Set<string>;
}

/** Sketches are made when the first duration comes: each takes 9 KB. */
export type SideSketches = { [S in Side]: LatencySketch | undefined };

/**
 * Counts of everything served and compared, in memory. O(1) per request: a few map reads and additions, and one small
 * object the first time a cell is seen. The store gets what was counted since the last take, as additions.
 */
export class Ledger {
  readonly total: Tally = new Tally();
  /** Requests that got an answer of Cutover's own. */
  failed = 0;
  failedOver = 0;
  /** Everything that arrived, client aborts included. */
  requests = 0;
  readonly unverifiedBy: Map<UnverifiedReason, number> = new Map();
  readonly latency: SideSketches = { control: undefined, candidate: undefined };
  readonly added: LatencySketch = new LatencySketch();
  readonly endpoints: Map<EndpointId, EndpointEntry> = new Map();
  /** In order of appearance. */
  #cells: CellEntry[] = [];
  #sequence = 0;
  readonly #clusters = new Set<string>();
  /** Cells with something in their delta. */
  #dirty = new Set<CellEntry>();
  /** Given back after their cell was merged away; at most what one batch held. */
  #orphans: CellCounts[] = [];
  /** What came under templates that were found live, by path. */
  readonly #paths = new TemplateSketch();
  readonly #share = new ShareRing();
  readonly #limits: LedgerLimits;
  readonly #clock: Clock;

  constructor(options: { readonly limits: LedgerLimits; readonly clock: Clock }) {
    this.#limits = options.limits;
    this.#clock = options.clock;
  }

  /** Counts a request that has ended. `path`, where it is known: what is frequent can be told apart later. */
  served(record: ServedRecord, path?: string): void {
    this.requests += 1;
    if (record.failedOver) this.failedOver += 1;
    const endpoint = this.#endpoint(record.endpoint, record.origin);
    const side = record.servedBy;
    if (side === undefined) {
      if (!record.clientAborted) this.failed += 1;
      return;
    }
    const entry = this.#cell(endpoint, record.tenant ?? NO_TENANT_ID);
    if (path !== undefined && record.origin === 'found' && isTemplate(endpoint.id))
      this.#paths.add(endpoint.id, path, entry.cell.tenant, side);
    entry.total.addServed(side);
    entry.delta.addServed(side);
    endpoint.total.addServed(side);
    this.total.addServed(side);
    this.#dirty.add(entry);
    this.#share.add(side, record.at);
    // An answer that the client did not wait for tells its impatience, not the upstream's speed.
    if (record.clientAborted) return;
    this.#duration(endpoint, side, record.upstreamMs);
    this.added.record(record.overheadMs);
  }

  /** Counts a comparison. The mirrored side's duration is taken here; the serving side's was taken when it served. */
  verified(verified: VerifiedExchange): void {
    const { verdict } = verified.result;
    const endpoint = this.#endpoint(verified.cell.endpoint, 'unknown');
    const entry = this.#cell(endpoint, verified.cell.tenant);
    entry.total.addVerdict(verdict);
    entry.delta.addVerdict(verdict);
    endpoint.total.addVerdict(verdict);
    this.total.addVerdict(verdict);
    this.#dirty.add(entry);
    for (const { id } of signaturesOf(verified.result)) this.#addCluster(endpoint, id);
    const mirrored: Side = verified.direction === 'forward' ? 'candidate' : 'control';
    // Status 0: the side gave no answer, so there is no duration of one.
    if (verified.statuses[mirrored] !== 0) this.#duration(endpoint, mirrored, verified.durationsMs[mirrored]);
  }

  /** Counts a request that was to be verified and could not be. */
  unverified(cell: Cell, reason: UnverifiedReason): void {
    const endpoint = this.#endpoint(cell.endpoint, 'unknown');
    const entry = this.#cell(endpoint, cell.tenant);
    entry.total.addUnverified();
    entry.delta.addUnverified();
    endpoint.total.addUnverified();
    this.total.addUnverified();
    this.unverifiedBy.set(reason, (this.unverifiedBy.get(reason) ?? 0) + 1);
    this.#dirty.add(entry);
  }

  /** The candidate's share of the answers of the last 60 seconds, parts per million. */
  candidatePpm(): number {
    return this.#share.candidatePpm(this.#clock.now());
  }

  /** Clusters known; one that several endpoints have is one. */
  get clusters(): number {
    return this.#clusters.size;
  }

  get cellCount(): number {
    return this.#cells.length;
  }

  /** Cells after a sequence number, in order of appearance; finding the place takes log(n) steps. */
  *cellsAfter(sequence: number): Generator<CellEntry> {
    let low = 0;
    let high = this.#cells.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#cells[middle]?.sequence ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    for (let i = low; i < this.#cells.length; i++) {
      const entry = this.#cells[i];
      if (entry !== undefined) yield entry;
    }
  }

  /** Takes over what the store has counted in earlier runs, and which clusters it knows. */
  restore(saved: {
    readonly counts: readonly CellCounts[];
    readonly clusters?: readonly Pick<Cluster, 'id' | 'endpoint' | 'endpoints'>[];
  }): void {
    for (const counts of saved.counts) {
      const tally = new Tally();
      tally.addCounts(counts);
      // What a merge has moved elsewhere remains in the store as zeros.
      if (tally.isZero) continue;
      const endpoint = this.#endpoint(counts.cell.endpoint, 'unknown');
      this.#cell(endpoint, counts.cell.tenant).total.addAll(tally);
      endpoint.total.addAll(tally);
      this.total.addAll(tally);
      this.requests += tally.servedTotal;
    }
    for (const cluster of saved.clusters ?? []) {
      const places = cluster.endpoints.length === 0 ? [cluster] : cluster.endpoints;
      for (const { endpoint } of places) this.#addCluster(this.#endpoint(endpoint, 'unknown'), cluster.id);
    }
  }

  /**
   * What was counted since the last take, to be added to the store; the ledger forgets it.
   * Give it back with `returnCounts` if the store does not take it.
   * After a merge of endpoints some counts are negative: they take back what the merged ones had been given.
   */
  takeCounts(): CellCounts[] {
    const taken: CellCounts[] = this.#orphans;
    this.#orphans = [];
    for (const entry of this.#dirty) {
      if (!entry.delta.isZero) taken.push(entry.delta.toCounts(entry.cell));
      entry.delta.clear();
    }
    this.#dirty = new Set();
    return taken;
  }

  /** Puts a batch back that could not be written: the next take gives it again. */
  returnCounts(batch: readonly CellCounts[]): void {
    for (const counts of batch) {
      const entry = this.endpoints.get(counts.cell.endpoint)?.cells.get(counts.cell.tenant);
      if (entry === undefined) this.#orphans.push(counts);
      else {
        entry.delta.addCounts(counts);
        this.#dirty.add(entry);
      }
    }
  }

  /** Endpoints turned out to be one: what was counted under the old names counts under the new one. */
  mergeEndpoints(from: readonly EndpointId[], into: EndpointId): void {
    const target = this.#endpoint(into, 'found');
    const gone = new Set<CellEntry>();
    for (const id of from) {
      const source = this.endpoints.get(id);
      if (source === undefined || source === target) continue;
      target.total.addAll(source.total);
      for (const side of ['control', 'candidate'] as const) mergeSketch(target.latency, side, source.latency[side]);
      for (const cluster of source.clusters) this.#addCluster(target, cluster);
      for (const entry of source.cells.values()) gone.add(entry);
      this.#mergePaths(source, target);
      this.endpoints.delete(id);
    }
    if (gone.size === 0) return;
    this.#cells = this.#cells.filter((entry) => !gone.has(entry));
    for (const entry of gone) this.#moveCell(entry, target);
  }

  /** What was an endpoint is a path of the template from now on, and may be one again. */
  #mergePaths({ id, cells }: EndpointEntry, target: EndpointEntry): void {
    if (isTemplate(id)) {
      this.#paths.merge(id, target.id);
      return;
    }
    if (target.origin !== 'found' || !isTemplate(target.id)) return;
    const path = pathOfId(id);
    for (const { cell, total } of cells.values())
      this.#paths.addAll(target.id, path, { tenant: cell.tenant, served: total.servedCounts });
  }

  /** Templates of which frequent paths are known, and those paths. */
  *frequentPaths(): Generator<{ readonly template: EndpointId; readonly paths: readonly string[] }> {
    for (const template of this.#paths.templates) yield { template, paths: this.#paths.paths(template) };
  }

  /**
   * A path turned out to be of another endpoint than the template it was counted under: what is known to have been served of
   * it counts there. The sum stays what it was. Comparisons stay with the template: which of them were of this path is not known.
   */
  splitEndpoint(template: EndpointId, path: string, into: EndpointId, origin: EndpointOrigin): void {
    const source = this.endpoints.get(template);
    const counts = this.#paths.take(template, path);
    if (source === undefined || counts.length === 0) return;
    const target = this.#endpoint(into, origin);
    // No room for it: it goes on where it is.
    if (target.id !== into || target === source) return;
    for (const { tenant, served } of counts) {
      const from = source.cells.get(tenant);
      if (from === undefined) continue;
      const to = this.#cell(target, tenant);
      for (const side of ['control', 'candidate'] as const) {
        const moved = Math.min(served[side], from.total.served(side));
        for (const tally of [from.total, from.delta, source.total]) tally.addServed(side, -moved);
        for (const tally of [to.total, to.delta, target.total]) tally.addServed(side, moved);
      }
      this.#dirty.add(from).add(to);
    }
  }

  /** The old cell keeps only a delta that brings its count in the store to zero; the new one gets everything. */
  #moveCell(entry: CellEntry, target: EndpointEntry): void {
    const moved = this.#cell(target, entry.cell.tenant);
    moved.total.addAll(entry.total);
    moved.delta.addAll(entry.total);
    entry.delta.addAll(entry.total, -1);
    this.#dirty.add(entry);
    this.#dirty.add(moved);
  }

  #endpoint(id: EndpointId, origin: EndpointOrigin): EndpointEntry {
    const found = this.endpoints.get(id) ?? this.#newEndpoint(id, origin);
    // A comparison does not tell how its endpoint came to be known; the request does.
    if (origin !== 'unknown' && found.id === id) found.origin = origin;
    return found;
  }

  #newEndpoint(wanted: EndpointId, origin: EndpointOrigin): EndpointEntry {
    const isFull = this.endpoints.size >= this.#limits.endpoints;
    const id = isFull ? OTHER_ENDPOINT : wanted;
    const present = this.endpoints.get(id);
    if (present !== undefined) return present;
    const made: EndpointEntry = {
      id,
      origin: isFull ? 'unknown' : origin,
      total: new Tally(),
      cells: new Map(),
      latency: { control: undefined, candidate: undefined },
      clusters: new Set(),
    };
    this.endpoints.set(id, made);
    return made;
  }

  #cell(endpoint: EndpointEntry, tenant: TenantId): CellEntry {
    const found = endpoint.cells.get(tenant);
    if (found !== undefined) return found;
    const kept = this.#cells.length >= this.#limits.cells ? OTHER_TENANT : tenant;
    const present = endpoint.cells.get(kept);
    if (present !== undefined) return present;
    this.#sequence += 1;
    const made: CellEntry = {
      cell: { tenant: kept, endpoint: endpoint.id },
      sequence: this.#sequence,
      total: new Tally(),
      delta: new Tally(),
    };
    endpoint.cells.set(kept, made);
    this.#cells.push(made);
    return made;
  }

  #duration(endpoint: EndpointEntry, side: Side, ms: number): void {
    sketchOf(endpoint.latency, side).record(ms);
    sketchOf(this.latency, side).record(ms);
  }

  #addCluster(endpoint: EndpointEntry, id: string): void {
    if (endpoint.clusters.size < MAX_CLUSTERS) endpoint.clusters.add(id);
    if (this.#clusters.size < MAX_ALL_CLUSTERS) this.#clusters.add(id);
  }
}

export function createLedger(options: { readonly limits: LedgerLimits; readonly clock: Clock }): Ledger {
  return new Ledger(options);
}

// Underscore names that no configuration makes; they are tenants and an endpoint in every other respect.
const OTHER_TENANT = OTHER as TenantId;
const NO_TENANT_ID = NO_TENANT as TenantId;
const OTHER_ENDPOINT = OTHER as EndpointId;

function isTemplate(id: EndpointId): boolean {
  return id.includes('{');
}

function sketchOf(sketches: SideSketches, side: Side): LatencySketch {
  const present = sketches[side];
  if (present !== undefined) return present;
  const made = new LatencySketch();
  sketches[side] = made;
  return made;
}

function mergeSketch(target: SideSketches, side: Side, source: LatencySketch | undefined): void {
  if (source !== undefined) sketchOf(target, side).merge(source);
}
