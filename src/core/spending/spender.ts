import type { Cell, EndpointId } from '../cell.ts';
import { DrawnSketch } from './drawn-sketch.ts';
import { LEVELS, LevelShares } from './level-shares.ts';
import { type CellNeed, NeedBook, type Needs } from './need-book.ts';

/**
 * Which requests are worth a mirror. A mirror is worth the more, the more cells it brings closer to their proof and the
 * less is missing there: cells ÷ missing comparisons. A few comparisons that only this cell can give come first, because
 * its requests may be rare. What is proven shares what is left, and a tenth of everything is spread evenly over all.
 *
 * The chance of a request depends on what is known before it, never on how its comparison ends.
 */

/** Own comparisons up to which a cell comes before everything else. */
const FEW = 10;
/** Worth of level 1, cells brought to their proof by one comparison; two levels an octave from there. */
const HIGHEST_WORTH = 4;
/** Lowest level of what is needed, that of what would count no more, and that of what is proven. */
const LAST_NEEDED = LEVELS - 3;
const WASTED = LEVELS - 2;
const PROVEN = LEVELS - 1;
/** How much lower a request stands that was drawn before: an octave. */
const REPEATED = 2;

/** Requests after which what an endpoint's requests are worth counts half. */
const ENDPOINT_MEMORY = 500;
/** Endpoints whose requests are told apart by worth, 300 bytes each; of others a plain lot is drawn. */
const MAX_ENDPOINTS = 10_000;
/** Over which the demand for mirrors is averaged, and how often that is done. */
const MEMORY_MS = 10_000;
const FADE_MS = 100;

export interface SpenderOptions {
  /** Mirrors a second in all. */
  readonly perSecond: number;
  /** Cells of which the need is kept. */
  readonly maxCells: number;
}

/** A request that may be mirrored. */
export interface Offer {
  readonly cell: Cell;
  /** Path and query. */
  readonly target: string;
  readonly subject: string | undefined;
  /** Share of the endpoint's requests that may be mirrored, 0 to 1. */
  readonly share: number;
}

/** `drawn`: worth a mirror now. `spared`: its endpoint's share would have it, but the budget goes where it is worth more. */
export type Draw =
  | { readonly kind: 'no' | 'spared' }
  | {
      readonly kind: 'drawn';
      /** True: it was preferred because of its cell, so it says nothing about the endpoint's requests as a whole. */
      readonly isPreferred: boolean;
    };

const NO: Draw = { kind: 'no' };
const SPARED: Draw = { kind: 'spared' };
const FAIR: Draw = { kind: 'drawn', isPreferred: false };
const PREFERRED: Draw = { kind: 'drawn', isPreferred: true };

/** Draws requests by what they are worth: constant time each, 5 MB at most besides the cells. */
export class Spender {
  readonly #needs: NeedBook;
  readonly #sketch = new DrawnSketch();
  #perSecond: number;
  readonly #endpoints = new Map<EndpointId, LevelShares>();
  readonly #all = new LevelShares();
  /** Seconds that the demand of all is about, and when it was faded last. */
  #seconds = 0;
  #fadedAt: number;

  constructor({ perSecond, maxCells }: SpenderOptions, now: number) {
    this.#needs = new NeedBook(maxCells, now);
    this.#perSecond = perSecond;
    this.#fadedAt = now;
  }

  /** Another budget from here on. */
  resize(perSecond: number): void {
    this.#perSecond = perSecond;
  }

  /** Takes over what the controller tells. */
  take(needs: Needs): void {
    this.#needs.apply(needs);
  }

  /**
   * Draws the lot of one request.
   * @param chance Uniform in [0, 1).
   * @param now Milliseconds of a clock that never goes back.
   */
  draw(offer: Offer, chance: number, now: number): Draw {
    const need = this.#needs.of(offer.cell);
    const keys = this.#sketch.keys(offer.cell, offer.target, { subject: offer.subject, place: placeOf(offer, need) });
    const [own, fair] = this.#levels(need, this.#sketch.repeats(keys), this.#sketch.mayCount(keys));
    const ofEndpoint = this.#sharesOf(offer.cell.endpoint);
    ofEndpoint?.asked(own);
    const within = (level: number): number => ofEndpoint?.chance(level, offer.share * ofEndpoint.total) ?? offer.share;
    const byShare = within(own);
    this.#fade(now);
    this.#all.asked(own, byShare);
    // One second more than has passed: so much may be sent at once.
    const supply = this.#perSecond * (this.#seconds + 1);
    if (chance >= byShare * this.#all.chance(own, supply)) return chance < byShare ? SPARED : NO;
    this.#needs.drawn(offer.cell, now);
    this.#sketch.drawn(keys);
    return fair === own || chance < within(fair) * this.#all.chance(fair, supply) ? FAIR : PREFERRED;
  }

  /** The level of a request, and the one it would have were its cell like any other of the endpoint. */
  #levels(need: CellNeed | undefined, repeats: number, mayCount: boolean): readonly [own: number, fair: number] {
    if (need === undefined) return [0, 0];
    const lower = (level: number): number => {
      if (level === PROVEN) return PROVEN;
      if (!mayCount) return WASTED;
      return repeats > 0 ? Math.min(LAST_NEEDED, level + REPEATED) : level;
    };
    const own = lower(levelOf(need));
    return [own, need.cells === 0 ? own : lower(levelOf({ ...need, own: 0 }))];
  }

  #sharesOf(endpoint: EndpointId): LevelShares | undefined {
    const present = this.#endpoints.get(endpoint);
    if (present !== undefined) {
      if (present.total > ENDPOINT_MEMORY) present.fade(0.5);
      return present;
    }
    if (this.#endpoints.size >= MAX_ENDPOINTS) return undefined;
    const made = new LevelShares();
    this.#endpoints.set(endpoint, made);
    return made;
  }

  #fade(now: number): void {
    const passed = now - this.#fadedAt;
    if (passed < FADE_MS) return;
    this.#fadedAt = now;
    const factor = Math.exp(-passed / MEMORY_MS);
    this.#all.fade(factor);
    this.#seconds = this.#seconds * factor + ((1 - factor) * MEMORY_MS) / 1000;
  }
}

/** Where a subject's share is bounded: a cell that needs a proof of its own, else the endpoint. */
function placeOf({ cell }: Offer, need: CellNeed | undefined): string {
  return need !== undefined && need.own > 0 ? `${cell.tenant} ${cell.endpoint}` : cell.endpoint;
}

/** 0 for a cell that needs few, then by worth, `PROVEN` where nothing is missing. */
function levelOf({ own, pooled, cells }: CellNeed): number {
  if (own === 0 && pooled === 0) return PROVEN;
  if (own > 0 && own <= FEW) return 0;
  const worth = (own > 0 ? 1 / own : 0) + (pooled > 0 ? Math.max(1, cells) / pooled : 0);
  const level = 1 + Math.floor(2 * Math.log2(HIGHEST_WORTH / worth));
  return Math.min(LAST_NEEDED, Math.max(1, level));
}
