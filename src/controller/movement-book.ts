import { type Cell, type CellKey, cellKey, type EndpointId, isOpen, type TenantId } from '../core/cell.ts';
import { type CellRecord, type Epoch, newCell, transition } from '../core/cell-machine.ts';
import type { ClassClock } from '../core/class-order.ts';
import { type AssessmentKind, type Counted, Evidence, type Sample } from '../core/evidence.ts';
import { NO_FAILURES } from '../core/one-sided-failures.ts';
import type { Ramp } from '../core/ramp.ts';
import type { Proof } from '../core/routing.ts';
import { noAnswers, noteAnswer } from '../core/status-coverage.ts';
import { addToCohort, type CohortPool } from './cohort-pools.ts';
import type { MovementRules } from './movement-rules.ts';

/** Names of requests told apart in pooled evidence; a cell tells 256 apart. */
const POOLED_SLOTS = 4_096;
/** Tenants at an endpoint from which on a bad one may be set aside, and the share of them that may. */
const MIN_TENANTS_FOR_ASIDE = 5;
const MAX_ASIDE_SHARE = 0.1;

/** How often it is saved that a cell has traffic, as a share of the time after which it counts as idle. */
const SAVED_EVERY = 1 / 8;

/** What is known about a cell besides its counts. */
export interface CellTrack {
  readonly cell: Cell;
  readonly key: CellKey;
  readonly home: EndpointTrack;
  record: CellRecord;
  /** Made with the first comparison: most cells never have one. */
  evidence: Evidence | undefined;
  /** Of the last request, where there is an order of classes from before a restart too; 0: none is known. */
  servedAt: number;
  /** What of `servedAt` is saved. */
  servedSavedAt: number;
  /** Its comparisons are kept out of the pooled evidence, because it fails on its own. */
  readonly isAside: boolean;
  /** What of it the pooled evidence holds. */
  given: Given;
}

export type Given = Readonly<Counted>;

export interface EndpointTrack {
  readonly id: EndpointId;
  readonly cells: Map<TenantId, CellTrack>;
  /** Those of them that were ever compared, or were in another state than `observing`: all that a round can concern. */
  readonly active: Set<CellTrack>;
  /** How many are set aside. */
  aside: number;
  pooled: Evidence;
  /** By name, of cohorts that are pooled by themselves; at most as many as the plan names. */
  readonly cohorts: Map<string, CohortPool>;
  /** What the control answered its clients with. */
  answers: number[];
  /** What the pooled evidence said last. */
  assessed: AssessmentKind;
  ramp: Ramp | undefined;
  /** When the dial was ordered last that the ramp has taken note of. */
  dialSeenAt: number;
  /** Since when classes of tenants stand here, by name; no more than the plan has. */
  readonly classes: Map<string, ClassClock>;
  /** How many of them stood when they were looked at last. */
  classesDone: number;
}

export interface BookLimits {
  readonly cells: number;
  readonly endpoints: number;
}

/** Records, evidence and ramps of the present epoch, in memory. Knows neither time nor store. */
export class MovementBook {
  readonly endpoints: Map<EndpointId, EndpointTrack> = new Map();
  epoch: Epoch;
  /** Cells with a comparison since they were looked at last. */
  readonly dirty: Set<CellTrack> = new Set();
  readonly dirtyEndpoints: Set<EndpointTrack> = new Set();
  /** Cells that change with time: renewing or closed. */
  readonly timed: Set<CellTrack> = new Set();
  /** Cells that the machine holds until a person resumes them. */
  readonly held: Set<CellTrack> = new Set();
  /** Cells with a proof that something stands against; looked at again by `unblock`. */
  readonly blocked: Set<CellTrack> = new Set();
  /** What was changed since it was saved last. */
  readonly unsaved: Set<CellTrack | EndpointTrack> = new Set();
  cellCount = 0;
  /** Since when requests are remembered beyond a restart; 0: from the beginning. */
  watchedSince = 0;
  readonly #rules: MovementRules;
  readonly #limits: BookLimits;

  constructor(options: { readonly rules: MovementRules; readonly limits: BookLimits; readonly epoch: Epoch }) {
    this.#rules = options.rules;
    this.#limits = options.limits;
    this.epoch = options.epoch;
  }

