import type { ControlState, DialOrder, TableBase } from '../control-model.ts';
import { configuredPpm, dialsOf, endpointChanges, latchOver, presentPpm } from '../control-model.ts';
import { describeScope, scopeKey } from '../scope.ts';
import type { PlanGuard } from './guard.ts';
import type { PlanMark, PlanSource } from './plan-mark.ts';

/** Another configuration. */
export interface LoadCommand {
  readonly kind: 'config.load';
  readonly base: TableBase;
  /** Its text; absent: it has none that is kept. */
  readonly plan?: LoadedPlan;
  /** Refused unless this is the revision in force: nobody overwrites what he has not seen. */
  readonly ifRevision?: number;
  /** Held against what is in force; absent: at a start, where nothing can refuse a configuration. */
  readonly guard?: PlanGuard;
}

export interface LoadedPlan {
  readonly hash: string;
  readonly from: PlanSource;
  readonly of?: number;
  readonly fileHash: string;
}

/** What it does, and what the journal says of it. */
export interface Loaded {
  readonly state: ControlState;
  readonly action: string;
  readonly scope: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

interface By {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** Most changes that one journal entry spells out. */
const MAX_EVIDENCE = 100;
const ACTIONS: Readonly<Record<PlanSource, string>> = {
  file: 'config.loaded',
  apply: 'plan.applied',
  revert: 'plan.reverted',
};

/** The state under another configuration: latches, pins and holds stay, and a dial it would raise under a latch stays where it was. */
export function loadConfig(state: ControlState, { base, plan }: LoadCommand, by: By): Loaded {
  const mark = plan === undefined ? state.plan : nextMark(state.plan, plan, by);
  const loaded = { ...state, base, plan: mark };
  const dials = new Map(state.dials);
  for (const [key, dial] of new Map([...dialsOf(state), ...dialsOf(loaded)])) {
    if (state.dials.has(key) || latchOver(loaded, dial.scope) === undefined) continue;
    const before = presentPpm(state, dial.scope);
    const after = configuredPpm(base, dial.scope);
    if (after !== null && after <= before) continue;
    const configPpm = configuredPpm(state.base, dial.scope);
    if (after !== configPpm) dials.set(key, { scope: dial.scope, dialPpm: before, configPpm, ...stamp(by) });
  }
  const held = [...dials.values()].filter((order) => !state.dials.has(scopeKey(order.scope)));
  return {
    state: { ...loaded, dials },
    action: ACTIONS[plan?.from ?? 'file'],
    scope: 'all',
    evidence: {
      ...(mark === undefined ? {} : planEvidence(state.plan, mark)),
      before: sizes(state.base),
      after: sizes(base),
      endpoints: endpointChanges(state.base, base),
      heldBack: held.slice(0, MAX_EVIDENCE).map((order: DialOrder) => describeScope(order.scope)),
    },
  };
}

/** The same text is the same revision: a restart makes none. */
function nextMark(before: PlanMark | undefined, plan: LoadedPlan, by: By): PlanMark {
  const { hash, from, fileHash } = plan;
  if (before !== undefined && before.hash === hash)
    return before.fileHash === fileHash ? before : { ...before, fileHash };
  const revision = (before?.revision ?? 0) + 1;
  return { revision, hash, from, ...(plan.of === undefined ? {} : { of: plan.of }), fileHash, ...stamp(by) };
}

function planEvidence(before: PlanMark | undefined, { revision, hash, from, of }: PlanMark): Record<string, unknown> {
  return {
    plan: { revision, hash, from, ...(of === undefined ? {} : { of }), before: before?.revision ?? null },
  };
}

function sizes(base: TableBase): Readonly<Record<string, number>> {
  return { endpoints: base.endpoints.length, dials: base.dials.length, cohorts: Object.keys(base.cohorts).length };
}

/** Only what is meant to be stored, whatever else the caller's object holds. */
function stamp(by: By): By {
  return { actor: by.actor, reason: by.reason, at: by.at };
}
