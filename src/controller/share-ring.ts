import type { Side } from '../core/cell.ts';
import { PPM } from '../core/routing.ts';

/** The window of the share, in whole seconds. */
const SECONDS = 60;

/**
 * Who answered in the last 60 seconds, second by second. Three small arrays, one addition per request:
 * a slot that holds an older second is emptied when a newer one needs it.
 */
export class ShareRing {
  readonly #second: Float64Array = new Float64Array(SECONDS).fill(-1);
  readonly #counts: Readonly<Record<Side, Float64Array>> = {
    control: new Float64Array(SECONDS),
    candidate: new Float64Array(SECONDS),
  };

  /** Counts one answer. What is older than the window's slot, after a clock went back, is left out. */
  add(side: Side, at: number): void {
    const second = Math.floor(at / 1000);
    const slot = ((second % SECONDS) + SECONDS) % SECONDS;
    const held = this.#second[slot] ?? -1;
    // A slot from the future remains from before the clock was set back: the present is worth more.
    if (held > second && held - second < SECONDS) return;
    if (held !== second) {
      this.#second[slot] = second;
      this.#counts.control[slot] = 0;
      this.#counts.candidate[slot] = 0;
    }
    this.#counts[side][slot] = (this.#counts[side][slot] ?? 0) + 1;
  }

  /** The candidate's share in the 60 seconds up to `now`, parts per million; 0 where nothing was answered. */
  candidatePpm(now: number): number {
    const present = Math.floor(now / 1000);
    let candidate = 0;
    let all = 0;
    for (let slot = 0; slot < SECONDS; slot++) {
      const second = this.#second[slot] ?? -1;
      if (second <= present - SECONDS || second > present) continue;
      candidate += this.#counts.candidate[slot] ?? 0;
      all += (this.#counts.candidate[slot] ?? 0) + (this.#counts.control[slot] ?? 0);
    }
    return all === 0 ? 0 : Math.round((candidate / all) * PPM);
  }
}
