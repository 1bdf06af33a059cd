import type { ControlState, TableBase } from '../control-model.ts';
import { cohortsOf } from '../control-model.ts';
import type { Scope } from '../routing.ts';
import { describeScope, scopeKey, scopesOverlap, tenantsOf } from '../scope.ts';

/** Where the plan says that nothing moves towards the candidate. */
export interface Lock {
  readonly scope: Scope;
  readonly reason: string;
}

/**
 * A lock that something raised in a scope would reach: neither steps nor evidence nor orders move it. What the plan forces to the
 * control is not reached, so locked tenants there do not hold everybody else up.
 */
export function lockOver(state: ControlState, scope: Scope): Lock | undefined {
  const { base } = state;
  if (base.locked === undefined || base.locked.length === 0) return undefined;
  const cohorts = cohortsOf(state);
  return base.locked.find((lock) => {
    const isHeldBack = isForced(base, lock.scope, tenantsOf(lock.scope, cohorts));
    return !isHeldBack && scopesOverlap(lock.scope, scope, cohorts);
  });
}

function isForced({ force }: TableBase, { endpoint }: Scope, tenants: readonly string[] | undefined): boolean {
  const { control } = force;
  if (endpoint !== undefined && control.endpoints.includes(endpoint)) return true;
  return tenants?.every((tenant) => (control.tenants as readonly string[]).includes(tenant)) === true;
}

/** Locks of one plan that another lacks. */
export function liftedLocks(before: TableBase, after: TableBase): Lock[] {
  const kept = new Set((after.locked ?? []).map(({ scope }) => scopeKey(scope)));
  return (before.locked ?? []).filter(({ scope }) => !kept.has(scopeKey(scope)));
}

/** `GET /checkout is locked by the plan (audit until March)`. */
export function lockText({ scope, reason }: Lock): string {
  return `${describeScope(scope)} is locked by the plan (${reason})`;
}
