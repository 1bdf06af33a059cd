import { z } from 'zod';
import { rollbackProxies } from './fleet-types.ts';
import { planStatus } from './plan-types.ts';
import { passedGate } from './ramp-types.ts';

/**
 * Wire types of the control API (`/api/v1`). Server, command line and dashboard share them.
 * Times are milliseconds since the epoch, shares are parts per million.
 */

export const side = z.enum(['control', 'candidate']);
export const verdict = z.enum(['match', 'ignored', 'mismatch', 'inconclusive']);
export const differenceKind = z.enum([
  'removed',
  'type',
  'value',
  'added',
  'order',
  'whitespace',
  'failure',
  'alias',
  'timing',
]);
export const cellState = z.enum(['observing', 'open', 'renewing', 'held', 'closed', 'latched']);

/** None given: everything. */
export const scope = z.strictObject({
  tenant: z.string().min(1).max(128).exactOptional(),
  endpoint: z.string().min(3).max(512).exactOptional(),
  cohort: z.string().min(1).max(64).exactOptional(),
});

export const verdictCounts = z.object({ match: z.int(), ignored: z.int(), mismatch: z.int(), inconclusive: z.int() });
export const servedCounts = z.object({ control: z.int(), candidate: z.int() });

/** Milliseconds; null where nothing was measured. */
export const quantiles = z.object({
  p50: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
});

export const targetHealth = z.object({
  target: z.string(),
  healthy: z.boolean(),
  outstanding: z.int(),
  reason: z.string(),
});

export const status = z.object({
  version: z.string(),
  startedAt: z.number(),
  now: z.number(),
  revision: z.int(),
  /** The configuration in force, and how the file stands to it. */
  plan: planStatus,
  /** `serving`, `draining`. */
  state: z.string(),
  sides: z.object({
    control: z.object({ targets: z.array(targetHealth), version: z.string() }),
    candidate: z.object({ targets: z.array(targetHealth), version: z.string() }),
  }),
  requests: z.int(),
  served: servedCounts,
  /** Requests that got an answer of Cutover's own (502, 503, 504). */
  failed: z.int(),
  failedOver: z.int(),
  /** Candidate's share of the last 60 seconds, parts per million. */
  candidatePpm: z.int(),
  verdicts: verdictCounts,
  unverified: z.record(z.string(), z.int()),
  /** matches / (matches + mismatches), 0 to 1; null before the first. */
  parity: z.number().nullable(),
  /** Share of served requests that was verified, 0 to 1. */
  verifiedShare: z.number(),
  latencyMs: z.object({ control: quantiles, candidate: quantiles, added: quantiles }),
  latches: z.array(z.object({ scope, at: z.number(), actor: z.string(), reason: z.string() })),
  cells: z.record(cellState, z.int()),
  endpoints: z.int(),
  clusters: z.int(),
  noisePaths: z.int(),
  /** What a person should know: `store full, comparing stopped`. */
  warnings: z.array(z.string()),
  /** Nothing is raised, opened or promoted until then; absent: nothing is frozen. `actor` is absent for the calendar. */
  frozen: z
    .object({
      name: z.string(),
      until: z.number(),
      actor: z.string().exactOptional(),
      reason: z.string().exactOptional(),
    })
    .exactOptional(),
  /** What is missing for a proof, one sentence each. */
  missing: z.array(z.string()),
});

export const noisePath = z.object({
  path: z.string(),
  class: z.string(),
  /** What is still checked, as a sentence. */
  envelope: z.string(),
  samples: z.int(),
  /** What is not excused though it drifted, and why: excusing it would silence more than what drifted. */
  refused: z.string().optional(),
  /** Why the class excuses nothing here at present: the candidate differs more often than the control from itself. */
  flagged: z.string().optional(),
});

export const endpoint = z.object({
  endpoint: z.string(),
  origin: z.enum(['listed', 'found', 'unknown']),
  proof: z.enum(['none', 'endpoint', 'cell']),
  /** Present dial and its cap, parts per million. */
  dialPpm: z.int(),
  maxPpm: z.int(),
  mirrorPpm: z.int(),
  moves: z.boolean(),
  served: servedCounts,
  verdicts: verdictCounts,
  unverified: z.int(),
  parity: z.number().nullable(),
  tenants: z.int(),
  latencyMs: z.object({ control: quantiles, candidate: quantiles }),
  noise: z.array(noisePath),
  clusters: z.int(),
});