  /** A request of the cell was served; so the cell is known. */
  seen(cell: Cell, at: number): void {
    const track = this.track(cell);
    if (track === undefined) return;
    track.servedAt = at;
    if (this.#rules.order === undefined || at - track.servedSavedAt < this.#rules.own.staleAfterMs * SAVED_EVERY)
      return;
    track.servedSavedAt = at;
    this.unsaved.add(track);
  }

  /** The control has answered a client. */
  answered(id: EndpointId, status: number): void {
    const home = this.endpoints.get(id);
    if (home !== undefined) noteAnswer(home.answers, status);
  }

  /** What is known of traffic is saved with the next documents, every cell's. */
  saveServed(): void {
    for (const track of this.tracks()) {
      if (track.servedAt === 0) continue;
      track.servedSavedAt = track.servedAt;
      this.unsaved.add(track);
    }
  }

  /** Takes a comparison in. */
  add(cell: Cell, sample: Sample, proof: Proof): void {
    const home = this.home(cell.endpoint);
    if (home === undefined) return;
    const track = this.track(cell);
    if (track !== undefined) {
      this.evidenceOf(track).add(sample, this.#rules.own);
      this.dirty.add(track);
      this.unsaved.add(track);
    }
    if (sample.preferred === true) return;
    addToCohort(home, sample, this.#rules, proof);
    this.dirtyEndpoints.add(home);
    if (track?.isAside === true) return;
    const { pooled } = home;
    const before = countsOf(pooled);
    pooled.add(sample, this.#rules.pooled(proof, home.cells.size));
    if (track !== undefined) track.given = moreGiven(track.given, before, pooled);
    if (before.failures !== NO_FAILURES && pooled.failures === NO_FAILURES) forgetFailures(home);
    this.dirtyEndpoints.add(home);
    this.unsaved.add(home);
  }

  home(id: EndpointId): EndpointTrack | undefined {
    const present = this.endpoints.get(id);
    if (present !== undefined || this.endpoints.size >= this.#limits.endpoints) return present;
    const made: EndpointTrack = {
      id,
      cells: new Map(),
      active: new Set(),
      aside: 0,
      pooled: new Evidence(POOLED_SLOTS),
      cohorts: new Map(),
      answers: noAnswers(),
      assessed: 'insufficient',
      ramp: undefined,
      dialSeenAt: 0,
      classes: new Map(),
      classesDone: 0,
    };
    this.endpoints.set(id, made);
    return made;
  }

  /** The cell's track; undefined beyond the bound: such cells are never promoted. */
  track(cell: Cell): CellTrack | undefined {
    const home = this.home(cell.endpoint);
    const present = home?.cells.get(cell.tenant);
    if (home === undefined || present !== undefined || this.cellCount >= this.#limits.cells) return present;
    const track: CellTrack = {
      cell,
      key: cellKey(cell.tenant, cell.endpoint),
      home,
      record: newCell(0),
      evidence: undefined,
      servedAt: 0,
      servedSavedAt: 0,
      isAside: false,
      given: NOTHING,
    };
    home.cells.set(cell.tenant, track);
    this.cellCount += 1;
    return track;
  }

  find(cell: Cell): CellTrack | undefined {
    return this.endpoints.get(cell.endpoint)?.cells.get(cell.tenant);
  }

  /** Cells that what is said of their endpoint can move: where a cell needs no comparison of its own, all of them. */
  concerned(home: EndpointTrack): Iterable<CellTrack> {
    return this.#rules.cellPolicy.ownMatches === 0 ? home.cells.values() : home.active;
  }

  /** Counts a cell's comparisons with those of all tenants, or not; says nothing of what was counted before. */
  markAside(track: CellTrack, isAside: boolean): void {
    if (track.isAside === isAside) return;
    track.home.aside += isAside ? 1 : -1;
    (track as { isAside: boolean }).isAside = isAside; // read only to everyone else
  }

  /** Cells that may be in another state than `observing`. */
  *moved(): Generator<CellTrack> {
    for (const home of this.endpoints.values())
      for (const track of home.active) if (track.record.state !== 'observing') yield track;
  }

  *tracks(): Generator<CellTrack> {
    for (const home of this.endpoints.values()) yield* home.cells.values();
  }

  openCells(home: EndpointTrack): number {
    let open = 0;
    for (const { record } of home.active) if (isOpen(record.state)) open += 1;
    return open;
  }

  /** A cell's own evidence, made where it has none. */
  evidenceOf(track: CellTrack): Evidence {
    track.evidence ??= new Evidence();
    track.home.active.add(track);
    return track.evidence;
  }

  /** Puts a record in its place. */
  setRecord(track: CellTrack, record: CellRecord): void {
    if (record === track.record) return;
    if (isOpen(track.record.state) && !isOpen(record.state)) this.#takenBack(track);
    track.record = record;
    if (record.state !== 'observing') track.home.active.add(track);
    if (record.state === 'renewing' || record.state === 'closed') this.timed.add(track);
    else this.timed.delete(track);
    if (record.state === 'held') this.held.add(track);
    else this.held.delete(track);
    this.dirty.add(track);
    this.unsaved.add(track);
  }

  /** The class that a cell was taken back from begins its time anew. */
  #takenBack({ home, cell }: CellTrack): void {
    const { order } = this.#rules;
    const name = order?.classes[order.rankOf(cell.tenant)]?.name;
    if (name !== undefined && home.classes.delete(name)) this.unsaved.add(home);
  }

  /** What stood against a promotion may be gone: a hold, a latch, a cell that was to open first. */
  unblock(): void {
    for (const track of this.blocked) this.dirty.add(track);
    this.blocked.clear();
  }

  /** Everything is looked at in the next round. */
  touchAll(): void {
    for (const home of this.endpoints.values()) this.dirtyEndpoints.add(home);
    for (const home of this.endpoints.values()) for (const track of this.concerned(home)) this.dirty.add(track);
  }

  /** What was compared so far says nothing about what comes. */
  resetEvidence(track: CellTrack): void {
    track.evidence = undefined;
    this.unsaved.add(track);
  }

  /** Begins the pooled evidence of an endpoint anew, after it was acted on. */
  resetPooled(home: EndpointTrack): void {
    home.pooled = new Evidence(POOLED_SLOTS);
    home.assessed = 'insufficient';
    for (const track of home.active) track.given = NOTHING;
    this.unsaved.add(home);
  }

  /** The same for cohorts; absent: for all of them. */
  resetCohorts(home: EndpointTrack, names: readonly string[] = [...home.cohorts.keys()]): void {
    for (const name of names) home.cohorts.delete(name);
    this.unsaved.add(home);
  }

  /**
   * Keeps a cell that fails on its own out of the pooled evidence: one bad tenant must not hold up all others.
   * At most a tenth of an endpoint's tenants, from five on; where more fail, it is not the tenants. Gives whether it is aside.
   */
  setAside(track: CellTrack): boolean {
    if (track.isAside) return true;
    const { home } = track;
    const tenants = home.cells.size;
    if (tenants < MIN_TENANTS_FOR_ASIDE || home.aside >= Math.max(1, Math.floor(tenants * MAX_ASIDE_SHARE)))
      return false;
    this.markAside(track, true);
    home.pooled.retract(track.given);
    track.given = NOTHING;
    this.dirtyEndpoints.add(home);
    this.unsaved.add(track).add(home);
    return true;
  }

  /** Another candidate version or other rules: what was proven supplies a part, the rest is gathered anew. Gives the cells whose state changed. */
  beginEpoch(epoch: Epoch, now: number, proofOf: (endpoint: EndpointId) => Proof): CellTrack[] {
    this.epoch = epoch;
    const changed: CellTrack[] = [];
    for (const home of this.endpoints.values()) {
      for (const pool of home.cohorts.values()) {
        pool.evidence = pool.evidence.renewed(this.#rules.pooled(proofOf(home.id), 1));
        pool.assessed = 'insufficient';
      }
      home.pooled = home.pooled.renewed(this.#rules.pooled(proofOf(home.id), home.cells.size));
      home.assessed = 'insufficient';
      this.unsaved.add(home);
      for (const track of home.active) {
        track.evidence = track.evidence?.renewed(this.#rules.own);
        track.given = NOTHING;
        this.markAside(track, false);
        const moved = transition(track.record, { kind: 'deployed', epoch }, this.#rules.cellPolicy, now);
        if (!moved.ok) continue;
        if (moved.next.state !== track.record.state) changed.push(track);
        if (moved.effects.some((effect) => effect.kind === 'resetEvidence')) track.evidence = undefined;
        this.setRecord(track, moved.next);
        this.unsaved.add(track);
      }
    }
    return changed;
  }

  /** Endpoints turned out to be one: evidence of the old names does not count for the new one. Gives the cells that are gone. */
  forget(ids: readonly EndpointId[]): CellTrack[] {
    const gone: CellTrack[] = [];
    for (const id of ids) {
      const home = this.endpoints.get(id);
      if (home === undefined) continue;
      this.endpoints.delete(id);
      this.dirtyEndpoints.delete(home);
      this.unsaved.delete(home);
      for (const track of home.cells.values()) {
        gone.push(track);
        for (const set of [this.dirty, this.timed, this.blocked, this.held, this.unsaved]) set.delete(track);
      }
      this.cellCount -= home.cells.size;
    }
    return gone;
  }
}

const NOTHING: Given = { matches: 0, wrong: 0, failures: NO_FAILURES, inconclusive: 0, ignored: 0 };

/** The endpoint answers again, and so its cells; one that fails on its own is looked at by itself. */
function forgetFailures(home: EndpointTrack): void {
  for (const track of home.active) {
    if (track.isAside) continue;
    track.evidence?.forgetFailures();
    track.given = { ...track.given, failures: NO_FAILURES };
  }
}

/** What was given so far, and what the pool gained from `before` to `after`. */
function moreGiven(given: Given, before: Given, after: Given): Given {
  const gained = (of: (counts: Given) => number): number => of(given) + of(after) - of(before);
  return {
    matches: gained(({ matches }) => matches),
    wrong: gained(({ wrong }) => wrong),
    failures: {
      control: gained(({ failures }) => failures.control),
      candidate: gained(({ failures }) => failures.candidate),
    },
    inconclusive: gained(({ inconclusive }) => inconclusive),
    ignored: gained(({ ignored }) => ignored),
  };
}

function countsOf({ matches, wrong, failures, inconclusive, ignored }: Given): Given {
  return { matches, wrong, failures, inconclusive, ignored };
}
