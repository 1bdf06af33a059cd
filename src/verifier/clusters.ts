import type { EndpointId } from '../core/cell.ts';
import { withoutExample } from '../core/cluster/example.ts';
import { isAt } from '../core/cluster/place.ts';
import type { Cluster, ClusterPlace, VerifiedExchange } from '../core/ports.ts';
import { type Difference, type Signature, signaturesOf } from '../core/verdict.ts';
import { isUnexplained } from './moved.ts';

export interface ClusterBookOptions {
  /** Causes told apart; beyond it they are counted per endpoint. Default 10,000. */
  readonly maxClusters?: number;
  /** Tenants told apart per cluster. Default 1,000. */
  readonly maxTenants?: number;
}

/** Endpoints whose overflow is counted apart; the rest shares one cluster. */
const MOST_OVERFLOWS = 1_000;
/** Tenant names held by all clusters together: about 20 MiB. */
const MOST_NAMES = 200_000;
/** Endpoints told apart per cluster; beyond them it is counted without. */
const MOST_ENDPOINTS = 50;
/** Path of the cluster that takes what found no place. */
const OTHER = '(other)';

interface Entry {
  cluster: Cluster;
  /** Counts by endpoint; `cluster.endpoints` is made of them when somebody looks. */
  readonly endpoints: Map<EndpointId, number>;
  /** Tenants seen by this process; what was restored is only a number. */
  readonly tenants: Set<string>;
  exampleAt: number;
}

/** Mismatches by cause. Bounded, and restored from what the store kept. */
export class ClusterBook {
  readonly #maxClusters: number;
  readonly #maxTenants: number;
  readonly #entries = new Map<string, Entry>();
  /** Of the entries, those that took overflow. */
  readonly #overflows = new Set<string>();
  #names = 0;
  #prunedBefore = 0;

  constructor(options: ClusterBookOptions = {}) {
    this.#maxClusters = options.maxClusters ?? 10_000;
    this.#maxTenants = options.maxTenants ?? 1_000;
  }

  /** Takes over what was stored; counts go on from there. A cluster known already stays as it is. */
  restore(clusters: readonly Cluster[]): void {
    for (const cluster of clusters) {
      if (this.#entries.has(cluster.id)) continue;
      if (cluster.pathPattern === OTHER) this.#overflows.add(cluster.id);
      else if (this.#isFull()) continue;
      // Written by a version that knew one endpoint each.
      const places = (cluster as Partial<Cluster>).endpoints ?? [{ endpoint: cluster.endpoint, count: cluster.count }];
      this.#entries.set(cluster.id, {
        cluster: { ...cluster, lastVersion: (cluster as Partial<Cluster>).lastVersion ?? cluster.firstVersion },
        endpoints: new Map(places.map(({ endpoint, count }) => [endpoint, count])),
        tenants: new Set(),
        exampleAt: cluster.firstSeen,
      });
    }
  }

  /** Counts a mismatch for each of its causes; gives their clusters as they now are, the gravest first. None for any other verdict. */
  add(verified: VerifiedExchange): readonly Cluster[] {
    const counted = new Map<string, Cluster>();
    for (const signature of signaturesOf(verified.result)) {
      const place = this.#entries.has(signature.id) || !this.#isFull() ? signature : this.#overflowOf(signature);
      if (counted.has(place.id)) continue;
      const entry = this.#entries.get(place.id) ?? this.#open(place, verified);
      this.#count(entry, verified);
      counted.set(place.id, shownOf(entry));
    }
    return [...counted.values()];
  }

