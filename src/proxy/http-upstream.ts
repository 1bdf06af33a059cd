import type { SideSettings } from '../config/settings.ts';
import type { Side } from '../core/cell.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import { ClientNamesUpstream } from './client-names.ts';
import { HealthCheck } from './health-check.ts';
import type { ParserLimits } from './response-parser.ts';
import type { HealthTurn } from './target-health.ts';
import type {
  OnHealthChange,
  TargetStatus,
  Upstream,
  UpstreamCall,
  UpstreamHandler,
  UpstreamRequest,
} from './upstream.ts';
import { type CallPlacer, HttpCall } from './upstream-call.ts';
import { targetAddress, UpstreamDialer } from './upstream-dialer.ts';
import { chooseTarget, UpstreamTarget } from './upstream-target.ts';
import { UpstreamTrust } from './upstream-trust.ts';

export interface UpstreamOptions {
  readonly side: Side;
  readonly settings: SideSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly onHealth: OnHealthChange;
  /** Of answers' heads and trailer sections. */
  readonly limits: ParserLimits;
}

/** Time limits are looked at this often, all together: a timer per request would cost more than the request's parsing. */
const SWEEP_MS = 100;

/**
 * The door to one side over HTTP/1.1: pools, balancing, health, time limits.
 * With mapped credentials its answers set cookies under the client's names.
 * Throws CONFIG_INVALID or CONFIG_UNREADABLE where a target or a file of `tls` cannot be used.
 */
export function createUpstream(options: UpstreamOptions): Upstream {
  const { credentials, credentialMap } = options.settings;
  const upstream = new HttpUpstream(options);
  return credentials === 'map' ? new ClientNamesUpstream(upstream, credentialMap) : upstream;
}

class HttpUpstream implements Upstream, CallPlacer {
  readonly #options: UpstreamOptions;
  readonly #targets: readonly UpstreamTarget[];
  readonly #checks: readonly HealthCheck[];
  readonly #trust: UpstreamTrust | undefined;
  #turn = 0;
  #sweep: Timer | undefined;
  #sweptAt = 0;
  #closed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    const { settings, clock, limits } = options;
    const addresses = settings.targets.map(targetAddress);
    const around = { clock, log: options.log, name: `${options.side}.tls` };
    this.#trust = addresses.some((address) => address.tls) ? new UpstreamTrust(settings.tls, around) : undefined;
    const dialers = addresses.map((address) => new UpstreamDialer(address, address.tls ? this.#trust : undefined));
    this.#targets = dialers.map(
      (dialer) =>
        new UpstreamTarget({
          dialer,
          clock,
          limits,
          timeouts: {
            connectMs: settings.connectTimeoutMs,
            firstByteMs: settings.firstByteTimeoutMs,
            idleMs: settings.idleTimeoutMs,
          },
          maxConnections: settings.maxConnections,
          health: settings.health,
          hostHeader: settings.hostHeader,
          onTurn: (target, turn) => this.#turned(target, turn),
        }),
    );
    this.#checks = dialers.flatMap((dialer, index) => this.#healthCheck(dialer, this.#targets[index]));
    for (const check of this.#checks) check.start();
  }

  request(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    const call = new HttpCall(this, request, handler);
    call.start();
    if (this.#sweep === undefined) this.#startSweeping();
    return call;
  }

  choose(request: UpstreamRequest, tried: readonly UpstreamTarget[]): UpstreamTarget | undefined {
    // Even then a request under way may still look for another connection; only its first choice is refused.
    if (this.#closed && tried.length === 0) return undefined;
    if (this.#targets.length === 1) return tried.length === 0 ? this.#targets[0] : undefined;
    this.#turn = (this.#turn + 1) % this.#targets.length;
    return chooseTarget(this.#targets, request, { tried, turn: this.#turn, now: this.#options.clock.monotonic() });
  }

  targets(): readonly TargetStatus[] {
    return this.#targets.map((target) => target.status());
  }

  outstanding(): number {
    let sum = 0;
    for (const target of this.#targets) sum += target.outstanding;
    return sum;
  }

  close(): void {
    this.#closed = true;
    this.#trust?.close();
    for (const check of this.#checks) check.stop();
    for (const target of this.#targets) target.pool.close();
  }

  #healthCheck(dialer: UpstreamDialer, target: UpstreamTarget | undefined): HealthCheck[] {
    const { settings, clock, limits } = this.#options;
    const path = settings.health.path;
    if (path === undefined || target === undefined) return [];
    return [
      new HealthCheck({
        dialer,
        settings: { ...settings.health, path },
        clock,
        limits,
        onPassed: () => target.report(target.health.checkSucceeded()),
        onFailed: (reason) => target.report(target.health.checkFailed(clock.monotonic(), reason)),
      }),
    ];
  }

  #turned(target: UpstreamTarget, turn: HealthTurn): void {
    const { side, log, onHealth } = this.#options;
    const fields = { side, target: target.name, reason: turn.reason };
    if (turn.healthy) log.info('target.healthy', fields);
    else log.warn('target.unhealthy', fields);
    onHealth({ side, target: target.name, healthy: turn.healthy, reason: turn.reason });
  }

  #startSweeping(): void {
    this.#sweptAt = this.#options.clock.monotonic();
    this.#sweep = this.#options.clock.after(SWEEP_MS, () => this.#sweepOnce());
  }

  #sweepOnce(): void {
    const now = this.#options.clock.monotonic();
    const late = now - this.#sweptAt - SWEEP_MS;
    // Our event loop stood still: answers may lie unread in the kernel. Give the time back before judging (I11).
    if (late > SWEEP_MS) for (const target of this.#targets) target.pool.postpone(late);
    this.#sweptAt = now;
    let busy = false;
    for (const target of this.#targets) busy = target.pool.sweep(now) || busy;
    this.#sweep = busy ? this.#options.clock.after(SWEEP_MS, () => this.#sweepOnce()) : undefined;
  }
}
