import type { Settings } from '../config/settings.ts';
import { MirrorBudget } from '../core/mirror-budget.ts';
import type { UnverifiedReason } from '../core/ports.ts';
import { type Decision, type EndpointPolicy, PPM } from '../core/routing.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import type { Random } from './random.ts';

/** Which requests a proxy verifies: the lot that the proxy draws (`src/proxy/mirror.ts`), over the same budget. */
export class MirrorLot {
  readonly #budget: MirrorBudget;
  readonly #random: Random;
  readonly #isOff: boolean;
  paused: UnverifiedReason | undefined;
  /** Drawn, and not compared for want of budget. */
  dropped = 0;

  constructor(settings: Settings['mirror'], random: Random, now: number) {
    this.#budget = new MirrorBudget(settings, now);
    this.#random = random;
    this.#isOff = settings.perSecond <= 0;
  }

  /** True: a copy goes out; call `done` when it is back. */
  draw(decision: Decision, method: string, policy: EndpointPolicy, now: number): boolean {
    if (this.#isOff || policy.mirrorPpm <= 0 || policy.retired || !mayCopy(decision, method, policy)) return false;
    if (this.#random.next() * PPM >= policy.mirrorPpm) {
      const isWatched = decision.reason === 'dial' && policy.proof !== 'none';
      if (decision.side !== 'candidate' || !isWatched || !this.#budget.isPlentiful(now)) return false;
    }
    return this.#take(now);
  }

  /** A failover is a pair by itself: it needs a place in the budget and no lot. */
  drawFailover(policy: EndpointPolicy, now: number): boolean {
    return !this.#isOff && policy.mirrorPpm > 0 && !policy.retired && this.#take(now);
  }

  #take(now: number): boolean {
    if (this.paused === undefined && this.#budget.take(now)) return true;
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
