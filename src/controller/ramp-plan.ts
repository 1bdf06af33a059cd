import { type EndpointId, isOpen, type TenantId } from '../core/cell.ts';
import { cohortsOf, latchOver, presentPpm } from '../core/control-model.ts';
import type { ControlState } from '../core/control-state.ts';
import type { Assessment } from '../core/evidence.ts';
import { approvalsThatCount, type GateStep } from '../core/gate.ts';
import { climb, isServing, newRamp, type Ramp, type RampDial, type RampStep } from '../core/ramp.ts';
import type { Dial, Scope } from '../core/routing.ts';
import { scopeKey, tenantsOf } from '../core/scope.ts';
import type { Who } from './controller.ts';
import type { EndpointTrack, MovementBook } from './movement-book.ts';
import { assessPooled, type RoundFacts } from './movement-plan.ts';
import type { MovementRules } from './movement-rules.ts';

/** What becomes of a ramp in one round. */
export type RampStepPlan =
  /** Nothing that anybody would notice: a wait has begun. */
  | { readonly kind: 'keep'; readonly next: Ramp }
  /** A person set the dial: the ramp stays until it is resumed. */
  | { readonly kind: 'hold'; readonly next: Ramp; readonly seenAt: number; readonly who: Who }
  /** It has come to a gate, which the journal does not know yet. */
  | { readonly kind: 'gate'; readonly next: Ramp; readonly gate: GateStep; readonly who: Who }
  /** The last step: the control is no longer needed. */
  | {
      readonly kind: 'retire';
      readonly next: Ramp;
      readonly endpoints: readonly EndpointId[];
      readonly who: Who;
      readonly evidence: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: 'dial';
      readonly before: Ramp | undefined;
      readonly next: Ramp;
      readonly isDown: boolean;
      /** The endpoints whose dial moves: all of a journey. */
      readonly members: readonly EndpointTrack[];
      readonly dials: readonly Dial[];
      readonly who: Who;
      readonly evidence: Readonly<Record<string, unknown>>;
    };

export interface Climbing {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly facts: RoundFacts;
  /** Assessments of this round. */
  readonly pooled: ReadonlyMap<EndpointTrack, Assessment>;
  readonly state: ControlState;
}

/** The next step of an endpoint's ramp; undefined: none is due, or there is no ramp. Of a journey the first endpoint that can be compared leads. */
export function planRamp(home: EndpointTrack, climbing: Climbing): RampStepPlan | undefined {
  const { rules, facts, state } = climbing;
  const policy = rules.rampOf(home.id);
  if (policy.steps.length === 0) return undefined;
  const members = membersOf(home, climbing);
  if (members === undefined) return undefined;
  const ramp = home.ramp ?? newRamp(facts.now);
  const person = personsDial(home, policy.steps, state);
  if (person !== undefined) {
    const who = { actor: 'controller', reason: `${person.actor} set the dial; the ramp waits until it is resumed` };
    const { dialPpm = ramp.dialPpm } = state.dials.get(scopeKey({ endpoint: home.id })) ?? {};
    return { kind: 'hold', next: { ...ramp, dialPpm, since: facts.now }, seenAt: person.at, who };
  }
  const gate = newGate(home, ramp, climbing);
  if (gate !== undefined) return gate;
  const pooled = pooledOf(members, climbing);
  const step = policy.steps[ramp.step];
  const approvals = approvalsAt(home, ramp, step, climbing);
  const openCells = openCellsFor(home, members, step, climbing);
  const moved = climb(ramp, { kind: 'assessed', pooled, openCells, approvals }, policy, facts.now);
  if (!moved.ok) return undefined;
  const { next, effects } = moved;
  const isDown = next.dialPpm < ramp.dialPpm || (isServing(ramp) && !isServing(next));
  const isKept =
    facts.isFaulty ||
    facts.isCanary === true ||
    facts.frozen !== undefined ||
    facts.locked?.({ endpoint: home.id }) !== undefined ||
    facts.isHeld({ endpoint: home.id }) ||
    facts.isLatched({ endpoint: home.id }) ||
    facts.warning?.(home.id) !== undefined;
  const stay: RampStepPlan | undefined = home.ramp === undefined ? { kind: 'keep', next: ramp } : undefined;
  if (next === ramp || (isKept && !isDown)) return stay;
  const endpoints = [...new Set([home.id, ...rules.journeyOf(home.id)])];
  const evidence = {
    step: next.step + 1,
    assessment: pooled,
    ...(next.passed === undefined ? {} : { gates: next.passed }),
  };
  const retire = effects.find((effect) => effect.kind === 'retire');
  if (retire !== undefined) {
    return { kind: 'retire', next, endpoints, who: { actor: 'controller', reason: retire.reason }, evidence };
  }
  const dial = effects.find((effect) => effect.kind === 'dial');
  if (dial === undefined) return { kind: 'keep', next };
  const dials = endpoints.flatMap((endpoint) => dial.dials.map((one) => dialOf(endpoint, one)));
  // A rollback may cover a cohort or tenant of the step though not the endpoint: then all of the step waits.
  if (
    !isDown &&
    dials.some((one) => one.dialPpm > presentPpm(state, one.scope) && latchOver(state, one.scope) !== undefined)
  )
    return stay;
  return {
    kind: 'dial',
    before: home.ramp,
    next,
    isDown,
    members,
    dials,
    who: { actor: dial.actor, reason: dial.reason },
    evidence: { ...evidence, assessment: dial.evidence ?? pooled },
  };
}

