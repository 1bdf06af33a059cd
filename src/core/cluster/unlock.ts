/** Cells that wait for the same clusters to be fixed. */
export interface Barrier {
  /** Every cluster that blocks them. */
  readonly clusters: readonly string[];
  readonly cells: number;
  /** Requests these cells were served. */
  readonly requests: number;
}

export interface Gain {
  readonly cells: number;
  readonly requests: number;
}

/** What one cluster stands in the way of. */
export interface Standing {
  /** Cells that wait for nothing else. */
  readonly opens: Gain;
  /** Cells that wait for it, and perhaps for others. */
  readonly blocks: Gain;
  /**
   * Its part of the requests that wait: those of a cell that waits for n clusters count 1/n for each.
   * The Shapley value of the game in which a set of fixes earns what it opens (Shapley 1953).
   */
  readonly part: number;
}

/** Clusters to be fixed together, in an order in which it pays soonest, and what that opens. */
export interface Plan {
  readonly clusters: readonly string[];
  readonly gain: Gain;
}

export interface Unlock {
  readonly blocked: Gain;
  readonly standings: ReadonlyMap<string, Standing>;
  /** By number of fixes; each opens at least as much as the one before. */
  readonly plans: readonly { readonly fixes: number; readonly plan: Plan }[];
}

/** Different sets of clusters that a plan is made of: those of most requests. 200 take about 10 ms. */
const MAX_SETS = 200;
/** Fixes for which a plan is made. */
export const PLAN_SIZES = [1, 2, 3, 5, 10] as const;
const NOTHING: Gain = { cells: 0, requests: 0 };

/**
 * What fixing clusters would open. A cell opens when everything that blocks it is fixed.
 *
 * The plans are greedy: next comes the set of clusters that opens most requests for each further fix. What a fix is worth grows with
 * those made before it (the problem is a maximum k-union of sets, the opposite of a covering), so no constant share of the best plan
 * is guaranteed; what is: each plan opens at least as much as the best single set that fits, and as every smaller plan.
 */
export function unlockOf(barriers: readonly Barrier[]): Unlock {
  const merged = mergeBarriers(barriers);
  const sets = merged.slice(0, MAX_SETS);
  const plans: { fixes: number; plan: Plan }[] = [];
  let best: Plan = { clusters: [], gain: NOTHING };
  for (const fixes of PLAN_SIZES) {
    for (const plan of [greedyPlan(sets, fixes), singleSet(sets, fixes)]) {
      const exact = { ...plan, gain: gainOf(merged, new Set(plan.clusters)) };
      if (isMore(exact.gain, best.gain)) best = exact;
    }
    if (best.clusters.length > 0) plans.push({ fixes, plan: best });
  }
  return { blocked: merged.reduce(plus, NOTHING), standings: standingsOf(merged), plans };
}

/** What a set of fixes opens; more fixes never open less. */
export function gainOf(barriers: readonly Barrier[], fixed: ReadonlySet<string>): Gain {
  return barriers.filter(({ clusters }) => clusters.every((id) => fixed.has(id))).reduce(plus, NOTHING);
}

function standingsOf(barriers: readonly Barrier[]): ReadonlyMap<string, Standing> {
  const standings = new Map<string, Standing>();
  for (const barrier of barriers) {
    const { clusters, requests } = barrier;
    for (const id of clusters) {
      const { opens, blocks, part } = standings.get(id) ?? { opens: NOTHING, blocks: NOTHING, part: 0 };
      standings.set(id, {
        opens: clusters.length === 1 ? plus(opens, barrier) : opens,
        blocks: plus(blocks, barrier),
        part: part + requests / clusters.length,
      });
    }
  }
  return standings;
}

/** One barrier for each set of clusters, those of most requests first. */
function mergeBarriers(barriers: readonly Barrier[]): readonly Barrier[] {
  const merged = new Map<string, Barrier>();
  for (const { clusters, cells, requests } of barriers) {
    const sorted = [...new Set(clusters)].sort();
    if (sorted.length === 0) continue;
    const key = sorted.join(' ');
    const sum = plus(merged.get(key) ?? NOTHING, { cells, requests });
    merged.set(key, { clusters: sorted, ...sum });
  }
  return [...merged.values()].sort((a, b) => b.requests - a.requests || b.cells - a.cells);
}

function greedyPlan(sets: readonly Barrier[], fixes: number): Plan {
  const fixed = new Set<string>();
  let left = sets;
  for (;;) {
    let best: { readonly added: readonly string[]; readonly gain: Gain } | undefined;
    for (const { clusters } of left) {
      const added = clusters.filter((id) => !fixed.has(id));
      if (fixed.size + added.length > fixes) continue;
      const gain = gainOf(left, new Set([...fixed, ...added]));
      if (best === undefined || isMore(each(gain, added), each(best.gain, best.added))) best = { added, gain };
    }
    if (best === undefined) return { clusters: [...fixed], gain: gainOf(sets, fixed) };
    for (const id of best.added) fixed.add(id);
    left = left.filter(({ clusters }) => clusters.some((id) => !fixed.has(id)));
  }
}

function each({ cells, requests }: Gain, added: readonly string[]): Gain {
  return { cells: cells / added.length, requests: requests / added.length };
}

/** The best of the sets that fit, alone. */
function singleSet(sets: readonly Barrier[], fixes: number): Plan {
  let best: Plan = { clusters: [], gain: NOTHING };
  for (const { clusters } of sets) {
    if (clusters.length > fixes) continue;
    const gain = gainOf(sets, new Set(clusters));
    if (isMore(gain, best.gain)) best = { clusters, gain };
  }
  return best;
}

/** By requests, and by cells where these are equal. */
function isMore(a: Gain, b: Gain): boolean {
  return a.requests > b.requests || (a.requests === b.requests && a.cells > b.cells);
}

function plus(a: Gain, b: Gain): Gain {
  return { cells: a.cells + b.cells, requests: a.requests + b.requests };
}
