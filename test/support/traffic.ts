import type { EndpointSettings, EvidenceSettings } from '../../src/config/settings.ts';
import type { Cell, EndpointId, Side, TenantId } from '../../src/core/cell.ts';
import { CellStates } from '../../src/core/cell-states.ts';
import type { ServedRecord, VerifiedExchange } from '../../src/core/ports.ts';
import type { RampStep } from '../../src/core/ramp.ts';
import type { EndpointPolicy, TableData } from '../../src/core/routing.ts';
import type { Verdict } from '../../src/core/verdict.ts';

/** Names as they come out of identification: for tests only. */
export function cellOf(tenant: string, endpoint: string): Cell {
  return { tenant: tenant as TenantId, endpoint: endpoint as EndpointId };
}

/** A request that the control served in 20 ms; `more` says what is different. */
export function servedRecord(more: Partial<ServedRecord> & { readonly side?: Side } = {}): ServedRecord {
  const { side = 'control', ...rest } = more;
  const endpoint = more.endpoint ?? ('GET /a' as EndpointId);
  return {
    at: 1_700_000_000_000,
    tenant: 'acme' as TenantId,
    endpoint,
    origin: 'found',
    decision: { side, reason: 'dial', endpoint, rule: 'dial all', bucket: 1, dialPpm: 0, revision: 1 },
    servedBy: side,
    method: 'GET',
    status: 200,
    failedOver: false,
    failure: undefined,
    durationMs: 25,
    upstreamMs: 20,
    overheadMs: 0.4,
    clientAborted: false,
    ...rest,
  };
}

/** A forward comparison in which the candidate took 30 ms. */
export function verifiedExchange(cell: Cell, verdict: Verdict, more: Partial<VerifiedExchange> = {}): VerifiedExchange {
  return {
    id: 'x1',
    at: 1_700_000_000_000,
    cell,
    direction: 'forward',
    requestHash: 'r1',
    result: { verdict, differences: [], differenceCount: 0, identical: verdict === 'match' },
    statuses: { control: 200, candidate: 200 },
    durationsMs: { control: 20, candidate: 30 },
    versions: { control: 'v1', candidate: 'v2' },
    ...more,
  };
}

export function endpointPolicy(more: Partial<EndpointPolicy> = {}): EndpointPolicy {
  return {
    proof: 'endpoint',
    maxPpm: 1_000_000,
    writes: false,
    acts: false,
    sharedValidators: false,
    salt: 's',
    mirrorPpm: 1_000_000,
    retired: false,
    ...more,
  };
}

/** A table in which nothing is said but the defaults. */
export function tableData(more: Partial<TableData> = {}): TableData {
  return {
    revision: 1,
    madeAt: 1_700_000_000_000,
    latches: [],
    force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
    pins: [],
    cohorts: {},
    dials: [],
    defaults: endpointPolicy(),
    endpoints: [],
    cells: CellStates.EMPTY,
    ...more,
  };
}

/** What the configuration demands of a proof by default; `more` says what is different. */
export function evidenceSettings(more: Partial<EvidenceSettings> = {}): EvidenceSettings {
  return {
    cellLimit: 0.01,
    pooledLimit: 0.001,
    confidence: 0.95,
    ownMatches: 3,
    minRequests: 10,
    minTenants: 3,
    minSpanMs: 600_000,
    maxInconclusive: 0.1,
    staleAfterMs: 86_400_000,
    renewWithinMs: 86_400_000,
    coolDownMs: 600_000,
    returnIntervalMs: 3_600_000,
    retries: 5,
    falseAlarm: 0.0001,
    ...more,
  };
}

/** A listed GET endpoint with a ladder of its own. */
export function endpointSettings(template: string, steps: readonly RampStep[]): EndpointSettings {
  return {
    method: 'GET',
    template,
    dialPpm: undefined,
    maxPpm: 1_000_000,
    proof: 'endpoint',
    writes: false,
    acts: false,
    sharedValidators: false,
    journey: undefined,
    mirrorPpm: 1_000_000,
    steps,
    retired: false,
  };
}