/** A ramp's dial of an endpoint. */
export function dialOf(endpoint: EndpointId, { dialPpm, cohort, tenant }: RampDial): Dial {
  const scope: Scope = {
    endpoint,
    ...(cohort === undefined ? {} : { cohort }),
    ...(tenant === undefined ? {} : { tenant }),
  };
  return { scope, dialPpm };
}

/** The endpoint that leads the ramp of a journey: the first that can be compared; itself without journey. */
export function leaderOf(id: EndpointId, rules: MovementRules): EndpointId {
  const journey = rules.journeyOf(id);
  return journey.find((member) => rules.isComparable(member)) ?? journey[0] ?? id;
}

/** Whether a dial step is everybody's. */
export function isForAll({
  cohort,
  tenants,
}: {
  readonly cohort?: string;
  readonly tenants?: readonly string[];
}): boolean {
  return cohort === undefined && tenants === undefined;
}

/** Cohorts and tenants that the steps name, each once. */
function targetsOf(steps: readonly RampStep[]): readonly RampDial[] {
  const targets = new Map<string, RampDial>();
  for (const step of steps) {
    if (step.kind !== 'dial') continue;
    const { cohort, tenants = [] } = step;
    if (cohort !== undefined) targets.set(`cohort ${cohort}`, { dialPpm: 0, cohort });
    for (const tenant of tenants) targets.set(tenant, { dialPpm: 0, tenant });
  }
  return [...targets.values()];
}

/** The dials of cohorts and tenants that a ramp has raised, as the control state has them. */
export function scopedDials(
  endpoint: EndpointId,
  steps: readonly RampStep[],
  state: ControlState,
): readonly RampDial[] {
  return targetsOf(steps).flatMap((target) => {
    const dialPpm = state.dials.get(scopeKey(dialOf(endpoint, target).scope))?.dialPpm ?? 0;
    return dialPpm === 0 ? [] : [{ ...target, dialPpm }];
  });
}

