import type { PassedGateView, RampView } from '../api/ramp-types.ts';
import type { AssessmentView, ProofSheet } from '../api/types.ts';
import { about } from '../core/arrival-pace.ts';
import type { Cell, CellState, EndpointId } from '../core/cell.ts';
import { isOpen } from '../core/cell.ts';
import type { ControlState } from '../core/control-state.ts';
import type { Assessment } from '../core/evidence.ts';
import type { Frozen } from '../core/freeze.ts';
import { approvalsThatCount, type PassedGate } from '../core/gate.ts';
import type { RampStep } from '../core/ramp.ts';
import type { Proof } from '../core/routing.ts';
import { describeScope, scopeKey } from '../core/scope.ts';
import { waitsForClass } from './class-watch.ts';
import { borrowable } from './cohort-pools.ts';
import type { CellTrack, EndpointTrack } from './movement-book.ts';
import { assessOwn, assessPooled, asTold } from './movement-plan.ts';
import type { Mover } from './mover.ts';
import { leaderOf } from './ramp-plan.ts';

/** What the views show of moving by evidence. Answers from memory, at once. */
export class MovementView {
  readonly #mover: () => Mover | undefined;

  /** @param mover undefined until the controller has started. */
  constructor(mover: () => Mover | undefined) {
    this.#mover = mover;
  }

  /** The state as people see it: a rollback over a cell latches it, a hold holds what does not serve. undefined: nothing is known here. */
  stateOf(cell: Cell): CellState | undefined {
    const mover = this.#mover();
    if (mover === undefined) return undefined;
    const facts = mover.facts();
    if (facts.isLatched(cell)) return 'latched';
    const state = mover.book.find(cell)?.record.state ?? 'observing';
    return !isOpen(state) && facts.isHeld(cell) ? 'held' : state;
  }

  /** Whether the comparisons of an endpoint's tenants together are proof enough. */
  isPooledProven(id: EndpointId): boolean {
    return this.#mover()?.book.endpoints.get(id)?.assessed === 'pass';
  }

  /** Whether a cell's comparisons are kept out of those of its endpoint. */
  isAside(cell: Cell): boolean {
    return this.#mover()?.book.find(cell)?.isAside === true;
  }

  /** The candidate version that evidence is gathered for; `unknown` where none is told. */
  get candidateVersion(): string {
    return this.#mover()?.book.epoch.candidateVersion ?? 'unknown';
  }

  /** What is frozen now. */
  get frozen(): Frozen | undefined {
    return this.#mover()?.frozen();
  }

  /** Whether evidence of the endpoint is kept here. */
  knows(id: EndpointId): boolean {
    return this.#mover()?.book.endpoints.has(id) === true;
  }

