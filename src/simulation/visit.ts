import { type CellKey, cellKey, type EndpointId, type Side, type TenantId } from '../core/cell.ts';
import type { ServedRecord, VerifiedExchange } from '../core/ports.ts';
import type { Decision } from '../core/routing.ts';
import { isForced } from '../core/tripwire.ts';
import type { Verdict } from '../core/verdict.ts';
import type { PlannedEndpoint } from './scenario.ts';

/** What a side makes of a request. */
export type Outcome = 'right' | 'wrong' | 'failed' | 'refused' | 'timeout';

export function isFailure(outcome: Outcome): boolean {
  return outcome === 'failed' || outcome === 'refused' || outcome === 'timeout';
}

/** Names of the cells of a world, by endpoint × tenants + tenant. */
export class CellNames {
  readonly #endpoints: readonly PlannedEndpoint[];
  readonly #tenants: readonly TenantId[];
  readonly #keys: CellKey[] = [];
  readonly index: Map<CellKey, number> = new Map();

  constructor(endpoints: readonly PlannedEndpoint[], tenants: readonly TenantId[]) {
    this.#endpoints = endpoints;
    this.#tenants = tenants;
    for (const { id } of endpoints) {
      for (const tenant of tenants) this.index.set(cellKey(tenant, id), this.#keys.push(cellKey(tenant, id)) - 1);
    }
  }

  of(
    endpoint: number,
    tenant: number,
  ): { readonly tenant: TenantId; readonly endpoint: EndpointId; readonly key: CellKey } {
    return {
      tenant: this.#tenants[tenant] as TenantId, // drawn from these lists
      endpoint: (this.#endpoints[endpoint] as PlannedEndpoint).id,
      key: this.#keys[endpoint * this.#tenants.length + tenant] as CellKey,
    };
  }
}

export interface Answered {
  readonly at: number;
  readonly decision: Decision;
  readonly tenant: TenantId;
  readonly endpoint: PlannedEndpoint;
  /** Of the side that was chosen. */
  readonly outcome: Outcome;
  /** After a failover: what the control made of it. */
  readonly instead: Outcome | undefined;
  readonly ms: number;
}

/** A request as the proxy reports it. */
export function servedRecord({ at, decision, tenant, endpoint, outcome, instead, ms }: Answered): ServedRecord {
  const answered = instead ?? outcome;
  return {
    at,
    tenant,
    endpoint: endpoint.id,
    origin: endpoint.origin,
    decision,
    servedBy: instead === undefined ? decision.side : 'control',
    method: endpoint.method,
    status: statusOf(answered),
    failedOver: instead !== undefined,
    failure: failureOf(outcome),
    durationMs: ms,
    upstreamMs: ms,
    overheadMs: 0.3,
    clientAborted: false,
  };
}

/** What the client sees: 500 of the service itself, 502 and 504 of the proxy. */
function statusOf(outcome: Outcome): number {
  if (outcome === 'refused') return 502;
  if (outcome === 'timeout') return 504;
  return outcome === 'failed' ? 500 : 200;
}

function failureOf(outcome: Outcome): ServedRecord['failure'] {
  if (outcome === 'failed') return 'status';
  return outcome === 'refused' || outcome === 'timeout' ? outcome : undefined;
}

export interface Compared {
  readonly number: number;
  readonly at: number;
  readonly decision: Decision;
  readonly cell: { readonly tenant: TenantId; readonly endpoint: EndpointId };
  readonly subject: string;
  readonly target: string;
  readonly outcomes: Readonly<Record<Side, Outcome>>;
  readonly durationsMs: Readonly<Record<Side, number>>;
  readonly versions: Readonly<Record<Side, string>>;
  /** The control does not repeat its own answer. */
  readonly isMurky: boolean;
  /** The pair is there only because the candidate failed. */
  readonly isUndrawn: boolean;
  /** It was drawn because of its cell. */
  readonly isPreferred: boolean;
}

/** A comparison as a verifier gives it that is never wrong. */
export function verifiedExchange(pair: Compared): VerifiedExchange {
  const { number, at, decision, cell, subject, target, outcomes, durationsMs, versions } = pair;
  const { verdict, reason } = verdictOf(pair);
  const isTooSlow = outcomes.control === 'timeout' || outcomes.candidate === 'timeout';
  return {
    id: `x${number}`,
    at,
    cell: { tenant: cell.tenant, endpoint: cell.endpoint },
    subjectHash: subject,
    direction: decision.side === 'candidate' ? 'reverse' : 'forward',
    requestHash: target,
    result: {
      verdict,
      differences: [],
      differenceCount: verdict === 'mismatch' ? 1 : 0,
      identical: verdict === 'match',
      ...(reason === undefined ? {} : { reason }),
      ...(verdict === 'mismatch' ? { signature: signatureOf(cell.endpoint, outcomes.candidate) } : {}),
    },
    statuses: { control: mirroredStatus(outcomes.control), candidate: mirroredStatus(outcomes.candidate) },
    durationsMs,
    versions,
    ...(isForced(decision) ? { forced: true } : {}),
    ...(pair.isPreferred ? { preferred: true } : {}),
    ...(pair.isUndrawn ? { unpaired: 'failed-over' } : isTooSlow ? { unpaired: 'too-slow' } : {}),
  };
}

/** No answer at all is status 0. */
function mirroredStatus(outcome: Outcome): number {
  if (outcome === 'refused' || outcome === 'timeout') return 0;
  return outcome === 'failed' ? 500 : 200;
}

function verdictOf({ outcomes: { control, candidate }, isMurky }: Compared): { verdict: Verdict; reason?: string } {
  if (isFailure(control))
    return { verdict: 'inconclusive', reason: isFailure(candidate) ? 'bothFailed' : 'controlFailed' };
  if (isFailure(candidate)) return { verdict: 'mismatch' };
  if (isMurky) return { verdict: 'inconclusive', reason: 'controlMoved' };
  return { verdict: candidate === 'wrong' ? 'mismatch' : 'match' };
}

function signatureOf(endpoint: EndpointId, candidate: Outcome) {
  const kind = isFailure(candidate) ? 'failure' : 'value';
  return {
    id: kind === 'failure' ? '00000000000f' : '00000000000d',
    endpoint,
    pathPattern: 'body/value',
    kind,
    transition: 'planted',
  } as const;
}
