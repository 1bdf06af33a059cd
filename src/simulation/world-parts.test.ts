import { describe, expect, test } from 'vitest';
import { Lottery, Random, zipfWeights } from './random.ts';
import { VirtualClock } from './virtual-clock.ts';

describe('the virtual clock', () => {
  test('fires timers in order of time, those of one moment as they were set, and none that was cancelled', () => {
    const clock = new VirtualClock(1_000);
    const fired: string[] = [];
    const set = (ms: number, name: string) => clock.after(ms, () => fired.push(`${name}@${clock.monotonic()}`));
    set(30, 'c');
    set(10, 'a');
    set(10, 'b');
    set(20, 'gone').cancel();
    clock.after(5, () => set(1, 'late'));
    while (clock.nextAt !== Number.POSITIVE_INFINITY) {
      clock.moveTo(clock.nextAt);
      clock.fireNext();
    }
    expect(fired).toEqual(['late@6', 'a@10', 'b@10', 'c@30']);
    expect(clock.timersSet).toBe(6);
    expect(clock.now()).toBe(1_030);
    clock.jump(-500);
    expect([clock.now(), clock.monotonic()]).toEqual([530, 30]);
  });

  test('keeps the order of very many', () => {
    const clock = new VirtualClock(0);
    const random = new Random(3);
    const fired: number[] = [];
    for (let number = 0; number < 2_000; number++) clock.after(random.below(500), () => fired.push(clock.monotonic()));
    while (clock.nextAt < 1_000) {
      clock.moveTo(clock.nextAt);
      clock.fireNext();
    }
    expect(fired).toHaveLength(2_000);
    expect(fired).toEqual(fired.toSorted((one, other) => one - other));
  });
});

describe('chance', () => {
  test('is the same for the same seed and name, and independent otherwise', () => {
    const draw = (seed: number, name: string) =>
      Array.from(
        { length: 5 },
        (
          (random) => () =>
            random.next()
        )(new Random(seed, name)),
      );
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(2, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(1, 'b'));
  });

  test('draws by weight, waits as long as it should on average, and is normal where it says so', () => {
    const random = new Random(5);
    const weights = zipfWeights(4, 1);
    const lottery = new Lottery(weights);
    const counts = [0, 0, 0, 0];
    const size = 100_000;
    let [wait, sum, squares] = [0, 0, 0];
    for (let number = 0; number < size; number++) {
      const at = lottery.draw(random);
      counts[at] = (counts[at] ?? 0) + 1;
      wait += random.exponential(40);
      const normal = random.normal();
      sum += normal;
      squares += normal ** 2;
    }
    const all = weights.reduce((total, weight) => total + weight, 0);
    for (const [at, weight] of weights.entries()) expect((counts[at] ?? 0) / size).toBeCloseTo(weight / all, 2);
    expect(wait / size).toBeGreaterThan(39.5);
    expect(wait / size).toBeLessThan(40.5);
    expect(sum / size).toBeCloseTo(0, 1);
    expect(squares / size).toBeCloseTo(1, 1);
  });
});
