import type { Assessment } from './evidence.ts';

/** A step of the ladder a dial climbs. */
export type RampStep =
  /** Mirror until the endpoint's evidence passes. */
  | { readonly kind: 'mirror' }
  /** Set the dial; done when nothing spoke against it for the dwell time. */
  | { readonly kind: 'dial'; readonly dialPpm: number }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Keep verifying against the control while the candidate serves; the last step, it never ends. */
  | { readonly kind: 'verify'; readonly direction: 'reverse' };

/** Where a ramp is; data, so that it can be journaled. */
export interface Ramp {
  /** Index of the present step; the number of steps when all are done. */
  readonly step: number;
  readonly since: number;
  readonly state: 'running' | 'held';
  readonly reason: string;
  /** The dial as the ramp last set it, parts per million. */
  readonly dialPpm: number;
  /** After a demotion: not before this the first step begins again. */
  readonly restAt?: number;
}

export interface RampPolicy {
  readonly steps: readonly RampStep[];
  /** How long a dial step must stand without objection. */
  readonly dwellMs: number;
  /** Rest after a demotion. */
  readonly coolDownMs: number;
}

export type RampEvent =
  | { readonly kind: 'assessed'; readonly pooled: Assessment; readonly openCells: number }
  | { readonly kind: 'tripped'; readonly tripwire: string; readonly detail: string }
  | { readonly kind: 'hold'; readonly actor: string; readonly reason: string }
  | { readonly kind: 'resume'; readonly actor: string; readonly reason: string };

export type RampEffect =
  | {
      readonly kind: 'dial';
      readonly dialPpm: number;
      readonly actor: string;
      readonly reason: string;
      readonly evidence?: unknown;
    }
  | { readonly kind: 'journal'; readonly action: string; readonly actor: string; readonly reason: string };

export type RampTransition =
  | { readonly ok: true; readonly next: Ramp; readonly effects: readonly RampEffect[] }
  | { readonly ok: false; readonly reason: string };

export function newRamp(now: number): Ramp {
  return { step: 0, since: now, state: 'running', reason: 'begins', dialPpm: 0 };
}

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
      return held(ramp, 'running', event, now);
    case 'tripped':
      return fall(ramp, `tripwire:${event.tripwire}`, event.detail, undefined, policy, now);
    case 'assessed':
      return assessed(ramp, event, policy, now);
  }
}

function assessed(
  ramp: Ramp,
  event: Extract<RampEvent, { kind: 'assessed' }>,
  policy: RampPolicy,
  now: number,
): RampTransition {
  const { pooled, openCells } = event;
  if ((pooled.kind === 'fail' || pooled.kind === 'conflict') && ramp.dialPpm > 0) {
    return fall(
      ramp,
      'controller',
      `the endpoint's comparisons say ${pooled.kind}: ${pooled.mismatches} mismatches of ${pooled.matches + pooled.mismatches}`,
      pooled,
      policy,
      now,
    );
  }
  if (ramp.state === 'held' || now < (ramp.restAt ?? 0)) return unchanged(ramp);
  // Old news moves nothing, and a fault of our own promotes nobody (I11).
  if (pooled.kind === 'stale' || pooled.kind === 'fault') return unchanged(ramp);
  const step = policy.steps[ramp.step];
  if (step === undefined) return unchanged(ramp);
  switch (step.kind) {
    case 'mirror':
      return pooled.kind === 'pass' ? next(ramp, policy, now, 'the comparisons pass') : unchanged(ramp);
    case 'dial':
      if (ramp.dialPpm !== step.dialPpm) return setDial(ramp, step.dialPpm, pooled, now);
      // Where proof is demanded a dial moves nothing before a cell is open; the dwell time begins with the first.
      if (openCells === 0) return { ok: true, next: { ...ramp, since: now }, effects: [] };
      return now - ramp.since >= policy.dwellMs
        ? next(ramp, policy, now, `${step.dialPpm / 10_000} % stood without objection`)
        : unchanged(ramp);
    case 'wait':
      return now - ramp.since >= step.ms ? next(ramp, policy, now, 'the wait is over') : unchanged(ramp);
    case 'verify':
      return unchanged(ramp);
  }
}

/** Goes on to the next step, and sets its dial at once where it is one. */
function next(ramp: Ramp, policy: RampPolicy, now: number, reason: string): RampTransition {
  const { restAt: _over, ...rest } = ramp;
  const moved: Ramp = { ...rest, step: ramp.step + 1, since: now, reason };
  const step = policy.steps[moved.step];
  const effects: RampEffect[] = [{ kind: 'journal', action: 'ramp.step', actor: 'controller', reason }];
  if (step?.kind !== 'dial') return { ok: true, next: moved, effects };
  effects.push({ kind: 'dial', dialPpm: step.dialPpm, actor: 'controller', reason });
  return { ok: true, next: { ...moved, dialPpm: step.dialPpm }, effects };
}

function setDial(ramp: Ramp, dialPpm: number, evidence: Assessment, now: number): RampTransition {
  const reason = `step ${ramp.step + 1}: dial ${dialPpm / 10_000} %`;
  return {
    ok: true,
    next: { ...ramp, since: now, dialPpm, reason },
    effects: [{ kind: 'dial', dialPpm, actor: 'controller', reason, evidence }],
  };
}

function fall(
  ramp: Ramp,
  actor: string,
  reason: string,
  evidence: unknown,
  policy: RampPolicy,
  now: number,
): RampTransition {
  const next: Ramp = { ...ramp, step: 0, since: now, reason, dialPpm: 0, restAt: now + policy.coolDownMs };
  if (ramp.dialPpm === 0) return { ok: true, next, effects: [] };
  return {
    ok: true,
    next,
    effects: [{ kind: 'dial', dialPpm: 0, actor, reason, ...(evidence === undefined ? {} : { evidence }) }],
  };
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
