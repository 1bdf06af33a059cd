import { type Cell, type EndpointId, isOpen, type Side } from '../core/cell.ts';
import { type Epoch, transition } from '../core/cell-machine.ts';
import type { FreezeOrder, Frozen } from '../core/freeze.ts';
import { lockOver, lockText } from '../core/plan/locks.ts';
import type { Clock, Log, ServedRecord, Store, Timer, VerifiedExchange } from '../core/ports.ts';
import { type KnownPower, missingPower } from '../core/power.ts';
import { onLadder } from '../core/ramp-steps.ts';
import type { EndpointPolicy, Latch, Scope } from '../core/routing.ts';
import { scopeCovers } from '../core/scope.ts';
import type { Needs } from '../core/spending/need-book.ts';
import { isForced, type Tripped, type TripwirePolicy, Tripwires } from '../core/tripwire.ts';
import { CanaryKeeper } from './canary-keeper.ts';
import { ClassWatch } from './class-watch.ts';
import type { Controller, Who } from './controller.ts';
import { DocumentOutbox } from './document-outbox.ts';
import { EpochWatch } from './epoch-watch.ts';
import { sampleOf } from './evidence-sample.ts';
import { HoldKeeper } from './hold-keeper.ts';
import { NO_TENANT, OTHER } from './ledger.ts';
import { type BookLimits, MovementBook } from './movement-book.ts';
import { type MovementDocument, restoreBook, watchedSince } from './movement-documents.ts';
import { endPins, MovementOrders } from './movement-orders.ts';
import { moveOf, type Place, planRound, type Round, type RoundFacts } from './movement-plan.ts';
import { observing } from './movement-records.ts';
import type { MovementRules } from './movement-rules.ts';
import { NeedsTeller } from './needs.ts';
import { RampDesk } from './ramp-desk.ts';
import { RampRounds } from './ramp-rounds.ts';
import { reconcile } from './reconcile.ts';
import { TakeBack } from './take-back.ts';
import { within } from './within.ts';

export interface MoverOptions {
  readonly controller: Controller;
  readonly store: Pick<Store, 'saveDocuments'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly rules: MovementRules;
  readonly tripwires: TripwirePolicy;
  readonly limits: BookLimits;
  /** Fingerprint of the comparison rules: others begin another epoch. */
  readonly fingerprint: string;
  /** What was saved of kind `movement`. */
  readonly saved: ReadonlyMap<string, unknown>;
  /** What is known of an endpoint's power; asked where power is demanded. Absent: nothing. */
  readonly power?: (endpoint: EndpointId) => KnownPower | undefined;
  /** What is frozen by the calendar and by a person's word over it, by the wall clock; absent: nothing ever is. */
  readonly frozen?: (order: FreezeOrder | undefined, now: number) => Frozen | undefined;
  /** What proofs need changed: for the proxies, which spend their mirrors on it. */
  readonly onNeeds?: (needs: Needs) => void;
}

const TICK_MS = 1_000;
/** How long a round waits for the journal. Then that goes on by itself, and rounds only take back until it has ended. */
const ADVANCE_WAIT_MS = 1_000;
/** How often cells that wait for others are looked at although nothing happened: what others do may simply cease. */
const UNBLOCK_MS = 60_000;

/**
 * Moves traffic by evidence: takes comparisons and served requests in, assesses once a second, promotes (journal first, I5)
 * and takes back. Tripwires act at once.
 *
 * Where the journal does not take a retreat within 250 ms, a latch takes its place: it is in force without the store (I6),
 * is journaled when the store works again, and stays until a person lifts it.
 */
