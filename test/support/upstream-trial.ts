import type { Socket } from 'node:net';
import type { SideSettings } from '../../src/config/settings.ts';
import type { Clock, HealthChange, Log } from '../../src/core/ports.ts';
import { createUpstream } from '../../src/proxy/http-upstream.ts';
import type {
  ResponseHead,
  Upstream,
  UpstreamCall,
  UpstreamFailure,
  UpstreamHandler,
  UpstreamRequest,
} from '../../src/proxy/upstream.ts';
import { systemClock } from '../../src/telemetry/clock.ts';

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export const LIMITS = { headBytes: 16_384, headerCount: 100 } as const;

/** An upstream over real sockets with short limits; `changes` are what it said about health. */
export function trialUpstream(
  targets: readonly string[],
  settings: Partial<SideSettings> = {},
  clock: Clock = systemClock,
): Upstream & { readonly changes: readonly HealthChange[] } {
  const changes: HealthChange[] = [];
  const upstream = createUpstream({
    side: 'candidate',
    settings: {
      targets,
      hostHeader: 'preserve',
      credentials: 'forward',
      credentialMap: [],
      connectTimeoutMs: 1_000,
      firstByteTimeoutMs: 5_000,
      idleTimeoutMs: 5_000,
      maxConnections: 64,
      tls: { minVersion: 'TLSv1.2', insecure: false },
      health: { path: undefined, intervalMs: 200, timeoutMs: 500, unhealthyAfter: 3, healthyAfter: 2 },
      versionHeader: undefined,
      ...settings,
    },
    clock,
    log: silent,
    onHealth: (change) => changes.push(change),
    limits: LIMITS,
  });
  return Object.assign(upstream, { changes });
}

/** All that happened to one request. */
export interface Outcome {
  informational: number[];
  head: ResponseHead | undefined;
  pieces: Buffer[];
  trailers: string[] | undefined;
  failure: UpstreamFailure | undefined;
  upgraded: { head: ResponseHead; socket: Socket; first: Buffer } | undefined;
  drains: number;
  /** How often `end`, `failed` or `upgraded` came; must be 1. */
  endings: number;
}

export interface Asked {
  readonly call: UpstreamCall;
  readonly outcome: Outcome;
  readonly over: Promise<Outcome>;
}

/** Sends a request and gathers what comes. Throws in the handler, and so fails the test, if something comes after the end. */
export function ask(
  upstream: Upstream,
  request: Partial<UpstreamRequest> = {},
  options: { readonly onData?: (chunk: Buffer) => boolean } = {},
): Asked {
  const outcome: Outcome = {
    informational: [],
    head: undefined,
    pieces: [],
    trailers: undefined,
    failure: undefined,
    upgraded: undefined,
    drains: 0,
    endings: 0,
  };
  let finish: (outcome: Outcome) => void = () => undefined;
  const over = new Promise<Outcome>((resolve) => {
    finish = resolve;
  });
  const alive = (): void => {
    if (outcome.endings > 0) throw new Error('the handler was called after the end');
  };
  const ending = (): void => {
    alive();
    outcome.endings += 1;
    finish(outcome);
  };
  const handler: UpstreamHandler = {
    informational: (status) => {
      alive();
      outcome.informational.push(status);
    },
    head: (head) => {
      alive();
      if (outcome.head !== undefined) throw new Error('two heads');
      outcome.head = head;
    },
    data: (chunk) => {
      alive();
      if (outcome.head === undefined) throw new Error('data before the head');
      outcome.pieces.push(chunk);
      return options.onData?.(chunk) ?? true;
    },
    end: (trailers) => {
      outcome.trailers = trailers;
      ending();
    },
    failed: (failure) => {
      outcome.failure = failure;
      ending();
    },
    drained: () => {
      alive();
      outcome.drains += 1;
    },
    upgraded: (head, socket, first) => {
      outcome.upgraded = { head, socket, first };
      ending();
    },
  };
  const call = upstream.request(
    {
      method: 'GET',
      target: '/',
      rawHeaders: ['host', 'shop.example'],
      body: 'none',
      upgrade: false,
      retryable: true,
      ...request,
    },
    handler,
  );
  return { call, outcome, over };
}

/** The body as latin1 text. */
export function bodyOf(outcome: Outcome): string {
  return Buffer.concat(outcome.pieces).toString('latin1');
}
