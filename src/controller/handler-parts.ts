import type { Changed } from '../api/routes.ts';
import type { ScopeView } from '../api/types.ts';
import type { EndpointId } from '../core/cell.ts';
import { asTenant } from '../core/identity.ts';
import type { Scope } from '../core/routing.ts';
import type { Changed as CommandDone, Controller } from './controller.ts';
import { ApiError } from './problems.ts';
import { journalView } from './stored-views.ts';

/** What a change that is in the journal answers with. */
export function changedView(controller: Controller, done: CommandDone): Changed {
  return { revision: controller.state.revision, journal: journalView(done.entry) };
}

export function toScope({ tenant, endpoint, cohort }: ScopeView): Scope {
  return {
    ...(tenant === undefined ? {} : { tenant: tenantId(tenant) }),
    ...(endpoint === undefined ? {} : { endpoint: endpointId(endpoint) }),
    ...(cohort === undefined ? {} : { cohort }),
  };
}

export function tenantId(text: string): NonNullable<ReturnType<typeof asTenant>> {
  const tenant = asTenant(text);
  if (tenant !== undefined) return tenant;
  throw new ApiError('INPUT_INVALID', 'A tenant has 1 to 128 characters, without white space and control characters.', {
    hint: 'The list of cells shows the tenants that were seen.',
  });
}

/** A name that was never seen is allowed: a rollback must not wait for the first request. */
export function endpointId(text: string): EndpointId {
  if (/^[A-Z*]+ [^\s]+$/.test(text) || /^[A-Z]+ \((?:unusual|other)\)$/.test(text)) return text as EndpointId; // checked here
  throw new ApiError('INPUT_INVALID', 'An endpoint is a method and a path template: `GET /orders/{id}`.', {
    hint: 'The list of endpoints shows those that were seen.',
  });
}
