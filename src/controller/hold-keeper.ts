import { transition } from '../core/cell-machine.ts';
import { climb } from '../core/ramp.ts';
import type { Scope } from '../core/routing.ts';
import type { Controller } from './controller.ts';
import type { CellTrack, EndpointTrack, MovementBook } from './movement-book.ts';
import type { RoundFacts } from './movement-plan.ts';
import type { MovementRules } from './movement-rules.ts';

/** Holds of single cells of one endpoint in one round; more become one over the endpoint. */
const MAX_CELL_HOLDS = 20;

export interface HoldKeeperOptions {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly controller: Controller;
}

/**
 * What was taken back too often is `held` by the machines; here the control state gets the hold that a person sees and lifts,
 * and what was lifted goes on. A hold that could not be journaled is tried again in the next round; until then nothing opens all the same.
 */
export class HoldKeeper {
  readonly #options: HoldKeeperOptions;
  /** Held cells and ramps whose hold is in the control state: when it is gone there, somebody lifted it. */
  readonly #known = new Set<CellTrack | EndpointTrack>();

  constructor(options: HoldKeeperOptions) {
    this.#options = options;
  }

  /** Gives the cells that go on. */
  async follow(facts: RoundFacts): Promise<readonly CellTrack[]> {
    const { book } = this.#options;
    const due = new Map<EndpointTrack, CellTrack[]>();
    const resumed: CellTrack[] = [];
    for (const track of book.held) {
      if (facts.isHeld(track.cell)) this.#known.add(track);
      else if (!this.#known.delete(track)) due.set(track.home, [...(due.get(track.home) ?? []), track]);
      else if (this.#resume(track, facts.now)) resumed.push(track);
    }
    for (const home of book.endpoints.values()) {
      if (home.ramp?.state !== 'held') continue;
      if (facts.isHeld({ endpoint: home.id })) this.#known.add(home);
      else if (!this.#known.delete(home)) await this.#hold({ endpoint: home.id }, home.ramp.reason);
      else this.#resumeRamp(home, facts.now);
    }
    for (const [home, tracks] of due) {
      const [first] = tracks;
      if (first === undefined || facts.isHeld({ endpoint: home.id })) continue;
      if (tracks.length > MAX_CELL_HOLDS)
        await this.#hold({ endpoint: home.id }, `${tracks.length} cells were ${first.record.reason}`);
      else for (const { cell, record } of tracks) await this.#hold(cell, record.reason);
    }
    // What is gone from the book is not remembered either.
    if (this.#known.size > book.held.size + book.endpoints.size) this.#known.clear();
    return resumed;
  }

  async #hold(scope: Scope, reason: string): Promise<void> {
    await this.#options.controller.command({ kind: 'hold', scope }, { actor: 'controller', reason });
  }

  #resume(track: CellTrack, now: number): boolean {
    const { book, rules } = this.#options;
    const by = { actor: 'controller', reason: 'the hold was lifted' };
    const moved = transition(track.record, { kind: 'resume', ...by }, rules.cellPolicy, now);
    if (moved.ok) book.setRecord(track, moved.next);
    return moved.ok;
  }

  #resumeRamp(home: EndpointTrack, now: number): void {
    if (home.ramp === undefined) return;
    const { rules, book } = this.#options;
    const by = { actor: 'controller', reason: 'the hold was lifted' };
    const moved = climb(home.ramp, { kind: 'resume', ...by }, rules.rampOf(home.id), now);
    if (!moved.ok) return;
    home.ramp = moved.next;
    book.unsaved.add(home);
  }
}