  /** What an endpoint lacks for its proof, with its name; undefined: nothing, or it is not known here. */
  missingForEndpoint(id: EndpointId): string | undefined {
    const mover = this.#mover();
    const home = mover?.book.endpoints.get(id);
    if (mover === undefined || home === undefined) return undefined;
    const facts = mover.facts();
    const { proof } = facts.policyOf(id);
    const sentence = proof === 'cell' ? closestCell(home, mover) : sentenceOf(this.#pooled(home, mover));
    const said = [sentence, proof === 'none' ? '' : (facts.missingPower(id) ?? '')].filter((one) => one !== '');
    return said.length === 0 ? undefined : `${id}: ${said.join(', ')}`;
  }

  /**
   * What a cell lacks, without its name; empty: nothing. undefined: ask elsewhere.
   * @param proof What would be demanded; absent: what is.
   */
  missingForCell(cell: Cell, proof?: Proof): string | undefined {
    const mover = this.#mover();
    const track = mover?.book.find(cell);
    if (mover === undefined || track === undefined || isOpen(track.record.state)) return undefined;
    return this.#missing(track, mover, proof).join('; ');
  }

  #missing(track: CellTrack, mover: Mover, demanded?: Proof): string[] {
    const facts = mover.facts();
    const { cell } = track;
    const proof = demanded ?? facts.policyOf(cell.endpoint).proof;
    if (proof === 'none') return [];
    const own = asTold(assessOwn(track, mover.rules, facts.now), cell.endpoint, facts);
    const missing: string[] = [];
    if (track.record.state === 'closed') {
      const left = Math.max(0, Math.ceil(((track.record.coolUntil ?? 0) - facts.now) / 1000));
      missing.push(`it was closed (${track.record.reason}) and rests for ${left} s more`);
    }
    if (proof === 'cell') missing.push(...parts(own));
    else if (own.kind !== 'pass') {
      const pooled = this.#pooled(track.home, mover, proof);
      const lent = borrowable(track, pooled, { rules: mover.rules, now: facts.now, proof });
      if (lent.cohort !== undefined && lent.assessment.kind !== 'pass')
        missing.push(`over cohort ${lent.cohort} ${sentenceOf(lent.assessment)}`);
      else if (lent.cohort === undefined && pooled.kind !== 'pass')
        missing.push(`over all tenants ${sentenceOf(pooled)}`);
      const { ownMatches } = mover.rules.cellPolicy;
      if (own.matches < ownMatches) {
        const ms = track.evidence?.timeFor(ownMatches - own.matches, facts.now);
        const when = ms === undefined ? '' : ` (${about(ms)} at the present traffic)`;
        missing.push(`${own.matches} of ${ownMatches} matches of its own${when}`);
      }
      if (own.mismatches > 0)
        missing.push(`it has ${own.mismatches} ${own.mismatches === 1 ? 'mismatch' : 'mismatches'} of its own`);
    }
    const power = facts.missingPower(cell.endpoint);
    if (power !== undefined) missing.push(power);
    if (facts.isLatched(cell)) missing.push('a rollback covers it');
    if (facts.isHeld(cell)) missing.push('it is held');
    const locked = facts.locked?.(cell);
    if (locked !== undefined) missing.push(locked);
    if (facts.frozen !== undefined) missing.push(frozenText(facts.frozen));
    const before = waitsForClass(track, { book: mover.book, rules: mover.rules, facts });
    if (before !== undefined) missing.push(before);
    if (facts.isFaulty) missing.push('the store takes nothing');
    return missing;
  }

