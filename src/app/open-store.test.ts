import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { CutoverError } from '../core/errors.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { lateStore } from './open-store.ts';

const full = new CutoverError('STORE_FULL', 'no room');

test('a store without room refuses everything with the reason, and works once it could be opened', async () => {
  const clock = new ManualClock();
  let tries = 0;
  const store = lateStore(full, {
    clock,
    open: () => {
      tries += 1;
      return tries < 3 ? Promise.reject(full) : Promise.resolve(createMemoryStore());
    },
  });
  await expect(store.loadState()).rejects.toBe(full);
  for (let turn = 0; turn < 3; turn++) {
    clock.advance(5_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(tries).toBe(3);
  expect((await store.loadState()).size).toBe(0);
  clock.advance(60_000);
  expect(tries).toBe(3);
  await store.close();
});

test('a damaged store is not opened again by itself, and a closed one no more', async () => {
  const clock = new ManualClock();
  let tries = 0;
  const open = () => {
    tries += 1;
    return Promise.resolve(createMemoryStore());
  };
  const damaged = lateStore(new CutoverError('STORE_CORRUPT', 'damaged'), { clock, open });
  const closed = lateStore(full, { clock, open });
  await closed.close();
  clock.advance(60_000);
  expect(tries).toBe(0);
  await expect(damaged.size()).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  await damaged.close();
});
