import type { EndpointId } from '../cell.ts';
import { type ControlState, cohortsOf, type HeldLatch, tableOf } from '../control-model.ts';
import type { Rejected } from '../control-state.ts';
import { describeScope, scopeContains } from '../scope.ts';
import { type LoadCommand, loadConfig } from './load-plan.ts';
import { liftedLocks, lockOver, lockText } from './locks.ts';
import { takesFrom, templateOf } from './overlap.ts';
import type { PlanNames } from './plan-names.ts';
import { raisesOf, raisesText } from './raises.ts';

/** What a plan is held against before it comes into force while everything runs. */
export interface PlanGuard {
  readonly names: PlanNames;
  /** What is frozen now, as people read it; absent: nothing. */
  readonly frozen?: string;
}

/**
 * Why a plan may not come into force over the present state; undefined: it may.
 *
 * - It may not take anything from under a latch: by other names for tenants or endpoints, or by retiring an endpoint.
 * - While something is frozen it may not raise anything.
 * - Locks are lifted, and what they cover is raised, by the file alone: not by `apply` and `revert`.
 */
export function planRefusal(state: ControlState, command: LoadCommand): Rejected | undefined {
  const { guard, plan } = command;
  if (guard === undefined) return undefined;
  const slip = slipsLatch(state, command, guard.names);
  if (slip !== undefined) return slip;
  const isFile = plan === undefined || plan.from === 'file';
  if (guard.frozen === undefined && (isFile || state.base.locked === undefined)) return undefined;
  // What a canary caps now would be raised when it ends.
  const before = { ...state, canary: undefined };
  const after = loadConfig(before, command, { actor: '', reason: '', at: 0 }).state;
  const raises = raisesOf(tableOf(before), tableOf(after), guard.names);
  if (guard.frozen !== undefined && raises.length > 0) {
    return rejected(
      `It raises traffic while ${guard.frozen}: ${raisesText(raises)}.`,
      'Nothing of it was taken; a plan that lowers or changes nothing else counts at once. Leave out what raises, or lift the freeze first: `cutover unfreeze`.',
    );
  }
  return isFile ? undefined : lockRefusal(state, command, raises);
}

function lockRefusal(
  state: ControlState,
  { base }: LoadCommand,
  raises: ReturnType<typeof raisesOf>,
): Rejected | undefined {
  const hint =
    'A lock is lifted, and what it covers is raised, in the file that Cutover was started with, by whoever may change it.';
  const [lifted] = liftedLocks(state.base, base);
  if (lifted !== undefined) return rejected(`It lifts a lock: ${lockText(lifted)}.`, hint);
  for (const raise of raises) {
    const lock = lockOver(state, raise.scope);
    if (lock !== undefined) return rejected(`${lockText(lock)}, and it raises ${raisesText([raise])}.`, hint);
  }
  return undefined;
}

/** Why some request would no longer be under a latch that covers it now; undefined: each stays. */
export function slipsLatch(
  state: ControlState,
  { base }: Pick<LoadCommand, 'base'>,
  names: PlanNames,
): Rejected | undefined {
  const latches = [...state.latches.values()];
  // Under one for everything nothing has another name to go to; but a retired endpoint has no control to stay on.
  const isAll = latches.some(({ scope }) => describeScope(scope) === 'all');
  for (const latch of latches) {
    const how = (isAll ? undefined : renamed(latch, latches, { names, state })) ?? retired(latch, state, base);
    if (how !== undefined)
      return rejected(
        `It would take requests from under a rollback: ${latch.actor} rolled back ${describeScope(latch.scope)} (${latch.reason || 'no reason given'}), and ${how}.`,
        'Nothing of it was taken. Lift that rollback first (`cutover unlatch`), leave the name as it was, or roll back everything before (`cutover rollback`): that holds under any name.',
      );
  }
  return undefined;
}

/** How requests under a latch get a name that it does not cover. */
function renamed(
  { scope }: HeldLatch,
  latches: readonly HeldLatch[],
  { names, state }: { readonly names: PlanNames; readonly state: ControlState },
): string | undefined {
  const { before, after } = names;
  const isByTenant = scope.tenant !== undefined || scope.cohort !== undefined;
  if (isByTenant && before.tenant !== after.tenant) return 'identity.tenant gives tenants other names';
  const { endpoint } = scope;
  if (endpoint === undefined) return undefined;
  const isListed = before.listed.includes(endpoint);
  // Requests with a method that is not listed are called by the template of another one.
  const wasNamed = isListed || before.listed.some((id) => templateOf(id) === templateOf(endpoint));
  const isNamed = isListed
    ? after.listed.includes(endpoint)
    : after.listed.some((id) => templateOf(id) === templateOf(endpoint));
  if (wasNamed && !isNamed) return `${endpoint} is no longer listed`;
  const known = new Set(before.listed);
  const cohorts = cohortsOf(state);
  const isHeld = (id: EndpointId): boolean =>
    latches.some((other) => scopeContains(other.scope, { ...scope, endpoint: id }, cohorts));
  const taker = after.listed.find((id) => !known.has(id) && takesFrom(id, endpoint, isListed) && !isHeld(id));
  return taker === undefined ? undefined : `${taker} would be the name of some of it`;
}

function retired({ scope }: HeldLatch, state: ControlState, base: LoadCommand['base']): string | undefined {
  const before = new Set(state.base.endpoints.filter((one) => one.retired).map(({ id }) => id));
  const found = base.endpoints.find(
    (one) => one.retired && !before.has(one.id) && (scope.endpoint === undefined || scope.endpoint === one.id),
  );
  return found === undefined ? undefined : `${found.id} is retired, which the candidate serves even under a rollback`;
}

function rejected(message: string, hint: string): Rejected {
  return { ok: false, code: 'CONFLICT', message, hint };
}
