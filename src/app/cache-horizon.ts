import type { EndpointId } from '../core/cell.ts';
import { type Exchange, headerValue, headerValues } from '../core/observation.ts';
import type { Scope } from '../core/routing.ts';

/** Endpoints remembered; further ones share one entry. */
const MAX_ENDPOINTS = 5_000;
const OTHER = '_other' as EndpointId; // never the name of an endpoint

/**
 * Until when caches may still give out answers of the candidate, by endpoint: what a rollback cannot take back.
 * Known from the verified sample of what the candidate served, so it is a lower bound.
 */
export class CacheHorizon {
  readonly #until = new Map<EndpointId, number>();

  /** Looks at an exchange that the candidate served. */
  saw(exchange: Exchange): void {
    const { candidate, direction, at, cell } = exchange;
    if (direction !== 'reverse' || candidate.kind !== 'answer') return;
    const directives = headerValues(candidate.headers, 'cache-control').join(', ');
    const seconds = lifetimeSeconds(directives, headerValue(candidate.headers, 'expires'), at);
    if (seconds === 0) return;
    const key = this.#until.has(cell.endpoint) || this.#until.size < MAX_ENDPOINTS ? cell.endpoint : OTHER;
    this.#until.set(key, Math.max(this.#until.get(key) ?? 0, at + seconds * 1000));
  }

  /** The longest time left within a scope, whole seconds; tenants are not told apart. */
  secondsLeft(scope: Scope, now: number): number {
    let until = 0;
    for (const [endpoint, end] of this.#until) {
      if (scope.endpoint === undefined || scope.endpoint === endpoint || endpoint === OTHER)
        until = Math.max(until, end);
    }
    return Math.max(0, Math.ceil((until - now) / 1000));
  }
}

/** Longest that is believed: a year, as RFC 9111 once asked servers not to exceed; more is a way to say "for ever". */
const MAX_SECONDS = 365 * 24 * 3_600;

/**
 * How long a cache may give an answer out (RFC 9111 sections 5.2.2 and 5.3), seconds, at most a year:
 * s-maxage, else max-age, and what `stale-…` adds to it (RFC 5861), else `Expires`; 0 where it may not.
 *
 * @param now Milliseconds since the epoch: when the answer was made.
 */
export function lifetimeSeconds(cacheControl: string | undefined, expires?: string, now = 0): number {
  const directives = cacheControl ?? '';
  // `no-cache="set-cookie"` speaks of that field alone.
  if (/(?:^|[\s,])no-(?:store|cache)(?![\w=-])/i.test(directives)) return 0;
  const seconds = (name: string): number | undefined => {
    const found = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*"?(\\d{1,12})`, 'i').exec(directives)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const age = seconds('s-maxage') ?? seconds('max-age');
  const until = expires === undefined ? Number.NaN : Date.parse(expires);
  const fresh = age ?? (Number.isNaN(until) ? 0 : Math.max(0, Math.ceil((until - now) / 1000)));
  const stale = Math.max(seconds('stale-while-revalidate') ?? 0, seconds('stale-if-error') ?? 0);
  return Math.min(MAX_SECONDS, fresh + stale);
}
