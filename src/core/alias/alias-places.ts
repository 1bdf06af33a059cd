/** Places of one endpoint that are counted; later ones are believed. */
const MAX_PLACES = 64;
/** Answers with a place before it is judged. */
const JUDGED_AFTER = 10;
/** A place of aliases differs whenever it is there; low, because it may be empty in most answers. */
const ALIAS_SHARE = 0.2;
/** Exchanges that are remembered, so that comparing one again counts once. */
const MAX_RECENT = 256;

interface Place {
  readonly name: string;
  present: number;
  differed: number;
  last: string;
}

/**
 * Where an endpoint's answers hold names that each side makes for itself.
 * A place that hardly ever differs where it is there holds names that both sides share: where it does differ, one is wrong.
 */
export class AliasPlaces {
  readonly #places = new Map<string, Place>();
  readonly #recent = new Set<string>();

  /** An exchange is compared; `holds` tells whether its answers have something of this name. The same one again is not counted. */
  compared(exchange: string, holds: (name: string) => boolean): void {
    if (this.#recent.has(exchange)) return;
    this.#recent.add(exchange);
    for (const oldest of this.#recent) {
      if (this.#recent.size <= MAX_RECENT) break;
      this.#recent.delete(oldest);
    }
    for (const place of this.#places.values()) if (holds(place.name)) place.present += 1;
  }

  /** Two values that may be aliases differ at a place; whether new aliases may be learned of it. */
  differs(exchange: string, pattern: string, name: string): boolean {
    let known = this.#places.get(pattern);
    if (known === undefined) {
      if (this.#places.size >= MAX_PLACES) return true;
      known = { name, present: 1, differed: 0, last: '' };
      this.#places.set(pattern, known);
    }
    if (known.last !== exchange) {
      known.last = exchange;
      known.differed += 1;
    }
    return known.present < JUDGED_AFTER || known.differed >= ALIAS_SHARE * known.present;
  }
}
