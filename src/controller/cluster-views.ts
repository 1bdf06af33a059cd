import type { RankedCluster, UnlockView } from '../api/cluster-types.ts';
import { cellKey, type EndpointId, isOpen } from '../core/cell.ts';
import { isAccepted } from '../core/cluster/mark.ts';
import { planSentence, type Rankable, ranked, shareOf } from '../core/cluster/ranking.ts';
import { type Barrier, type Gain, type Standing, type Unlock, unlockOf } from '../core/cluster/unlock.ts';
import type { Cluster } from '../core/ports.ts';
import type { RoutingTable } from '../core/table.ts';
import type { ClusterDesk } from './cluster-desk.ts';
import { type EndpointEntry, type Ledger, NO_TENANT, OTHER } from './ledger.ts';
import { mayMove } from './ledger-views.ts';
import type { MovementView } from './movement-views.ts';
import { clusterView } from './stored-views.ts';

export interface ClusterSources {
  readonly desk: ClusterDesk;
  readonly clusters: readonly Cluster[];
  readonly ledger: Ledger;
  readonly table: RoutingTable;
  readonly movement: MovementView;
  readonly now: number;
}

/** Clusters elsewhere that look alike, told per cluster. */
const MAX_ALIKE = 10;
/** A cell that waits for more than so many clusters waits for no plan. */
const MAX_BLOCKING = 32;
const NOTHING: Standing = { opens: { cells: 0, requests: 0 }, blocks: { cells: 0, requests: 0 }, part: 0 };

/** Everything about clusters that is shown, as of one moment. */
export interface ClusterPicture {
  /** In the order in which to look at them. */
  readonly ranked: readonly RankedCluster[];
  readonly unlock: UnlockView;
}

/** Ranks clusters by what they stand in the way of. Takes a look at every cell that is blocked: make it once for several readers. */
export function clusterPicture(sources: ClusterSources): ClusterPicture {
  const { barriers, crowded } = barriersOf(sources);
  const unlock = unlockOf(barriers);
  const total = sources.ledger.total.servedTotal;
  const { desk, clusters } = sources;
  const present = desk.strikes.version;
  const versions = new Set(clusters.map(({ firstVersion }) => firstVersion));
  const newIn = versions.size > 1 && present !== 'unknown' ? present : undefined;
  const alike = alikeOf(clusters);
  const rows: (Rankable & { readonly cluster: Cluster })[] = clusters.map((cluster) => ({
    cluster,
    state: desk.markOf(cluster.id)?.state ?? 'open',
    standing: unlock.standings.get(cluster.id) ?? NOTHING,
  }));
  return {
    ranked: ranked(rows).map(({ cluster, state, standing }, index) => {
      const { owner, note, at, actor, reason, until, counts, endpoints } = desk.markOf(cluster.id) ?? {};
      return {
        ...clusterView(cluster),
        rank: index + 1,
        state,
        isNew: cluster.firstVersion === newIn,
        opens: gainView(standing.opens, total),
        blocks: gainView(standing.blocks, total),
        alike: (alike.get(alikeKey(cluster)) ?? []).filter((id) => id !== cluster.id).slice(0, MAX_ALIKE),
        ...(owner === undefined ? {} : { owner }),
        ...(note === undefined ? {} : { note }),
        ...(at === undefined || actor === undefined || reason === undefined ? {} : { marked: { at, actor, reason } }),
        ...(until === undefined ? {} : { until }),
        ...(counts === undefined ? {} : { counts }),
        ...(endpoints === undefined ? {} : { acceptedAt: [...endpoints] }),
      };
    }),
    unlock: unlockView(unlock, crowded, total),
  };
}

function unlockView(unlock: Unlock, crowded: number, total: number): UnlockView {
  return {
    blocked: gainView(unlock.blocked, total),
    crowded,
    plans: unlock.plans.map(({ fixes, plan }) => ({
      fixes,
      clusters: [...plan.clusters],
      opens: gainView(plan.gain, total),
      sentence: planSentence(plan, total),
    })),
  };
}

function gainView(gain: Gain, total: number): { cells: number; share: number } {
  return { cells: gain.cells, share: shareOf(gain, total) };
}

/** The cells that are not open and have clusters in their way; `crowded` are those with more than a plan can hold. */
function barriersOf(sources: ClusterSources): { readonly barriers: readonly Barrier[]; readonly crowded: number } {
  const barriers: Barrier[] = [];
  let crowded = 0;
  for (const entry of sources.ledger.endpoints.values()) {
    const policy = sources.table.policyOf(entry.id);
    if (policy.proof === 'none' || !mayMove(entry, policy)) continue;
    // While the tenants together prove nothing, what strikes one of them is in the way of all.
    const isShared = policy.proof === 'endpoint' && !sources.movement.isPooledProven(entry.id);
    const shared = isShared ? sharedBlocking(entry, sources) : undefined;
    for (const { cell, total } of entry.cells.values()) {
      if (cell.tenant === OTHER || cell.tenant === NO_TENANT) continue;
      const { clusters, isCrowded } = shared ?? blockingOf(entry.id, cell.tenant, sources);
      if (clusters.length === 0 && !isCrowded) continue;
      const state = sources.movement.stateOf(cell);
      // Under a rollback or a hold no fix opens anything.
      if (isOpen(state) || state === 'latched' || state === 'held') continue;
      if (isCrowded) crowded += 1;
      else barriers.push({ clusters, cells: 1, requests: total.servedTotal });
    }
  }
  return { barriers, crowded };
}

interface Blocked {
  readonly clusters: readonly string[];
  readonly isCrowded: boolean;
}

function blockingOf(
  endpoint: EndpointId,
  tenant: Parameters<typeof cellKey>[0],
  { desk, now }: ClusterSources,
): Blocked {
  const { clusters, isCrowded } = desk.strikes.blocking(cellKey(tenant, endpoint));
  return { clusters: clusters.filter((id) => !isAccepted(desk.markOf(id), endpoint, now)), isCrowded };
}

function sharedBlocking(entry: EndpointEntry, sources: ClusterSources): Blocked {
  const clusters = new Set<string>();
  let isCrowded = false;
  for (const { cell } of entry.cells.values()) {
    if (sources.movement.isAside(cell)) continue;
    const own = blockingOf(entry.id, cell.tenant, sources);
    for (const id of own.clusters) clusters.add(id);
    isCrowded ||= own.isCrowded;
  }
  return { clusters: [...clusters].slice(0, MAX_BLOCKING), isCrowded: isCrowded || clusters.size > MAX_BLOCKING };
}

/** Ids by what looks alike: one place, kind and change, at families of endpoints that have no more in common. */
function alikeOf(clusters: readonly Cluster[]): ReadonlyMap<string, readonly string[]> {
  const alike = new Map<string, string[]>();
  for (const cluster of clusters) {
    const ids = alike.get(alikeKey(cluster)) ?? [];
    alike.set(alikeKey(cluster), ids);
    ids.push(cluster.id);
  }
  return alike;
}

function alikeKey({ pathPattern, kind, transition }: Cluster): string {
  return `${pathPattern}\n${kind}\n${transition}`;
}
