import { murmur3 } from '../bucket.ts';
import type { Cell } from '../cell.ts';

/** 512 KiB; two thirds are empty when it begins anew. */
const SLOTS = 1 << 18;
/** Draws after which everything is forgotten: each takes four slots at most. */
const MAX_DRAWS = 24_000;
/** As the evidence counts: further ones of an identical request, and beyond this share of one subject, count no more. */
const MAX_PER_REQUEST = 10;
const MAX_SUBJECT_SHARE = 0.1;
const FREE_PER_SUBJECT = 3;

/** The slots of one request; made once, so that looking and counting hash once. */
export interface DrawnKeys {
  readonly request: number;
  readonly place: number;
  readonly subject: number;
}

/**
 * How often requests and subjects were drawn of late, by hash in a fixed number of slots. Two names in one slot share its
 * count: then a request is thought seen that was not, and is drawn later. From one beginning to the next others share.
 */
export class DrawnSketch {
  readonly #slots = new Uint16Array(SLOTS);
  #draws = 0;
  #salt = 0;

  /** @param place The cell, or the endpoint where its proof is pooled: of what a subject may have its share. */
  keys(cell: Cell, target: string, of: { readonly subject: string | undefined; readonly place: string }): DrawnKeys {
    const place = mix(murmur3(of.place), this.#salt);
    const request = mix(mix(murmur3(target), murmur3(cell.tenant)), mix(murmur3(cell.endpoint), this.#salt));
    return { request, place: mix(place, 1), subject: mix(place, murmur3(of.subject ?? '')) };
  }

  /** How often the very request was drawn. */
  repeats({ request }: DrawnKeys): number {
    return this.#slots[request % SLOTS] ?? 0;
  }

  /** Whether one more of it would count as evidence, as far as is known here. */
  mayCount(keys: DrawnKeys): boolean {
    const place = this.#slots[keys.place % SLOTS] ?? 0;
    const subject = this.#slots[keys.subject % SLOTS] ?? 0;
    return (
      this.repeats(keys) < MAX_PER_REQUEST && subject < Math.max(FREE_PER_SUBJECT, MAX_SUBJECT_SHARE * (place + 1))
    );
  }

  drawn(keys: DrawnKeys): void {
    for (const key of [keys.request, keys.place, keys.subject]) {
      const count = this.#slots[key % SLOTS] ?? 0;
      if (count < 0xffff) this.#slots[key % SLOTS] = count + 1;
    }
    this.#draws += 1;
    if (this.#draws < MAX_DRAWS) return;
    this.#slots.fill(0);
    this.#draws = 0;
    this.#salt += 1;
  }
}

/** Two hashes in one, unsigned 32 bits: the finisher of murmur3 spreads what the sum lets fall together. */
function mix(one: number, other: number): number {
  let hash = (one ^ Math.imul(other, 0x9e3779b1)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
