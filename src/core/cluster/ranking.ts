import type { Cluster } from '../ports.ts';
import { DIFFERENCE_KINDS, type DifferenceKind } from '../verdict.ts';
import type { ClusterState } from './mark.ts';
import type { Gain, Plan, Standing } from './unlock.ts';

/** Graver first, where clusters block as much: data of someone else and failures, then as `DIFFERENCE_KINDS` lists them. */
const GRAVITY: readonly DifferenceKind[] = [
  'alias',
  'failure',
  ...DIFFERENCE_KINDS.filter((kind) => kind !== 'alias' && kind !== 'failure'),
];
/** What is still to be done comes before what is settled. */
const STATE_ORDER: Readonly<Record<ClusterState, number>> = { returned: 0, open: 0, accepted: 1, fixed: 2 };

export interface Rankable {
  readonly cluster: Pick<Cluster, 'id' | 'kind' | 'count'>;
  readonly state: ClusterState;
  readonly standing: Standing;
}

/**
 * The order in which to look at clusters: open ones first; of these, one that shows someone else's data (`alias`) before all;
 * then by the part of the waiting requests that is its own, by cells it blocks, by gravity, by count.
 */
export function ranked<T extends Rankable>(clusters: readonly T[]): readonly T[] {
  return [...clusters].sort(
    (a, b) =>
      STATE_ORDER[a.state] - STATE_ORDER[b.state] ||
      Number(b.cluster.kind === 'alias') - Number(a.cluster.kind === 'alias') ||
      b.standing.part - a.standing.part ||
      b.standing.blocks.cells - a.standing.blocks.cells ||
      GRAVITY.indexOf(a.cluster.kind) - GRAVITY.indexOf(b.cluster.kind) ||
      b.cluster.count - a.cluster.count ||
      (a.cluster.id < b.cluster.id ? -1 : 1),
  );
}

/** Share of all requests, 0 to 1. */
export function shareOf({ requests }: Gain, total: number): number {
  return total === 0 ? 0 : Math.min(1, requests / total);
}

const COUNT = new Intl.NumberFormat('en');

/** `Fixing these 3 differences would open 412 cells, +18.2 % of traffic.` */
export function planSentence({ clusters, gain }: Plan, total: number): string {
  const which = clusters.length === 1 ? 'this difference' : `these ${clusters.length} differences`;
  const cells = `${COUNT.format(gain.cells)} ${gain.cells === 1 ? 'cell' : 'cells'}`;
  return `Fixing ${which} would open ${cells}, +${(shareOf(gain, total) * 100).toFixed(1)} % of traffic.`;
}
