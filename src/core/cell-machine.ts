import type { CellState } from './cell.ts';
import type { Assessment } from './evidence.ts';
import { exhaustedReason } from './ramp.ts';

/** What evidence is valid for: another candidate version or other rules begin another epoch. */
export interface Epoch {
  readonly candidateVersion: string;
  /** Fingerprint of the comparison rules. */
  readonly rules: string;
}

export const PROOF_OVER = ['cell', 'endpoint', 'cohort'] as const;
export type ProofOver = (typeof PROOF_OVER)[number];

/** The recorded evidence that opened a cell. */
export interface Proof {
  readonly at: number;
  /** `cell`: the cell's own comparisons; `endpoint`: those of all tenants, and a few clean ones of its own; `cohort`: the same of its cohort. */
  readonly over: ProofOver;
  readonly cohort?: string;
  readonly epoch: Epoch;
  readonly controlVersion: string;
  /** What decided it, with the bound. */
  readonly assessment: Assessment;
  /** The cell's own comparisons at that moment. */
  readonly own: { readonly matches: number; readonly mismatches: number };
  /** Over the endpoint: how many of its comparisons are of other cells. */
  readonly borrowed?: { readonly comparisons: number; readonly of: number };
}

/** A cell as the controller keeps it; data, so that it can be journaled. */
export interface CellRecord {
  readonly state: CellState;
  readonly since: number;
  /** Why it is in this state, as a sentence. */
  readonly reason: string;
  /** Present while `open` or `renewing`. */
  readonly proof?: Proof;
  /** `renewing`: when it closes unless the proof was renewed. */
  readonly renewBy?: number;
  /** `closed`: when it may be observed again. */
  readonly coolUntil?: number;
  /** Times it was closed within this epoch; each doubles the cool-down. */
  readonly closures: number;
  /** When it last opened again after it was closed, within this epoch. */
  readonly returnedAt?: number;
}

export interface CellPolicy {
  /** Clean comparisons of its own that a cell needs where the endpoint has passed. */
  readonly ownMatches: number;
  /** How long an open cell keeps serving after a deployment while its proof is renewed. */
  readonly renewWithinMs: number;
  /** After the first closing; doubled by each further one, up to 64 times as long. */
  readonly coolDownMs: number;
  /** Between two openings after a closing, at least, within an epoch: whatever the evidence does, a cell does not flap. */
  readonly returnIntervalMs: number;
  /** Closings of a serving cell in an epoch after which it is held until a person resumes it. */
  readonly retries: number;
}

export type CellEvent =
  /** A round of the controller: what the cell's evidence says, and its endpoint's where that is pooled. */
  | {
      readonly kind: 'assessed';
      readonly own: Assessment;
      readonly pooled?: Assessment;
      /** The cohort that the pooled ones are of; absent: all tenants of the endpoint. */
      readonly cohort?: string;
      /** Comparisons among the pooled ones that are the cell's own. */
      readonly ownInPool?: number;
      readonly epoch: Epoch;
      readonly controlVersion: string;
    }
  | { readonly kind: 'tripped'; readonly tripwire: string; readonly detail: string }
  /** A person takes it back, without a latch; it is none of its tries. */
  | { readonly kind: 'demoted'; readonly actor: string; readonly reason: string }
  | { readonly kind: 'deployed'; readonly epoch: Epoch }
  | { readonly kind: 'hold'; readonly actor: string; readonly reason: string }
  | { readonly kind: 'resume'; readonly actor: string; readonly reason: string }
  | { readonly kind: 'latched'; readonly actor: string; readonly reason: string }
  | { readonly kind: 'unlatched'; readonly actor: string; readonly reason: string };

/** What a transition asks for; carried out by the controller, journal first. */
export type CellEffect =
  | {
      readonly kind: 'journal';
      readonly action: string;
      readonly actor: string;
      readonly reason: string;
      readonly evidence?: unknown;
    }
  /** Evidence gathered so far says nothing about what comes: begin anew. */
  | { readonly kind: 'resetEvidence' }
  /** It was taken back too often; a person has to look. */
  | { readonly kind: 'hold'; readonly reason: string };

export type CellTransition =
  | { readonly ok: true; readonly next: CellRecord; readonly effects: readonly CellEffect[] }
  /** The event does not fit the state; nothing changes. */
  | { readonly ok: false; readonly reason: string };

export function newCell(now: number): CellRecord {
  return { state: 'observing', since: now, reason: 'no proof yet', closures: 0 };
}

const MAX_DOUBLINGS = 6;

/**
 * The life of a cell. Total over states and events, pure: `now` comes from outside.
 * Promotion only ever comes from evidence; every road to the control is open from every state.
 */
