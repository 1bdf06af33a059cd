import { expect, test } from 'vitest';
import { explore, randomWorld, tryWorld } from './explorer.ts';

test('in random worlds with crashes, partitions, outages and orders of people no invariant breaks', async () => {
  const { tried, broken, checks } = await explore({ from: 0, to: 40 });
  expect(broken).toEqual([]);
  expect(tried).toBe(40);
  expect(checks.I4 + checks.I5 + checks.I10).toBeGreaterThan(200);
});

test('a seed makes the same world and the same history', async () => {
  expect(randomWorld(11)).toEqual(randomWorld(11));
  expect(randomWorld(11)).not.toEqual(randomWorld(12));
  const [one, other] = [await tryWorld(randomWorld(11), 11), await tryWorld(randomWorld(11), 11)];
  expect(JSON.stringify(other)).toBe(JSON.stringify(one));
});
