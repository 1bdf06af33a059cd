import type { EndpointId, TenantId } from './cell.ts';
import type { Scope } from './routing.ts';

/** Named sets of tenants, as the configuration gives them. */
export type Cohorts = Readonly<Record<string, readonly TenantId[]>>;

/**
 * A scope as people read it: `all`, `tenant acme`, `GET /a`, `acme GET /a`, `cohort beta`, `cohort beta GET /a`.
 * The rare tenant within a cohort reads `acme in cohort beta`.
 */
export function describeScope(scope: Scope): string {
  const { tenant, endpoint, cohort } = scope;
  const who = tenant === undefined ? (cohort === undefined ? '' : `cohort ${cohort}`) : describeTenant(scope, tenant);
  if (endpoint === undefined) return who === '' ? 'all' : who;
  if (who === '') return endpoint;
  return `${cohort === undefined ? tenant : who} ${endpoint}`;
}

function describeTenant(scope: Scope, tenant: TenantId): string {
  return scope.cohort === undefined ? `tenant ${tenant}` : `${tenant} in cohort ${scope.cohort}`;
}

/**
 * One string per scope, different for different scopes; used in keys of state items.
 * Unambiguous: the cohort is quoted, a tenant holds no white space, the endpoint comes last.
 */
export function scopeKey(scope: Scope): string {
  const parts: string[] = [];
  if (scope.cohort !== undefined) parts.push(`cohort:${JSON.stringify(scope.cohort)}`);
  if (scope.tenant !== undefined) parts.push(`tenant:${scope.tenant}`);
  if (scope.endpoint !== undefined) parts.push(`endpoint:${scope.endpoint}`);
  return parts.length === 0 ? 'all' : parts.join(' ');
}

/** Whether a scope applies to a request of a tenant (absent: none is known) to an endpoint. Every field given must fit. */
export function scopeCovers(
  scope: Scope,
  cell: { readonly tenant?: TenantId | undefined; readonly endpoint: EndpointId },
  cohorts: Cohorts,
): boolean {
  if (scope.endpoint !== undefined && scope.endpoint !== cell.endpoint) return false;
  if (scope.tenant !== undefined && scope.tenant !== cell.tenant) return false;
  if (scope.cohort === undefined) return true;
  return cell.tenant !== undefined && membersOf(scope.cohort, cohorts).includes(cell.tenant);
}

/** Whether everything in `inner` also lies in `outer`: a latch on `outer` holds all of `inner`. */
export function scopeContains(outer: Scope, inner: Scope, cohorts: Cohorts): boolean {
  if (outer.endpoint !== undefined && outer.endpoint !== inner.endpoint) return false;
  const allowed = tenantsOf(outer, cohorts);
  if (allowed === undefined) return true;
  // The same cohort, even where it has no members yet.
  if (inner.cohort === outer.cohort && (outer.tenant === undefined || outer.tenant === inner.tenant)) return true;
  const asked = tenantsOf(inner, cohorts);
  return asked !== undefined && asked.length > 0 && asked.every((tenant) => allowed.includes(tenant));
}

/** Whether some request could lie in both. */
export function scopesOverlap(a: Scope, b: Scope, cohorts: Cohorts): boolean {
  if (a.endpoint !== undefined && b.endpoint !== undefined && a.endpoint !== b.endpoint) return false;
  const left = tenantsOf(a, cohorts);
  const right = tenantsOf(b, cohorts);
  return left === undefined || right === undefined || left.some((tenant) => right.includes(tenant));
}

/** The tenants a scope names; undefined: every tenant. */
export function tenantsOf(scope: Scope, cohorts: Cohorts): readonly TenantId[] | undefined {
  if (scope.cohort === undefined) return scope.tenant === undefined ? undefined : [scope.tenant];
  const members = membersOf(scope.cohort, cohorts);
  if (scope.tenant === undefined) return members;
  return members.includes(scope.tenant) ? [scope.tenant] : [];
}

/** Own members only: a cohort called `constructor` that nobody configured has none. */
function membersOf(cohort: string, cohorts: Cohorts): readonly TenantId[] {
  return Object.hasOwn(cohorts, cohort) ? (cohorts[cohort] ?? []) : [];
}
