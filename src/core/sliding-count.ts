/** A window is exact to a twentieth of itself. */
const SLOTS = 20;

/** A count over a sliding window, in at most 21 slots. */
export class SlidingCount {
  readonly #slotMs: number;
  #slots: { readonly slot: number; count: number }[] = [];

  constructor(withinMs: number) {
    this.#slotMs = withinMs / SLOTS;
  }

  /** Adds at a time. A clock that went back a little adds to the newest slot; one that went far back begins anew. */
  add(at: number, by: number): void {
    if (by === 0) return;
    const slot = Math.floor(at / this.#slotMs);
    const last = this.#slots.at(-1);
    if (last !== undefined && slot <= last.slot && last.slot - slot < SLOTS) {
      last.count += by;
      return;
    }
    // What lies in the future of a clock that was set back would never leave the window.
    if (last !== undefined && slot < last.slot) this.#slots = [];
    this.#slots.push({ slot, count: by });
    if (this.#slots.length > SLOTS + 1) this.#slots.shift();
  }

  sum(at: number): number {
    const first = Math.floor(at / this.#slotMs) - SLOTS;
    return this.#slots.reduce((sum, { slot, count }) => sum + (slot > first ? count : 0), 0);
  }
}
