import { type BreakerCommand, breakerStep } from './breaker-commands.ts';
import { type CanaryCommand, canaryStep } from './canary.ts';
import type { EndpointId } from './cell.ts';
import type { ControlState } from './control-model.ts';
import type { By, Rejected } from './control-state.ts';
import type { FreezeOrder } from './freeze.ts';
import {
  type Approval,
  approvalsThatCount,
  type GateRecord,
  type GateStep,
  MAX_APPROVALS,
  mayApprove,
  personOf,
} from './gate.ts';
import type { Latch } from './routing.ts';
import { describeScope, scopeKey } from './scope.ts';

/** What is ordered about ramps, besides their dials. `endpoint` is the one that leads the ramp. */
export type RampCommand =
  /** A ramp has come to a gate. */
  | { readonly kind: 'gate.wait'; readonly endpoint: EndpointId; readonly gate: GateStep; readonly since: number }
  | { readonly kind: 'gate.approve'; readonly endpoint: EndpointId; readonly gate: GateStep; readonly since: number }
  /** What was approved no longer counts, and the endpoints are held until somebody resumes them. */
  | {
      readonly kind: 'gate.reject';
      readonly endpoint: EndpointId;
      readonly gate: GateStep;
      readonly since: number;
      readonly endpoints: readonly EndpointId[];
    }
  /** The control no longer serves the endpoints: the candidate always does, even under a rollback. */
  | {
      readonly kind: 'retire';
      readonly endpoints: readonly EndpointId[];
      readonly evidence?: Readonly<Record<string, unknown>>;
    }
  /** Nothing is raised until then, whatever the calendar says. */
  | { readonly kind: 'freeze'; readonly until: number }
  /** Lifts the freeze by hand; `thawUntil`: what the calendar freezes now is free until then. */
  | { readonly kind: 'unfreeze'; readonly thawUntil?: number }
  /** Pins whose time is over are forgotten; decisions have ignored them since. */
  | { readonly kind: 'pins.end'; readonly ids: readonly string[] }
  /** The control serves the endpoints again where the table says so. */
  | { readonly kind: 'unretire'; readonly endpoints: readonly EndpointId[] }
  | CanaryCommand
  | BreakerCommand;

const ALL = 'all';
/** Retired endpoints at most: as many as may be listed and found. */
const MAX_RETIRED = 100_000;

