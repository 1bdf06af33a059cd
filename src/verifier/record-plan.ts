import type { EndpointId } from '../core/cell.ts';
import type { Exchange } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import { canRepeat } from './probe.ts';

/** Distinct requests (of one tenant, or of several) recorded of an endpoint; the store keeps as many. */
export const RECORDED_PER_ENDPOINT = 20;
/** An endpoint whose recordings are complete takes another one in place of its oldest so often. */
const STEADY_MS = 30_000;
/** Until then so often: the first ones come within seconds. */
const EAGER_MS = 1_000;
/** The same request is recorded anew after this, so that recordings of a quiet endpoint do not grow old. */
const REFRESH_MS = 10 * 60_000;
/** All endpoints together, two a second: redacting a page takes a thread some milliseconds. */
const SPACING_MS = 500;
/** Answers above it are not recorded: of a body the store keeps 64 KiB of text. */
const LONGEST_BODY = 256 * 1024;
const MOST_ENDPOINTS = 2_000;

interface Recorded {
  lastAt: number;
  /** When each tenant's request was recorded, the oldest first. */
  readonly requests: Map<string, number>;
}

/**
 * Decides which exchanges are recorded, whatever their verdict: the last distinct safe requests of each endpoint.
 * Bounded in rate and memory; what is not recorded is neither redacted nor copied.
 */
export class RecordPlan {
  readonly #clock: Clock;
  readonly #endpoints = new Map<EndpointId, Recorded>();
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True: record it; it is then taken for recorded. `requestHash` names identical requests. */
  wants(exchange: Exchange, requestHash: string): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#lastAt < SPACING_MS || !canBeRecorded(exchange)) return false;
    const recorded = this.#recordedOf(exchange.cell.endpoint);
    const key = `${exchange.cell.tenant} ${requestHash}`;
    const before = recorded.requests.get(key);
    const isFull = recorded.requests.size >= RECORDED_PER_ENDPOINT;
    const waitMs = before !== undefined ? REFRESH_MS : isFull ? STEADY_MS : EAGER_MS;
    if (now - (before ?? recorded.lastAt) < waitMs) return false;
    recorded.requests.delete(key);
    if (recorded.requests.size >= RECORDED_PER_ENDPOINT) forgetFirst(recorded.requests);
    recorded.requests.set(key, now);
    recorded.lastAt = now;
    this.#lastAt = now;
    return true;
  }

  #recordedOf(endpoint: EndpointId): Recorded {
    const known = this.#endpoints.get(endpoint);
    if (known !== undefined) return known;
    if (this.#endpoints.size >= MOST_ENDPOINTS) forgetFirst(this.#endpoints);
    const fresh: Recorded = { lastAt: Number.NEGATIVE_INFINITY, requests: new Map() };
    this.#endpoints.set(endpoint, fresh);
    return fresh;
  }
}

/** Only what may be asked again, and what the control answered. */
function canBeRecorded({ request, control, candidate }: Exchange): boolean {
  if (control.kind !== 'answer' || control.status >= 500 || control.bodyBytes > LONGEST_BODY) return false;
  return (candidate.kind === 'failure' || candidate.bodyBytes <= LONGEST_BODY) && canRepeat(request);
}

function forgetFirst(map: Map<string, unknown>): void {
  const first = map.keys().next();
  if (!first.done) map.delete(first.value);
}