export class Mover {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  /** What people say about ramps. */
  readonly desk: RampDesk;
  readonly #options: MoverOptions;
  readonly #tripwires: Tripwires;
  readonly #versions: EpochWatch;
  /** Wall time when this mover began, and its monotonic time: a clock that is set makes no evidence older or younger. */
  readonly #anchor: { readonly wall: number; readonly monotonic: number };
  readonly #orders: MovementOrders;
  readonly #outbox: DocumentOutbox;
  readonly #takeBack: TakeBack;
  readonly #needs = new NeedsTeller();
  readonly #classes: ClassWatch;
  readonly #ramps: RampRounds;
  readonly #holdKeeper: HoldKeeper;
  readonly #canary: CanaryKeeper;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  /** What a round wants of the journal, while the journal has not answered; at most one. */
  #advancing: Promise<void> | undefined;
  /** It has not answered for longer than a round waits: a renewal that it would have to take is none. */
  #isStuck = false;
  #rounds = 0;
  #storeWorks = true;
  #frozen: { readonly at: number; readonly order: FreezeOrder | undefined; readonly frozen: Frozen | undefined } = {
    at: Number.NEGATIVE_INFINITY,
    order: undefined,
    frozen: undefined,
  };
  #unblockedAt = 0;
  #wasFrozen = false;
  #latches: ReadonlyMap<string, unknown> | undefined;
  #holds: ReadonlyMap<string, unknown> | undefined;
  #isClosed = false;
  #fingerprint: string;

  constructor(options: MoverOptions) {
    const { rules, limits, clock, saved, fingerprint } = options;
    this.#options = options;
    this.#fingerprint = fingerprint;
    this.rules = rules;
    this.#anchor = { wall: clock.now(), monotonic: clock.monotonic() };
    this.#tripwires = new Tripwires(options.tripwires);
    this.#versions = new EpochWatch(saved.get('epoch'));
    const epoch = { candidateVersion: this.#versions.candidate, rules: fingerprint };
    this.book = new MovementBook({ rules, limits, epoch });
    restoreBook(this.book, saved);
    this.book.watchedSince = watchedSince(saved.get('epoch'), this.#anchor.wall);
    this.#classes = new ClassWatch(options.log);
    const now = (): number => this.now();
    const epochDocument = (): MovementDocument => this.#epochDocument();
    this.#orders = new MovementOrders({ ...options, book: this.book, now, epoch: epochDocument });
    this.#outbox = new DocumentOutbox({ rules, book: this.book, orders: this.#orders, epoch: epochDocument });
    const parts = { ...options, book: this.book, orders: this.#orders, now };
    this.#takeBack = new TakeBack(parts);
    this.#ramps = new RampRounds(parts);
    this.desk = new RampDesk(parts);
    this.#holdKeeper = new HoldKeeper(parts);
    this.#canary = new CanaryKeeper(parts);
  }

  /** What a canary under way waits for; undefined: nothing, or there is none. */
  get canaryWaitsFor(): string | undefined {
    return this.#canary.waitsFor;
  }

  /** Steady time: that of the start, plus what has passed since. */
  now(): number {
    return this.#anchor.wall + (this.#options.clock.monotonic() - this.#anchor.monotonic);
  }

  get controlVersion(): string {
    return this.#versions.control;
  }

  /**
   * Makes records and control state agree, and begins to tick. Call after the controller has started and before the proxy listens:
   * a cell that is open without a recorded proof is closed here (I4).
   */
  async start(): Promise<void> {
    const { controller } = this.#options;
    const fingerprint = this.#fingerprint;
    for (const [side, { version, at }] of controller.state.versions) this.#versions.announced(side, version, at);
    const { book, rules } = this;
    const unproven = reconcile({ book, rules, orders: this.#orders, state: controller.state, now: this.now() });
    if (unproven.length > 0) {
      const who = { actor: 'controller', reason: 'no recorded proof: the cell was open in the control state only' };
      await this.#orders.retreat({ tracks: unproven, who });
    }
    const candidateVersion = this.#versions.candidate;
    const saved = this.#versions.savedRules;
    if (candidateVersion !== this.#versions.savedCandidate || (saved !== undefined && saved !== fingerprint)) {
      this.#beginEpoch({ candidateVersion, rules: fingerprint });
    }
    this.#versions.savedRules = fingerprint;
    this.book.touchAll();
    await this.tick();
    this.#schedule();
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      void this.tick().finally(() => {
        if (!this.#isClosed) this.#schedule();
      });
    });
  }

  /** A request has ended. Called synchronously for each; must stay cheap. */
  served(record: ServedRecord): void {
    const { tenant, endpoint } = record;
    if (record.origin === 'unknown') return;
    if (tenant !== undefined && isReal(tenant)) {
      // Forced traffic opens nothing, and so nobody waits for it to be opened.
      if (isForced(record.decision)) this.book.track({ tenant, endpoint });
      else this.book.seen({ tenant, endpoint }, this.now());
    }
    if (record.servedBy === 'control' && !record.clientAborted) this.book.answered(endpoint, record.status);
    this.#canary.served(record);
    const tripped = this.#tripwires.served(record);
    if (tripped !== undefined) this.#trip(tripped);
  }

  /** A comparison is done. */
  verified(verified: VerifiedExchange): void {
    const { cell, versions } = verified;
    const turn = this.#versions.seen(versions, this.now());
    if (turn === 'named') this.book.epoch = { ...this.book.epoch, candidateVersion: this.#versions.candidate };
    if (turn === 'began') this.#beginEpoch({ ...this.book.epoch, candidateVersion: this.#versions.candidate });
    const tripped = this.#tripwires.verified(verified, verified.direction === 'reverse' || this.#isMoving(cell));
    if (tripped !== undefined) this.#trip(tripped);
    // Of another version than the present, or of people's choice: it is counted elsewhere, and proves nothing.
    if (turn === 'other' || verified.forced === true || !isReal(cell.tenant) || !this.rules.isComparable(cell.endpoint))
      return;
    const sample = sampleOf(verified, this.now());
    if (sample !== undefined) this.book.add(cell, sample, this.#policyOf(cell.endpoint).proof);
  }

  /** A person or a pipeline says which version a side runs; call when it is journaled. */
  deployed(side: Side, version: string): void {
    if (this.#versions.announced(side, version, this.now()) && side === 'candidate') {
      this.#beginEpoch({ ...this.book.epoch, candidateVersion: version });
    }
  }

  /** The rules are others from now on, because a person accepted a difference or no longer does: another epoch begins. */
  rulesAre(fingerprint: string): void {
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#versions.savedRules = fingerprint;
    this.#beginEpoch({ ...this.book.epoch, rules: fingerprint });
  }

  /** The rules are others, as `rules` says by now: everything is looked at anew, and ramps find their place on other steps. */
  settingsChanged(before: MovementRules): void {
    for (const home of this.book.endpoints.values()) {
      const { steps } = this.rules.rampOf(home.id);
      if (home.ramp === undefined || JSON.stringify(steps) === JSON.stringify(before.rampOf(home.id).steps)) continue;
      home.ramp = onLadder(home.ramp, steps, this.now());
      this.book.unsaved.add(home);
    }
    if (this.rules.order !== undefined) this.book.saveServed();
    this.book.touchAll();
    this.book.unblock();
  }

  /** Whether the store takes what is given to it; while it does not, nothing is promoted. */
  storeWorks(works: boolean): void {
    this.#storeWorks = works;
    if (works) this.book.touchAll();
  }

  /** The power of an endpoint was measured: what waited for it is looked at in the next round. */
  powerMeasured(): void {
    this.book.unblock();
  }

  /** Endpoints turned out to be one; cells of the old names are forgotten, and what was saved of them is deleted. */
  mergeEndpoints(from: readonly EndpointId[], into: EndpointId): void {
    const old = from.filter((id) => id !== into);
    this.#needs.forget(old);
    for (const id of old) if (this.book.endpoints.has(id)) this.#outbox.endpointGone(id);
    for (const track of this.book.forget(old)) {
      this.#outbox.cellGone(track);
      this.#orders.unsynced.delete(track);
      if (!isOpen(track.record.state)) continue;
      // Nothing is decided under the old name any more; the table is tidied up.
      track.record = observing(track, this.now());
      this.#orders.unsynced.add(track);
    }
  }

  #beginEpoch(epoch: Epoch): void {
    if (epoch.candidateVersion !== this.book.epoch.candidateVersion)
      this.#canary.deployed(epoch.candidateVersion, this.now());
    this.#tripwires.resetAll();
    const changed = this.book.beginEpoch(epoch, this.now(), (endpoint) => this.#policyOf(endpoint).proof);
    for (const track of changed) this.#orders.unsynced.add(track);
    this.#ramps.epochBegan(this.now());
    this.#options.log.info('epoch.began', { ...epoch, renewing: changed.length });
  }

  /** One round. Rounds never overlap; a call during one waits for it. */
  tick(): Promise<void> {
    this.#running ??= this.#round()
      .catch((error: unknown) => this.#options.log.error('mover.fault', { error: String(error) }))
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #round(): Promise<void> {
    this.#rounds += 1;
    this.#followOrders();
    const facts = this.facts();
    this.#tellNeeds(facts);
    this.#classes.follow({ book: this.book, rules: this.rules, facts });
    const round = planRound(this.book, this.rules, facts);
    for (const move of round.quiet) this.#takeBack.take(move);
    this.#takeBack.rested(round);
    await this.#takeBack.failed(round);
    await this.#orders.sync();
    this.#canary.looked(round);
    if (this.#advancing !== undefined) {
      for (const { track } of round.promotions) this.book.dirty.add(track);
      return;
    }
    this.#advancing = this.#advance(facts, round)
      .catch((error: unknown) => this.#options.log.error('mover.fault', { error: String(error) }))
      .finally(() => {
        this.#advancing = undefined;
        this.#isStuck = false;
      });
    await within(this.#options.clock, ADVANCE_WAIT_MS, this.#advancing);
    this.#isStuck = this.#advancing !== undefined;
  }

  /** What needs the journal before it counts. Where that takes so long that other rounds have looked meanwhile, they go on. */
  async #advance(facts: RoundFacts, round: Round): Promise<void> {
    const number = this.#rounds;
    const isOver = (): boolean => this.#rounds !== number;
    await this.#orders.promote(round.promotions);
    await this.#ramps.climbAll(facts, round, isOver);
    if (isOver()) return;
    await this.#canary.follow(round, facts);
    await endPins(this.#options);
    for (const track of await this.#holdKeeper.follow(this.facts())) this.#orders.unsynced.add(track);
  }

  #tellNeeds(facts: RoundFacts): void {
    const needs = this.#options.onNeeds && this.#needs.changed(this.book, this.rules, facts);
    if (needs !== undefined) this.#options.onNeeds?.(needs);
  }

  /** Everything that proofs need, for a proxy that knows nothing yet. */
  needs(): Needs {
    return this.#needs.whole(this.book, this.rules, this.facts());
  }

  /** What people ordered since the last round: cells under a latch lose their proof, a lifted hold lets cells go on. */
  #followOrders(): void {
    const { latches, holds } = this.#options.controller.state;
    const now = this.now();
    if (latches !== this.#latches) {
      for (const track of this.book.moved()) {
        const covered = this.#covers(latches, track.cell);
        const by = { actor: 'controller', reason: covered ? 'a rollback covers it' : 'the rollback was lifted' };
        const isDue = covered ? isOpen(track.record.state) : track.record.state === 'latched';
        if (!isDue) continue;
        const moved = transition(
          track.record,
          { kind: covered ? 'latched' : 'unlatched', ...by },
          this.rules.cellPolicy,
          now,
        );
        if (moved.ok) this.#takeBack.take(moveOf(track, moved.next, []));
      }
    }
    if (
      latches !== this.#latches ||
      holds !== this.#holds ||
      this.#isThawed() ||
      now - this.#unblockedAt >= UNBLOCK_MS
    ) {
      this.book.unblock();
      this.#unblockedAt = now;
    }
    this.#latches = latches;
    this.#holds = holds;
  }

  /** Whether a freeze has ended since the last round. */
  #isThawed(): boolean {
    const was = this.#wasFrozen;
    this.#wasFrozen = this.frozen() !== undefined;
    return was && !this.#wasFrozen;
  }

  /** What a round looks at, now. */
  facts(): RoundFacts {
    const { controller } = this.#options;
    return {
      now: this.now(),
      controlVersion: this.#versions.control,
      isFaulty: !this.#storeWorks || this.#isStuck || this.#orders.isFaulty(this.now()),
      policyOf: (endpoint) => this.#policyOf(endpoint),
      isLatched: (cell) => this.#covers(controller.state.latches, cell),
      isHeld: (cell) => this.#covers(controller.state.holds, cell),
      locked: (place) => {
        const lock = lockOver(controller.state, place);
        return lock && lockText(lock);
      },
      dialOf: ({ endpoint, tenant }) => controller.table.dialFor(endpoint, tenant).dialPpm,
      warning: (endpoint) => this.#tripwires.warning(endpoint),
      isHeldAll: controller.state.holds.has('all'),
      isCanary: controller.state.canary !== undefined,
      frozen: this.frozen(),
      missingPower: (endpoint) => missingPower(this.rules.leastPower, this.#options.power?.(endpoint)),
    };
  }

  /** What is frozen now. Asked for every cell that is shown, so it is worked out once a second and for each order. */
  frozen(): Frozen | undefined {
    const { clock, controller, frozen } = this.#options;
    if (frozen === undefined) return undefined;
    const now = clock.now();
    const order = controller.state.freezes.get('all');
    const known = this.#frozen;
    if (known.order === order && Math.abs(now - known.at) < TICK_MS) return known.frozen;
    this.#frozen = { at: now, order, frozen: frozen(order, now) };
    return this.#frozen.frozen;
  }

  /** What the calendar freezes now, whatever a person said. */
  calendar(): Frozen | undefined {
    return this.#options.frozen?.(undefined, this.#options.clock.now());
  }

  /** Takes a scope back to the control without a latch: cells rest and gather evidence anew, ramps begin again. */
  takeBack(scope: Scope, who: Who): Promise<{ readonly cells: number; readonly dials: number }> {
    return this.#takeBack.demoted(scope, who);
  }

  /** Whether the candidate serves some of the cell by the dial. */
  #isMoving({ tenant, endpoint }: Cell): boolean {
    const { table, state } = this.#options.controller;
    if (table.dialFor(endpoint, tenant).dialPpm === 0 || this.#covers(state.latches, { tenant, endpoint }))
      return false;
    return this.#policyOf(endpoint).proof === 'none' || isOpen(table.stateOf(endpoint, tenant));
  }

  #policyOf(endpoint: EndpointId): EndpointPolicy {
    return this.#options.controller.table.policyOf(endpoint);
  }

  #covers(orders: ReadonlyMap<string, Latch>, cell: Place): boolean {
    if (orders.size === 0) return false;
    const { cohorts } = this.#options.controller.table.data;
    for (const { scope } of orders.values()) if (scopeCovers(scope, cell, cohorts)) return true;
    return false;
  }

  /** Takes traffic back at once; nothing waits for the round. */
  #trip(tripped: Tripped): void {
    this.#canary.tripped(tripped);
    if (tripped.action === 'hold') {
      this.#holdFor(tripped);
      return;
    }
    const isEffective = this.#takeBack.tripped(tripped);
    if (isEffective) for (const id of this.rules.journeyOf(tripped.endpoint)) this.#tripwires.reset(id);
  }

  /** Nothing more is promoted there until a person has looked; what is open stays open. */
  #holdFor({ tripwire, endpoint, detail }: Tripped): void {
    const { controller, log } = this.#options;
    if (this.#covers(controller.state.holds, { endpoint })) return;
    const who = { actor: `tripwire:${tripwire}`, reason: detail };
    log.warn('tripwire.held', { tripwire, endpoint, detail });
    controller.command({ kind: 'hold', scope: { endpoint } }, who).catch((error: unknown) => {
      log.error('mover.fault', { error: String(error) });
    });
  }

  /** Changes since the last time, to be saved; at most `max`. Give them back if that fails. */
  takeDocuments(max: number): MovementDocument[] {
    return this.#outbox.take(max);
  }

  #epochDocument(): MovementDocument {
    const watched = this.rules.order === undefined ? {} : { watchedSince: this.book.watchedSince };
    return { key: 'epoch', value: { ...this.#versions.toJSON(), rules: this.#fingerprint, ...watched } };
  }

  /** What was taken last was not saved: everything of weight is saved again. */
  returnDocuments(): void {
    this.#outbox.giveBack();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#running;
    await this.#advancing;
  }
}

/** Names that stand for many are no cells that could move. */
function isReal(tenant: string): boolean {
  return tenant !== OTHER && tenant !== NO_TENANT;
}
