import type { Side } from '../core/cell.ts';
import type { CapturedRequest, Observation } from '../core/observation.ts';
import type { AskAgain } from '../core/ports.ts';
import { type EndpointPolicy, PPM } from '../core/routing.ts';
import { sendCopy } from './copy-call.ts';
import { headerPolicy, headersForMirror, headersForSide, toFlat } from './headers.ts';
import type { Mirrors } from './mirror.ts';

/** Repeats saved up at most: a burst of mismatches may ask this often at once. */
const MAX_SAVED = 10;
/**
 * Repeats allowed in advance, once per start: with little traffic a share of it would teach nothing for hours.
 * The rate per second holds for them as well, so the control gets no more than that.
 */
const ADVANCE = 50;
/** Weight of a new latency in the recent and in the long mean: about the last 32 and the last 1,000 answers. */
const RECENT_WEIGHT = 1 / 32;
const LONG_WEIGHT = 1 / 1_000;
/** Below it a doubling is noise of the machine, not load on the control. */
const MIN_CONCERN_MS = 5;
/** Answers until the means are believed. */
const MIN_ANSWERS = 100;

/** Asks a side again, within a share of the traffic and a rate per second, and not while the control is getting slower. */
export class Repeats implements AskAgain {
  readonly #mirrors: Mirrors;
  readonly #policyOf: (method: string, target: string) => EndpointPolicy;
  readonly #allowance: Readonly<Record<Side, Allowance>>;
  readonly #latency = new LatencyWatch();

  constructor(mirrors: Mirrors, policyOf: (method: string, target: string) => EndpointPolicy) {
    this.#mirrors = mirrors;
    this.#policyOf = policyOf;
    const { mirror } = mirrors.deps.settings;
    const now = mirrors.deps.clock.monotonic();
    this.#allowance = { control: new Allowance(mirror, now), candidate: new Allowance(mirror, now) };
  }

  /** The settings are others: their share and rate count from here on, without a new advance. */
  settingsChanged(): void {
    const { mirror } = this.#mirrors.deps.settings;
    for (const allowance of Object.values(this.#allowance)) allowance.follow(mirror);
  }

  /** Every served request earns its share of a repeat. */
  servedOne(servedBy: Side | undefined, upstreamMs: number): void {
    this.#allowance.control.earn();
    this.#allowance.candidate.earn();
    if (servedBy === 'control') this.#latency.add(upstreamMs);
  }

  ask(side: Side, request: CapturedRequest): Promise<Observation | undefined> {
    const policy = this.#policyOf(request.method, request.target);
    const { clock, settings, upstreams } = this.#mirrors.deps;
    const mayAsk =
      this.#mirrors.mayRepeat(request.method, request.target, policy) &&
      this.#mirrors.overload === undefined &&
      !(side === 'control' && this.#latency.isRising) &&
      this.#allowance[side].take(clock.monotonic());
    if (!mayAsk) return Promise.resolve(undefined);
    const direction = side === 'candidate' ? 'forward' : 'reverse';
    const shared = headersForMirror(toFlat(request.headers), direction, policy);
    const headers = headersForSide(shared, headerPolicy(side, settings.sides[side]), {
      sharedValidators: policy.sharedValidators,
      conditional: true,
      credentials: true,
    });
    return new Promise((resolve) => {
      sendCopy(
        { method: request.method, target: request.target, headers, body: request.body },
        {
          upstream: upstreams[side],
          pool: this.#mirrors.pool,
          maxBodyBytes: settings.mirror.maxBodyBytes,
          decoding: this.#mirrors.decoding,
          window: 'long',
          timeoutMs: settings.mirror.timeoutMs,
          clock,
        },
        resolve,
      );
    });
  }
}

interface AllowanceSettings {
  readonly repeatPpm: number;
  readonly repeatsPerSecond: number;
}

/** Two bounds that must both have room: a share of the requests, and so many per second. */
class Allowance {
  #share = 0;
  #perSecond = 0;
  #saved: number;
  #tokens: number;
  #filledAt: number;

  constructor(settings: AllowanceSettings, now: number) {
    this.#saved = ADVANCE;
    this.follow(settings);
    this.#tokens = this.#perSecond;
    this.#filledAt = now;
  }

  follow(settings: AllowanceSettings): void {
    this.#share = settings.repeatPpm / PPM;
    this.#perSecond = settings.repeatsPerSecond;
    if (settings.repeatPpm === 0) this.#saved = 0;
  }

  earn(): void {
    if (this.#saved < MAX_SAVED) this.#saved = Math.min(MAX_SAVED, this.#saved + this.#share);
  }

  take(now: number): boolean {
    const burst = this.#perSecond === 0 ? 0 : Math.max(1, this.#perSecond);
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#filledAt) * this.#perSecond) / 1_000);
    this.#filledAt = now;
    // A hundred times 0.01 is a little less than 1.
    if (this.#saved < 1 - 1e-9 || this.#tokens < 1) return false;
    this.#saved -= 1;
    this.#tokens -= 1;
    return true;
  }
}

/** Two moving means of the control's latency; rising when the recent one is twice the long one. */
class LatencyWatch {
  #recentMs = 0;
  #longMs = 0;
  #count = 0;

  add(ms: number): void {
    this.#count += 1;
    // The first answers are averaged plainly, so that neither mean starts from nothing.
    this.#recentMs += (ms - this.#recentMs) * Math.max(RECENT_WEIGHT, 1 / this.#count);
    this.#longMs += (ms - this.#longMs) * Math.max(LONG_WEIGHT, 1 / this.#count);
  }

  get isRising(): boolean {
    return this.#count >= MIN_ANSWERS && this.#recentMs > MIN_CONCERN_MS && this.#recentMs > 2 * this.#longMs;
  }
}
