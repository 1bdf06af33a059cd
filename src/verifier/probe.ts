import type { EndpointId } from '../core/cell.ts';
import type { Exchange } from '../core/observation.ts';
import type { Clock, NoisePath, Random } from '../core/ports.ts';
import { isSafeMethod, requestActs } from '../core/safe-request.ts';

/** Every exchange is wanted until an endpoint has had so many control–control pairs; more while they still teach. */
const SETTLED_AFTER = 10;
const SETTLED_AT_LATEST = 40;
/** An endpoint whose last lessons changed nothing has settled. */
const QUIET_LESSONS = 5;
/** Afterwards one exchange in a hundred. */
const STEADY_SHARE = 0.01;
/** Probes in flight, all endpoints together; one per endpoint. */
const MOST_IN_FLIGHT = 4;
/** After the budget refused, an endpoint waits so long before it asks again. */
const REFUSED_MS = 250;
/** A probe whose delay is further than this from the pair's would learn noise of its own. */
export const GAP_SLACK_MS = 1_000;
/** A pair further apart than this is not worth a wait. */
const LONGEST_GAP_MS = 10_000;
const MOST_ENDPOINTS = 10_000;

interface Progress {
  lessons: number;
  /** Lessons in a row that changed nothing. */
  quiet: number;
  known: string;
  isAsking: boolean;
  notBefore: number;
}

/**
 * Decides which exchanges are repeated on the control to learn its noise.
 * Many at first, so that the noise of a busy endpoint is known within seconds; at most 1 % once it has settled.
 */
export class ProbePlan {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #endpoints = new Map<EndpointId, Progress>();
  #inFlight = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** True: the exchange is to be probed; call `ended` when that is over, however it went. */
  begin(exchange: Exchange): boolean {
    if (this.#inFlight >= MOST_IN_FLIGHT || !canTeach(exchange)) return false;
    const progress = this.#progressOf(exchange.cell.endpoint);
    if (progress.isAsking || this.#clock.monotonic() < progress.notBefore) return false;
    if (isSettled(progress) && this.#random.next() >= STEADY_SHARE) return false;
    progress.isAsking = true;
    this.#inFlight += 1;
    return true;
  }

  /** Counterpart of a `begin` that gave true. */
  ended(endpoint: EndpointId, how: 'learned' | 'refused' | 'skipped'): void {
    const progress = this.#endpoints.get(endpoint);
    this.#inFlight = Math.max(0, this.#inFlight - 1);
    if (progress === undefined) return;
    progress.isAsking = false;
    if (how === 'refused') progress.notBefore = this.#clock.monotonic() + REFUSED_MS;
  }

  /** A control–control pair was learned from, by a probe or a confirmation. */
  learned(endpoint: EndpointId, paths: readonly NoisePath[]): void {
    const progress = this.#progressOf(endpoint);
    const known = JSON.stringify(paths.map((path) => [path.path, path.class]));
    progress.quiet = known === progress.known ? progress.quiet + 1 : 0;
    progress.known = known;
    progress.lessons += 1;
  }

  #progressOf(endpoint: EndpointId): Progress {
    const known = this.#endpoints.get(endpoint);
    if (known) return known;
    if (this.#endpoints.size >= MOST_ENDPOINTS) this.#forgetOldest();
    const fresh: Progress = { lessons: 0, quiet: 0, known: '[]', isAsking: false, notBefore: -Infinity };
    this.#endpoints.set(endpoint, fresh);
    return fresh;
  }

  #forgetOldest(): void {
    const oldest = this.#endpoints.keys().next();
    if (!oldest.done) this.#endpoints.delete(oldest.value);
  }
}

/** Milliseconds since the control was asked, set against what the pair had. */
export function gapSinceControl(exchange: Pick<Exchange, 'at' | 'gapMs' | 'direction'>, now: number): number {
  // In a forward mirror the control went first; in a reverse one it followed after the gap.
  return now - exchange.at - (exchange.direction === 'forward' ? 0 : exchange.gapMs);
}

function isSettled(progress: Progress): boolean {
  if (progress.lessons >= SETTLED_AT_LATEST) return true;
  return progress.lessons >= SETTLED_AFTER && progress.quiet >= QUIET_LESSONS;
}

/** Only a good answer to a request that may be repeated. */
function canTeach({ request, control, gapMs }: Exchange): boolean {
  return control.kind === 'answer' && control.status < 300 && gapMs <= LONGEST_GAP_MS && canRepeat(request);
}

/** Whether asking again has no effect on anybody (I7). */
export function canRepeat(request: { readonly method: string; readonly target: string }): boolean {
  return isSafeMethod(request.method) && !requestActs(request.method, request.target);
}
