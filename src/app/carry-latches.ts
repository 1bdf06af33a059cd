import type { Controller } from '../controller/controller.ts';
import type { EndpointId } from '../core/cell.ts';
import type { Log } from '../core/ports.ts';
import { scopeKey } from '../core/scope.ts';

/**
 * Requests of some endpoints are called by another name from here on: what was rolled back under the old names stays so under
 * the new one. In force when this returns, like any rollback.
 */
export function carryLatches(
  { controller, log }: { readonly controller: Pick<Controller, 'state' | 'rollback'>; readonly log: Log },
  from: readonly EndpointId[],
  into: EndpointId,
): void {
  for (const { scope, actor, reason } of controller.state.latches.values()) {
    const { endpoint } = scope;
    const carried = { ...scope, endpoint: into };
    if (endpoint === undefined || !from.includes(endpoint) || controller.state.latches.has(scopeKey(carried))) continue;
    const why = `${endpoint} is called ${into} now; ${actor} had rolled it back${reason === '' ? '' : `: ${reason}`}`;
    controller.rollback(carried, { actor: 'controller', reason: why }).catch((error: unknown) => {
      log.error('plan.fault', { message: String(error) });
    });
  }
}
