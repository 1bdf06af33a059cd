import type { BreakerSettings } from '../config/settings.ts';
import { Breaker, type OpenBreaker } from '../core/breaker.ts';
import type { EndpointId } from '../core/cell.ts';
import { MirrorBudget } from '../core/mirror-budget.ts';
import type { Observation } from '../core/observation.ts';
import type { BreakerChange, Clock } from '../core/ports.ts';
import { isFailureStatus } from './upstream-problem.ts';

/** Why a request is kept from the candidate. */
export interface HeldBack {
  /** `breaker candidate`, `breaker GET /a`, or `bulkhead`. */
  readonly rule: string;
  /** Until the next probe is due, milliseconds; 0 where it is. */
  readonly dueInMs: number;
  /** For as long again as a breaker waits, no copy came that could be its probe; or all that is missing is a ticket. */
  readonly isUnprobed: boolean;
}

/** What became of a request that was sent to the candidate; the first counts. */
export interface CandidateCall {
  succeeded(): void;
  failed(): void;
  /** It ended without telling anything. */
  left(): void;
}

/** A copy that is the probe of one breaker or two. */
export interface Probe extends CandidateCall {
  /** How long it may take. */
  readonly limitMs: number;
}

/** The prospect that a request's copy will be a probe. */
export interface ProbeChance {
  /** The copy is about to be sent; undefined: it may not be. */
  begin(): Probe | undefined;
  /** No copy will be sent any more, or it has ended. Idempotent. */
  release(): void;
}

/** Endpoints whose errors are counted at once; of more only the candidate's own breaker hears. */
const MAX_COUNTED = 2_000;

/**
 * The breakers of the candidate: one for all of it, and below it one for each endpoint that fails. Opened by what served
 * requests meet, closed by what copies meet: no client is ever a probe.
 *
 * Only requests count whose copies could be probes; otherwise one could open that nothing can close.
 * Where more than `openEndpoints` would be open at once it is the candidate that is down and not its endpoints: its own
 * breaker opens in their place. That bounds the probes and what is told.
 */
export class CandidateBreakers {
  readonly #settings: BreakerSettings;
  readonly #clock: Clock;
  readonly #onChange: (change: BreakerChange) => void;
  readonly #side: Breaker;
  readonly #endpoints = new Map<EndpointId, Breaker>();
  readonly #budget: MirrorBudget;
  /** Breakers whose next probe is promised to a request that is being served. */
  readonly #promised = new Set<Breaker>();
  #isSideOpen = false;
  readonly #openEndpoints = new Set<EndpointId>();

  constructor(settings: BreakerSettings, clock: Clock, onChange: (change: BreakerChange) => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#side = new Breaker(settings);
    const { probesPerSecond, openEndpoints } = settings;
    this.#budget = new MirrorBudget({ perSecond: probesPerSecond, concurrency: openEndpoints }, clock.monotonic());
  }

