import { expect, test } from 'vitest';
import { systemClock, systemRandom } from './clock.ts';

test('a timer fires once, after its time and not before', async () => {
  const before = systemClock.monotonic();
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
  // Node rounds a timer's start down to the millisecond.
  expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(19);
});

test('a cancelled timer never fires, and a wait longer than Node can hold does not fire at once', async () => {
  let fired = 0;
  const fire = (): void => {
    fired += 1;
  };
  systemClock.after(1, fire).cancel();
  const long = systemClock.after(2 ** 31 + 5, fire);
  await new Promise<void>((resolve) => systemClock.after(20, resolve));
  long.cancel();
  expect(fired).toBe(0);
});

test('now is the time since the epoch, and chance lies in [0, 1)', () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
  for (let i = 0; i < 100; i++) {
    const value = systemRandom.next();
    expect(value >= 0 && value < 1).toBe(true);
  }
});
