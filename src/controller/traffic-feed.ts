import type { Clock, Cluster, HealthChange, VerifiedExchange } from '../core/ports.ts';
import type { EventFeed } from './event-feed.ts';
import { clusterView, mismatchSummaryView } from './stored-views.ts';

/** Events of traffic per second that watchers are told; the lists hold the rest. People read no faster. */
const MAX_PER_SECOND = 20;

/** Tells watchers of mismatches, clusters and health, in the form the API shows them. */
export class TrafficFeed {
  readonly #feed: EventFeed;
  readonly #clock: Clock;
  #second = 0;
  #told = 0;

  constructor(feed: EventFeed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  /** A comparison; only mismatches are told. */
  verified(verified: VerifiedExchange, clusters: readonly Cluster[]): void {
    if (verified.result.verdict !== 'mismatch' || !this.#mayTell()) return;
    const { id, at, cell } = verified;
    const [gravest] = clusters;
    if (gravest !== undefined) this.#feed.publish('cluster', clusterView(gravest));
    const summary = mismatchSummaryView({ id, at, cell, cluster: gravest?.id ?? '', exchange: verified });
    this.#feed.publish('mismatch', summary);
  }

  /** Changes of health are few and always told. */
  health(change: HealthChange): void {
    const { side, target, healthy, reason } = change;
    this.#feed.publish('health', { side, target, healthy, reason });
  }

  #mayTell(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#told = 0;
    }
    this.#told += 1;
    return this.#told <= MAX_PER_SECOND;
  }
}
