import type { ControlState } from '../core/control-state.ts';
import type { Assessment } from '../core/evidence.ts';
import { climb, newRamp, type Ramp } from '../core/ramp.ts';
import type { Dial } from '../core/routing.ts';
import { scopeKey } from '../core/scope.ts';
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
  const { book, rules, facts, state } = climbing;
  const policy = rules.rampOf(home.id);
  if (policy.steps.length === 0) return undefined;
  const members = membersOf(home, climbing);
  if (members === undefined) return undefined;
  const ramp = home.ramp ?? newRamp(facts.now);
  const order = state.dials.get(scopeKey({ endpoint: home.id }));
  if (order !== undefined && order.at > home.dialSeenAt && isPerson(order.actor)) {
    const who = { actor: 'controller', reason: `${order.actor} set the dial; the ramp waits until it is resumed` };
    return { kind: 'hold', next: { ...ramp, dialPpm: order.dialPpm, since: facts.now }, seenAt: order.at, who };
  }
  const pooled = pooledOf(members, climbing);
  const openCells =
    facts.policyOf(home.id).proof === 'none' ? 1 : Math.min(...members.map((one) => book.openCells(one)));
  const moved = climb(ramp, { kind: 'assessed', pooled, openCells }, policy, facts.now);
  if (!moved.ok) return undefined;
  const { next } = moved;
  const isDown = next.dialPpm < ramp.dialPpm;
  const isKept = facts.isFaulty || facts.isHeld({ endpoint: home.id }) || facts.isLatched({ endpoint: home.id });
  if (next === ramp || (isKept && !isDown)) return home.ramp === undefined ? { kind: 'keep', next: ramp } : undefined;
  const dial = moved.effects.find((effect) => effect.kind === 'dial');
  if (dial === undefined) return { kind: 'keep', next };
  const ids = [...new Set([home.id, ...rules.journeyOf(home.id)])];
  return {
    kind: 'dial',
    before: home.ramp,
    next,
    isDown,
    members,
    dials: ids.map((endpoint) => ({ scope: { endpoint }, dialPpm: dial.dialPpm })),
    who: { actor: dial.actor, reason: dial.reason },
    evidence: { step: next.step + 1, assessment: dial.evidence ?? pooled },
  };
}

/** The comparable endpoints of the journey, where `home` leads them; itself where it has none. */
function membersOf(home: EndpointTrack, { book, rules, facts }: Climbing): EndpointTrack[] | undefined {
  const policy = facts.policyOf(home.id);
  const isComparable = rules.isComparable(home.id);
  if (policy.retired || policy.maxPpm === 0 || (!isComparable && !policy.writes)) return undefined;
  const journey = rules.journeyOf(home.id);
  const comparable = journey.filter((member) => rules.isComparable(member));
  const leader = comparable[0] ?? journey[0];
  if (leader !== home.id) return undefined;
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
