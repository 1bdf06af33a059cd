import type { EndpointId } from '../core/cell.ts';
import type { Rejected } from '../core/control-state.ts';
import type { GateStep } from '../core/gate.ts';
import type { Changed, Controller, Who } from './controller.ts';
import type { MovementBook } from './movement-book.ts';
import type { MovementRules } from './movement-rules.ts';
import { leaderOf } from './ramp-plan.ts';

export interface RampDeskOptions {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly controller: Controller;
}

/** What people say about ramps: gates are approved or rejected, endpoints retired. Any endpoint of a journey names its ramp. */
export class RampDesk {
  readonly #options: RampDeskOptions;

  constructor(options: RampDeskOptions) {
    this.#options = options;
  }

  /** One person's approval of the gate where the ramp waits; it goes on in the next round if that is enough. CONFLICT where it does not wait there. */
  async approve(endpoint: EndpointId, gate: string | undefined, who: Who): Promise<Changed | Rejected> {
    const waiting = this.#waiting(endpoint, gate);
    if ('code' in waiting) return waiting;
    return this.#options.controller.command({ kind: 'gate.approve', ...waiting }, who);
  }

  /** Approvals given so far no longer count, and the ramp is held until somebody resumes its endpoints. What serves goes on. */
  async reject(endpoint: EndpointId, gate: string | undefined, who: Who): Promise<Changed | Rejected> {
    const waiting = this.#waiting(endpoint, gate);
    if ('code' in waiting) return waiting;
    const endpoints = this.#all(endpoint);
    return this.#options.controller.command({ kind: 'gate.reject', ...waiting, endpoints }, who);
  }

  /** The control no longer serves the endpoint, nor those of its journey; allowed only where the candidate serves everything by now. */
  async retire(endpoint: EndpointId, who: Who): Promise<Changed | Rejected> {
    const { controller, book } = this.#options;
    const endpoints = this.#all(endpoint);
    const below = endpoints.find(
      (id) => controller.table.dialFor(id, undefined).dialPpm < controller.table.policyOf(id).maxPpm,
    );
    const held = endpoints.find((id) => controller.table.policyOf(id).maxPpm < 1_000_000) ?? below;
    if (held !== undefined) {
      const { dialPpm } = controller.table.dialFor(held, undefined);
      return {
        ok: false,
        code: 'CONFLICT',
        message: `${held} cannot be retired: the candidate serves ${dialPpm / 10_000} % of it.`,
        hint: 'Retire an endpoint when its dial and its max are 100%: whoever is on the control goes to the candidate at once.',
      };
    }
    const evidence = { gates: book.endpoints.get(leaderOf(endpoint, this.#options.rules))?.ramp?.passed ?? [] };
    return controller.command({ kind: 'retire', endpoints, evidence }, who);
  }

  /** The control serves the endpoint again, and those of its journey, as dials and proofs say. */
  async unretire(endpoint: EndpointId, who: Who): Promise<Changed | Rejected> {
    return this.#options.controller.command({ kind: 'unretire', endpoints: this.#all(endpoint) }, who);
  }

  #all(endpoint: EndpointId): readonly EndpointId[] {
    return [...new Set([endpoint, ...this.#options.rules.journeyOf(endpoint)])];
  }

  #waiting(
    endpoint: EndpointId,
    name: string | undefined,
  ): { readonly endpoint: EndpointId; readonly gate: GateStep; readonly since: number } | Rejected {
    const { book, rules } = this.#options;
    const leader = leaderOf(endpoint, rules);
    const { steps } = rules.rampOf(leader);
    const ramp = book.endpoints.get(leader)?.ramp;
    const step = ramp === undefined ? undefined : steps[ramp.step];
    if (ramp !== undefined && step?.kind === 'gate' && (name === undefined || name === step.name))
      return { endpoint: leader, gate: step, since: ramp.since };
    const gates = steps.flatMap((one) => (one.kind === 'gate' ? [one.name] : []));
    const where =
      ramp === undefined || step === undefined
        ? 'is at no step'
        : `is at step ${ramp.step + 1} of ${steps.length} (${step.kind})`;
    return {
      ok: false,
      code: gates.length === 0 || (name !== undefined && !gates.includes(name)) ? 'NOT_FOUND' : 'CONFLICT',
      message: `The ramp of ${leader} does not wait at ${name === undefined ? 'a gate' : `gate ${name}`}: it ${where}.`,
      hint:
        gates.length === 0
          ? 'Its ladder has no gate; `cutover ramps` shows the steps.'
          : `Its gates: ${gates.join(', ')}. An approval is given while the ramp waits there.`,
    };
  }
}
