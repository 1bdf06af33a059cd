import type { EndpointSettings, EvidenceSettings, Settings } from '../config/settings.ts';
import type { CanaryPolicy } from '../core/canary.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { CellPolicy } from '../core/cell-machine.ts';
import { type ClassOrder, classOrder } from '../core/class-order.ts';
import type { EvidencePolicy } from '../core/evidence.ts';
import { CELL_FALSE_ALARM } from '../core/one-sided-failures.ts';
import type { RampPolicy, RampStep } from '../core/ramp.ts';
import type { Proof } from '../core/routing.ts';
import { isSafeMethod } from '../core/safe-request.ts';

/** What the configuration says about moving by evidence, ready to be asked. */
export interface MovementRules {
  readonly cellPolicy: CellPolicy;
  /** Of a cell's own evidence. */
  readonly own: EvidencePolicy;
  /** Of an endpoint's pooled evidence; `tenants`: how many were seen there. */
  pooled(proof: Proof, tenants: number): EvidencePolicy;
  /** The cohort whose comparisons count together for a tenant, besides those of its endpoint; undefined: none. */
  cohortOf(tenant: TenantId): string | undefined;
  /** The tenants of such a cohort; none where it is not pooled. */
  cohortTenants(name: string): readonly TenantId[];
  /** Share of the control's answers from which on a class of status must have been compared, 0 to 1; above 1: none must. */
  readonly statusShare: number;
  /** In which order classes of tenants move; undefined: none. */
  readonly order: ClassOrder | undefined;
  readonly protectedTenants: ReadonlySet<TenantId>;
  /** What a new candidate version gets at first; undefined: all that is open. */
  readonly canary: CanaryPolicy | undefined;
  rampOf(endpoint: EndpointId): RampPolicy;
  /** The endpoints that move together with this one, itself included. */
  journeyOf(endpoint: EndpointId): readonly EndpointId[];
  /** Share of planted faults that must be found before anything opens, 0 to 1; undefined: none is demanded. */
  readonly leastPower: number | undefined;
  /** Whether comparisons of this endpoint can be made at all: unsafe requests are never mirrored. */
  isComparable(endpoint: EndpointId): boolean;
}

type Needed = Pick<Settings, 'evidence' | 'canary' | 'classes' | 'protectedTenants' | 'endpoints' | 'defaults'>;

export function movementRules(settings: Needed): MovementRules {
  const { evidence, classes = [], protectedTenants, endpoints, defaults } = settings;
  const steps = new Map<EndpointId, readonly RampStep[]>(endpoints.map((one) => [idOf(one), one.steps]));
  const journeys = journeysOf(endpoints);
  // The first that names a tenant counts.
  const cohorts = new Map(
    (evidence.cohorts ?? [])
      .toReversed()
      .flatMap(({ name, tenants }) => tenants.map((tenant) => [tenant, name] as const)),
  );
  return {
    cellPolicy: {
      ownMatches: evidence.ownMatches,
      renewWithinMs: evidence.renewWithinMs,
      coolDownMs: evidence.coolDownMs,
      returnIntervalMs: evidence.returnIntervalMs,
      retries: evidence.retries,
    },
    own: {
      ...evidencePolicy(evidence, { limit: evidence.cellLimit, minTenants: 1 }),
      failureAlarm: CELL_FALSE_ALARM,
    },
    pooled: (proof, tenants) =>
      evidencePolicy(evidence, {
        limit: proof === 'cell' ? evidence.cellLimit : evidence.pooledLimit,
        minTenants: Math.max(1, Math.min(evidence.minTenants, tenants)),
      }),
    cohortOf: (tenant) => cohorts.get(tenant),
    cohortTenants: (name) => evidence.cohorts?.find((one) => one.name === name)?.tenants ?? [],
    statusShare: evidence.statusShare ?? NO_SHARE,
    order: classOrder(classes, protectedTenants),
    protectedTenants: new Set(protectedTenants),
    canary: settings.canary,
    rampOf: (endpoint) => ({
      steps: steps.get(endpoint) ?? defaults.steps,
      dwellMs: defaults.dwellMs,
      coolDownMs: evidence.coolDownMs,
      returnIntervalMs: evidence.returnIntervalMs,
      retries: evidence.retries,
    }),
    journeyOf: (endpoint) => journeys.get(endpoint) ?? [endpoint],
    leastPower: evidence.power,
    isComparable: (endpoint) => isSafeMethod(methodOf(endpoint)),
  };
}

const NO_SHARE = 2;

function evidencePolicy(
  evidence: EvidenceSettings,
  of: { readonly limit: number; readonly minTenants: number },
): EvidencePolicy {
  const { confidence, minRequests, minSpanMs, maxInconclusive, staleAfterMs, falseAlarm, cellLimit } = evidence;
  return {
    test: { limit: of.limit, confidence },
    minRequests,
    minTenants: of.minTenants,
    minSpanMs,
    maxInconclusive,
    staleAfterMs,
    // The lower the limit, the more comparisons lie between two alarms; so that one mismatch alone never is one.
    falseAlarm: (falseAlarm * of.limit) / cellLimit,
  };
}

function journeysOf(endpoints: readonly EndpointSettings[]): Map<EndpointId, readonly EndpointId[]> {
  const byName = new Map<string, EndpointId[]>();
  for (const endpoint of endpoints) {
    if (endpoint.journey === undefined || endpoint.retired) continue;
    byName.set(endpoint.journey, [...(byName.get(endpoint.journey) ?? []), idOf(endpoint)]);
  }
  return new Map([...byName.values()].flatMap((members) => members.map((member) => [member, members] as const)));
}

/** The same form in which the catalogue names listed endpoints. */
function idOf({ method, template }: EndpointSettings): EndpointId {
  return `${method} ${template}` as EndpointId; // both parts were checked when the settings were made
}

function methodOf(endpoint: EndpointId): string {
  const method = endpoint.slice(0, endpoint.indexOf(' '));
  // A star stands for safe methods only.
  return method === '*' ? 'GET' : method;
}
