import { climb } from '../core/ramp.ts';
import type { Controller } from './controller.ts';
import type { EndpointTrack, MovementBook } from './movement-book.ts';
import type { MovementOrders } from './movement-orders.ts';
import type { Round, RoundFacts } from './movement-plan.ts';
import type { MovementRules } from './movement-rules.ts';
import { planRamp, type RampStepPlan } from './ramp-plan.ts';

export interface RampRoundsOptions {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly controller: Controller;
  readonly orders: MovementOrders;
}

/** Carries out what the ramps' plans say, one step of each in a round. */
export class RampRounds {
  readonly #options: RampRoundsOptions;

  constructor(options: RampRoundsOptions) {
    this.#options = options;
  }

  /** One step of each ramp that is due. `isOver`: other rounds have looked since, and these facts are old. */
  async climbAll(facts: RoundFacts, round: Round, isOver: () => boolean): Promise<void> {
    const { book, rules, controller } = this.#options;
    for (const home of book.endpoints.values()) {
      if (isOver()) return;
      const step = planRamp(home, { book, rules, facts, pooled: round.pooled, state: controller.state });
      if (step === undefined) continue;
      book.unsaved.add(home);
      await this.#carryOut(home, step);
    }
  }

  async #carryOut(home: EndpointTrack, step: RampStepPlan): Promise<void> {
    const { book, controller, orders } = this.#options;
    const before = home.ramp;
    switch (step.kind) {
      case 'keep':
        home.ramp = step.next;
        return;
      case 'hold':
        home.ramp = step.next;
        home.dialSeenAt = step.seenAt;
        await controller.command({ kind: 'hold', scope: { endpoint: home.id } }, step.who);
        return;
      case 'gate': {
        home.ramp = step.next;
        const { gate, next } = step;
        await controller.command({ kind: 'gate.wait', endpoint: home.id, gate, since: next.since }, step.who);
        return;
      }
      case 'retire': {
        const { endpoints, evidence } = step;
        const done = await controller.command({ kind: 'retire', endpoints, evidence }, step.who);
        if (done.ok && home.ramp === before) home.ramp = step.next;
        return;
      }
      case 'dial':
        if (step.isDown) {
          home.ramp = step.next;
          for (const one of step.members) book.resetPooled(one);
          await orders.retreat({ ...step, tracks: [], endpoints: step.members.map((one) => one.id) });
        } else if (await orders.raise(step)) {
          // A tripwire may have been faster; what it dropped stays down, because its command came after this one.
          if (home.ramp === step.before) home.ramp = step.next;
        }
    }
  }

  /** Another candidate version, or other rules: what a ramp was taken back for says nothing about them. */
  epochBegan(now: number): void {
    const { book, rules } = this.#options;
    for (const home of book.endpoints.values()) {
      if (home.ramp === undefined) continue;
      const moved = climb(home.ramp, { kind: 'deployed' }, rules.rampOf(home.id), now);
      if (moved.ok) home.ramp = moved.next;
    }
  }
}
