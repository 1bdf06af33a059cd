import type { Settings } from '../config/settings.ts';
import type { EndpointId, Side, TenantId } from '../core/cell.ts';
import type { EndpointOrigin } from '../core/routing.ts';
import type { EventFile } from './scenario-events.ts';
import type { Latency, Part } from './scenario-fields.ts';

/** A world to be simulated, ready to run: times in milliseconds since the begin, shares from 0 to 1. */
export interface Scenario {
  readonly name: string;
  readonly durationMs: number;
  readonly proxies: number;
  readonly storeLatencyMs: number;
  readonly traffic: TrafficPlan;
  readonly control: SidePlan & { readonly noise: readonly Part<number>[] };
  readonly candidate: SidePlan & { readonly differences: readonly PlantedDifference[] };
  /** In the order of time. */
  readonly events: readonly EventFile[];
  /** What the plan says, as the configuration's own code reads it. */
  readonly settings: Settings;
  /** What a person should know of how the file was taken. */
  readonly notes: readonly string[];
}

export interface TrafficPlan {
  readonly perSecond: number;
  /** How far it rises and falls in a day, 0 to 1, and when it is highest. */
  readonly daily: number;
  readonly peakAt: number;
  /** The busiest first. */
  readonly tenants: readonly TenantId[];
  readonly zipf: number;
  /** Of a tenant. */
  readonly subjects: number;
  /** Distinct ones of a tenant at an endpoint. */
  readonly requests: number;
  readonly endpoints: readonly PlannedEndpoint[];
}

export interface PlannedEndpoint {
  readonly id: EndpointId;
  readonly method: string;
  readonly origin: EndpointOrigin;
  readonly weight: number;
}

export interface SidePlan {
  readonly version: string;
  readonly errorRate: readonly Part<number>[];
  readonly latency: readonly Part<Latency>[];
}

/** Something the candidate answers wrongly. */
export interface PlantedDifference {
  readonly name: string;
  /** Indices into the traffic's endpoints and tenants. */
  readonly endpoints: readonly number[];
  readonly tenants: readonly number[];
  readonly share: number;
  readonly from: number;
  readonly until: number;
  /** undefined: in any. */
  readonly version: string | undefined;
}

/** When what an event began is over; Infinity: never. */
export function endOf(event: EventFile): number {
  if ('for' in event && event.for !== undefined) return event.at + event.for;
  if ('until' in event && event.until !== undefined) return event.until;
  return Number.POSITIVE_INFINITY;
}

/** What an event's side is. */
export function sideOf(event: EventFile): Side {
  return 'side' in event ? event.side : 'candidate';
}
