import type { HealthSettings } from '../config/settings.ts';
import { ConnectionPool, type PoolOptions } from './connection-pool.ts';
import { type HealthTurn, TargetHealth } from './target-health.ts';
import type { TargetStatus, UpstreamRequest } from './upstream.ts';
import type { ConnectionLoss } from './upstream-connection.ts';

export interface TargetOptions extends PoolOptions {
  readonly health: HealthSettings;
  readonly hostHeader: 'preserve' | 'upstream';
  readonly onTurn: (target: UpstreamTarget, turn: HealthTurn) => void;
}

/** A target that came back is given its full share after so long: its caches are cold, and all the others wait for it to be idle. */
export const SLOW_START_MS = 10_000;
/** The share it begins with; it grows evenly. */
const FIRST_SHARE = 0.1;

/** One target of a side: its connections, what we think of it, and how much it has to do. */
export class UpstreamTarget {
  readonly name: string;
  /** What `Host` must say instead of the client's; undefined: the client's stays. */
  readonly hostValue: string | undefined;
  readonly pool: ConnectionPool;
  readonly health: TargetHealth;
  readonly #options: TargetOptions;
  /** Requests given to it and not over, waiting ones included. */
  outstanding = 0;
  /** When it came back (monotonic); undefined: it has its full share. */
  #backAt: number | undefined;

  constructor(options: TargetOptions) {
    this.#options = options;
    this.name = options.dialer.address.name;
    this.hostValue = options.hostHeader === 'upstream' ? options.dialer.address.authority : undefined;
    this.pool = new ConnectionPool(options);
    this.health = new TargetHealth(options.health);
  }

  /** A request begins; true: it is the probe of an unhealthy target. */
  enter(): boolean {
    this.outstanding += 1;
    if (this.health.healthy) return false;
    this.health.probeBegun();
    return true;
  }

  leave(wasProbe: boolean): void {
    this.outstanding -= 1;
    if (wasProbe) this.health.probeEnded();
  }

  answered(): void {
    this.report(this.health.trafficSucceeded());
  }

  failed(loss: ConnectionLoss): void {
    this.report(this.health.trafficFailed(this.#options.clock.monotonic(), loss.message));
  }

  report(turn: HealthTurn | undefined): void {
    if (turn === undefined) return;
    this.#backAt = turn.healthy ? this.#options.clock.monotonic() : undefined;
    this.#options.onTurn(this, turn);
  }

  /** What one more request would weigh on it: those it has and that one, over the share it gets after coming back. */
  load(now: number): number {
    const load = this.outstanding + 1;
    if (this.#backAt === undefined) return load;
    const share = FIRST_SHARE + ((1 - FIRST_SHARE) * (now - this.#backAt)) / SLOW_START_MS;
    if (share < 1) return load / share;
    this.#backAt = undefined;
    return load;
  }

  status(): TargetStatus {
    return {
      target: this.name,
      healthy: this.health.healthy,
      outstanding: this.outstanding,
      connections: this.pool.connections,
      reason: this.health.reason,
    };
  }
}

/**
 * The target with the fewest requests in hand among the healthy ones; equals take turns, beginning at `turn`.
 * One that came back counts for more than it has, less and less for 10 s (`load`).
 * An unhealthy one whose probe is due comes first. If all are unhealthy our opinion is worth nothing: all take part.
 * @param tried Targets that are out of the question.
 */
export function chooseTarget(
  targets: readonly UpstreamTarget[],
  request: UpstreamRequest,
  options: { readonly tried: readonly UpstreamTarget[]; readonly turn: number; readonly now: number },
): UpstreamTarget | undefined {
  let healthy: UpstreamTarget | undefined;
  let least = Number.POSITIVE_INFINITY;
  let any: UpstreamTarget | undefined;
  for (let i = 0; i < targets.length; i += 1) {
    const target = targets[(options.turn + i) % targets.length];
    if (target === undefined || options.tried.includes(target)) continue;
    if (target.health.healthy) {
      const load = target.load(options.now);
      if (load >= least) continue;
      least = load;
      healthy = target;
    } else {
      if (target.health.probeDue(options.now, request.retryable)) return target;
      if (any === undefined || target.outstanding < any.outstanding) any = target;
    }
  }
  return healthy ?? any;
}
