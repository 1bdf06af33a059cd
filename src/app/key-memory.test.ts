import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { Side } from '../core/cell.ts';
import { KeyMemory } from './key-memory.ts';

const LIFE_MS = 1_000;

/** A memory over a store that has its own idea of who was first, or fails. */
function memoryOver(stored: Record<string, Side> = {}, known: Record<string, Side> = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const store = {
    fails: false,
    recordKey: async ({ hash, side }: { readonly hash: string; readonly side: Side }): Promise<Side> => {
      asked.push(hash);
      if (store.fails) throw new Error('disk full');
      stored[hash] ??= side;
      return stored[hash];
    },
  };
  const memory = new KeyMemory({ store, clock, known: new Map(Object.entries(known)), lifeMs: LIFE_MS });
  return { memory, store, clock, asked };
}

describe('I7: the side that saw an idempotency key first', () => {
  test('keeps it, and the store is asked once', async () => {
    const { memory, asked } = memoryOver();
    expect(memory.side('k')).toBeUndefined();
    expect(await memory.record('k', 'candidate')).toBe('candidate');
    expect(await memory.record('k', 'control')).toBe('candidate');
    expect(memory.side('k')).toBe('candidate');
    expect(asked).toEqual(['k']);
  });

  test('counts from the moment it was chosen, before the store has answered', async () => {
    const { memory } = memoryOver();
    const first = memory.record('k', 'candidate');
    expect(memory.side('k')).toBe('candidate');
    expect(await memory.record('k', 'control')).toBe('candidate');
    await first;
  });

  test('is the one in the store, where another process was first', async () => {
    const { memory } = memoryOver({ k: 'control' });
    expect(await memory.record('k', 'candidate')).toBe('control');
    expect(memory.side('k')).toBe('control');
  });

  test('is remembered from earlier runs', () => {
    expect(memoryOver({}, { old: 'candidate' }).memory.side('old')).toBe('candidate');
  });

  test('counts from memory while the store fails', async () => {
    const { memory, store } = memoryOver();
    store.fails = true;
    expect(await memory.record('k', 'candidate')).toBe('candidate');
    expect(await memory.record('k', 'control')).toBe('candidate');
  });

  test('is forgotten after its life, and not before', async () => {
    const { memory, clock } = memoryOver();
    await memory.record('k', 'candidate');
    clock.advance(LIFE_MS - 1);
    expect(memory.side('k')).toBe('candidate');
    clock.advance(1);
    expect(memory.side('k')).toBeUndefined();
  });

  test('is forgotten oldest first where there are more than 100,000, and then asked of the store', async () => {
    const known = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`k${n}`, 'control' as const]));
    const { memory, asked } = memoryOver({ k0: 'control' }, known);
    await memory.record('new', 'candidate');
    expect(memory.side('k0')).toBeUndefined();
    expect(memory.side('k1')).toBe('control');
    expect(await memory.record('k0', 'candidate')).toBe('control');
    expect(asked).toEqual(['new', 'k0']);
  });
});
