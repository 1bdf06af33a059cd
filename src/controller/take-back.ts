import { type EndpointId, isOpen } from '../core/cell.ts';
import { transition } from '../core/cell-machine.ts';
import { dialsOf, presentPpm } from '../core/control-model.ts';
import type { Log } from '../core/ports.ts';
import { climb, type RampEvent } from '../core/ramp.ts';
import type { Dial, Scope } from '../core/routing.ts';
import { scopeCovers, scopeKey } from '../core/scope.ts';
import type { Tripped } from '../core/tripwire.ts';
import type { Controller, Who } from './controller.ts';
import type { CellTrack, EndpointTrack, MovementBook } from './movement-book.ts';
import { BATCH, type MovementOrders } from './movement-orders.ts';
import { type Move, moveOf, type Round } from './movement-plan.ts';
import { retreatEvidence } from './movement-records.ts';
import type { MovementRules } from './movement-rules.ts';
import { dialOf } from './ramp-plan.ts';

export interface TakeBackOptions {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly orders: MovementOrders;
  readonly controller: Controller;
  readonly log: Log;
  /** Steady time. */
  readonly now: () => number;
}

/** Takes cells and dials back: those whose evidence turned, and those of an endpoint whose tripwire went off. */
export class TakeBack {
  readonly #options: TakeBackOptions;

  constructor(options: TakeBackOptions) {
    this.#options = options;
  }

  /** A change that moves nobody to the candidate takes effect in memory; the control state follows. */
  take(move: Pick<Move, 'track' | 'next'>): void {
    this.#options.book.setRecord(move.track, move.next);
    this.#options.orders.unsynced.add(move.track);
  }

  /** Cells that have rested gather evidence anew: meanwhile the candidate may have been down. */
  rested({ quiet }: Round): void {
    for (const { track, before } of quiet) if (before.state === 'closed') this.#options.book.resetEvidence(track);
  }

