import type { Clock, Timer } from '../core/ports.ts';

interface Waiting {
  readonly at: number;
  /** Timers of one moment fire in the order in which they were set. */
  readonly number: number;
  run: (() => void) | undefined;
}

/** Time that passes only when told to. Wall time can jump; monotonic time goes on. */
export class VirtualClock implements Clock {
  #now = 0;
  #wall: number;
  #number = 0;
  /** A binary heap, the next timer first. */
  readonly #heap: Waiting[] = [];

  /** @param start Wall time at monotonic time 0. */
  constructor(start: number) {
    this.#wall = start;
  }

  now(): number {
    return this.#wall + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  /** Rises with every timer that is set: whoever begins to wait for something does that. */
  get timersSet(): number {
    return this.#number;
  }

  after(ms: number, run: () => void): Timer {
    const waiting: Waiting = { at: this.#now + Math.max(0, ms), number: this.#number, run };
    this.#number += 1;
    this.#push(waiting);
    return {
      cancel: () => {
        waiting.run = undefined;
      },
    };
  }

  /** When the next timer fires; Infinity: none is set. */
  get nextAt(): number {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return Number.POSITIVE_INFINITY;
      if (first.run !== undefined) return first.at;
      this.#pop();
    }
  }

  /** Fires one timer whose time has come, or gives false. */
  fireNext(): boolean {
    if (this.nextAt > this.#now) return false;
    const first = this.#pop();
    first?.run?.();
    return first !== undefined;
  }

  /** Lets time pass up to a moment; fires nothing. Earlier moments change nothing. */
  moveTo(at: number): void {
    if (at > this.#now) this.#now = at;
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  #push(waiting: Waiting): void {
    const heap = this.#heap;
    let at = heap.push(waiting) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Waiting; // within the heap
      if (isBefore(above, waiting)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = waiting;
  }

  #pop(): Waiting | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Waiting)) child += 1;
      const next = heap[child] as Waiting; // within the heap
      if (isBefore(last, next)) break;
      heap[at] = next;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Waiting, other: Waiting): boolean {
  return one.at < other.at || (one.at === other.at && one.number < other.number);
}

/** The clock as one process sees it: when the process dies, nothing it waited for happens any more. */
export class MortalClock implements Clock {
  readonly #clock: Clock;
  #isDead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(ms: number, run: () => void): Timer {
    return this.#clock.after(ms, () => {
      if (!this.#isDead) run();
    });
  }

  die(): void {
    this.#isDead = true;
  }
}