export interface RampStepDone {
  readonly state: ControlState;
  readonly action: string;
  readonly scope: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

export function rampStep(state: ControlState, command: RampCommand, by: By): RampStepDone | Rejected {
  switch (command.kind) {
    case 'gate.wait': {
      const { endpoint, gate, since } = command;
      const record: GateRecord = { gate: gate.name, since, approvals: [] };
      return {
        state: withGate(state, endpoint, record),
        action: 'gate.waiting',
        scope: endpoint,
        evidence: { gate: gate.name, needed: gate.approvals, approvers: gate.approvers },
      };
    }
    case 'gate.approve':
      return approve(state, command, by);
    case 'gate.reject':
      return reject(state, command, by);
    case 'retire':
      return retire(state, command, by);
    case 'breakers.changed':
      return breakerStep(state, command);
    case 'canary.begin':
    case 'canary.end':
      return canaryStep(state, command, by);
    case 'unretire':
      return unretire(state, command.endpoints);
    case 'freeze':
      return freeze(state, command.until, by);
    case 'unfreeze':
      return unfreeze(state, command.thawUntil, by);
    case 'pins.end':
      return endPins(state, command.ids, by);
  }
}

function withGate(state: ControlState, endpoint: EndpointId, record: GateRecord): ControlState {
  return { ...state, gates: new Map(state.gates).set(endpoint, record) };
}

type Named<K extends RampCommand['kind']> = Extract<RampCommand, { kind: K }>;

function approve(state: ControlState, command: Named<'gate.approve'>, by: By): RampStepDone | Rejected {
  const { endpoint, gate, since } = command;
  const before = approvalsThatCount(gate, state.gates.get(endpoint), { since, now: by.at });
  if (!mayApprove(gate, by.actor)) return notAllowed(gate, by.actor);
  const name = personOf(by.actor) ?? by.actor;
  if (before.some(({ actor }) => (personOf(actor) ?? actor) === name)) {
    return rejected(
      `${name} has approved gate ${gate.name} already.`,
      `It takes ${gate.approvals} different people; somebody else has to approve too.`,
    );
  }
  const approval: Approval = { actor: by.actor, reason: by.reason, at: by.at };
  const approvals = [...before, approval].slice(-MAX_APPROVALS);
  return {
    state: withGate(state, endpoint, { gate: gate.name, since, approvals }),
    action: 'gate.approved',
    scope: endpoint,
    evidence: {
      gate: gate.name,
      needed: gate.approvals,
      given: approvals.length,
      approvals,
      ...(gate.expiresMs === undefined ? {} : { counts: gate.expiresMs }),
    },
  };
}

function notAllowed(gate: GateStep, actor: string): Rejected {
  const who = gate.approvers.length === 0 ? '' : ` Approvers: ${gate.approvers.join(', ')}.`;
  return rejected(
    `${actor} cannot approve gate ${gate.name}.${who}`,
    personOf(actor) === undefined
      ? 'Approve on the command line, which tells your name: `cutover approve`.'
      : 'Ask one of the approvers, or change the gate in cutover.yaml.',
  );
}

function reject(state: ControlState, command: Named<'gate.reject'>, by: By): RampStepDone {
  const { endpoint, gate, since, endpoints } = command;
  const holds = new Map<string, Latch>(state.holds);
  for (const id of endpoints) {
    const scope = { endpoint: id };
    const reason = `gate ${gate.name} was rejected${by.reason === '' ? '' : `: ${by.reason}`}`;
    if (!holds.has(scopeKey(scope))) holds.set(scopeKey(scope), { scope, actor: by.actor, reason, at: by.at });
  }
  const dropped = approvalsThatCount(gate, state.gates.get(endpoint), { since, now: by.at });
  return {
    state: { ...withGate(state, endpoint, { gate: gate.name, since, approvals: [] }), holds },
    action: 'gate.rejected',
    scope: endpoint,
    evidence: { gate: gate.name, dropped, held: endpoints },
  };
}

function retire(state: ControlState, { endpoints, evidence }: Named<'retire'>, by: By): RampStepDone | Rejected {
  const fresh = endpoints.filter((id) => !state.retired.has(id));
  if (fresh.length === 0) {
    return rejected(`${endpoints.join(', ')} is retired already.`, 'The candidate serves it, whatever the dial says.');
  }
  if (state.retired.size + fresh.length > MAX_RETIRED) {
    return rejected(`${MAX_RETIRED} endpoints are retired already.`, 'List them with `retired: true` in cutover.yaml.');
  }
  const retired = new Map(state.retired);
  for (const id of fresh) retired.set(id, { actor: by.actor, reason: by.reason, at: by.at });
  return {
    state: { ...state, retired },
    action: 'endpoint.retired',
    scope: endpoints.join(', '),
    evidence: { endpoints: fresh, ...evidence },
  };
}

function unretire(state: ControlState, endpoints: readonly EndpointId[]): RampStepDone | Rejected {
  const known = endpoints.filter((id) => state.retired.has(id));
  if (known.length === 0) {
    return {
      ok: false,
      code: 'NOT_FOUND',
      message: `${endpoints.join(', ')} was not retired by an order.`,
      hint: 'What cutover.yaml retires (`retired: true`) is changed there.',
    };
  }
  const retired = new Map(state.retired);
  for (const id of known) retired.delete(id);
  return {
    state: { ...state, retired },
    action: 'endpoint.unretired',
    scope: endpoints.join(', '),
    evidence: { endpoints: known },
  };
}

function freeze(state: ControlState, until: number, by: By): RampStepDone | Rejected {
  if (!(until > by.at)) {
    const message = 'The freeze would end before it begins.';
    return { ok: false, code: 'INPUT_INVALID', message, hint: 'Give an end in the future.' };
  }
  const before = state.freezes.get(ALL) ?? null;
  const after: FreezeOrder = { kind: 'freeze', until, actor: by.actor, reason: by.reason, at: by.at };
  return {
    state: { ...state, freezes: new Map([[ALL, after]]) },
    action: 'freeze',
    scope: ALL,
    evidence: { before, until },
  };
}

function unfreeze(state: ControlState, thawUntil: number | undefined, by: By): RampStepDone | Rejected {
  const before = state.freezes.get(ALL);
  const isFrozen = before?.kind === 'freeze' && by.at < before.until;
  if (!isFrozen && thawUntil === undefined) {
    return { ok: false, code: 'NOT_FOUND', message: 'Nothing is frozen.', hint: '`cutover status` tells what waits.' };
  }
  const freezes = new Map<string, FreezeOrder>();
  if (thawUntil !== undefined)
    freezes.set(ALL, { kind: 'thaw', until: thawUntil, actor: by.actor, reason: by.reason, at: by.at });
  return {
    state: { ...state, freezes },
    action: 'unfreeze',
    scope: ALL,
    evidence: { before: before ?? null, ...(thawUntil === undefined ? {} : { calendarUntil: thawUntil }) },
  };
}

function endPins(state: ControlState, ids: readonly string[], by: By): RampStepDone | Rejected {
  const pins = new Map(state.pins);
  const ended = ids.flatMap((id) => {
    const pin = pins.get(id);
    return pin?.until !== undefined && pin.until <= by.at && pins.delete(id) ? [{ id, pin }] : [];
  });
  const [first] = ended;
  if (first === undefined) return rejected('No such pin has ended.', 'The list of pins shows those in force.');
  return {
    state: { ...state, pins },
    action: 'pin.ended',
    scope: ended.length === 1 ? describeScope(first.pin.scope) : `${ended.length} pins`,
    evidence: { pins: ended.slice(0, 100), count: ended.length },
  };
}

function rejected(message: string, hint: string): Rejected {
  return { ok: false, code: 'CONFLICT', message, hint };
}