  /** What keeps a request from the candidate; undefined: nothing does. */
  look(endpoint: EndpointId): HeldBack | undefined {
    const tripped = this.#tripped(endpoint);
    if (tripped.length === 0) return this.#side.isFull ? { rule: 'bulkhead', dueInMs: 0, isUnprobed: true } : undefined;
    const now = this.#clock.monotonic();
    return {
      rule: tripped[0] === this.#side ? 'breaker candidate' : `breaker ${endpoint}`,
      dueInMs: Math.max(...tripped.map((breaker) => breaker.dueInMs(now))),
      isUnprobed: tripped.some((breaker) => breaker.overdueMs(now) > this.#settings.errorTimeoutMs),
    };
  }

  /** Whether copies of the endpoint's requests are held back, but for probes. */
  isOpen(endpoint: EndpointId): boolean {
    return this.#tripped(endpoint).length > 0;
  }

  /** Those that are not closed, the candidate's own first. */
  status(): readonly OpenBreaker[] {
    const now = this.#clock.monotonic();
    const one = (scope: string, breaker: Breaker): OpenBreaker[] => {
      const state = breaker.state(now);
      return state === 'closed' ? [] : [{ scope, state, dueInMs: breaker.dueInMs(now) }];
    };
    return [...one('candidate', this.#side), ...[...this.#endpoints].flatMap(([id, breaker]) => one(id, breaker))];
  }

  /**
   * A request sets out for the candidate.
   * @param counts Whether its copy could be a probe.
   */
  begin(endpoint: EndpointId, counts: boolean): CandidateCall {
    const side = this.#side.begin();
    const own = counts ? this.#endpoints.get(endpoint)?.begin() : undefined;
    const left = (): void => {
      side.left();
      own?.left();
    };
    if (!counts) return { succeeded: left, failed: left, left };
    let isOver = false;
    return {
      left,
      succeeded: () => {
        isOver = true;
        const now = this.#clock.monotonic();
        side.succeeded(now);
        own?.succeeded(now);
        if (this.#endpoints.get(endpoint)?.isFresh === true) this.#endpoints.delete(endpoint);
      },
      failed: () => {
        if (isOver) return;
        isOver = true;
        const now = this.#clock.monotonic();
        side.failed(now);
        (own ?? this.#breakerOf(endpoint)?.begin())?.failed(now);
        this.#escalate(now);
        this.#tell(endpoint);
      },
    };
  }

  /** The prospect that the copy of a request which was held back will be the probe of what holds it. */
  chance(endpoint: EndpointId): ProbeChance | undefined {
    const tripped = this.#tripped(endpoint);
    const now = this.#clock.monotonic();
    const isDue = (breaker: Breaker): boolean => breaker.wantsProbe(now) && !this.#promised.has(breaker);
    if (tripped.length === 0 || !tripped.every(isDue)) return undefined;
    for (const breaker of tripped) this.#promised.add(breaker);
    let hasPlace = false;
    return {
      begin: () => {
        hasPlace = this.#budget.take(this.#clock.monotonic());
        return hasPlace ? this.#probe(endpoint, tripped) : undefined;
      },
      release: () => {
        if (hasPlace) this.#budget.done();
        hasPlace = false;
        for (const breaker of tripped.splice(0)) this.#promised.delete(breaker);
      },
    };
  }

  #probe(endpoint: EndpointId, breakers: readonly Breaker[]): Probe | undefined {
    const begunAt = this.#clock.monotonic();
    const passes = breakers.map((breaker) => breaker.probe(begunAt)).filter((pass) => pass !== undefined);
    if (passes.length === 0) return undefined;
    const end = (how: 'succeeded' | 'failed'): void => {
      const now = this.#clock.monotonic();
      for (const pass of passes) pass[how](now);
      this.#tell(endpoint);
    };
    return {
      limitMs: this.#settings.halfOpenTimeoutMs,
      succeeded: () => end('succeeded'),
      failed: () => end('failed'),
      left: () => {
        for (const pass of passes) pass.left();
      },
    };
  }

  #tripped(endpoint: EndpointId): Breaker[] {
    if (!this.#isSideOpen && !this.#openEndpoints.has(endpoint)) return [];
    const own = this.#endpoints.get(endpoint);
    return [this.#side, ...(own === undefined ? [] : [own])].filter((breaker) => !breaker.isClosed);
  }

  #breakerOf(endpoint: EndpointId): Breaker | undefined {
    const present = this.#endpoints.get(endpoint);
    if (present !== undefined || this.#endpoints.size >= MAX_COUNTED) return present;
    const { tickets: _, ...policy } = this.#settings;
    const made = new Breaker(policy);
    this.#endpoints.set(endpoint, made);
    return made;
  }

  #escalate(now: number): void {
    const open = [...this.#endpoints].filter(([, breaker]) => !breaker.isClosed);
    if (open.length <= this.#settings.openEndpoints) return;
    if (this.#side.isClosed) this.#side.trip(now);
    // The candidate's own speaks for them; those that are still broken then will show it.
    for (const [id] of open) this.#endpoints.delete(id);
    this.#openEndpoints.clear();
  }

  /** Tells what changed, once. */
  #tell(endpoint: EndpointId): void {
    const isSideOpen = !this.#side.isClosed;
    const isSideTurn = isSideOpen !== this.#isSideOpen;
    this.#isSideOpen = isSideOpen;
    const own = this.#endpoints.get(endpoint);
    const isOpen = own !== undefined && !own.isClosed;
    const isOwnTurn = isOpen !== this.#openEndpoints.has(endpoint);
    if (isOpen) this.#openEndpoints.add(endpoint);
    else this.#openEndpoints.delete(endpoint);
    if (own?.isFresh === true) this.#endpoints.delete(endpoint);
    const openEndpoints = this.#openEndpoints.size;
    if (isSideTurn) this.#onChange({ scope: 'candidate', isOpen: isSideOpen, endpoint, openEndpoints });
    if (isOwnTurn) this.#onChange({ scope: 'endpoint', isOpen, endpoint, openEndpoints });
  }
}

/** Tells what a probe met; an answer that we could not keep is nobody's failure. */
export function endProbe(probe: CandidateCall, observation: Observation | undefined): void {
  if (observation === undefined) probe.left();
  else if (observation.kind === 'failure' || isFailureStatus(observation.status)) probe.failed();
  else probe.succeeded();
}