export const cell = z.object({
  tenant: z.string(),
  endpoint: z.string(),
  state: cellState,
  served: servedCounts,
  verdicts: verdictCounts,
  unverified: z.int(),
  parity: z.number().nullable(),
  dialPpm: z.int(),
  /** What is missing for a proof; empty where nothing is. */
  missing: z.string(),
});

export const difference = z.object({
  path: z.string(),
  kind: differenceKind,
  control: z.string().exactOptional(),
  candidate: z.string().exactOptional(),
  noise: z.string().exactOptional(),
  rule: z.string().exactOptional(),
  ignored: z.literal(true).exactOptional(),
});

export const cluster = z.object({
  id: z.string(),
  /** Where it was seen first. */
  endpoint: z.string(),
  /** Every endpoint it was seen at, at most 50. */
  endpoints: z.array(z.object({ endpoint: z.string(), count: z.int() })),
  pathPattern: z.string(),
  kind: differenceKind,
  transition: z.string(),
  count: z.int(),
  tenants: z.int(),
  firstSeen: z.number(),
  lastSeen: z.number(),
  /** Candidate versions in which it was seen first and last. */
  firstVersion: z.string(),
  lastVersion: z.string(),
  /** Id of a mismatch that shows it. */
  example: z.string(),
  difference,
});

export const storedObservation = z.object({
  failure: z.string().exactOptional(),
  status: z.int().exactOptional(),
  headers: z.array(z.tuple([z.string(), z.string()])).exactOptional(),
  body: z.string().exactOptional(),
  bodyBytes: z.int().exactOptional(),
});

export const mismatchSummary = z.object({
  id: z.string(),
  at: z.number(),
  tenant: z.string(),
  endpoint: z.string(),
  cluster: z.string(),
  method: z.string(),
  target: z.string(),
  direction: z.enum(['forward', 'reverse']),
  intermittent: z.boolean(),
  differences: z.array(difference),
  differenceCount: z.int(),
  /** An event stream that goes on: only its first events were compared. */
  window: z.literal(true).exactOptional(),
});

export const storedRequest = z.object({
  method: z.string(),
  target: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string().exactOptional(),
  secrets: z.array(z.string()),
});

/** The value at `from` in the answer to an earlier step stands at `to` in a request. */
export const chainLink = z.object({ step: z.int(), from: z.string(), to: z.string() });

export const mismatch = mismatchSummary.extend({
  request: storedRequest,
  /** Earlier requests of the same person that it needs, and where their values come from. */
  session: z
    .object({
      steps: z.array(z.object({ endpoint: z.string(), request: storedRequest, links: z.array(chainLink) })),
      links: z.array(chainLink),
    })
    .exactOptional(),
  control: storedObservation,
  candidate: storedObservation,
  versions: z.object({ control: z.string(), candidate: z.string() }),
  durationsMs: z.object({ control: z.number(), candidate: z.number() }),
});

export const journalEntry = z.object({
  sequence: z.int(),
  at: z.number(),
  actor: z.string(),
  action: z.string(),
  scope: z.string(),
  reason: z.string(),
  evidence: z.unknown().optional(),
  revision: z.int(),
  /** Chains it to the entry before: SHA-256 in hex. */
  hash: z.string(),
});
/** The newest entry, to be kept elsewhere: a journal that no longer has this hash was cut or written anew. */
export const journalHead = journalEntry.pick({ sequence: true, at: true, hash: true });

export const dial = z.object({ scope, dialPpm: z.int() });
export const dialInput = z.strictObject({
  scope: scope.default({}),
  dialPpm: z.int().min(0).max(1_000_000),
  reason: z.string().max(500).default(''),
});

export const rollbackInput = z.strictObject({ scope: scope.default({}), reason: z.string().max(500).default('') });
export const rollbackResult = z.object({
  /** Milliseconds until the proxy obeyed. */
  effectiveMs: z.number(),
  /** Milliseconds until the journal had it on disk; null where the store is gone. */
  journaledMs: z.number().nullable(),
  revision: z.int(),
  scope,
  /** Requests still in flight on the candidate when the latch fell. */
  inFlight: z.int(),
  /** Longest `max-age` seen in candidate answers of the scope that caches may still hold, seconds. */
  cachedForSeconds: z.int(),
  /** What the proxies of a fleet made of it; absent where this process serves by itself. */
  proxies: rollbackProxies.exactOptional(),
});

