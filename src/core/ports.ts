import type { AliasPair } from './alias/pair.ts';
import type { Cell, CellKey, EndpointId, Side, TenantId } from './cell.ts';
import type { CapturedRequest, Exchange, MirrorDirection, Observation, Unpaired } from './observation.ts';
import type { Decision, EndpointOrigin } from './routing.ts';
import type { ChainLink } from './session-chain.ts';
import type { ComparisonResult, Difference, DifferenceKind, Verdict } from './verdict.ts';

/** Time. Tests advance it by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that never go back; only differences mean anything. */
  monotonic(): number;
  /** Calls `run` once after `ms`; the timer never keeps the process alive. */
  after(ms: number, run: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Chance. Tests seed it. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/**
 * Structured log. `event` is a stable dotted name (`target.unhealthy`); fields never hold bodies, cookies or credentials.
 * `error`: a person must act. `warn`: healed itself. `info`: state changes, never per request.
 */
export interface Log {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Where requests that were served are reported; called synchronously, must not throw or block. */
export interface TrafficSink {
  /** `path`: as the client sent it, without the query. */
  served(record: ServedRecord, path?: string): void;
  /** A mirrored pair is complete. The sink may drop it; it then counts it as unverified. */
  mirrored(exchange: Exchange): void;
  /** A request that was sampled but could not be verified. */
  unverified(cell: Cell, reason: UnverifiedReason): void;
  /** An upstream target changed its health. */
  health(change: HealthChange): void;
}

export interface ServedRecord {
  readonly at: number;
  readonly tenant: TenantId | undefined;
  readonly endpoint: EndpointId;
  readonly origin: EndpointOrigin;
  readonly decision: Decision;
  /** The side that in fact answered: differs from the decision after a failover. Absent: nobody did. */
  readonly servedBy: Side | undefined;
  readonly method: string;
  /** 0 where the client went away before an answer. */
  readonly status: number;
  /** True where the candidate failed and the control answered. */
  readonly failedOver: boolean;
  /** How the chosen side failed, if it did. */
  readonly failure: 'refused' | 'reset' | 'timeout' | 'truncated' | 'status' | undefined;
  /** From the request's arrival to the end of the answer. */
  readonly durationMs: number;
  /** Time the upstream took to its first byte; durationMs of the upstream's part. */
  readonly upstreamMs: number;
  /** Cutover's own share: first byte to the client minus the upstream's first byte. */
  readonly overheadMs: number;
  readonly clientAborted: boolean;
}

export const UNVERIFIED_REASONS = [
  'budget',
  'body-too-large',
  'queue-full',
  'overload',
  'streaming',
  'not-modified',
  'partial',
  'client-aborted',
  'failed-over',
  'credentials-stripped',
  'session-unknown',
  'session-apart',
  'session-late',
  'breaker-open',
  'rules-changed',
  'store',
  'fault',
] as const;
export type UnverifiedReason = (typeof UNVERIFIED_REASONS)[number];

export interface HealthChange {
  readonly side: Side;
  readonly target: string;
  readonly healthy: boolean;
  readonly reason: string;
}

/** A breaker of the candidate opened or closed. */
export interface BreakerChange {
  /** `candidate`: all of it. */
  readonly scope: 'candidate' | 'endpoint';
  readonly isOpen: boolean;
  /** The endpoint whose request was the last that told. */
  readonly endpoint: EndpointId;
  /** Endpoints whose breakers are open now. */
  readonly openEndpoints: number;
}

/** Sends a captured request to one side again, outside any client's path. */
export interface AskAgain {
  /** undefined: the budget for repeats refuses, or the request may not be repeated. Never rejects. */
  ask(side: Side, request: CapturedRequest): Promise<Observation | undefined>;
}

/**
 * Keeps the names that both sides gave to what a session holds. In memory only: what goes through here are secrets.
 * Called synchronously; must not throw.
 */
export interface AliasKeeper {
  /** Takes what the answers of an exchange told; gives the pairs that contradict what is known. */
  learn(exchange: string, pairs: readonly AliasPair[]): readonly AliasPair[];
  /** An exchange was compared, or never will be: what waited for it may go. Idempotent. */
  settled(exchange: string): void;
}

/** What was learned about one path of an endpoint, as people read it. */
export interface NoisePath {
  readonly path: string;
  /** `time`, `uuid`, `token`, `counter` and so on. */
  readonly class: string;
  /** What is still checked, as a sentence. */
  readonly envelope: string;
  /** Control–control pairs it was learned from. */
  readonly samples: number;
  /** What is not excused though it drifted, and why: excusing it would silence more than what drifted. */
  readonly refused?: string;
  /** Why the class excuses nothing here at present: the candidate differs more often than the control from itself. */
  readonly flagged?: string;
}

/** A comparison as it is counted and stored. */
export interface VerifiedExchange {
  readonly id: string;
  readonly at: number;
  readonly cell: Cell;
  readonly subjectHash?: string;
  readonly direction: MirrorDirection;
  /** Names identical requests: hash of method and target. */
  readonly requestHash: string;
  readonly result: ComparisonResult;
  readonly statuses: Readonly<Record<Side, number>>;
  readonly durationsMs: Readonly<Record<Side, number>>;
  readonly versions: Readonly<Record<Side, string>>;
  /** A person, a list or a token chose the side: it is counted, and feeds no test of rates. */
  readonly forced?: true;
  /** It does not tell which side fails more often, because of how the pair came about. */
  readonly unpaired?: Unpaired;
  /** It was preferred because of its cell: it counts for the cell, and for nothing that is pooled. */
  readonly preferred?: true;
  /** Chosen to be recorded, whatever the verdict: one of the endpoint's last distinct safe requests. */
  readonly recorded?: true;
  /** Of a mismatch that needs earlier requests of the same person: how to make it again. */
  readonly session?: StoredSession;
  /** A mismatch whose causes have examples enough: it is counted, and no copy of it is kept. */
  readonly unkept?: true;
  /** Redacted copies, kept for mismatches and what is recorded. */
  readonly request?: StoredRequest;
  readonly answers?: Readonly<Record<Side, StoredObservation>>;
}

/** A request as it lies in the store: secrets replaced by `⟦r:…⟧`. */
export interface StoredRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: string;
  /** Names of the secrets that were replaced: `header:authorization`, `cookie:session`, `query:token`. */
  readonly secrets: readonly string[];
}

/** What leads to a request: earlier ones of the same person whose answers held what it sends. */
export interface StoredSession {
  /** In their order; at most 30. */
  readonly steps: readonly StoredStep[];
  /** Of the request itself. */
  readonly links: readonly ChainLink[];
}

export interface StoredStep {
  readonly endpoint: EndpointId;
  readonly request: StoredRequest;
  /** Where its values come from: indices are those of `steps`. */
  readonly links: readonly ChainLink[];
}

export interface StoredObservation {
  readonly failure?: string;
  readonly status?: number;
  readonly headers?: readonly (readonly [string, string])[];
  /** Text, redacted, cut to 64 KiB; absent for binary bodies. */
  readonly body?: string;
  readonly bodyBytes?: number;
}

/** An endpoint at which a cluster was seen. */
export interface ClusterPlace {
  readonly endpoint: EndpointId;
  readonly count: number;
}

/** Mismatches with one cause. */
export interface Cluster {
  readonly id: string;
  /** Where it was seen first. */
  readonly endpoint: EndpointId;
  /** Every endpoint it was seen at, with how often; at most 50. */
  readonly endpoints: readonly ClusterPlace[];
  readonly pathPattern: string;
  readonly kind: DifferenceKind;
  readonly transition: string;
  readonly count: number;
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** Candidate version in which it first appeared, and in which it was seen last. */
  readonly firstVersion: string;
  readonly lastVersion: string;
  /** How many tenants it touches (exact up to 1,000). */
  readonly tenants: number;
  /** Id of a stored mismatch that shows it; empty where that was deleted. */
  readonly example: string;
  /** The difference of the example. */
  readonly difference: Difference;
}

/**
 * What the store keeps per cell. Counts add up; they are never overwritten.
 * In a batch a count may be negative: endpoints that turned out to be one hand their counts to the new name.
 */
export interface CellCounts {
  readonly cell: Cell;
  readonly served: Readonly<Record<Side, number>>;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly unverified: number;
}

/** One change of who serves, or of what decides it. Append-only. */
export interface JournalEntry {
  /** 1, 2, 3 … without holes. */
  readonly sequence: number;
  readonly at: number;
  /** `cli:user`, `api`, `config`, `controller`, `tripwire:candidate-failures`. */
  readonly actor: string;
  /** `dial.set`, `rollback`, `unlatch`, `pin.set`, `pin.lifted`, `cell.opened`, `config.loaded`, `started` and so on. */
  readonly action: string;
  /** What it applies to, as people read it: `all`, `tenant acme`, `acme GET /a`. */
  readonly scope: string;
  readonly reason: string;
  /** Numbers and facts that decided it; JSON. */
  readonly evidence?: unknown;
  /** Table revision that this change made. */
  readonly revision: number;
  /** Chains it to the entry before: see `journal/chain.ts`. */
  readonly hash: string;
}
export type NewJournalEntry = Omit<JournalEntry, 'sequence' | 'hash'>;

/** A named piece of control state (a dial, a pin, a latch, a cell); JSON. */
export interface StateItem {
  /** `dial:…`, `pin:…`, `latch:…`, `cell:…`, `revision`. */
  readonly key: string;
  /** undefined deletes. */
  readonly value: unknown;
}

export interface Page {
  readonly limit: number;
  /** Continue after this cursor, as returned. */
  readonly cursor?: string;
}

export interface JournalPage extends Page {
  readonly action?: string;
  readonly order?: 'oldest';
}

export interface Paged<T> {
  readonly items: readonly T[];
  /** Absent on the last page. */
  readonly next?: string;
}

export interface StoredMismatch {
  readonly id: string;
  readonly at: number;
  readonly cell: Cell;
  readonly cluster: string;
  readonly exchange: VerifiedExchange;
}

/** A safe request that was recorded with both answers, to be asked again or examined later. */
export interface Recording {
  readonly id: string;
  readonly at: number;
  readonly cell: Cell;
  readonly exchange: VerifiedExchange;
}

/** What deleting a tenant's traffic came to. */
export interface Purged {
  readonly mismatches: number;
  readonly recordings: number;
  /** Clusters whose example was among them. */
  readonly clusters: readonly string[];
}

/**
 * Where everything lasting lies. Every method rejects with a CutoverError (STORE_*).
 * A resolved `commit` is on disk: it survives `kill -9` and power loss.
 */
export interface Store {
  /** Writes journal entries and state in one transaction; gives the entries with their sequence and hash. */
  commit(change: {
    readonly journal: readonly NewJournalEntry[];
    readonly state: readonly StateItem[];
  }): Promise<readonly JournalEntry[]>;
  /** All state items, by key. */
  loadState(): Promise<ReadonlyMap<string, unknown>>;
  /** Newest first, or oldest first; the cursors of one order mean the same place in the other. */
  journal(page: JournalPage): Promise<Paged<JournalEntry>>;

  /** Adds a batch of comparisons: counts, clusters, stored mismatches, recordings. Atomic. May be lost on a crash if not yet resolved. */
  addVerified(batch: {
    readonly counts: readonly CellCounts[];
    readonly clusters: readonly Cluster[];
    readonly mismatches: readonly VerifiedExchange[];
    /** A recording takes the place of an earlier one of the same request in the same cell. */
    readonly recordings?: readonly VerifiedExchange[];
  }): Promise<void>;
  loadCounts(): Promise<readonly CellCounts[]>;
  /** Sorted by count, largest first. */
  clusters(page: Page & { readonly endpoint?: EndpointId }): Promise<Paged<Cluster>>;
  cluster(id: string): Promise<Cluster | undefined>;
  /** Newest first. */
  mismatches(
    page: Page & { readonly cluster?: string; readonly cell?: CellKey; readonly endpoint?: EndpointId },
  ): Promise<Paged<StoredMismatch>>;
  mismatch(id: string): Promise<StoredMismatch | undefined>;
  /** Newest first; `since` is an instant. At most 20 an endpoint and 5,000 in all are kept. */
  recordings(page: Page & { readonly endpoint?: EndpointId; readonly since?: number }): Promise<Paged<Recording>>;

  /** Opaque documents of modules: learned noise per endpoint, the endpoint catalogue. `kind` names the module. */
  saveDocuments(kind: string, documents: readonly { readonly key: string; readonly value: unknown }[]): Promise<void>;
  loadDocuments(kind: string): Promise<ReadonlyMap<string, unknown>>;

  /** Remembers which side saw an idempotency key first; gives the side recorded, old or new. */
  recordKey(key: { readonly hash: string; readonly side: Side; readonly at: number }): Promise<Side>;
  loadKeys(since: number): Promise<ReadonlyMap<string, Side>>;

  /**
   * Deletes what was kept of a tenant's traffic: mismatches and recordings. Clusters that showed one of them show no
   * values any more and are named; counts and the journal stay, which hold none.
   */
  purge(tenant: TenantId): Promise<Purged>;
  /** Deletes what is older or more than the retention allows; says how much. `olderThan` is an instant, milliseconds since the epoch; the journal stays. */
  prune(bounds: {
    readonly olderThan: number;
    readonly maxBytes: number;
  }): Promise<{ readonly mismatches: number; readonly clusters: number }>;
  /** Bytes on disk. */
  size(): Promise<number>;
  close(): Promise<void>;
}
