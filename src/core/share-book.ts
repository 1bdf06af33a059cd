import type { Side } from './cell.ts';
import { PPM } from './routing.ts';

/** Tenants of an endpoint whose shares are known at once; whoever was quiet longest is forgotten and begins with its dial. */
const MAX_TENANTS = 64;
/** The dial counts as much as this many requests: the hash is a fair lot, and what has been seen says more with time. */
const DIAL_COUNTS_AS = 5;
/** Requests after which what was seen counts half. */
const MEMORY = 2_000;
/** Failures of one tenant that count within `CAP_MS`: one broken client, or one outage, is not many failures. */
const CAP = 3;
const CAP_MS = 10_000;

interface Shares {
  dialPpm: number;
  requests: number;
  candidate: number;
  cappedSince: number;
  counted: number;
}

/**
 * Which share of a tenant's requests the candidate gets, as far as a hash decides it. By tenant, because tenants differ in
 * how much fails and in how many subjects they have: of a tenant with one busy subject all requests go to one side,
 * whatever the dial says, and its failures must not be held against that side.
 */
export class ShareBook {
  readonly #tenants = new Map<string, Shares>();

  /** The candidate's expected share of the tenant's requests, above 0 and below 1 where the dial is. */
  share(tenant: string, dialPpm: number): number {
    const known = this.#of(tenant, dialPpm);
    const dial = dialPpm / PPM;
    return (known.candidate + DIAL_COUNTS_AS * dial) / (known.requests + DIAL_COUNTS_AS);
  }

  /** Takes a request in whose side the dial drew; after `share` was asked for it. */
  drawn(tenant: string, dialPpm: number, side: Side): void {
    const known = this.#of(tenant, dialPpm);
    this.#tenants.delete(tenant);
    this.#tenants.set(tenant, known);
    known.requests += 1;
    if (side === 'candidate') known.candidate += 1;
    if (known.requests < MEMORY) return;
    known.requests /= 2;
    known.candidate /= 2;
  }

  /** Whether one more failure of the tenant counts: three within ten seconds do, whichever side they fall on. */
  mayCount(tenant: string, dialPpm: number, at: number): boolean {
    const known = this.#of(tenant, dialPpm);
    if (at - known.cappedSince >= CAP_MS || at < known.cappedSince) {
      known.cappedSince = at;
      known.counted = 0;
    }
    known.counted += 1;
    return known.counted <= CAP;
  }

  #of(tenant: string, dialPpm: number): Shares {
    const present = this.#tenants.get(tenant);
    if (present !== undefined) {
      // Under another dial others are drawn; what was seen under the last one says nothing.
      if (present.dialPpm !== dialPpm) Object.assign(present, { dialPpm, requests: 0, candidate: 0 });
      return present;
    }
    if (this.#tenants.size >= MAX_TENANTS) {
      const [first] = this.#tenants.keys();
      if (first !== undefined) this.#tenants.delete(first);
    }
    const made = { dialPpm, requests: 0, candidate: 0, cappedSince: Number.NEGATIVE_INFINITY, counted: 0 };
    this.#tenants.set(tenant, made);
    return made;
  }
}
