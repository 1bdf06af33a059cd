import type { Changed } from '../api/routes.ts';
import type { Frozen } from '../core/freeze.ts';
import type { Scope } from '../core/routing.ts';
import type { Changed as CommandDone, Who } from './controller.ts';
import { changedView, endpointId, toScope } from './handler-parts.ts';
import type { HandlerSources, Handlers } from './handlers.ts';
import { frozenText } from './movement-views.ts';
import { ApiError, rejection } from './problems.ts';
import type { RampDesk } from './ramp-desk.ts';

/** What people steer besides dials, pins and rollbacks; the mover is one. */
export interface RampSteering {
  readonly desk: RampDesk;
  /** What is frozen now, by hand or by the calendar; and by the calendar alone. */
  frozen(): Frozen | undefined;
  calendar(): Frozen | undefined;
  /** What a canary under way waits for. */
  readonly canaryWaitsFor: string | undefined;
  /** Takes a scope back without a latch. */
  takeBack(scope: Scope, who: Who): Promise<{ readonly cells: number; readonly dials: number }>;
}

type Sources = Pick<HandlerSources, 'controller' | 'movement'>;

/** @throws ApiError CONFLICT while anything is frozen. */
export function refuseFrozen({ movement }: Pick<Sources, 'movement'>, what: string): void {
  const frozen = movement?.steering()?.frozen();
  if (frozen === undefined) return;
  throw new ApiError('CONFLICT', `${what}: ${frozenText(frozen)}.`, {
    hint: 'Lowering and rollback always work. If it must be, lift the freeze first: `cutover unfreeze`.',
  });
}

/** Gates, retiring, taking back and freezing. */
export function rampHandlers({
  controller,
  movement,
}: Sources): Pick<
  Handlers,
  'canary' | 'endCanary' | 'approve' | 'reject' | 'retire' | 'unretire' | 'close' | 'freeze' | 'unfreeze'
> {
  const steering = (): RampSteering => {
    const found = movement?.steering();
    if (found !== undefined) return found;
    throw new ApiError('CONFLICT', 'The controller has not started.', { hint: '`cutover status` tells why.' });
  };
  const said = async (outcome: Awaited<ReturnType<RampDesk['approve']>>): Promise<Changed> => {
    if (!outcome.ok) throw rejection(outcome);
    return changedView(controller, outcome satisfies CommandDone);
  };
  return {
    canary: () => {
      const { canary } = controller.state;
      if (canary === undefined) return { canary: null };
      const waitsFor = canary.state === 'running' ? movement?.steering()?.canaryWaitsFor : undefined;
      return { canary: { ...canary, ...(waitsFor === undefined ? {} : { waitsFor }) } };
    },
    endCanary: async ({ body: { action, reason }, actor }) => {
      if (action === 'promote') refuseFrozen({ ...(movement === undefined ? {} : { movement }) }, 'Nothing returns');
      const { version = '' } = controller.state.canary ?? {};
      const verdict = action === 'promote' ? 'passed' : 'failed';
      return said(await controller.command({ kind: 'canary.end', version, verdict }, { actor, reason }));
    },
    approve: async ({ body: { endpoint, gate, reason }, actor }) =>
      said(await steering().desk.approve(endpointId(endpoint), gate, { actor, reason })),
    reject: async ({ body: { endpoint, gate, reason }, actor }) =>
      said(await steering().desk.reject(endpointId(endpoint), gate, { actor, reason })),
    retire: async ({ body: { endpoint, reason }, actor }) => {
      refuseFrozen({ ...(movement === undefined ? {} : { movement }) }, 'Nothing is retired');
      return said(await steering().desk.retire(endpointId(endpoint), { actor, reason }));
    },
    unretire: async ({ body: { endpoint, reason }, actor }) =>
      said(await steering().desk.unretire(endpointId(endpoint), { actor, reason })),
    close: ({ body: { scope, reason }, actor }) => steering().takeBack(toScope(scope), { actor, reason }),
    freeze: async ({ body: { until, reason }, actor }) =>
      said(await controller.command({ kind: 'freeze', until }, { actor, reason })),
    unfreeze: async ({ body: { reason }, actor }) => {
      const thawUntil = steering().calendar()?.until;
      const command = { kind: 'unfreeze', ...(thawUntil === undefined ? {} : { thawUntil }) } as const;
      return said(await controller.command(command, { actor, reason }));
    },
  };
}
