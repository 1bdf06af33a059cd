import type { Who } from '../controller/controller.ts';
import type { Mover } from '../controller/mover.ts';
import type { Command } from '../core/control-state.ts';
import type { Scope } from '../core/routing.ts';
import { describeScope } from '../core/scope.ts';
import type { Brain } from './brain.ts';
import { endOf } from './scenario.ts';
import type { EventFile } from './scenario-events.ts';

/** Whom and what the journal names for an order of people in a scenario. */
function person(order: string): Who {
  return { actor: 'cli:scenario', reason: `${order}, as the scenario says` };
}

export interface OrderGround {
  readonly brain: Brain | undefined;
  /** Wall time at the begin: pins end by the wall clock. */
  readonly wallAt: (at: number) => number;
  refused(what: string): void;
  /** Whether everything in the scope is on the control now. */
  isLatched(scope: Scope): boolean;
  rolledBack(isInForce: boolean, scope: string): void;
}

/** Events that are orders of people or of their pipelines. */
export function isOrder({ kind }: EventFile): boolean {
  return ['dial', 'rollback', 'unlatch', 'hold', 'resume', 'pin', 'deploy'].includes(kind);
}

/** Gives an order to the controller, as the command line does. What becomes of it is told, not waited for. */
export function order(event: EventFile, ground: OrderGround): void {
  if (event.kind === 'deploy' && !event.announced) return;
  const { brain } = ground;
  const name = `${event.kind} ${describeScope(scopeOf(event))}`;
  if (brain === undefined) {
    ground.refused(`${name}: no controller is there`);
    return;
  }
  if (event.kind === 'rollback') {
    const scope = scopeOf(event);
    void brain.controller.rollback(scope, person(name));
    ground.rolledBack(ground.isLatched(scope), describeScope(scope));
    return;
  }
  const command = commandOf(event, ground);
  if (command === undefined) return;
  void brain.controller.command(command, person(name)).then((done) => {
    if (!done.ok) ground.refused(`${name}: ${done.message}`);
    else if (event.kind === 'deploy') told(brain.mover, event);
  });
}

function told(mover: Mover | undefined, event: Extract<EventFile, { kind: 'deploy' }>): void {
  mover?.deployed(event.side, event.version);
}

function commandOf(event: EventFile, { wallAt }: OrderGround): Exclude<Command, { kind: 'rollback' }> | undefined {
  const scope = scopeOf(event);
  switch (event.kind) {
    case 'dial':
      return { kind: 'dial.set', scope, dialPpm: event.dial };
    case 'unlatch':
    case 'hold':
    case 'resume':
      return { kind: event.kind, scope };
    case 'pin': {
      const end = endOf(event);
      const until = Number.isFinite(end) ? { until: wallAt(end) } : {};
      return {
        kind: 'pin.set',
        id: `scenario-${event.at}-${describeScope(scope)}`.slice(0, 64),
        scope,
        side: event.side,
        ...until,
      };
    }
    case 'deploy':
      return { kind: 'deploy', side: event.side, version: event.version };
    default:
      return undefined;
  }
}

function scopeOf(event: EventFile): Scope {
  const tenant = 'tenant' in event ? event.tenant : undefined;
  const endpoint = 'endpoint' in event ? event.endpoint?.id : undefined;
  const cohort = 'cohort' in event ? event.cohort : undefined;
  return {
    ...(tenant === undefined ? {} : { tenant }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(cohort === undefined ? {} : { cohort }),
  };
}
