import type { RankedCluster } from '../api/cluster-types.ts';
import type { ClusterChange } from '../core/cluster/mark.ts';
import type { Rejected } from '../core/control-state.ts';
import type { ClusterDesk } from './cluster-desk.ts';
import { type ClusterPicture, type ClusterSources, clusterPicture } from './cluster-views.ts';
import type { Changed, Who } from './controller.ts';

/** A picture is good for so long: it takes a look at every blocked cell, 50,000 at most. */
const FRESH_MS = 2_000;

/** What the control API asks about clusters. */
export class ClusterDoor {
  readonly #desk: ClusterDesk;
  readonly #sources: () => Omit<ClusterSources, 'desk'>;
  #picture: { readonly at: number; readonly is: ClusterPicture } | undefined;

  constructor(desk: ClusterDesk, sources: () => Omit<ClusterSources, 'desk'>) {
    this.#desk = desk;
    this.#sources = sources;
  }

  /** All clusters by rank, and what fixing them opens; up to two seconds old. */
  picture(): ClusterPicture {
    const sources = this.#sources();
    if (this.#picture === undefined || Math.abs(sources.now - this.#picture.at) >= FRESH_MS)
      this.#picture = { at: sources.now, is: clusterPicture({ ...sources, desk: this.#desk }) };
    return this.#picture.is;
  }

  /** One cluster, as it is now where the picture does not hold it. */
  find(id: string): RankedCluster | undefined {
    const seen = this.picture().ranked.find((one) => one.id === id);
    if (seen !== undefined || this.#sources().clusters.every((one) => one.id !== id)) return seen;
    this.#picture = undefined;
    return this.picture().ranked.find((one) => one.id === id);
  }

  async mark(id: string, change: ClusterChange, who: Who): Promise<Changed | Rejected> {
    const cluster = this.#sources().clusters.find((one) => one.id === id);
    if (cluster === undefined)
      return {
        ok: false,
        code: 'NOT_FOUND',
        message: `There is no cluster ${id}.`,
        hint: 'cutover clusters lists them.',
      };
    const outcome = await this.#desk.mark(cluster, change, who);
    this.#picture = undefined;
    return outcome;
  }
}
