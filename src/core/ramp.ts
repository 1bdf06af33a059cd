import type { TenantId } from './cell.ts';
import type { Assessment } from './evidence.ts';
import { type Approval, approvedText, type GateStep, type PassedGate } from './gate.ts';

/** A step of the ladder a dial climbs. */
export type RampStep =
  /** Mirror until the endpoint's evidence passes. */
  | { readonly kind: 'mirror' }
  /** Set the dial, of everybody, of a cohort or of some tenants; done when nothing spoke against it for the dwell time. */
  | {
      readonly kind: 'dial';
      readonly dialPpm: number;
      readonly cohort?: string;
      readonly tenants?: readonly TenantId[];
    }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Stop until people approve. */
  | GateStep
  /** Keep verifying against the control while the candidate serves: for a time and until the comparisons pass, or for ever. */
  | { readonly kind: 'verify'; readonly direction: 'reverse'; readonly ms?: number }
  /** The control is no longer needed; the last step. `person`: waits for one to say so. */
  | { readonly kind: 'retire'; readonly by: 'person' | 'auto' };

/** A dial of the ramp's endpoints: for everybody, or for a cohort or a tenant. */
export interface RampDial {
  readonly dialPpm: number;
  readonly cohort?: string;
  readonly tenant?: TenantId;
}

/** Where a ramp is; data, so that it can be journaled. */
export interface Ramp {
  /** Index of the present step; the number of steps when all are done. */
  readonly step: number;
  readonly since: number;
  readonly state: 'running' | 'held';
  readonly reason: string;
  /** The dial for everybody as the ramp last set it, parts per million. */
  readonly dialPpm: number;
  /** Dials of cohorts and tenants that the ramp raised; absent: none. */
  readonly scoped?: readonly RampDial[];
  /** Gates passed on the way to here; absent: none. */
  readonly passed?: readonly PassedGate[];
  /** After a demotion: not before this the first step begins again. */
  readonly restAt?: number;
  /** Times it was taken back while something of it served, in this epoch; absent: never. */
  readonly falls?: number;
  /** When it last began to move traffic again after a fall, in this epoch. */
  readonly returnedAt?: number;
}

export interface RampPolicy {
  readonly steps: readonly RampStep[];
  /** How long a dial step must stand without objection. */
  readonly dwellMs: number;
  /** Rest after a demotion; doubled by each further one in an epoch, up to 64 times as long. */
  readonly coolDownMs: number;
  /** Between two returns after a demotion, at least. */
  readonly returnIntervalMs: number;
  /** Demotions in an epoch after which it stays until a person resumes it. */
  readonly retries: number;
}

export type RampEvent =
  | {
      readonly kind: 'assessed';
      readonly pooled: Assessment;
      /** Open cells that the present step's dial moves. */
      readonly openCells: number;
      /** What counts at the gate where the ramp stands. */
      readonly approvals?: readonly Approval[];
    }
  | { readonly kind: 'tripped'; readonly tripwire: string; readonly detail: string }
  /** A person takes it back; it does not count as a fall. */
  | { readonly kind: 'demoted'; readonly actor: string; readonly reason: string }
  /** Another candidate version or other rules: falls so far say nothing about it. */
  | { readonly kind: 'deployed' }
  | { readonly kind: 'hold'; readonly actor: string; readonly reason: string }
  | { readonly kind: 'resume'; readonly actor: string; readonly reason: string };

export type RampEffect =
  | {
      readonly kind: 'dial';
      /** The dial for everybody from now on. */
      readonly dialPpm: number;
      /** Every dial to set. */
      readonly dials: readonly RampDial[];
      readonly actor: string;
      readonly reason: string;
      readonly evidence?: unknown;
    }
  /** The endpoint is to be retired. */
  | { readonly kind: 'retire'; readonly reason: string }
  /** It was taken back too often; a person has to look. */
  | { readonly kind: 'hold'; readonly reason: string }
  | { readonly kind: 'journal'; readonly action: string; readonly actor: string; readonly reason: string };

