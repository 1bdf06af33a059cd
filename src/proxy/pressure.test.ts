import { afterEach, expect, test } from 'vitest';
import type { Clock } from '../core/ports.ts';
import { LoopPressure } from './pressure.ts';

let pressure: LoopPressure | undefined;
afterEach(() => pressure?.close());

test('pressure is high after a second with a blocked event loop, and gone after a calm one', async () => {
  let sample: () => void = () => undefined;
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (_ms, run) => {
      sample = run;
      return { cancel: () => undefined };
    },
  };
  pressure = new LoopPressure(clock);
  const turns = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await turns(3);
  const until = performance.now() + 300;
  while (performance.now() < until);
  await turns(3);
  sample();
  expect(pressure.isHigh()).toBe(true);
  await turns(10);
  sample();
  expect(pressure.isHigh()).toBe(false);
});
