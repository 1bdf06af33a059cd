import type { Ledger } from '../controller/ledger.ts';
import type { Mover } from '../controller/mover.ts';
import type { TrafficFeed } from '../controller/traffic-feed.ts';
import type { Side } from '../core/cell.ts';
import type { Exchange } from '../core/observation.ts';
import type { TrafficSink } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';
import type { Verifier } from '../verifier/verifier.ts';
import type { CacheHorizon } from './cache-horizon.ts';

/** What the sink hands on to, once it is there. */
export interface Traffic {
  readonly verifier: Verifier;
  readonly feed: TrafficFeed;
  readonly versions: Record<Side, string>;
  readonly caches: CacheHorizon;
}

/** Takes what the proxy reports: counts it, and gives pairs to the verifier. */
export class Sink implements TrafficSink {
  readonly #ledger: Ledger;
  readonly #events: Events;
  readonly #traffic: () => Traffic;
  readonly #movement: { readonly mover: Mover | undefined };

  constructor(ledger: Ledger, events: Events, traffic: () => Traffic, movement: { readonly mover: Mover | undefined }) {
    this.#movement = movement;
    this.#ledger = ledger;
    this.#events = events;
    this.#traffic = traffic;
  }

  served(...[record, path]: Parameters<TrafficSink['served']>): void {
    this.#ledger.served(record, path);
    this.#movement.mover?.served(record);
    this.#events.requestServed(record);
  }

  mirrored(exchange: Exchange): void {
    const { verifier, versions, caches } = this.#traffic();
    for (const side of ['control', 'candidate'] as const) {
      if (exchange.versions[side] !== 'unknown') versions[side] = exchange.versions[side];
    }
    caches.saw(exchange);
    verifier.offer(exchange);
  }

  unverified(...[cell, reason]: Parameters<TrafficSink['unverified']>): void {
    this.#ledger.unverified(cell, reason);
    this.#events.requestUnverified(cell, reason);
  }

  health(...[change]: Parameters<TrafficSink['health']>): void {
    this.#events.targetHealthChanged(change);
    this.#traffic().feed.health(change);
  }
}