export const latch = z.object({ scope, at: z.number(), actor: z.string(), reason: z.string() });

export const pin = z.object({
  id: z.string(),
  scope,
  side,
  at: z.number(),
  actor: z.string(),
  reason: z.string(),
  until: z.number().exactOptional(),
});
export const pinInput = z.strictObject({
  scope,
  side,
  reason: z.string().min(1).max(500),
  until: z.number().exactOptional(),
});

export const explainInput = z.strictObject({
  method: z.string().min(1).max(20),
  /** Path and query. */
  target: z.string().min(1).max(8192),
  headers: z
    .array(z.tuple([z.string(), z.string()]))
    .max(100)
    .default([]),
  /** The client's address, for identity by address. */
  address: z.string().default('127.0.0.1'),
});
export const explanation = z.object({
  side,
  reason: z.string(),
  rule: z.string(),
  endpoint: z.string(),
  tenant: z.string().nullable(),
  /** The subject's bucket, 0 to 999,999; null without one. */
  bucket: z.int().nullable(),
  dialPpm: z.int().nullable(),
  revision: z.int(),
  /** Every step of the decision order, with what it said. */
  chain: z.array(z.object({ step: z.string(), applies: z.boolean(), detail: z.string() })),
});

/** The busiest endpoints × the busiest tenants, one letter per cell: small enough to be fetched every few seconds. */
export const cellMap = z.object({
  endpoints: z.array(z.object({ endpoint: z.string(), requests: z.int() })),
  tenants: z.array(z.object({ tenant: z.string(), requests: z.int() })),
  /**
   * A string per endpoint with a letter per tenant, the state of that cell: `o` observing, `p` open, `r` renewing,
   * `h` held, `c` closed, `l` latched; `.` where the tenant never called the endpoint.
   */
  states: z.array(z.string()),
  /** In the same places: `0` nothing compared, `1` compared without mismatch, `2` with mismatches. */
  compared: z.array(z.string()),
  /** What the picture leaves out. */
  rest: z.object({ endpoints: z.int(), tenants: z.int(), cells: z.int() }),
});

/** `Host` and path with query of a GET request that both sides are asked at the same moment. */
export const raceInput = z.strictObject({
  host: z.string().min(1).max(261),
  target: z.string().min(1).max(8192),
});
export const raceRunner = z.object({
  /** Null where no answer came; `failure` then says why: `refused`, `reset`, `timeout`, `truncated`. */
  status: z.int().nullable(),
  failure: z.string().nullable(),
  /** Milliseconds until the whole answer was there, and until its first byte. */
  ms: z.number(),
  firstByteMs: z.number().nullable(),
  /** Length of the body as it was sent. */
  bytes: z.int(),
  /** `html` is shown as a page, `text` as text; of anything else a sentence says what it was. */
  shown: z.enum(['html', 'text', 'sentence']),
});
export const raceResult = z.object({
  control: raceRunner,
  candidate: raceRunner,
  /** Same status and, byte by byte, the same body. Time stamps and tokens make the difference most often: this is no verdict. */
  identical: z.boolean(),
  /** Until `expiresAt` both answers lie at `/race/{ticket}/control` and `/race/{ticket}/candidate`. */
  ticket: z.string(),
  expiresAt: z.number(),
});

export const assessment = z.object({
  /** `fault`: our own parts did not work, so nothing is promoted. */
  kind: z.enum(['insufficient', 'pass', 'fail', 'conflict', 'stale', 'fault']),
  matches: z.int(),
  mismatches: z.int(),
  inconclusive: z.int(),
  /** Logarithm of the evidence, and what a proof takes. */
  log: z.number(),
  needed: z.number(),
  /** Part of `log` that the version before supplied. */
  carried: z.number().exactOptional(),
  /** Clean comparisons still missing. */
  remaining: z.int(),
  /** Upper bound of the mismatch rate at this look, 0 to 1. */
  bound: z.number(),
  /** Distinct requests and tenants, at least. */
  requests: z.int(),
  tenants: z.int(),
  spanMs: z.number(),
  statusClasses: z.array(z.int()),
  missing: z.array(z.string()),
  /** Milliseconds until what is missing is there, if comparisons go on as in the last minutes; absent: it cannot be told. */
  etaMs: z.number().exactOptional(),
});

