import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { UnverifiedReason } from '../core/ports.ts';
import { MirrorQueue, MOST_HELD } from './mirror-queue.ts';
import { LONGEST_WAIT_MS } from './sessions.ts';

function bench(obstacle: UnverifiedReason | undefined) {
  const clock = new ManualClock();
  const seen: string[] = [];
  const state = { obstacle };
  const queue = new MirrorQueue(clock, () => state.obstacle);
  const add = (name: string): void =>
    queue.add(
      () => seen.push(`${name} goes`),
      (reason) => seen.push(`${name} ${reason}`),
    );
  return { clock, seen, state, queue, add };
}

describe('copies of sessions that wait', () => {
  test('go at once where nothing stands against it', () => {
    const { seen, add, clock } = bench(undefined);
    add('a');
    expect(seen).toEqual(['a goes']);
    expect(clock.timers).toBe(0);
  });

  test('go in their order once the busy moment is over', () => {
    const { seen, state, add, clock } = bench('overload');
    for (const name of ['a', 'b', 'c']) add(name);
    clock.advance(1_000);
    expect(seen).toEqual([]);
    state.obstacle = undefined;
    clock.advance(50);
    expect(seen).toEqual(['a goes', 'b goes', 'c goes']);
    expect(clock.timers).toBe(0);
  });

  test('are shed with the reason after five seconds, and what goes at the last moment is not', () => {
    const { seen, state, add, clock, queue } = bench('budget');
    add('a');
    clock.advance(LONGEST_WAIT_MS - 1_000);
    add('b');
    clock.advance(1_000);
    expect(seen).toEqual(['a budget']);
    state.obstacle = undefined;
    clock.advance(999);
    expect(seen).toEqual(['a budget', 'b goes']);
    expect(queue.size).toBe(0);
  });

  test('are so many and no more: the next is shed', () => {
    const { seen, add, queue } = bench('overload');
    for (let n = 0; n < MOST_HELD; n += 1) add('held');
    add('one more');
    expect(seen).toEqual(['one more overload']);
    expect(queue.isFull).toBe(true);
  });

  test('one that ends at once and frees a place lets the next go, without going deeper', () => {
    const clock = new ManualClock();
    let places = 0;
    const seen: number[] = [];
    const queue = new MirrorQueue(clock, () => {
      if (places === 0) return 'budget';
      places -= 1;
      return undefined;
    });
    const ended = (name: number): void => {
      seen.push(name);
      places += 1;
      queue.look();
    };
    for (let n = 0; n < MOST_HELD; n += 1)
      queue.add(
        () => ended(n),
        () => undefined,
      );
    places = 1;
    queue.look();
    expect(seen).toEqual(Array.from({ length: MOST_HELD }, (_, n) => n));
  });
});
