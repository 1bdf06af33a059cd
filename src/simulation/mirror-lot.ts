import type { Settings } from '../config/settings.ts';
import type { Cell, Side } from '../core/cell.ts';
import { MirrorBudget } from '../core/mirror-budget.ts';
import type { UnverifiedReason } from '../core/ports.ts';
import { type Decision, type EndpointPolicy, PPM } from '../core/routing.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import { Spender } from '../core/spending/spender.ts';
import type { Random } from './random.ts';

export interface Lot {
  readonly decision: Decision;
  readonly method: string;
  readonly policy: EndpointPolicy;
  readonly cell: Cell;
  readonly subject: string;
  readonly target: string;
}

/** Which requests a proxy verifies: the lot that the proxy draws (`src/proxy/mirror.ts`), over the same budget. */
export class MirrorLot {
  readonly #budget: MirrorBudget;
  readonly #random: Random;
  readonly #isOff: boolean;
  readonly spender: Spender;
  /** Set: what the control serves is not copied. */
  paused: UnverifiedReason | undefined;
  /** Drawn, and not compared for want of budget. */
  dropped = 0;

  constructor({ mirror, limits }: Pick<Settings, 'mirror' | 'limits'>, random: Random) {
    this.#budget = new MirrorBudget(mirror, 0);
    this.spender = new Spender({ perSecond: mirror.perSecond, maxCells: limits.cells }, 0);
    this.#random = random;
    this.#isOff = mirror.perSecond <= 0;
  }

  /** `drawn` and `preferred` (because of its cell): a copy goes out; call `done` when it is back. */
  draw({ decision, method, policy, cell, subject, target }: Lot, now: number): 'drawn' | 'preferred' | undefined {
    if (this.#isOff || policy.mirrorPpm <= 0 || policy.retired || !mayCopy(decision, method, policy)) return undefined;
    const offer = { cell, target, subject, share: policy.mirrorPpm / PPM };
    const draw = this.spender.draw(offer, this.#random.next(), now);
    if (draw.kind === 'drawn') {
      if (!this.#take(now, decision.side)) return undefined;
      return draw.isPreferred ? 'preferred' : 'drawn';
    }
    const isWatched = decision.reason === 'dial' && policy.proof !== 'none';
    const isExtra = decision.side === 'candidate' && isWatched && this.#budget.isPlentiful(now);
    if (isExtra) return this.#take(now, 'candidate') ? 'drawn' : undefined;
    if (draw.kind !== 'no') this.dropped += 1;
    return undefined;
  }

  /** A failover is a pair by itself: it needs a place in the budget and no lot. */
  drawFailover(policy: EndpointPolicy, now: number): boolean {
    return !this.#isOff && policy.mirrorPpm > 0 && !policy.retired && this.#take(now, 'candidate');
  }

  #take(now: number, servedBy: Side): boolean {
    if ((this.paused === undefined || servedBy === 'candidate') && this.#budget.take(now)) return true;
    this.dropped += 1;
    return false;
  }

  done(): void {
    this.#budget.done();
  }
}

function mayCopy(decision: Decision, method: string, policy: EndpointPolicy): boolean {
  const isRepeatable = isSafeMethod(method) && !policy.acts;
  return isRepeatable || (policy.mirrorWrites === true && decision.side === 'control');
}