  /** Cells whose evidence turned, with all that shares state with them. Their evidence begins anew. */
  async failed({ retreats, pooled }: Round): Promise<void> {
    const { book, orders } = this.#options;
    const homes = new Set<EndpointTrack>();
    for (const move of retreats) {
      book.resetEvidence(move.track);
      this.take(move);
      const assessment = pooled.get(move.track.home);
      if (assessment?.kind === 'fail' || assessment?.kind === 'conflict') homes.add(move.track.home);
    }
    for (const home of homes) book.resetPooled(home);
    for (const home of new Set(retreats.map(({ track }) => track.home))) {
      const turned = [...home.cohorts].filter(([, { assessed }]) => assessed === 'fail' || assessed === 'conflict');
      book.resetCohorts(
        home,
        turned.map(([name]) => name),
      );
    }
    const all = [...retreats, ...retreats.flatMap((move) => this.#followers(move))];
    for (let at = 0; at < all.length; at += BATCH) {
      const batch = all.slice(at, at + BATCH);
      const [first] = batch;
      if (first === undefined) return;
      const reason = batch.length === 1 ? first.reason : `${batch.length} cells; the first: ${first.reason}`;
      const tracks = batch.map((move) => move.track);
      // Where the endpoint itself has failed, one latch over it says so, instead of one for each cell.
      const isWhole = batch.every(({ track }) => homes.has(track.home));
      const endpoints = isWhole ? [...new Set(tracks.map(({ home }) => home.id))] : [];
      const who = { actor: first.actor, reason };
      await orders.retreat({ tracks, who, evidence: retreatEvidence(batch), endpoints });
    }
  }

  #followers({ track, reason }: Move): Move[] {
    const { book, rules, now } = this.#options;
    const { tenant, endpoint } = track.cell;
    return rules.journeyOf(endpoint).flatMap((member) => {
      const other = member === endpoint ? undefined : book.find({ tenant, endpoint: member });
      if (other === undefined || !isOpen(other.record.state)) return [];
      const detail = `with ${endpoint}, of the same journey: ${reason}`;
      const moved = transition(other.record, { kind: 'tripped', tripwire: 'journey', detail }, rules.cellPolicy, now());
      if (!moved.ok) return [];
      const move = moveOf(other, moved.next, moved.effects);
      book.resetEvidence(other);
      this.take(move);
      return [move];
    });
  }

  /** Closes every cell of the endpoint and of its journey, and drops what moves it. Gives whether there was anything to take back. */
  tripped(tripped: Tripped): boolean {
    const { book, rules, orders, log } = this.#options;
    const homes = rules.journeyOf(tripped.endpoint).flatMap((id) => book.home(id) ?? []);
    const tracks = homes.flatMap((home) => this.#close(home, tripped));
    const event = { kind: 'tripped', tripwire: tripped.tripwire, detail: tripped.detail } as const;
    const dials = homes.flatMap((home) => this.#fall(home, event));
    if (tracks.length === 0 && dials.length === 0) return false;
    for (const home of homes) this.#forget(home);
    const { tripwire, detail, endpoint } = tripped;
    log.warn('tripwire.tripped', { tripwire, endpoint, detail, cells: tracks.length });
    void orders.retreat({
      tracks,
      dials,
      who: { actor: `tripwire:${tripwire}`, reason: detail },
      evidence: { tripwire, detail },
      endpoints: homes.map((home) => home.id),
    });
    return true;
  }

  /**
   * Takes a scope back because a person says so, without a latch: its cells rest and gather evidence anew, with those that share
   * state with them; ramps and dials of whole endpoints fall. Gives what was taken back.
   */
  async demoted(scope: Scope, who: Who): Promise<{ readonly cells: number; readonly dials: number }> {
    const { book, rules, orders, controller, now } = this.#options;
    const { cohorts } = controller.table.data;
    const tracks = new Set<CellTrack>();
    for (const track of book.moved()) {
      if (!isOpen(track.record.state) || !scopeCovers(scope, track.cell, cohorts)) continue;
      for (const endpoint of [track.cell.endpoint, ...rules.journeyOf(track.cell.endpoint)]) {
        const one = book.find({ tenant: track.cell.tenant, endpoint });
        if (one !== undefined && isOpen(one.record.state)) tracks.add(one);
      }
    }
    for (const track of tracks) {
      const moved = transition(track.record, { kind: 'demoted', ...who }, rules.cellPolicy, now());
      if (!moved.ok) continue;
      book.resetEvidence(track);
      this.take({ track, next: moved.next });
    }
    const isWhole = scope.tenant === undefined && scope.cohort === undefined;
    const chosen = scope.endpoint === undefined ? [...book.endpoints.keys()] : [scope.endpoint];
    const homes = [...new Set(chosen.flatMap((id) => [id, ...rules.journeyOf(id)]))].flatMap(
      (id) => book.endpoints.get(id) ?? [],
    );
    const dials = homes.flatMap((home) =>
      isWhole ? this.#fall(home, { kind: 'demoted', ...who }) : this.#partial(home, scope),
    );
    if (isWhole) for (const home of homes) this.#forget(home);
    const all = [...tracks];
    const endpoints = isWhole ? homes.map(({ id }) => id) : [];
    for (let at = 0; at === 0 || at < all.length; at += BATCH) {
      const batch = all.slice(at, at + BATCH);
      const lowered = at === 0 ? dials : [];
      if (batch.length > 0 || lowered.length > 0)
        await orders.retreat({ tracks: batch, dials: lowered, who, endpoints });
    }
    return { cells: all.length, dials: dials.length };
  }

  /** The dial of a tenant or cohort at an endpoint that demands no proof, where closing a cell moves nobody. */
  #partial({ id }: EndpointTrack, scope: Scope): Dial[] {
    const { controller } = this.#options;
    const own = { ...scope, endpoint: id };
    if (controller.table.policyOf(id).proof !== 'none' || presentPpm(controller.state, own) === 0) return [];
    return [{ scope: own, dialPpm: 0 }];
  }

  /** All that was compared there says nothing about what comes. */
  #forget(home: EndpointTrack): void {
    this.#options.book.resetPooled(home);
    this.#options.book.resetCohorts(home);
  }

  #close(home: EndpointTrack, { tripwire, detail }: Tripped): CellTrack[] {
    const { book, rules, orders, now } = this.#options;
    const closed: CellTrack[] = [];
    for (const track of home.cells.values()) {
      if (!isOpen(track.record.state) && !orders.opening.has(track)) continue;
      const moved = transition(track.record, { kind: 'tripped', tripwire, detail }, rules.cellPolicy, now());
      if (!moved.ok) continue;
      book.resetEvidence(track);
      this.take({ track, next: moved.next });
      closed.push(track);
    }
    return closed;
  }

  /** The dials that fall: a ramp's, and where no proof is demanded everything that moves the endpoint. */
  #fall(home: EndpointTrack, event: RampEvent): Dial[] {
    const { book, rules, controller, now } = this.#options;
    const endpoint: EndpointId = home.id;
    const hadRamp = home.ramp !== undefined;
    const own: Dial[] = [];
    if (home.ramp !== undefined) {
      const fallen = climb(home.ramp, event, rules.rampOf(endpoint), now());
      if (fallen.ok) home.ramp = fallen.next;
      for (const effect of fallen.ok ? fallen.effects : [])
        if (effect.kind === 'dial') for (const dial of effect.dials) own.push(dialOf(endpoint, dial));
      book.unsaved.add(home);
    }
    if (controller.table.policyOf(endpoint).proof !== 'none') {
      const isMoving = controller.table.dialFor(endpoint, undefined).dialPpm > 0;
      if (own.length > 0) return own;
      return hadRamp && isMoving ? [{ scope: { endpoint }, dialPpm: 0 }] : [];
    }
    // Dials of tenants and cohorts come before the endpoint's: each gets one of its own for this endpoint.
    const dials = new Map<string, Dial>();
    for (const { scope, dialPpm } of dialsOf(controller.state).values()) {
      if (dialPpm === 0 || (scope.endpoint !== undefined && scope.endpoint !== endpoint)) continue;
      const own = { ...scope, endpoint };
      dials.set(scopeKey(own), { scope: own, dialPpm: 0 });
    }
    return [...dials.values()];
  }
}