export function transition(cell: CellRecord, event: CellEvent, policy: CellPolicy, now: number): CellTransition {
  switch (event.kind) {
    case 'assessed':
      return assessed(cell, event, policy, now);
    case 'tripped':
      return tripped(cell, event, policy, now);
    case 'demoted':
      if (cell.state === 'held' || cell.state === 'latched') return unchanged(cell);
      return close(cell, { ...event, evidence: undefined, isTry: false }, policy, now);
    case 'deployed':
      return deployed(cell, event.epoch, policy, now);
    case 'hold':
      if (cell.state === 'latched') return rejected('the cell is latched; lift the latch first');
      if (cell.state === 'held') return rejected('the cell is held already');
      return move(cell, 'held', event, 'cell.held', now);
    case 'resume':
      if (cell.state !== 'held') return rejected(`the cell is not held; it is ${cell.state}`);
      // A person has looked: what was is forgiven.
      return move({ ...cell, closures: 0 }, 'observing', event, 'cell.resumed', now);
    case 'latched':
      if (cell.state === 'latched') return unchanged(cell);
      return move(cell, 'latched', event, 'cell.latched', now);
    case 'unlatched':
      if (cell.state !== 'latched') return rejected(`the cell is not latched; it is ${cell.state}`);
      return move(cell, 'observing', event, 'cell.unlatched', now);
  }
}

type Assessed = Extract<CellEvent, { kind: 'assessed' }>;

function assessed(cell: CellRecord, event: Assessed, policy: CellPolicy, now: number): CellTransition {
  switch (cell.state) {
    case 'observing':
      return promote(cell, event, policy, now) ?? unchanged(cell);
    case 'open':
      return demote(cell, event, policy, now) ?? unchanged(cell);
    case 'renewing':
      return demote(cell, event, policy, now) ?? promote(cell, event, policy, now) ?? expire(cell, policy, now);
    case 'closed':
      if (now < (cell.coolUntil ?? 0)) return unchanged(cell);
      return {
        ok: true,
        next: {
          state: 'observing',
          since: now,
          reason: 'cooled down; evidence is gathered anew',
          closures: cell.closures,
          ...returnOf(cell),
        },
        effects: [],
      };
    case 'held':
    case 'latched':
      return unchanged(cell);
  }
}

/** Opens the cell if its own evidence passes, or the endpoint's and enough clean comparisons of its own. */
function promote(cell: CellRecord, event: Assessed, policy: CellPolicy, now: number): CellTransition | undefined {
  const { own, pooled } = event;
  const isOwn = own.kind === 'pass';
  const isPooled =
    pooled?.kind === 'pass' &&
    own.kind !== 'fail' &&
    own.kind !== 'conflict' &&
    own.mismatches === 0 &&
    own.matches >= policy.ownMatches;
  if (!isOwn && !isPooled) return undefined;
  const assessment = isOwn || pooled === undefined ? own : pooled;
  const proof: Proof = {
    at: now,
    over: isOwn ? 'cell' : event.cohort === undefined ? 'endpoint' : 'cohort',
    ...(isOwn || event.cohort === undefined ? {} : { cohort: event.cohort }),
    epoch: event.epoch,
    controlVersion: event.controlVersion,
    assessment,
    own: { matches: own.matches, mismatches: own.mismatches },
    ...(isOwn ? {} : { borrowed: borrowedOf(assessment, event.ownInPool ?? 0) }),
  };
  const reason = `${isOwn ? 'its own' : whose(event)} ${assessment.matches + assessment.mismatches} comparisons bound the mismatch rate to ${(assessment.bound * 100).toFixed(2)} %`;
  const action = cell.state === 'renewing' ? 'cell.renewed' : 'cell.opened';
  return {
    ok: true,
    next: {
      state: 'open',
      since: now,
      reason,
      proof,
      closures: cell.closures,
      ...(cell.state === 'observing' && cell.closures > 0 ? { returnedAt: now } : returnOf(cell)),
    },
    effects: [{ kind: 'journal', action, actor: 'controller', reason, evidence: proof }],
  };
}

/** Whose comparisons the pooled ones are. */
function whose({ cohort }: Assessed): string {
  return cohort === undefined ? "the endpoint's" : `cohort ${cohort}'s`;
}

function borrowedOf({ matches, mismatches }: Assessment, ownInPool: number): NonNullable<Proof['borrowed']> {
  const of = matches + mismatches;
  return { comparisons: Math.max(0, of - ownInPool), of };
}

/** Closes a serving cell whose evidence turned; one mismatch is not enough for that, the test decides. */
function demote(cell: CellRecord, event: Assessed, policy: CellPolicy, now: number): CellTransition | undefined {
  const turned = [event.own, event.pooled].find(
    (assessment) => assessment?.kind === 'fail' || assessment?.kind === 'conflict',
  );
  if (turned === undefined) return undefined;
  const over = turned === event.own ? 'its own comparisons' : `${whose(event)} comparisons`;
  return close(
    cell,
    {
      actor: 'controller',
      reason: `${over} say ${turned.kind}: ${turned.mismatches} mismatches of ${turned.matches + turned.mismatches}`,
      evidence: turned,
      isTry: true,
    },
    policy,
    now,
  );
}

