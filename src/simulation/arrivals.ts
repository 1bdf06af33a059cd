import type { Random } from './random.ts';
import { Lottery, zipfWeights } from './random.ts';
import type { TrafficPlan } from './scenario.ts';
import { DAY_MS } from './scenario-fields.ts';

/** When requests come, and whose and for what they are. */
export class Arrivals {
  readonly #plan: TrafficPlan;
  readonly #random: Random;
  readonly #tenants: Lottery;
  readonly #endpoints: Lottery;
  readonly #isCyclic: boolean;
  readonly #mostPerMs: number;

  constructor(plan: TrafficPlan, random: Random) {
    this.#plan = plan;
    this.#random = random;
    this.#tenants = new Lottery(zipfWeights(plan.tenants.length, plan.zipf));
    this.#endpoints = new Lottery(plan.endpoints.map(({ weight }) => weight));
    this.#isCyclic = plan.daily > 0;
    this.#mostPerMs = (plan.perSecond * (1 + plan.daily)) / 1_000;
  }

  /**
   * When the next request comes after `now`. A Poisson process whose rate goes with the day: moments of the highest rate,
   * of which those of other hours are left out by chance (thinning, Lewis and Shedler 1979).
   */
  after(now: number, factor: number): number {
    if (this.#mostPerMs === 0) return Number.POSITIVE_INFINITY;
    const mean = 1 / (this.#mostPerMs * factor);
    let at = now + this.#random.exponential(mean);
    while (this.#isCyclic && this.#random.next() * (1 + this.#plan.daily) > this.#levelAt(at)) {
      at += this.#random.exponential(mean);
    }
    return at;
  }

  #levelAt(at: number): number {
    return 1 + this.#plan.daily * Math.cos((2 * Math.PI * (at - this.#plan.peakAt)) / DAY_MS);
  }

  tenant(): number {
    return this.#tenants.draw(this.#random);
  }

  endpoint(): number {
    return this.#endpoints.draw(this.#random);
  }

  subject(): number {
    return this.#random.below(this.#plan.subjects);
  }

  request(): number {
    return this.#random.below(this.#plan.requests);
  }
}