export type RampTransition =
  | { readonly ok: true; readonly next: Ramp; readonly effects: readonly RampEffect[] }
  | { readonly ok: false; readonly reason: string };

export function newRamp(now: number): Ramp {
  return { step: 0, since: now, state: 'running', reason: 'begins', dialPpm: 0 };
}

/** Whether the ramp moves anybody. */
export function isServing(ramp: Ramp): boolean {
  return ramp.dialPpm > 0 || (ramp.scoped ?? []).some(({ dialPpm }) => dialPpm > 0);
}

const MAX_DOUBLINGS = 6;

/**
 * One round of a ramp: at most one step up, and all the way down at once.
 * Pure and total; a held ramp climbs no further but still comes down.
 */
export function climb(ramp: Ramp, event: RampEvent, policy: RampPolicy, now: number): RampTransition {
  switch (event.kind) {
    case 'hold':
      if (ramp.state === 'held') return { ok: false, reason: 'the ramp is held already' };
      return held(ramp, 'held', event, now);
    case 'resume':
      if (ramp.state === 'running') return { ok: false, reason: 'the ramp is not held' };
      // A person has looked: what was is forgiven.
      return held(forgiven(ramp), 'running', event, now);
    case 'deployed':
      return { ok: true, next: forgiven(ramp), effects: [] };
    case 'tripped':
      return fall(ramp, { actor: `tripwire:${event.tripwire}`, reason: event.detail, counts: true }, policy, now);
    case 'demoted':
      return fall(ramp, { actor: event.actor, reason: event.reason, counts: false }, policy, now);
    case 'assessed':
      return assessed(ramp, event, policy, now);
  }
}

type Assessed = Extract<RampEvent, { kind: 'assessed' }>;

function assessed(ramp: Ramp, event: Assessed, policy: RampPolicy, now: number): RampTransition {
  const { pooled } = event;
  if ((pooled.kind === 'fail' || pooled.kind === 'conflict') && isServing(ramp)) {
    const reason = `the endpoint's comparisons say ${pooled.kind}: ${pooled.mismatches} mismatches of ${pooled.matches + pooled.mismatches}`;
    return fall(ramp, { actor: 'controller', reason, evidence: pooled, counts: true }, policy, now);
  }
  if (ramp.state === 'held' || now < (ramp.restAt ?? 0)) return unchanged(ramp);
  // Old news moves nothing, and a fault of our own promotes nobody (I11).
  if (pooled.kind === 'stale' || pooled.kind === 'fault') return unchanged(ramp);
  const step = policy.steps[ramp.step];
  return step === undefined ? unchanged(ramp) : stepped(ramp, step, event, { policy, now });
}

/** What becomes of the present step. */
function stepped(
  ramp: Ramp,
  step: RampStep,
  { pooled, openCells, approvals = [] }: Assessed,
  { policy, now }: { readonly policy: RampPolicy; readonly now: number },
): RampTransition {
  const passed = now - ramp.since;
  switch (step.kind) {
    case 'mirror':
      return pooled.kind === 'pass' ? next(ramp, policy, now, 'the comparisons pass') : unchanged(ramp);
    case 'dial':
      if (!isSet(ramp, step)) return setDial(ramp, step, pooled, now);
      // Where proof is demanded a dial moves nothing before a cell is open; the dwell time begins with the first.
      if (openCells === 0) return { ok: true, next: { ...ramp, since: now }, effects: [] };
      return passed >= policy.dwellMs
        ? next(ramp, policy, now, `${dialText(step)} stood without objection`)
        : unchanged(ramp);
    case 'wait':
      return passed >= step.ms ? next(ramp, policy, now, 'the wait is over') : unchanged(ramp);
    case 'gate': {
      if (approvals.length < step.approvals) return unchanged(ramp);
      const gate: PassedGate = { gate: step.name, at: now, approvals };
      return next({ ...ramp, passed: [...(ramp.passed ?? []), gate] }, policy, now, approvedText(gate));
    }
    case 'verify':
      if (step.ms === undefined || passed < step.ms || pooled.kind !== 'pass') return unchanged(ramp);
      return next(ramp, policy, now, 'verified against the control for long enough');
    case 'retire': {
      if (step.by === 'person' || pooled.kind !== 'pass') return unchanged(ramp);
      const reason = 'the last step: the control is no longer needed';
      return {
        ok: true,
        next: { ...ramp, step: ramp.step + 1, since: now, reason },
        effects: [{ kind: 'retire', reason }],
      };
    }
  }
}

