import { SIDES, type Side } from '../core/cell.ts';
import { endOf, type Scenario } from './scenario.ts';
import type { EventFile } from './scenario-events.ts';
import type { Latency, Part } from './scenario-fields.ts';

/** In what the candidate is worse than the control at an endpoint. */
export const FLAWS = ['answers', 'failures', 'latency'] as const;
export type Flaw = (typeof FLAWS)[number];

/** A time in which the candidate was worse at an endpoint. */
export interface Spell {
  readonly endpoint: number;
  readonly flaw: Flaw;
  readonly from: number;
  /** Infinity: it lasts. */
  until: number;
  /** First request that the candidate got by the dial and that it may get wrong. */
  exposedAt: number | undefined;
  /** First taking back of that endpoint. */
  detectedAt: number | undefined;
}

/** How long answers take: a lognormal distribution, by the logarithm's mean and standard deviation. */
export interface LatencyShape {
  readonly mean: number;
  readonly deviation: number;
}

/** 99 % of a normal distribution lie below so many standard deviations. */
const Z99 = 2.326_347_874;
/** A candidate whose half or 99 % take longer by more than this is slower. */
const SLOWER = 1.2;
/** Spells kept; a world that changes more often is a fuzzer's. */
const MAX_SPELLS = 20_000;

/**
 * What is true of the world at each moment: who fails, is slow, answers wrongly, and runs which version. Nobody in it
 * knows this; results are told by it.
 */
export class Truth {
  readonly failing: Readonly<Record<Side, Float64Array>>;
  /** Refuses every connection. */
  readonly isDown: Record<Side, boolean> = { control: false, candidate: false };
  readonly latency: Record<Side, LatencyShape> = {
    control: shapeOf({ p50: 20, p99: 20 }),
    candidate: shapeOf({ p50: 20, p99: 20 }),
  };
  readonly version: Record<Side, string>;
  /** Since when the candidate's version runs. */
  versionSince = 0;
  noise = 0;
  /** Share of wrong answers of the candidate, by endpoint × tenants + tenant. */
  readonly wrong: Float64Array;
  /** Times the usual rate of requests. */
  traffic = 1;
  readonly spells: Spell[] = [];
  readonly #open = new Map<number, Spell>();
  readonly #scenario: Scenario;
  readonly #instants: readonly number[];
  #at = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    const { endpoints, tenants } = scenario.traffic;
    this.failing = { control: new Float64Array(endpoints.length), candidate: new Float64Array(endpoints.length) };
    this.wrong = new Float64Array(endpoints.length * tenants.length);
    this.version = { control: scenario.control.version, candidate: scenario.candidate.version };
    this.#instants = instantsOf(scenario);
    this.advance(0);
  }

  /** When something changes next; Infinity: never. */
  get nextAt(): number {
    return this.#instants[this.#at] ?? Number.POSITIVE_INFINITY;
  }

  /** Takes over what is true from `now` on. */
  advance(now: number): void {
    while (this.nextAt <= now) this.#at += 1;
    const { control, candidate, events } = this.#scenario;
    const active = events.filter((event) => event.at <= now && now < endOf(event));
    for (const side of SIDES) {
      const plan = this.#scenario[side];
      this.isDown[side] = active.some(({ kind }) => kind === `${side}-down`);
      const slow = lastOf(active, (event) => event.kind === 'latency' && event.side === side);
      this.latency[side] = shapeOf(slow?.kind === 'latency' ? slow.latencyMs : valueAt(plan.latency, now));
      const usual = valueAt(plan.errorRate, now);
      for (const [at, { id }] of this.#scenario.traffic.endpoints.entries()) {
        const failing = lastOf(
          active,
          (event) =>
            event.kind === 'errors' &&
            event.side === side &&
            (event.endpoint === undefined || event.endpoint.id === id),
        );
        this.failing[side][at] = this.isDown[side] ? 1 : failing?.kind === 'errors' ? failing.rate : usual;
      }
      const deployed = lastOf(events, (event) => event.kind === 'deploy' && event.side === side && event.at <= now);
      if (deployed?.kind !== 'deploy') continue;
      if (side === 'candidate' && deployed.version !== this.version.candidate) this.versionSince = now;
      this.version[side] = deployed.version;
    }
    this.noise = valueAt(control.noise, now);
    this.traffic = 1;
    for (const event of active) if (event.kind === 'traffic') this.traffic *= event.factor;
    this.#plant(candidate.differences, now);
    this.#watch(now);
  }

  #plant(differences: Scenario['candidate']['differences'], now: number): void {
    const { wrong, version } = this;
    const width = this.#scenario.traffic.tenants.length;
    wrong.fill(0);
    for (const { endpoints, tenants, share, from, until, version: only } of differences) {
      if (now < from || now >= until || (only !== undefined && only !== version.candidate)) continue;
      for (const endpoint of endpoints) {
        for (const tenant of tenants) {
          const at = endpoint * width + tenant;
          wrong[at] = 1 - (1 - (wrong[at] ?? 0)) * (1 - share);
        }
      }
    }
  }

  /** Begins and ends the spells in which the candidate is worse. */
  #watch(now: number): void {
    const { endpoints, tenants } = this.#scenario.traffic;
    const isSlower =
      this.latency.candidate.mean > this.latency.control.mean + Math.log(SLOWER) ||
      quantile99(this.latency.candidate) > quantile99(this.latency.control) * SLOWER;
    for (let endpoint = 0; endpoint < endpoints.length; endpoint++) {
      const row = this.wrong.subarray(endpoint * tenants.length, (endpoint + 1) * tenants.length);
      const is: Readonly<Record<Flaw, boolean>> = {
        answers: row.some((share) => share > 0),
        failures: (this.failing.candidate[endpoint] ?? 0) > (this.failing.control[endpoint] ?? 0),
        latency: isSlower,
      };
      for (const [at, flaw] of FLAWS.entries())
        this.#note(endpoint * FLAWS.length + at, { endpoint, flaw, is: is[flaw], now });
    }
  }

  #note(
    key: number,
    seen: { readonly endpoint: number; readonly flaw: Flaw; readonly is: boolean; readonly now: number },
  ): void {
    const open = this.#open.get(key);
    if (open !== undefined && !seen.is) {
      open.until = seen.now;
      this.#open.delete(key);
    }
    if (open !== undefined || !seen.is || this.spells.length >= MAX_SPELLS) return;
    const { endpoint, flaw, now } = seen;
    const spell: Spell = {
      endpoint,
      flaw,
      from: now,
      until: Number.POSITIVE_INFINITY,
      exposedAt: undefined,
      detectedAt: undefined,
    };
    this.#open.set(key, spell);
    this.spells.push(spell);
  }

  /** The spell of a flaw at an endpoint that lasts now. */
  spellOf(endpoint: number, flaw: Flaw): Spell | undefined {
    return this.#open.get(endpoint * FLAWS.length + FLAWS.indexOf(flaw));
  }

  /** Whether the candidate was worse than the control at an endpoint at any time since its present version began, or within `ms`. */
  wasWorse(endpoint: number, now: number, ms: number): boolean {
    const since = Math.min(this.versionSince, now - ms);
    return this.spells.some((spell) => spell.endpoint === endpoint && spell.until > since);
  }
}

