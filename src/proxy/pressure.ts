import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Timer } from '../core/ports.ts';

/** Whether the process is too busy for anything but serving. */
export interface Pressure {
  isHigh(): boolean;
  close(): void;
}

/** Event-loop delay at the 99th percentile over one second from which mirrors are shed: far above a healthy loop, far below what clients notice as failure. */
const HIGH_DELAY_MS = 50;
/** How often the loop is looked at; also what an undisturbed loop measures. */
const RESOLUTION_MS = 10;
const SAMPLE_MS = 1_000;

/** Measures the event loop's delay once a second. */
export class LoopPressure implements Pressure {
  readonly #clock: Clock;
  readonly #histogram: ReturnType<typeof monitorEventLoopDelay>;
  #timer: Timer;
  #high = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#histogram.enable();
    this.#timer = clock.after(SAMPLE_MS, () => this.#sample());
  }

  isHigh(): boolean {
    return this.#high;
  }

  close(): void {
    this.#timer.cancel();
    this.#histogram.disable();
  }

  #sample(): void {
    const delayMs = this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS;
    this.#histogram.reset();
    this.#high = delayMs > HIGH_DELAY_MS;
    this.#timer = this.#clock.after(SAMPLE_MS, () => this.#sample());
  }
}