  #pooled(home: EndpointTrack, mover: Mover, demanded?: Proof): Assessment {
    const facts = mover.facts();
    const proof = demanded ?? facts.policyOf(home.id).proof;
    return asTold(assessPooled(home, mover.rules, { now: facts.now, proof }), home.id, facts);
  }

  /** Everything about the proof of one cell; undefined for a cell that was never seen. */
  proofSheet(cell: Cell): ProofSheet | undefined {
    const mover = this.#mover();
    const track = mover?.book.find(cell);
    if (mover === undefined || track === undefined) return undefined;
    const { record } = track;
    const facts = mover.facts();
    const { proof } = record;
    return {
      tenant: cell.tenant,
      endpoint: cell.endpoint,
      demands: facts.policyOf(cell.endpoint).proof,
      state: this.stateOf(cell) ?? record.state,
      since: record.since,
      reason: record.reason,
      epoch: mover.book.epoch,
      controlVersion: mover.controlVersion,
      proof:
        proof === undefined
          ? null
          : {
              at: proof.at,
              over: proof.over,
              ...(proof.cohort === undefined ? {} : { cohort: proof.cohort }),
              epoch: proof.epoch,
              controlVersion: proof.controlVersion,
              assessment: assessmentView(proof.assessment),
              own: proof.own,
              ...(proof.borrowed === undefined ? {} : { borrowed: proof.borrowed }),
            },
      ...(record.renewBy === undefined ? {} : { renewBy: record.renewBy }),
      ...(record.coolUntil === undefined ? {} : { coolUntil: record.coolUntil }),
      closures: record.closures,
      isProtected: mover.rules.protectedTenants.has(cell.tenant),
      ...classOf(cell, mover),
      own: assessmentView(asTold(assessOwn(track, mover.rules, facts.now), cell.endpoint, facts)),
      pooled: assessmentView(this.#pooled(track.home, mover)),
      missing: isOpen(record.state) ? [] : this.#missing(track, mover),
      approvals: (mover.book.endpoints.get(leaderOf(cell.endpoint, mover.rules))?.ramp?.passed ?? []).map(passedView),
      ...this.#notes(track, mover),
    };
  }

  /** What stays open although it could not open now. */
  #notes({ cell, record }: CellTrack, mover: Mover): Pick<ProofSheet, 'notes'> {
    const facts = mover.facts();
    if (!isOpen(record.state) || facts.policyOf(cell.endpoint).proof === 'none') return {};
    const power = facts.missingPower(cell.endpoint);
    return power === undefined
      ? {}
      : { notes: [`${power}; what is open stays open, nothing else opens at this endpoint`] };
  }

  /** Gates where ramps wait, as warnings: each with the command that opens it; at most 20. */
  gateWarnings(state: ControlState): string[] {
    const mover = this.#mover();
    if (mover === undefined) return [];
    const facts = mover.facts();
    const said: string[] = [];
    for (const home of mover.book.endpoints.values()) {
      const { waits } = gateView(home, { steps: mover.rules.rampOf(home.id).steps, state, now: facts.now });
      if (waits === undefined || facts.isHeld({ endpoint: home.id })) continue;
      const { gate, needed, approvals } = waits;
      said.push(
        `Gate ${gate} waits at ${home.id}: ${approvals.length} of ${needed} approved. cutover approve '${home.id}'`,
      );
      if (said.length === 20) break;
    }
    return said;
  }

  /** Ramps by endpoint. */
  ramps(state: ControlState): RampView[] {
    const mover = this.#mover();
    if (mover === undefined) return [];
    const facts = mover.facts();
    const views: RampView[] = [];
    for (const home of mover.book.endpoints.values()) {
      const { ramp, id } = home;
      if (ramp === undefined) continue;
      const { steps } = mover.rules.rampOf(id);
      const pooled = this.#pooled(home, mover);
      views.push({
        endpoint: id,
        steps: steps.map(stepView),
        step: ramp.step,
        since: ramp.since,
        state: facts.isHeld({ endpoint: id }) ? 'held' : ramp.state,
        reason: ramp.reason,
        dialPpm: state.dials.get(scopeKey({ endpoint: id }))?.dialPpm ?? ramp.dialPpm,
        ...(ramp.scoped === undefined ? {} : { scoped: ramp.scoped.map((dial) => ({ ...dial })) }),
        passed: (ramp.passed ?? []).map(passedView),
        ...gateView(home, { steps, state, now: facts.now }),
        ...(ramp.restAt === undefined || ramp.restAt <= facts.now ? {} : { restAt: ramp.restAt }),
        pooled: pooled.kind,
        missing: [
          ...pooled.missing,
          ...[
            facts.missingPower(id),
            facts.locked?.({ endpoint: id }),
            facts.frozen && frozenText(facts.frozen),
          ].filter((one) => one !== undefined),
        ],
      });
    }
    return views.sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
  }
}

/** A gate that was passed, with who opened it. */
function passedView({ gate, at, approvals }: PassedGate): PassedGateView {
  return { gate, at, approvals: approvals.map(({ actor, reason, at: givenAt }) => ({ actor, reason, at: givenAt })) };
}

function stepView(step: RampStep): RampView['steps'][number] {
  switch (step.kind) {
    case 'dial': {
      const { tenants, ...rest } = step;
      return { ...rest, ...(tenants === undefined ? {} : { tenants: [...tenants] }) };
    }
    case 'gate': {
      const { kind, name, approvals, approvers, expiresMs } = step;
      const gate = { name, needed: approvals, approvers: [...approvers] };
      return { kind, gate: { ...gate, ...(expiresMs === undefined ? {} : { expiresMs }) } };
    }
    default:
      return { ...step };
  }
}

/** The gate where the ramp waits, with what was said so far. */
function gateView(
  { id, ramp }: EndpointTrack,
  { steps, state, now }: { readonly steps: readonly RampStep[]; readonly state: ControlState; readonly now: number },
): Pick<RampView, 'waits'> {
  const step = ramp === undefined ? undefined : steps[ramp.step];
  if (ramp === undefined || step?.kind !== 'gate') return {};
  const given = approvalsThatCount(step, state.gates.get(id), { since: ramp.since, now });
  return { waits: { gate: step.name, needed: step.approvals, approvers: [...step.approvers], approvals: [...given] } };
}

