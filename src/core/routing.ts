import type { EndpointId, Side, TenantId } from './cell.ts';
import type { CellStates } from './cell-states.ts';

/** Parts per million: 1,000,000 is everything. */
export const PPM = 1_000_000;

/** What a latch, a dial or a pin applies to. Every field given must fit; none given means everything. */
export interface Scope {
  readonly tenant?: TenantId;
  readonly endpoint?: EndpointId;
  readonly cohort?: string;
}

/** A rollback that stays until a person lifts it. */
export interface Latch {
  readonly scope: Scope;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
}

/** A person's order that a scope is served by one side. */
export interface Pin {
  readonly scope: Scope;
  readonly side: Side;
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  /** Milliseconds since the epoch; absent: until it is lifted. */
  readonly until?: number;
}

export interface Dial {
  readonly scope: Scope;
  /** The candidate's share of what may move, 0 to 1,000,000. */
  readonly dialPpm: number;
}

export const PROOFS = ['none', 'endpoint', 'cell'] as const;
/** Whether evidence must open a cell before the dial counts, and over what it is pooled. */
export type Proof = (typeof PROOFS)[number];

/** What the decision needs to know about an endpoint. */
export interface EndpointPolicy {
  readonly proof: Proof;
  /** Cap on every dial of this endpoint, parts per million. */
  readonly maxPpm: number;
  /** Unsafe methods move only where this is true. */
  readonly writes: boolean;
  /** True: requests with effects are mirrored to the candidate, whose data is its own. Absent is false. */
  readonly mirrorWrites?: true;
  /** A safe request that acts (logout, unsubscribe): never mirrored, never repeated, moves only with `writes`. */
  readonly acts: boolean;
  /** True: both sides make the same validators and ranges. */
  readonly sharedValidators: boolean;
  /** Salt of the bucket; endpoints of one journey share it. */
  readonly salt: string;
  /** Share of requests that may be mirrored, parts per million; 0 is off. */
  readonly mirrorPpm: number;
  /** Retired: the control no longer serves it, the candidate always does. */
  readonly retired: boolean;
}

/** One listed endpoint with what differs from the defaults. */
export interface ListedEndpoint extends EndpointPolicy {
  readonly id: EndpointId;
}

/** Names forced to one side by the configuration. */
export interface ForceList {
  readonly tenants: readonly TenantId[];
  readonly endpoints: readonly EndpointId[];
}

/** The whole routing table as plain data: what is journaled, sent to proxies and kept on disk. */
export interface TableData {
  /** Grows by one with every change. */
  readonly revision: number;
  readonly madeAt: number;
  readonly latches: readonly Latch[];
  readonly force: Readonly<Record<Side, ForceList>>;
  readonly pins: readonly Pin[];
  readonly cohorts: Readonly<Record<string, readonly TenantId[]>>;
  readonly dials: readonly Dial[];
  /** Policy of endpoints that are not listed. */
  readonly defaults: EndpointPolicy;
  readonly endpoints: readonly ListedEndpoint[];
  /** Cells that are in any other state than `observing`. */
  readonly cells: CellStates;
}

/** How an endpoint came to be known. `unknown` requests never move. */
export type EndpointOrigin = 'listed' | 'found' | 'unknown';

/** Everything `decide` looks at. */
export interface RequestFacts {
  readonly method: string;
  readonly endpoint: EndpointId;
  readonly origin: EndpointOrigin;
  /** Absent: the request names no tenant, or one that is not well formed. */
  readonly tenant?: TenantId;
  /** Who stays together; absent: the key is missing. */
  readonly subject?: string;
  /** Side that saw the request's idempotency key first. */
  readonly keyedSide?: Side;
  /** Side demanded by a header, already checked (signed token, or from a trusted network). */
  readonly forced?: { readonly side: Side; readonly by: 'token' | 'network' };
  readonly hasRange: boolean;
  /** True: a safe request that acts by its target (`requestActs`, or a configured pattern), whatever its endpoint says. */
  readonly acts?: boolean;
}

/** Why a side serves. Stable words: they appear in metrics, logs and the API. */
export const REASONS = [
  'idempotency-key',
  'latch',
  'excluded',
  'pinned',
  'included',
  'retired',
  'write',
  'acts',
  'range',
  'unknown-endpoint',
  'no-tenant',
  'no-subject',
  'no-proof',
  'breaker',
  'dial',
] as const;
export type Reason = (typeof REASONS)[number];

export interface Decision {
  readonly side: Side;
  readonly reason: Reason;
  readonly endpoint: EndpointId;
  /** The entry that decided: `latch all`, `pin tenant acme`, `dial GET /a`, `force.control.tenants`. */
  readonly rule: string;
  /** 0 to 999,999; -1 where no bucket was needed. */
  readonly bucket: number;
  /** The dial that counted, after the endpoint's `max`; -1 where no dial was needed. */
  readonly dialPpm: number;
  readonly revision: number;
}
