import { type CellKey, type CellState, type EndpointId, isOpen } from '../core/cell.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import type { Dial } from '../core/routing.ts';
import type { Controller, Who } from './controller.ts';
import type { CellTrack, MovementBook } from './movement-book.ts';
import { documentsOf, type MovementDocument } from './movement-documents.ts';
import type { Move } from './movement-plan.ts';
import { proofEvidence } from './movement-records.ts';
import { within } from './within.ts';

export interface OrderOptions {
  readonly controller: Controller;
  readonly store: Pick<Store, 'saveDocuments'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly book: MovementBook;
  /** Steady time. */
  readonly now: () => number;
  /** The epoch as a document: saved with each proof made in it. */
  readonly epoch: () => MovementDocument;
}

/** What is to be taken back. */
export interface Retreat {
  readonly tracks: readonly CellTrack[];
  /** Dials to lower. */
  readonly dials?: readonly Dial[];
  readonly who: Who;
  readonly evidence?: Readonly<Record<string, unknown>>;
  /** Endpoints a latch would cover; absent: the cells themselves, as long as they are few. */
  readonly endpoints?: readonly EndpointId[];
}

/** Cells that one command moves; the table is made anew with each. */
export const BATCH = 1_000;
/** How long the journal may take before a retreat falls back on a latch, which needs no journal. */
const RETREAT_WAIT_MS = 250;
/** Latches for single cells in one round; more become one over the endpoint. */
const MAX_CELL_LATCHES = 20;
/** After a promotion was refused by the store. */
const FAULT_MS = 5_000;

/** Carries movements out through the controller: promotions journal first, retreats whatever the journal does. */
export class MovementOrders {
  /** Records the control state may not show yet. */
  readonly unsynced: Set<CellTrack> = new Set();
  /** Cells whose promotion is on its way into the journal. */
  readonly opening: Set<CellTrack> = new Set();
  readonly #options: OrderOptions;
  #faultyUntil = 0;

  constructor(options: OrderOptions) {
    this.#options = options;
  }

  /** Whether the store has refused a promotion within the last five seconds. */
  isFaulty(now: number): boolean {
    return now < this.#faultyUntil;
  }

  /** Journaled within 250 ms; else narrow latches take its place, which need no store and stay until a person lifts them. Never rejects. */
  async retreat({ tracks, dials = [], who, evidence = {}, endpoints = [] }: Retreat): Promise<void> {
    const { controller, log } = this.#options;
    const command = { kind: 'cells.set', cells: statesOf(tracks), dials, evidence } as const;
    const outcome = await within(this.#options.clock, RETREAT_WAIT_MS, controller.command(command, who));
    if (outcome?.ok === true) {
      for (const track of tracks) if (this.#isShown(track)) this.unsynced.delete(track);
      return;
    }
    const wide = [...new Set([...endpoints, ...tracks.map((track) => track.cell.endpoint)])];
    const isNarrow = endpoints.length === 0 && tracks.length <= MAX_CELL_LATCHES;
    for (const scope of isNarrow ? tracks.map(({ cell }) => cell) : wide.map((endpoint) => ({ endpoint }))) {
      const done = await controller.rollback(scope, who);
      if (!done.ok) log.error('retreat.failed', { ...scope, code: done.code, message: done.message });
    }
  }

  /** Shows the control state what became of cells that do not go to the candidate. A failure is tried again in the next round. */
  async sync(): Promise<void> {
    const { controller } = this.#options;
    const due: CellTrack[] = [];
    for (const track of this.unsynced) {
      const isOpening = track.record.state === 'open' && !isOpen(stateIn(controller, track));
      // A proof comes into the control state by a promotion only.
      if (isOpening || this.#isShown(track)) this.unsynced.delete(track);
      else if (due.length < BATCH) due.push(track);
    }
    const [first] = due;
    if (first === undefined) return;
    const who = { actor: 'controller', reason: reasonFor(due.length, first.record.reason) };
    const synced = controller.command({ kind: 'cells.set', cells: statesOf(due) }, who);
    await within(this.#options.clock, RETREAT_WAIT_MS, synced);
  }

  /** Raises dials, journal first. Gives whether they are in force. */
  async raise(step: {
    readonly dials: readonly Dial[];
    readonly who: Who;
    readonly evidence: Readonly<Record<string, unknown>>;
  }): Promise<boolean> {
    const { dials, who, evidence } = step;
    const done = await this.#options.controller.command({ kind: 'cells.set', cells: [], dials, evidence }, who);
    if (!done.ok) this.#faultyUntil = this.#options.now() + FAULT_MS;
    return done.ok;
  }

  /** Records are saved first, then journaled, then in force; what fails is tried again after five seconds. */
  async promote(promotions: readonly Move[]): Promise<void> {
    const { book, now } = this.#options;
    for (let at = 0; at < promotions.length; at += BATCH) {
      // What was taken back while others were written is no longer true.
      const batch = promotions.slice(at, at + BATCH).filter(isValid);
      if (batch.length === 0 || (await this.#promoteBatch(batch))) continue;
      for (const { track } of promotions.slice(at)) book.dirty.add(track);
      this.#faultyUntil = now() + FAULT_MS;
      return;
    }
    if (promotions.length > 0) book.unblock();
  }

  async #promoteBatch(batch: readonly Move[]): Promise<boolean> {
    const { book, store, log } = this.#options;
    for (const { track } of batch) this.opening.add(track);
    try {
      const records = documentsOf(batch.map(({ track, next }) => ({ track, record: next })));
      await store.saveDocuments('movement', [this.#options.epoch(), ...records]);
      const valid = batch.filter(isValid);
      if (!(await this.#open(valid))) return false;
      for (const { track, before, next } of valid) {
        // A tripwire was faster: its command came after this one and closed the cell again.
        if (track.record === before) book.setRecord(track, next);
        else this.unsynced.add(track);
      }
      return true;
    } catch (error) {
      log.warn('promotion.failed', { error: String(error) });
      return false;
    } finally {
      for (const { track } of batch) this.opening.delete(track);
    }
  }

  async #open(moves: readonly Move[]): Promise<boolean> {
    const [first] = moves;
    if (first === undefined) return true;
    const cells = moves.map(({ track, next }) => [track.key, next.state] as const);
    const who = { actor: 'controller', reason: reasonFor(moves.length, first.reason) };
    const command = { kind: 'cells.set', cells, evidence: proofEvidence(moves) } as const;
    return (await this.#options.controller.command(command, who)).ok;
  }

  #isShown(track: CellTrack): boolean {
    return (stateIn(this.#options.controller, track) ?? 'observing') === track.record.state;
  }
}

function isValid({ track, before }: Move): boolean {
  return track.record === before;
}

function statesOf(tracks: readonly CellTrack[]): (readonly [CellKey, CellState])[] {
  return tracks.map((track) => [track.key, track.record.state] as const);
}

function reasonFor(count: number, first: string): string {
  return count === 1 ? first : `${count} cells; the first: ${first}`;
}

function stateIn(controller: Controller, { cell }: CellTrack): CellState | undefined {
  return controller.state.cells.stateOf(cell.endpoint, cell.tenant);
}

/** Pins whose time is over leave the control state with an entry; they have not counted since. */
export async function endPins({ controller, clock }: Pick<OrderOptions, 'controller' | 'clock'>): Promise<void> {
  const now = clock.now();
  const ids = [...controller.state.pins].flatMap(([id, { until }]) =>
    until !== undefined && until <= now ? [id] : [],
  );
  if (ids.length === 0) return;
  await controller.command({ kind: 'pins.end', ids }, { actor: 'controller', reason: 'the time is over' });
}