/** What evidence is valid for. */
export const epoch = z.object({ candidateVersion: z.string(), rules: z.string() });

export const proofSheet = z.object({
  tenant: z.string(),
  endpoint: z.string(),
  /** What the endpoint demands. */
  demands: z.enum(['none', 'endpoint', 'cell']),
  state: cellState,
  since: z.number(),
  reason: z.string(),
  epoch,
  controlVersion: z.string(),
  /** The proof it serves under; null: none. */
  proof: z
    .object({
      at: z.number(),
      over: z.enum(['cell', 'endpoint', 'cohort']),
      /** Over a cohort: which. */
      cohort: z.string().exactOptional(),
      epoch,
      controlVersion: z.string(),
      assessment,
      own: z.object({ matches: z.int(), mismatches: z.int() }),
      /** Over the endpoint: how many of its comparisons were of other cells. */
      borrowed: z.object({ comparisons: z.int(), of: z.int() }).exactOptional(),
    })
    .nullable(),
  /** While renewing: when it closes without a new proof. */
  renewBy: z.number().exactOptional(),
  /** While closed: when evidence is gathered anew. */
  coolUntil: z.number().exactOptional(),
  /** Times it was closed in this epoch. */
  closures: z.int(),
  isProtected: z.boolean(),
  /** Class of its tenant in the order in which tenants move; absent: there is no order. */
  class: z.string().exactOptional(),
  /** Gates its ramp passed on the way to where it is, with who opened them. */
  approvals: z.array(passedGate),
  own: assessment,
  pooled: assessment,
  missing: z.array(z.string()),
  /** What an open cell should be looked at for although it stays open, one sentence each; absent: nothing. */
  notes: z.array(z.string()).exactOptional(),
});

export const holdInput = z.strictObject({ scope: scope.default({}), reason: z.string().max(500).default('') });
export const deployInput = z.strictObject({
  side,
  version: z.string().min(1).max(128),
  reason: z.string().max(500).default(''),
});

export const purgeInput = z.strictObject({
  tenant: z.string().min(1).max(128),
  reason: z.string().max(500).default(''),
});

/** RFC 9457, plus `code`, `hint` and the `id` found in the log. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().exactOptional(),
  id: z.string(),
});

/** A server-sent event; `event:` is the type, `data:` the rest as JSON. */
export const EVENT_TYPES = ['status', 'journal', 'cluster', 'mismatch', 'health'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export type Status = z.infer<typeof status>;
export type Endpoint = z.infer<typeof endpoint>;
export type CellView = z.infer<typeof cell>;
export type ClusterView = z.infer<typeof cluster>;
export type DifferenceView = z.infer<typeof difference>;
export type MismatchSummary = z.infer<typeof mismatchSummary>;
export type Mismatch = z.infer<typeof mismatch>;
export type StoredObservationView = z.infer<typeof storedObservation>;
export type JournalView = z.infer<typeof journalEntry>;
export type DialView = z.infer<typeof dial>;
export type DialInput = z.infer<typeof dialInput>;
export type RollbackInput = z.infer<typeof rollbackInput>;
export type RollbackResult = z.infer<typeof rollbackResult>;
export type LatchView = z.infer<typeof latch>;
export type PinView = z.infer<typeof pin>;
export type PinInput = z.infer<typeof pinInput>;
export type ExplainInput = z.infer<typeof explainInput>;
export type Explanation = z.infer<typeof explanation>;
export type CellMap = z.infer<typeof cellMap>;
export type RaceInput = z.infer<typeof raceInput>;
export type RaceRunner = z.infer<typeof raceRunner>;
export type RaceResult = z.infer<typeof raceResult>;
export type AssessmentView = z.infer<typeof assessment>;
export type ProofSheet = z.infer<typeof proofSheet>;
export type Problem = z.infer<typeof problem>;
export type ScopeView = z.infer<typeof scope>;
export type Quantiles = z.infer<typeof quantiles>;
export type VerdictCounts = z.infer<typeof verdictCounts>;
export type NoisePath = z.infer<typeof noisePath>;
export type TargetHealthView = z.infer<typeof targetHealth>;