/** A dial that a person set since the ramp looked last, in a scope that is the ramp's own. */
function personsDial(
  home: EndpointTrack,
  steps: readonly RampStep[],
  state: ControlState,
): { readonly actor: string; readonly at: number } | undefined {
  for (const { scope } of [{ scope: { endpoint: home.id } }, ...targetsOf(steps).map((one) => dialOf(home.id, one))]) {
    const order = state.dials.get(scopeKey(scope));
    if (order !== undefined && order.at > home.dialSeenAt && isPerson(order.actor)) return order;
  }
  return undefined;
}

/** The gate where the ramp stands, if nobody was told yet that it waits there. */
function newGate(home: EndpointTrack, ramp: Ramp, { rules, facts, state }: Climbing): RampStepPlan | undefined {
  const step = rules.rampOf(home.id).steps[ramp.step];
  const isWaiting = ramp.state === 'running' && facts.now >= (ramp.restAt ?? 0) && !facts.isFaulty;
  if (step?.kind !== 'gate' || !isWaiting) return undefined;
  const record = state.gates.get(home.id);
  if (record?.gate === step.name && record.since === ramp.since) return undefined;
  const who = { actor: 'controller', reason: `the ramp waits at gate ${step.name} until somebody approves` };
  return { kind: 'gate', next: ramp, gate: step, who };
}

function approvalsAt(home: EndpointTrack, ramp: Ramp, step: RampStep | undefined, { facts, state }: Climbing) {
  if (step?.kind !== 'gate') return [];
  return approvalsThatCount(step, state.gates.get(home.id), { since: ramp.since, now: facts.now });
}

/** Open cells that the present step's dial moves, of the endpoint of a journey that has least; 1 where no proof is demanded. */
function openCellsFor(
  home: EndpointTrack,
  members: readonly EndpointTrack[],
  step: RampStep | undefined,
  { book, facts, state }: Climbing,
): number {
  if (facts.policyOf(home.id).proof === 'none') return 1;
  const tenants = step?.kind === 'dial' ? targetTenants(step, state) : undefined;
  const open = (one: EndpointTrack): number =>
    tenants === undefined
      ? book.openCells(one)
      : tenants.filter((tenant) => isOpen(one.cells.get(tenant)?.record.state)).length;
  return Math.min(...members.map(open));
}

/** The tenants of a dial step; undefined: everybody. */
function targetTenants(
  step: Extract<RampStep, { kind: 'dial' }>,
  state: ControlState,
): readonly TenantId[] | undefined {
  if (step.cohort !== undefined) return tenantsOf({ cohort: step.cohort }, cohortsOf(state));
  return step.tenants;
}

/** The comparable endpoints of the journey, where `home` leads them; itself where it has none. */
function membersOf(home: EndpointTrack, { book, rules, facts }: Climbing): EndpointTrack[] | undefined {
  const policy = facts.policyOf(home.id);
  const isComparable = rules.isComparable(home.id);
  if (policy.retired || policy.maxPpm === 0 || (!isComparable && !policy.writes)) return undefined;
  if (leaderOf(home.id, rules) !== home.id) return undefined;
  const comparable = rules.journeyOf(home.id).filter((member) => rules.isComparable(member));
  return comparable.length === 0 ? [home] : comparable.flatMap((member) => book.home(member) ?? []);
}

/** The worst of what the endpoints' comparisons say. */
function pooledOf(members: readonly EndpointTrack[], { pooled, rules, facts }: Climbing): Assessment {
  const all = members.map(
    (one) => pooled.get(one) ?? assessPooled(one, rules, { now: facts.now, proof: facts.policyOf(one.id).proof }),
  );
  const [first] = all;
  if (first === undefined) throw new Error('a ramp without endpoints'); // membersOf gives at least one
  const worst =
    all.find((one) => one.kind === 'fail' || one.kind === 'conflict') ?? all.find((one) => one.kind !== 'pass');
  const said = worst ?? first;
  return facts.isFaulty && said.kind === 'pass' ? { ...said, kind: 'fault' } : said;
}

function isPerson(actor: string): boolean {
  return actor !== 'controller' && !actor.startsWith('tripwire:');
}