/** A value of a distribution of latencies. `normal`: a draw of the standard normal distribution. */
export function latencyOf({ mean, deviation }: LatencyShape, normal: () => number): number {
  return deviation === 0 ? Math.exp(mean) : Math.exp(mean + deviation * normal());
}

function shapeOf({ p50, p99 }: Latency): LatencyShape {
  return { mean: Math.log(p50), deviation: Math.log(p99 / p50) / Z99 };
}

function quantile99({ mean, deviation }: LatencyShape): number {
  return Math.exp(mean + Z99 * deviation);
}

/** The value of the last part that has begun; before the first, the first. */
export function valueAt<T>(parts: readonly Part<T>[], now: number): T {
  const found = parts.findLast(({ from }) => from <= now) ?? parts[0];
  if (found === undefined) throw new Error('no part'); // a list of parts has one at least
  return found.value;
}

function lastOf(events: readonly EventFile[], fits: (event: EventFile) => boolean): EventFile | undefined {
  return events.findLast(fits);
}

/** Every moment at which anything may change, in order, each once. */
function instantsOf({ control, candidate, events, durationMs }: Scenario): number[] {
  const parts = [control.errorRate, control.latency, control.noise, candidate.errorRate, candidate.latency];
  const instants = [
    ...parts.flatMap((list) => list.map(({ from }) => from)),
    ...candidate.differences.flatMap(({ from, until }) => [from, until]),
    ...events.flatMap((event) => [event.at, endOf(event)]),
  ];
  return [...new Set(instants)].filter((at) => at > 0 && at <= durationMs).toSorted((one, other) => one - other);
}