  find(id: string): Cluster | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : shownOf(entry);
  }

  /** Examples older than `at` are no longer stored; the next mismatch of their cluster takes their place. */
  prunedBefore(at: number): void {
    this.#prunedBefore = Math.max(this.#prunedBefore, at);
  }

  /** The examples of these clusters were deleted: no value of theirs is shown, and the next mismatch takes their place. */
  examplesGone(ids: readonly string[]): void {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      forgetExample(entry);
    }
  }

  get clusters(): readonly Cluster[] {
    return [...this.#entries.values()].map(shownOf);
  }

  #isFull(): boolean {
    return this.#entries.size - this.#overflows.size >= this.#maxClusters;
  }

  #overflowOf(signature: Signature): Signature {
    const own = `other ${signature.endpoint}`;
    const isOwn = this.#overflows.has(own) || this.#overflows.size < MOST_OVERFLOWS;
    // The shared cluster belongs to no endpoint; its name cannot be one, for methods are upper case.
    const endpoint = isOwn ? signature.endpoint : (OTHER as EndpointId);
    const id = isOwn ? own : 'other';
    this.#overflows.add(id);
    return { id, endpoint, pathPattern: OTHER, kind: 'value', transition: 'various' };
  }

  #open(signature: Signature, verified: VerifiedExchange): Entry {
    const { id, endpoint, pathPattern, kind, transition } = signature;
    const found: Cluster = {
      id,
      endpoint,
      endpoints: [],
      pathPattern,
      kind,
      transition,
      count: 0,
      firstSeen: verified.at,
      lastSeen: verified.at,
      firstVersion: verified.versions.candidate,
      lastVersion: verified.versions.candidate,
      tenants: 0,
      example: verified.id,
      difference: gravest(verified, signature),
    };
    const entry: Entry = { cluster: found, endpoints: new Map(), tenants: new Set(), exampleAt: verified.at };
    if (verified.unkept === true) forgetExample(entry);
    this.#entries.set(id, entry);
    return entry;
  }

  #count(entry: Entry, verified: VerifiedExchange): void {
    const { tenant } = verified.cell;
    if (!entry.tenants.has(tenant) && entry.tenants.size < this.#maxTenants && this.#names < MOST_NAMES) {
      entry.tenants.add(tenant);
      this.#names += 1;
    }
    const { cluster, endpoints } = entry;
    const { endpoint } = verified.cell;
    if (endpoints.has(endpoint) || endpoints.size < MOST_ENDPOINTS)
      endpoints.set(endpoint, (endpoints.get(endpoint) ?? 0) + 1);
    const isGone = entry.exampleAt < this.#prunedBefore && verified.unkept !== true;
    if (isGone) entry.exampleAt = verified.at;
    entry.cluster = {
      ...cluster,
      count: cluster.count + 1,
      firstSeen: Math.min(cluster.firstSeen, verified.at),
      lastSeen: Math.max(cluster.lastSeen, verified.at),
      lastVersion: verified.at >= cluster.lastSeen ? verified.versions.candidate : cluster.lastVersion,
      // After a restart the names are not known: the larger number is the safe lower bound.
      tenants: Math.max(cluster.tenants, entry.tenants.size),
      ...(isGone ? { example: verified.id, difference: gravest(verified, cluster) } : {}),
    };
  }
}

/** The next mismatch that is kept takes its place. */
function forgetExample(entry: Entry): void {
  entry.cluster = withoutExample(entry.cluster);
  entry.exampleAt = Number.NEGATIVE_INFINITY;
}

function shownOf({ cluster, endpoints }: Entry): Cluster {
  const places: ClusterPlace[] = [...endpoints].map(([endpoint, count]) => ({ endpoint, count }));
  return { ...cluster, endpoints: places };
}

/** The difference the signature was made of: of those that nothing accounts for, the one at its place, or of its kind. */
function gravest(verified: VerifiedExchange, signature: Pick<Signature, 'kind' | 'pathPattern'>): Difference {
  const open = verified.result.differences.filter(isUnexplained);
  const { kind, pathPattern } = signature;
  return (
    open.find((found) => found.kind === kind && isAt(found.path, pathPattern)) ??
    open.find((found) => found.kind === kind) ??
    open[0] ?? { path: OTHER, kind }
  );
}
