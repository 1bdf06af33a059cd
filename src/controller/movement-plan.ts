import { type Cell, isOpen } from '../core/cell.ts';
import { type CellEffect, type CellRecord, transition } from '../core/cell-machine.ts';
import { type Assessment, Evidence } from '../core/evidence.ts';
import type { Frozen } from '../core/freeze.ts';
import type { EndpointPolicy } from '../core/routing.ts';
import { classesToCompare } from '../core/status-coverage.ts';
import { waitsForClass } from './class-watch.ts';
import { assessCohort, borrowable, type CohortRound } from './cohort-pools.ts';
import type { CellTrack, EndpointTrack, MovementBook } from './movement-book.ts';
import type { MovementRules } from './movement-rules.ts';

/** A cell, or a whole endpoint. */
export type Place = Pick<Cell, 'endpoint'> & { readonly tenant?: Cell['tenant'] };

/** What a round looks at besides the book. */
export interface RoundFacts {
  readonly now: number;
  readonly controlVersion: string;
  /** True: Cutover's own parts do not work; nothing is promoted (I11). */
  readonly isFaulty: boolean;
  policyOf(endpoint: EndpointTrack['id']): EndpointPolicy;
  /** Whether a rollback covers the cell, or without tenant the whole endpoint. */
  isLatched(cell: Place): boolean;
  /** The dial of a cell, parts per million, before the endpoint's `max`. */
  dialOf(cell: Cell): number;
  /** Whether a hold covers the place: a person's, or the controller's after too many takings back. */
  isHeld(cell: Place): boolean;
  /** Whether a hold covers everything; absent: no. */
  readonly isHeldAll?: boolean;
  /** Whether a canary caps the dials; no ramp climbs meanwhile. Absent: no. */
  readonly isCanary?: boolean;
  /** The plan's lock that covers the place, or some of it, as people read it; undefined: none. */
  locked?(cell: Place): string | undefined;
  /** What is frozen; undefined: nothing. Nothing is raised or opened meanwhile. */
  readonly frozen?: Frozen | undefined;
  /** What the endpoint lacks of the power that is demanded; undefined: nothing. */
  missingPower(endpoint: EndpointTrack['id']): string | undefined;
  /** What other tests begin to say against the endpoint's candidate: nothing new opens until it has passed. */
  warning?(endpoint: EndpointTrack['id']): string | undefined;
}

/** One cell that goes from one record to the next. */
export interface Move {
  readonly track: CellTrack;
  /** The record it was planned on: a move whose cell has changed since is void. */
  readonly before: CellRecord;
  readonly next: CellRecord;
  readonly actor: string;
  readonly reason: string;
  readonly evidence: unknown;
}

/** What a round comes to; carrying it out is the mover's part. */
export interface Round {
  /** To be journaled first, then in force. */
  readonly promotions: readonly Move[];
  /** To be taken back. */
  readonly retreats: readonly Move[];
  /** Changes that move nobody: a cell that has cooled down. */
  readonly quiet: readonly Move[];
  /** What the pooled evidence of the endpoints looked at says. */
  readonly pooled: ReadonlyMap<EndpointTrack, Assessment>;
}

const NO_EVIDENCE = new Evidence(8);

/** What a cell's own evidence says. */
export function assessOwn(track: CellTrack, rules: MovementRules, now: number): Assessment {
  return (track.evidence ?? NO_EVIDENCE).assess(rules.own, now);
}

/** What the evidence of all tenants says. */
export function assessPooled(
  home: EndpointTrack,
  rules: MovementRules,
  facts: { readonly now: number; readonly proof: EndpointPolicy['proof'] },
): Assessment {
  const classes = classesToCompare(home.answers, rules.statusShare);
  return home.pooled.assess({ ...rules.pooled(facts.proof, home.cells.size), classes }, facts.now);
}

/**
 * One round over the cells that changed. Sets bad tenants aside in the book; otherwise it only plans.
 * The cost is that of the cells with news, and of all compared cells of an endpoint whose pooled assessment changed.
 */
