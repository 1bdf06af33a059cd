import type { EndpointId, Side, TenantId } from '../../src/core/cell.ts';
import type { Answer, CapturedRequest, Exchange, Observation } from '../../src/core/observation.ts';
import type { AskAgain, Clock, Cluster, Log, NoisePath, VerifiedExchange } from '../../src/core/ports.ts';
import { systemClock } from '../../src/telemetry/clock.ts';
import {
  createVerifier,
  type Verifier,
  type VerifierDeps,
  type VerifierSettings,
} from '../../src/verifier/verifier.ts';

/** Settings as a small installation has them. */
export function verifierSettings(more: Partial<VerifierSettings> = {}): VerifierSettings {
  return {
    rules: [],
    headers: ['content-type', 'location', 'set-cookie'],
    keyOrder: false,
    workers: 1,
    queueLength: 1_000,
    timeoutMs: 1_000,
    maxDecodedBytes: 8_388_608,
    confirm: true,
    redact: { names: [], bodies: 'redacted' },
    mirror: { maxMemoryBytes: 67_108_864 },
    ...more,
  };
}

let made = 0;

/** An answer with a JSON body. */
export function jsonAnswer(value: unknown, more: Partial<Answer> = {}): Answer {
  const body = new TextEncoder().encode(JSON.stringify(value));
  return {
    kind: 'answer',
    status: 200,
    headers: [['content-type', 'application/json']],
    body,
    bodyBytes: body.length,
    firstByteMs: 5,
    durationMs: 6,
    ...more,
  };
}

export function exchangeOf(control: Observation, candidate: Observation, more: Partial<Exchange> = {}): Exchange {
  made += 1;
  return {
    id: `x${made}`,
    at: Date.now(),
    cell: { tenant: 'acme' as TenantId, endpoint: 'GET /a' as EndpointId },
    direction: 'forward',
    request: { method: 'GET', target: '/a', headers: [['host', 'shop.example']] },
    control,
    candidate,
    gapMs: 5,
    versions: { control: 'v1', candidate: 'v2' },
    ...more,
  };
}

/** What each side answers when asked again; undefined: the budget refuses. */
export type Repeat = (side: Side, request: CapturedRequest) => Observation | undefined;

export interface Trial {
  readonly verifier: Verifier;
  readonly verified: VerifiedExchange[];
  readonly clusters: Map<string, Cluster>;
  readonly unverified: string[];
  readonly noise: Map<EndpointId, readonly NoisePath[]>;
  /** Sides asked again, in order. */
  readonly asked: Side[];
  readonly logged: string[];
  /** Waits until nothing is left to do, at most 20 s. */
  settled(): Promise<void>;
}

/** A verifier with real threads that writes down everything it says. */
export function trialVerifier(
  options: {
    readonly settings?: Partial<VerifierSettings>;
    readonly repeat?: Repeat;
    readonly clock?: Clock;
    readonly random?: () => number;
  } & Partial<Pick<VerifierDeps, 'workerUrl' | 'noise' | 'clusters' | 'askAgain'>> = {},
): Trial {
  const { settings, repeat, clock, random, ...rest } = options;
  const asked: Side[] = [];
  const askAgain: AskAgain = {
    ask: async (side, request) => {
      const answer = repeat?.(side, request);
      if (answer !== undefined) asked.push(side);
      return answer;
    },
  };
  const trial = { verified: [], clusters: new Map(), unverified: [], noise: new Map(), asked, logged: [] } as Omit<
    Trial,
    'verifier' | 'settled'
  >;
  const note = (event: string, fields?: object) => trial.logged.push(`${event} ${JSON.stringify(fields)}`);
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const verifier = createVerifier({
    settings: verifierSettings(settings),
    clock: clock ?? systemClock,
    random: { next: random ?? (() => 0.5) },
    log,
    askAgain,
    redactKey: new Uint8Array(32).fill(7),
    onVerified: (verified, clusters) => {
      trial.verified.push(verified);
      for (const cluster of clusters) trial.clusters.set(cluster.id, cluster);
    },
    onUnverified: (_, reason) => trial.unverified.push(reason),
    onNoise: (endpoint, paths) => trial.noise.set(endpoint, paths),
    noise: new Map(),
    ...rest,
  });
  const settled = async () => {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('the verifier is not idle after 20 s')), 20_000).unref();
    });
    await Promise.race([verifier.idle(), late]);
  };
  return { ...trial, verifier, settled };
}
