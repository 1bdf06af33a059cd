import { expect, test } from 'vitest';
import { mismatch } from '../../test/contract/store.ts';
import type { TenantId } from '../core/cell.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { purgeTenant } from './purge-tenant.ts';

test('a batch on its way to the store while a tenant is purged is deleted as well', async () => {
  const store = createMemoryStore();
  const batch = (id: string) => ({ counts: [], clusters: [], mismatches: [mismatch(id, { tenant: 'acme' })] });
  await store.addVerified(batch('m1'));
  const waiting = [batch('m2')];
  const gone: string[][] = [];
  const done = await purgeTenant('acme' as TenantId, {
    store,
    verifier: { examplesGone: (clusters) => gone.push([...clusters]) },
    recorder: {
      flush: async () => {
        for (const late of waiting.splice(0)) await store.addVerified(late);
      },
    },
  });
  expect(done).toEqual({ mismatches: 2, recordings: 0 });
  expect((await store.mismatches({ limit: 10 })).items).toEqual([]);
  expect(gone).toHaveLength(2);
});