export function planRound(book: MovementBook, rules: MovementRules, facts: RoundFacts): Round {
  const look = new Set<CellTrack>([...book.dirty, ...book.timed]);
  const own = new Map<CellTrack, Assessment>();
  const ownOf = (track: CellTrack): Assessment => {
    const known = own.get(track);
    if (known !== undefined) return known;
    const made = assessOwn(track, rules, facts.now);
    own.set(track, made);
    if (speaksAgainst(made)) book.setAside(track);
    else if (track.record.state === 'observing') book.markAside(track, false);
    return made;
  };
  for (const track of look) ownOf(track);
  const pooled = new Map<EndpointTrack, Assessment>();
  const pooledOf = (home: EndpointTrack): Assessment => {
    const known = pooled.get(home);
    if (known !== undefined) return known;
    const made = assessPooled(home, rules, { now: facts.now, proof: facts.policyOf(home.id).proof });
    pooled.set(home, made);
    return made;
  };
  for (const home of [...book.dirtyEndpoints]) {
    const { kind } = pooledOf(home);
    if (kind === home.assessed) continue;
    home.assessed = kind;
    for (const track of book.concerned(home)) look.add(track);
  }
  const round: CohortRound = new Map();
  for (const home of book.dirtyEndpoints)
    for (const track of concernedByCohorts(home, { book, rules, facts, round })) look.add(track);
  book.dirty.clear();
  book.dirtyEndpoints.clear();
  // Once our own parts work again, everything that was looked at meanwhile is looked at anew.
  if (facts.isFaulty) for (const track of look) book.dirty.add(track);
  const moves = [...look].flatMap((track) => planCell(track, { book, rules, facts, round, ownOf, pooledOf }) ?? []);
  const opening = moves.filter((move) => isOpen(move.next.state) && move.next !== move.before);
  const promotions = facts.isFaulty ? [] : allowed(opening, { book, rules, facts });
  const promoted = new Set(promotions.map((move) => move.track));
  for (const { track } of opening) if (!promoted.has(track)) book.blocked.add(track);
  return {
    promotions,
    retreats: moves.filter((move) => isOpen(move.before.state) && !isOpen(move.next.state)),
    quiet: moves.filter((move) => !isOpen(move.before.state) && !isOpen(move.next.state)),
    pooled,
  };
}

interface Planning {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly facts: RoundFacts;
}

interface CohortPlanning extends Planning {
  /** What this round has assessed. */
  readonly round: CohortRound;
}

interface CellPlanning extends CohortPlanning {
  ownOf(track: CellTrack): Assessment;
  pooledOf(home: EndpointTrack): Assessment;
}

function planCell(track: CellTrack, planning: CellPlanning): Move | undefined {
  const { book, rules, facts } = planning;
  const policy = facts.policyOf(track.cell.endpoint);
  // Without proof the dial alone decides; a retired endpoint has nothing to be compared with.
  if (policy.proof === 'none' || policy.retired) return undefined;
  const own = unlessFaulty(planning.ownOf(track), facts);
  const at = { rules, now: facts.now, proof: policy.proof, round: planning.round };
  const lent = policy.proof === 'endpoint' ? borrowable(track, planning.pooledOf(track.home), at) : undefined;
  const pooled = lent && unlessFaulty(lent.assessment, facts);
  const event = {
    kind: 'assessed',
    own,
    ...(pooled === undefined ? {} : { pooled, ownInPool: ownInPool(track, lent?.cohort) }),
    ...(lent?.cohort === undefined ? {} : { cohort: lent.cohort }),
    epoch: book.epoch,
    controlVersion: facts.controlVersion,
  } as const;
  const moved = transition(track.record, event, rules.cellPolicy, facts.now);
  if (!moved.ok || moved.next === track.record) return undefined;
  // What the endpoint's comparisons would take back in the next round does not open in this one.
  const isOpening = isOpen(moved.next.state) && !isOpen(track.record.state);
  if (isOpening && pooled !== undefined && speaksAgainst(pooled)) return undefined;
  return moveOf(track, moved.next, moved.effects);
}

/** Comparisons of the cell that are among the pooled ones. A cohort sets nobody aside, so that it has what the cell has. */
function ownInPool({ given, evidence }: CellTrack, cohort: string | undefined): number {
  if (cohort === undefined) return given.matches + given.wrong;
  return (evidence?.matches ?? 0) + (evidence?.mismatches ?? 0);
}

