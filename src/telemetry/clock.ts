import type { Clock, Random, Timer } from '../core/ports.ts';

/** Node fires a timer with a longer delay at once, so longer waits are made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's time. Timers never keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after,
};

/** The engine's generator: good for sampling and jitter, never for secrets. */
export const systemRandom: Random = { next: () => Math.random() };

function after(ms: number, run: () => void): Timer {
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const step = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > step ? wait(left - step) : run()), step);
    timer.unref();
  };
  wait(Math.max(0, ms));
  return { cancel: () => clearTimeout(timer) };
}