/** Goes on to the next step, and sets its dial at once where it is one. */
function next(ramp: Ramp, policy: RampPolicy, now: number, reason: string): RampTransition {
  const { restAt: _over, ...rest } = ramp;
  const moved: Ramp = { ...rest, step: ramp.step + 1, since: now, reason };
  const step = policy.steps[moved.step];
  const effects: RampEffect[] = [{ kind: 'journal', action: 'ramp.step', actor: 'controller', reason }];
  if (step?.kind !== 'dial') return { ok: true, next: moved, effects };
  const raised = withDial(moved, step, now);
  effects.push({ kind: 'dial', dialPpm: raised.next.dialPpm, dials: raised.dials, actor: 'controller', reason });
  return { ok: true, next: raised.next, effects };
}

type DialStep = Extract<RampStep, { kind: 'dial' }>;

function setDial(ramp: Ramp, step: DialStep, evidence: Assessment, now: number): RampTransition {
  const reason = `step ${ramp.step + 1}: dial ${dialText(step)}`;
  const raised = withDial({ ...ramp, since: now, reason }, step, now);
  const { dialPpm } = raised.next;
  return {
    ok: true,
    next: raised.next,
    effects: [{ kind: 'dial', dialPpm, dials: raised.dials, actor: 'controller', reason, evidence }],
  };
}

/** `5 %`, `100 % of cohort beta`, `100 % of 2 tenants`. */
function dialText({ dialPpm, cohort, tenants }: DialStep): string {
  const who =
    cohort === undefined ? (tenants === undefined ? '' : ` of ${tenantsText(tenants)}`) : ` of cohort ${cohort}`;
  return `${dialPpm / 10_000} %${who}`;
}

function tenantsText(tenants: readonly TenantId[]): string {
  return tenants.length === 1 ? `tenant ${tenants[0]}` : `${tenants.length} tenants`;
}

/** Whom a dial step moves besides everybody; empty: it is everybody's dial. */
function targetsOf({ cohort, tenants }: DialStep): readonly Omit<RampDial, 'dialPpm'>[] {
  if (cohort !== undefined) return [{ cohort }];
  return (tenants ?? []).map((tenant) => ({ tenant }));
}

function isSame(a: Omit<RampDial, 'dialPpm'>, b: Omit<RampDial, 'dialPpm'>): boolean {
  return a.cohort === b.cohort && a.tenant === b.tenant;
}

function isSet(ramp: Ramp, step: DialStep): boolean {
  const targets = targetsOf(step);
  if (targets.length === 0) return ramp.dialPpm === step.dialPpm;
  return targets.every((target) =>
    (ramp.scoped ?? []).some((dial) => isSame(dial, target) && dial.dialPpm >= step.dialPpm),
  );
}

/**
 * The ramp with a step's dial, and the dials to set for it. A dial of a cohort or tenant outranks everybody's, so it rises
 * along where everybody's would overtake it: nobody goes back because others go forward (I10).
 */
