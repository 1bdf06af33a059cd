import type { Clock } from '../core/ports.ts';

/** What a promise gives, or undefined: it took longer than `ms`, or failed. Goes on waiting for nobody; never rejects. */
export function within<T>(clock: Pick<Clock, 'after'>, ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = clock.after(ms, () => resolve(undefined));
    const done = (value: T | undefined): void => {
      timer.cancel();
      resolve(value);
    };
    promise.then(done, () => done(undefined));
  });
}
