import type { EndpointId } from '../core/cell.ts';
import type { TableBase } from '../core/control-state.ts';
import type { PlanNaming } from '../core/plan/plan-names.ts';
import type { Dial, EndpointPolicy, ListedEndpoint } from '../core/routing.ts';
import type { EndpointSettings, Settings } from './settings.ts';

/** What the configuration gives to the routing table: policies, forced names, cohorts and dials. */
export function tableBase(settings: Settings): TableBase {
  return {
    force: settings.force,
    cohorts: settings.cohorts,
    defaults: defaultPolicy(settings),
    endpoints: settings.endpoints.map((endpoint) => listedEndpoint(endpoint, settings.identity.salt)),
    dials: dials(settings),
    ...(settings.locked === undefined ? {} : { locked: settings.locked }),
  };
}

/** What the configuration calls requests by. */
export function planNaming({ identity, endpoints, templates }: Settings): PlanNaming {
  return {
    tenant: JSON.stringify(identity.tenant),
    subject: JSON.stringify(identity.subject),
    listed: [...endpoints, ...templates].map(endpointId),
  };
}

function defaultPolicy({ defaults, identity }: Settings): EndpointPolicy {
  return {
    proof: defaults.proof,
    maxPpm: defaults.maxPpm,
    writes: false,
    acts: false,
    sharedValidators: false,
    salt: identity.salt,
    mirrorPpm: defaults.mirrorPpm,
    retired: false,
  };
}

function listedEndpoint(endpoint: EndpointSettings, salt: string): ListedEndpoint {
  return {
    id: endpointId(endpoint),
    proof: endpoint.proof,
    maxPpm: endpoint.maxPpm,
    writes: endpoint.writes,
    acts: endpoint.acts,
    ...(endpoint.mirrorWrites === undefined ? {} : { mirrorWrites: endpoint.mirrorWrites }),
    sharedValidators: endpoint.sharedValidators,
    // Endpoints without a journey share one salt, listed or not: listing one must not move anybody.
    salt: endpoint.journey === undefined ? salt : `${salt}:${endpoint.journey}`,
    mirrorPpm: endpoint.mirrorPpm,
    retired: endpoint.retired,
  };
}

/** The default dial applies to everything; endpoints add theirs where they differ. */
function dials({ defaults, endpoints }: Settings): Dial[] {
  const all: Dial = { scope: {}, dialPpm: defaults.dialPpm };
  const own = endpoints.flatMap((endpoint): Dial[] =>
    endpoint.dialPpm === undefined ? [] : [{ scope: { endpoint: endpointId(endpoint) }, dialPpm: endpoint.dialPpm }],
  );
  return [all, ...own];
}

/** The same form in which the catalogue names listed endpoints. */
function endpointId({ method, template }: Pick<EndpointSettings, 'method' | 'template'>): EndpointId {
  return `${method} ${template}` as EndpointId; // both parts were checked when the settings were made
}