/** The cells whose cohort says something else than before. */
function* concernedByCohorts(home: EndpointTrack, { rules, facts, round }: CohortPlanning): Generator<CellTrack> {
  const { proof } = facts.policyOf(home.id);
  for (const [name, pool] of home.cohorts) {
    const { kind } = assessCohort(home, { name, pool }, { rules, now: facts.now, proof, round });
    if (kind === pool.assessed) continue;
    pool.assessed = kind;
    for (const tenant of rules.cohortTenants(name)) {
      const track = home.cells.get(tenant);
      if (track !== undefined) yield track;
    }
  }
}

/** A fault of our own proves nothing; what speaks against the candidate still does. */
function unlessFaulty(assessment: Assessment, { isFaulty }: RoundFacts): Assessment {
  return isFaulty && assessment.kind === 'pass' ? { ...assessment, kind: 'fault' } : assessment;
}

/**
 * An assessment as people are told it: `fault` where our own parts do not work, `conflict` where the comparisons pass and
 * another test warns. Neither closes anything; nothing opens under them.
 */
export function asTold(assessment: Assessment, endpoint: EndpointTrack['id'], facts: RoundFacts): Assessment {
  const known = unlessFaulty(assessment, facts);
  const warning = known.kind === 'pass' ? facts.warning?.(endpoint) : undefined;
  return warning === undefined ? known : { ...known, kind: 'conflict', missing: [warned(warning)] };
}

export function warned(warning: string): string {
  return `a warning must pass first: ${warning}`;
}

export function moveOf(track: CellTrack, next: CellRecord, effects: readonly CellEffect[]): Move {
  const journal = effects.find((effect) => effect.kind === 'journal');
  return {
    track,
    before: track.record,
    next,
    actor: journal?.actor ?? 'controller',
    reason: journal?.reason ?? next.reason,
    evidence: journal?.evidence,
  };
}

function speaksAgainst({ kind }: Assessment): boolean {
  return kind === 'fail' || kind === 'conflict';
}

/** Promotions that nothing else stands against: no latch, no hold, no cap, power enough, classes in their order, journeys together. */
function allowed(opening: readonly Move[], planning: Planning): Move[] {
  const { facts } = planning;
  const free = opening.filter((move) => {
    // What serves already goes on serving under a renewed proof, hold or no hold, whatever the power is by now.
    if (isOpen(move.before.state)) return true;
    const { cell } = move.track;
    if (facts.frozen !== undefined || facts.locked?.(cell) !== undefined) return false;
    if (facts.policyOf(cell.endpoint).maxPpm === 0 || facts.isLatched(cell) || facts.isHeld(cell)) return false;
    if (facts.warning?.(cell.endpoint) !== undefined) return false;
    return facts.missingPower(cell.endpoint) === undefined;
  });
  const looked = new Map();
  const inOrder = free.filter(
    (move) => isOpen(move.before.state) || waitsForClass(move.track, planning, looked) === undefined,
  );
  return together(inOrder, planning);
}

/**
 * Cells of one journey open together: all that can be compared, or none. Those that cannot (unsafe requests) come along
 * under the proof of the others, because they share state with them.
 */
function together(moves: readonly Move[], planning: Planning): Move[] {
  const planned = new Map(moves.map((move) => [move.track, move]));
  const out: Move[] = [];
  const followed = new Set<CellTrack>();
  for (const move of moves) {
    const { tenant, endpoint } = move.track.cell;
    const members = planning.rules.journeyOf(endpoint);
    if (members.length <= 1) {
      out.push(move);
      continue;
    }
    const isReady = members.every((member) => {
      if (!planning.rules.isComparable(member)) return true;
      const track = planning.book.find({ tenant, endpoint: member });
      return track !== undefined && (isOpen(track.record.state) || planned.has(track));
    });
    if (!isReady) continue;
    out.push(move);
    for (const member of members) {
      if (planning.rules.isComparable(member) || !planning.facts.policyOf(member).writes) continue;
      const track = planning.book.track({ tenant, endpoint: member });
      if (track === undefined || followed.has(track) || track.record.state !== 'observing') continue;
      followed.add(track);
      const reason = `with ${endpoint}, of the same journey`;
      out.push({ ...move, track, before: track.record, next: { ...move.next, reason }, reason });
    }
  }
  return out;
}