function expire(cell: CellRecord, policy: CellPolicy, now: number): CellTransition {
  if (now < (cell.renewBy ?? 0)) return unchanged(cell);
  return close(
    cell,
    {
      actor: 'controller',
      reason: 'the proof was not renewed in time for the new version',
      evidence: undefined,
      isTry: false,
    },
    policy,
    now,
  );
}

function tripped(
  cell: CellRecord,
  event: Extract<CellEvent, { kind: 'tripped' }>,
  policy: CellPolicy,
  now: number,
): CellTransition {
  if (cell.state === 'held' || cell.state === 'latched') return unchanged(cell);
  const actor = `tripwire:${event.tripwire}`;
  return close(cell, { actor, reason: event.detail, evidence: undefined, isTry: true }, policy, now);
}

function deployed(cell: CellRecord, epoch: Epoch, policy: CellPolicy, now: number): CellTransition {
  const reason = `candidate version ${epoch.candidateVersion}`;
  switch (cell.state) {
    case 'open':
    case 'renewing': {
      // A second deployment does not lengthen the time without a proof.
      const renewBy = cell.renewBy ?? now + policy.renewWithinMs;
      const { returnedAt: _returnedAt, ...rest } = cell;
      return {
        ok: true,
        next: {
          ...rest,
          closures: 0,
          state: 'renewing',
          since: now,
          reason: `${reason}: the proof is being renewed`,
          renewBy,
        },
        effects: [
          { kind: 'journal', action: 'cell.renewing', actor: 'controller', reason, evidence: { epoch, renewBy } },
        ],
      };
    }
    case 'closed':
      return {
        ok: true,
        next: { state: 'observing', since: now, reason: `${reason}: evidence is gathered anew`, closures: 0 },
        effects: [{ kind: 'resetEvidence' }],
      };
    case 'observing':
    case 'held':
    case 'latched': {
      const { returnedAt: _returnedAt, ...rest } = cell;
      return { ok: true, next: { ...rest, closures: 0 }, effects: [] };
    }
  }
}

function close(
  cell: CellRecord,
  why: { readonly actor: string; readonly reason: string; readonly evidence: unknown; readonly isTry: boolean },
  policy: CellPolicy,
  now: number,
): CellTransition {
  const wasOpen = cell.state === 'open' || cell.state === 'renewing';
  const coolDown = policy.coolDownMs * 2 ** Math.min(cell.closures, MAX_DOUBLINGS);
  const coolUntil = Math.max(now + coolDown, (cell.returnedAt ?? Number.NEGATIVE_INFINITY) + policy.returnIntervalMs);
  // Only what served was a try.
  const closures = cell.closures + (why.isTry && wasOpen ? 1 : 0);
  const isExhausted = closures > cell.closures && closures >= policy.retries;
  const hold = exhaustedReason(closures, why.reason);
  const next: CellRecord = {
    state: isExhausted ? 'held' : 'closed',
    since: now,
    reason: isExhausted ? hold : why.reason,
    ...(isExhausted ? {} : { coolUntil }),
    closures,
    ...returnOf(cell),
  };
  const effects: CellEffect[] = [{ kind: 'resetEvidence' }];
  // A cell that did not serve changes nothing for anyone by closing.
  if (wasOpen) {
    const evidence = {
      ...(why.evidence === undefined ? {} : { assessment: why.evidence }),
      ...(isExhausted ? {} : { coolUntil }),
    };
    effects.unshift({ kind: 'journal', action: 'cell.closed', actor: why.actor, reason: why.reason, evidence });
  }
  if (isExhausted) effects.push({ kind: 'hold', reason: hold });
  return { ok: true, next, effects };
}

function returnOf({ returnedAt }: CellRecord): Pick<CellRecord, 'returnedAt'> {
  return returnedAt === undefined ? {} : { returnedAt };
}

function move(
  cell: CellRecord,
  state: CellState,
  by: { readonly actor: string; readonly reason: string },
  action: string,
  now: number,
): CellTransition {
  const reason = by.reason === '' ? `by ${by.actor}` : by.reason;
  return {
    ok: true,
    next: { state, since: now, reason, closures: cell.closures },
    effects: [{ kind: 'journal', action, actor: by.actor, reason }],
  };
}

function unchanged(cell: CellRecord): CellTransition {
  return { ok: true, next: cell, effects: [] };
}

function rejected(reason: string): CellTransition {
  return { ok: false, reason };
}
