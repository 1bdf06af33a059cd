import type { EndpointId } from '../core/cell.ts';
import type { Exchange } from '../core/observation.ts';

/** So many pairs of an endpoint were alike, and went to no thread. */
export interface AlikeCount {
  readonly endpoint: EndpointId;
  readonly version: string;
  readonly pairs: number;
}

/** Endpoints with something to tell, of one thread; a further one goes to the thread, which empties the tally. */
const MOST_ENDPOINTS = 1_000;

/**
 * Pairs that were alike, until the thread that keeps their endpoint's noise hears of them: how often the candidate differs
 * is counted over all pairs, those that never differ included.
 */
export class AlikeTally {
  readonly #slots = new Map<number, Map<EndpointId, AlikeCount>>();

  /** False: there is no room, the thread must be asked. */
  add(slot: number, { cell: { endpoint }, control, versions: { candidate: version } }: Exchange): boolean {
    // As the comparer counts: what is not found or not allowed says nothing of how often good answers differ.
    if (control.kind === 'failure' || control.status >= 300) return true;
    const counts = this.#slots.get(slot) ?? new Map<EndpointId, AlikeCount>();
    this.#slots.set(slot, counts);
    const known = counts.get(endpoint);
    if (known === undefined && counts.size >= MOST_ENDPOINTS) return false;
    // Another version begins its counts anew: what the one before it showed is gone either way.
    const before = known?.version === version ? known.pairs : 0;
    counts.set(endpoint, { endpoint, version, pairs: before + 1 });
    return true;
  }

  /** What the thread has not heard yet. */
  take(slot: number): readonly AlikeCount[] {
    const counts = this.#slots.get(slot);
    this.#slots.delete(slot);
    return counts === undefined ? [] : [...counts.values()];
  }
}
