import type { HealthSettings } from '../config/settings.ts';
import type { Clock, Timer } from '../core/ports.ts';
import { requestHead } from './request-head.ts';
import type { ParserLimits } from './response-parser.ts';
import type { UpstreamRequest } from './upstream.ts';
import { type ConnectionCall, type ConnectionOwner, UpstreamConnection } from './upstream-connection.ts';
import type { UpstreamDialer } from './upstream-dialer.ts';

export interface HealthCheckOptions {
  readonly dialer: UpstreamDialer;
  readonly settings: HealthSettings & { readonly path: string };
  readonly clock: Clock;
  readonly limits: ParserLimits;
  readonly onPassed: () => void;
  readonly onFailed: (reason: string) => void;
}

/**
 * Asks one target `GET path` every `intervalMs`, each time on a connection of its own, beside the pool:
 * a full pool is no illness. Passed: a complete answer with 2xx or 3xx within `timeoutMs`. Never two at a time.
 */
export class HealthCheck {
  readonly #options: HealthCheckOptions;
  readonly #request: UpstreamRequest;
  #timer: Timer | undefined;
  #connection: UpstreamConnection | undefined;
  #stopped = false;

  constructor(options: HealthCheckOptions) {
    this.#options = options;
    this.#request = {
      method: 'GET',
      target: options.settings.path,
      rawHeaders: ['host', options.dialer.address.authority, 'user-agent', 'cutover-health', 'accept', '*/*'],
      body: 'none',
      upgrade: false,
      retryable: true,
    };
  }

  /** Begins with a check at once. */
  start(): void {
    if (!this.#stopped) this.#check();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#connection?.abort();
  }

  #check(): void {
    const { clock, settings, limits } = this.#options;
    const never = Number.POSITIVE_INFINITY;
    const owner: ConnectionOwner = {
      clock,
      limits,
      // The one timer below bounds the whole check.
      timeouts: { connectMs: never, firstByteMs: never, idleMs: never },
      released: (connection) => connection.abort(),
      closed: () => undefined,
    };
    const connection = new UpstreamConnection(this.#options.dialer, owner, 'http');
    this.#connection = connection;
    this.#timer = clock.after(settings.timeoutMs, () => this.#conclude(`no answer within ${settings.timeoutMs} ms`));
    connection.carry(this.#call(connection));
  }

  #call(connection: UpstreamConnection): ConnectionCall {
    let status = 0;
    return {
      request: this.#request,
      connected: () => {
        const head = requestHead(this.#request, undefined);
        if (head.ok) connection.sendHead(head.text, 'none');
        else this.#conclude(head.message);
      },
      informational: () => undefined,
      head: (head) => {
        status = head.status;
      },
      data: () => true,
      drained: () => undefined,
      complete: () => this.#conclude(status < 400 ? undefined : `status ${status}`),
      upgraded: (_head, socket) => socket.destroy(),
      lost: (loss) => this.#conclude(loss.message),
    };
  }

  /** @param failure Undefined: passed. */
  #conclude(failure: string | undefined): void {
    this.#timer?.cancel();
    this.#connection?.abort();
    this.#connection = undefined;
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(this.#options.settings.intervalMs, () => this.#check());
    if (failure === undefined) this.#options.onPassed();
    else this.#options.onFailed(failure);
  }
}