function withDial(ramp: Ramp, step: DialStep, now: number): { readonly next: Ramp; readonly dials: RampDial[] } {
  const scoped = ramp.scoped ?? [];
  const targets = targetsOf(step);
  const isReturning = (ramp.falls ?? 0) > 0 && !isServing(ramp);
  const base: Ramp = isReturning ? { ...ramp, returnedAt: now } : ramp;
  if (targets.length === 0) {
    const { dialPpm } = step;
    const overtaken = scoped.filter((dial) => dial.dialPpm < dialPpm).map((dial) => ({ ...dial, dialPpm }));
    const risen = scoped.map((dial) => ({ ...dial, dialPpm: Math.max(dial.dialPpm, dialPpm) }));
    const next = { ...base, dialPpm, ...(risen.length === 0 ? {} : { scoped: risen }) };
    return { next, dials: [{ dialPpm }, ...overtaken] };
  }
  const raised = targets.map((target): RampDial => {
    const before = scoped.find((dial) => isSame(dial, target))?.dialPpm ?? 0;
    return { ...target, dialPpm: Math.max(step.dialPpm, before, ramp.dialPpm) };
  });
  const others = scoped.filter((dial) => !targets.some((target) => isSame(dial, target)));
  return { next: { ...base, scoped: [...others, ...raised] }, dials: raised };
}

interface Fall {
  readonly actor: string;
  readonly reason: string;
  readonly evidence?: unknown;
  /** Whether the evidence spoke against it, so that it is one of its tries. */
  readonly counts: boolean;
}

function fall(ramp: Ramp, why: Fall, policy: RampPolicy, now: number): RampTransition {
  const { scoped = [], passed: _approvedNoLonger, ...rest } = ramp;
  const wasServing = isServing(ramp);
  const before = ramp.falls ?? 0;
  const falls = wasServing && why.counts ? before + 1 : before;
  const restMs = policy.coolDownMs * 2 ** Math.min(Math.max(0, falls - 1), MAX_DOUBLINGS);
  const restAt = Math.max(now + restMs, (ramp.returnedAt ?? Number.NEGATIVE_INFINITY) + policy.returnIntervalMs);
  const isExhausted = falls > before && falls >= policy.retries;
  const next: Ramp = {
    ...rest,
    step: 0,
    since: now,
    state: isExhausted ? 'held' : ramp.state,
    reason: isExhausted ? exhaustedReason(falls, why.reason) : why.reason,
    dialPpm: 0,
    restAt,
    ...(falls === 0 ? {} : { falls }),
  };
  if (!wasServing) return { ok: true, next, effects: [] };
  const dials: RampDial[] = [{ dialPpm: 0 }, ...scoped.map((dial) => ({ ...dial, dialPpm: 0 }))];
  const { actor, reason, evidence } = why;
  const effects: RampEffect[] = [
    { kind: 'dial', dialPpm: 0, dials, actor, reason, ...(evidence === undefined ? {} : { evidence }) },
  ];
  if (isExhausted) effects.push({ kind: 'hold', reason: next.reason });
  return { ok: true, next, effects };
}

/** Why something that was taken back for the last time is held. */
export function exhaustedReason(times: number, last: string): string {
  return `taken back ${times} times in this epoch, the last time because ${last.replace(/[.\s]+$/, '')}; somebody has to look`;
}

function forgiven(ramp: Ramp): Ramp {
  if (ramp.falls === undefined && ramp.returnedAt === undefined) return ramp;
  const { falls: _falls, returnedAt: _returnedAt, ...rest } = ramp;
  return rest;
}

function held(
  ramp: Ramp,
  state: Ramp['state'],
  by: { readonly actor: string; readonly reason: string },
  now: number,
): RampTransition {
  const reason = by.reason === '' ? `by ${by.actor}` : by.reason;
  return {
    ok: true,
    next: { ...ramp, state, since: now, reason },
    effects: [{ kind: 'journal', action: state === 'held' ? 'ramp.held' : 'ramp.resumed', actor: by.actor, reason }],
  };
}

function unchanged(ramp: Ramp): RampTransition {
  return { ok: true, next: ramp, effects: [] };
}
