import { z } from 'zod';
import { cluster } from './types.ts';

export const clusterState = z.enum(['open', 'accepted', 'fixed', 'returned']);

/** Cells, and the share of all served requests that is theirs, 0 to 1. */
export const gain = z.object({ cells: z.int(), share: z.number() });

/** A cluster with its place in the order in which to look at them. */
export const rankedCluster = cluster.extend({
  /** From 1. */
  rank: z.int(),
  /** `returned`: it was fixed, and was seen again. */
  state: clusterState,
  /** It appeared with the present candidate version. */
  isNew: z.boolean(),
  /** What waits for nothing but this to be fixed. */
  opens: gain,
  /** What waits for this, and perhaps for others. */
  blocks: gain,
  /** Clusters that look alike at endpoints that have no more in common. */
  alike: z.array(z.string()),
  owner: z.string().exactOptional(),
  note: z.string().exactOptional(),
  /** Who put it into its state. */
  marked: z.object({ at: z.number(), actor: z.string(), reason: z.string() }).exactOptional(),
  /** Accepted until then, at these endpoints only. */
  until: z.number().exactOptional(),
  acceptedAt: z.array(z.string()).exactOptional(),
  /** Accepted, and speaks for the candidate. */
  counts: z.literal(true).exactOptional(),
});

/** None given stays as it is. */
export const clusterInput = z.strictObject({
  state: z.enum(['open', 'accepted', 'fixed']).exactOptional(),
  /** Empty takes the present one away. */
  owner: z.string().max(100).exactOptional(),
  note: z.string().max(2_000).exactOptional(),
  /** With `accepted`: its end, at most a year away. */
  until: z.number().exactOptional(),
  /** With `accepted`: what is accepted counts as a match. Demands an owner. */
  counts: z.boolean().exactOptional(),
  reason: z.string().max(500).default(''),
});

/** What fixing clusters would open, once the cells have enough clean comparisons. */
export const unlock = z.object({
  /** Everything that waits for clusters to be fixed. */
  blocked: gain,
  /** Cells with so many clusters that no plan includes them. */
  crowded: z.int(),
  /**
   * For 1, 2, 3, 5 and 10 fixes. Greedy: no plan is proven to be the best, but each opens at least as much as every smaller one
   * and as the best single set of clusters that any cell waits for.
   */
  plans: z.array(z.object({ fixes: z.int(), clusters: z.array(z.string()), opens: gain, sentence: z.string() })),
});

export type RankedCluster = z.infer<typeof rankedCluster>;
export type ClusterInput = z.infer<typeof clusterInput>;
export type UnlockView = z.infer<typeof unlock>;
