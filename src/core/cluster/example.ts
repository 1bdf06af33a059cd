import type { Cluster } from '../ports.ts';

/** A cluster that shows no values: its example was deleted. Where and how the sides differ stays. */
export function withoutExample(cluster: Cluster): Cluster {
  const { control: _, candidate: __, ...difference } = cluster.difference;
  return { ...cluster, example: '', difference };
}