/** `frozen until 2026-12-01T05:00:00.000Z (sales-season)`. */
export function frozenText({ name, until }: Frozen): string {
  return `frozen until ${new Date(until).toISOString()} (${name})`;
}

/** A canary, as a warning: dials show less than they say. */
export function canaryWarnings({ canary }: ControlState): string[] {
  if (canary === undefined) return [];
  if (canary.state === 'failed')
    return [
      `The canary of ${canary.version} failed (${canary.reason}); nothing goes to the candidate by a dial until another version comes, or cutover canary promote.`,
    ];
  return [
    `The candidate runs ${canary.version} as a canary: at most ${canary.sharePpm / 10_000} % goes there until it has passed. cutover canary`,
  ];
}

/** Holds, as warnings: who watches the page must see why nothing moves. */
export function holdWarnings(state: ControlState): string[] {
  return [...state.holds.values()].slice(0, 20).map(({ scope, actor, reason }) => {
    const because = reason === '' ? '' : ` (${reason})`;
    return `Held by ${actor}: ${describeScope(scope)}${because}; nothing is promoted there until cutover resume.`;
  });
}

/** The class of a cell's tenant, where there is an order. */
function classOf({ tenant }: Cell, { rules: { order } }: Mover): Pick<ProofSheet, 'class'> {
  const name = order?.classes[order.rankOf(tenant)]?.name;
  return name === undefined ? {} : { class: name };
}

/** What the cell that lacks least still lacks; empty: nothing. */
function closestCell(home: EndpointTrack, mover: Mover): string {
  const { now } = mover.facts();
  let closest: { readonly tenant: string; readonly own: Assessment } | undefined;
  for (const track of home.cells.values()) {
    if (isOpen(track.record.state) || track.evidence === undefined) continue;
    const own = assessOwn(track, mover.rules, now);
    if (closest === undefined || own.remaining < closest.own.remaining) closest = { tenant: track.cell.tenant, own };
  }
  return closest === undefined ? '' : `${sentenceOf(closest.own)} for ${closest.tenant}`;
}

/** One sentence: `214 of 332 clean comparisons, 2 more tenants`; empty where it passes. */
function sentenceOf(assessment: Assessment): string {
  return parts(assessment).join(', ');
}

function parts({ kind, matches, mismatches, remaining, missing, etaMs }: Assessment): string[] {
  if (kind === 'pass') return [];
  const told = mismatches === 0 ? '' : ` (${COUNT.format(mismatches)} ${mismatches === 1 ? 'mismatch' : 'mismatches'})`;
  const clean =
    remaining > 0 ? [`${COUNT.format(matches)} of ${COUNT.format(matches + remaining)} clean comparisons${told}`] : [];
  const rest = missing.filter((sentence) => !sentence.endsWith('clean comparisons'));
  const said = [...clean, ...rest];
  if (kind === 'insufficient' && etaMs !== undefined) said.push(`${about(etaMs)} at the present traffic`);
  if (kind === 'stale') said.push('newer comparisons');
  if (kind === 'fault') said.push('a part of Cutover to work again');
  if (kind === 'fail' || kind === 'conflict') said.push(`the comparisons say ${kind}`);
  return said;
}

const COUNT = new Intl.NumberFormat('en');

function assessmentView(assessment: Assessment): AssessmentView {
  const { kind, matches, mismatches, inconclusive, log, needed, carried, remaining, bound, requests, tenants, spanMs } =
    assessment;
  return {
    kind,
    matches,
    mismatches,
    inconclusive,
    log,
    needed,
    ...(carried === undefined ? {} : { carried }),
    remaining,
    bound,
    requests,
    tenants,
    spanMs,
    statusClasses: [...assessment.statusClasses],
    missing: [...assessment.missing],
    ...(assessment.etaMs === undefined ? {} : { etaMs: assessment.etaMs }),
  };
}
