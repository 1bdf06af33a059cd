import { describe, expect, test } from 'vitest';
import { mismatch } from '../../test/contract/store.ts';
import { cellOf } from '../../test/support/traffic.ts';
import { cellKey, type EndpointId, type TenantId } from '../core/cell.ts';
import { CellStates } from '../core/cell-states.ts';
import { StrikeBook } from '../core/cluster/strike-book.ts';
import type { Store } from '../core/ports.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { type PurgeSources, purgeTenant } from './purge-tenant.ts';

const ACME = 'acme.example' as TenantId;

function sources(store: Store, more: Partial<PurgeSources> = {}): PurgeSources {
  const empty = new Map();
  return {
    store,
    verifier: { examplesGone: () => undefined },
    recorder: { flush: async () => undefined },
    desk: { forgetTenant: () => undefined },
    ledger: { endpoints: empty },
    controller: {
      state: { pins: empty, dials: empty, holds: empty, latches: empty, cells: CellStates.EMPTY },
    } as unknown as PurgeSources['controller'], // nothing else of the state is asked for
    ...more,
  };
}

test('a batch on its way to the store while a tenant is purged is deleted as well', async () => {
  const store = createMemoryStore();
  const batch = (id: string) => ({ counts: [], clusters: [], mismatches: [mismatch(id, { tenant: ACME })] });
  await store.addVerified(batch('m1'));
  const waiting = [batch('m2')];
  const gone: string[][] = [];
  const done = await purgeTenant(
    ACME,
    sources(store, {
      verifier: { examplesGone: (clusters) => gone.push([...clusters]) },
      recorder: {
        flush: async () => {
          for (const late of waiting.splice(0)) await store.addVerified(late);
        },
      },
    }),
  );
  expect(done).toMatchObject({ mismatches: 2, recordings: 0 });
  expect((await store.mismatches({ limit: 10 })).items).toEqual([]);
  expect(gone).toHaveLength(2);
});

test('which clusters strike a tenant is deleted, also what other rules had saved, and of no tenant with a longer name', async () => {
  const store = createMemoryStore();
  const strikes = new StrikeBook({ maxCells: 10, version: '1' });
  const [mine, theirs] = [cellOf(ACME, 'GET /a'), cellOf('acme.example.org', 'GET /a')];
  for (const { tenant, endpoint } of [mine, theirs]) strikes.add(cellKey(tenant, endpoint), ['x'], false);
  await store.saveDocuments('clusters', [...strikes.take(10), { key: 'epoch', value: { version: '1' } }]);
  await store.saveDocuments('clusters', [{ key: `${ACME} GET /of-other-rules`, value: { rules: 'others' } }]);
  const done = await purgeTenant(
    ACME,
    sources(store, { desk: { forgetTenant: (tenant) => strikes.forgetTenant(tenant) } }),
  );
  expect(done.struckCells).toBe(2);
  expect([...(await store.loadDocuments('clusters')).keys()].sort()).toEqual(['acme.example.org GET /a', 'epoch']);
  // What the book still has to save deletes once more, and brings nothing back.
  expect(strikes.take(10).filter(({ value }) => value !== undefined)).toEqual([]);
});

describe('what stays', () => {
  test('is told: entries of the journal that name the tenant as a word', async () => {
    const store = createMemoryStore();
    const entry = (scope: string, reason = '', evidence?: object) => ({
      ...{ at: 1, actor: 'cli:ann', action: 'held', scope, reason, revision: 1 },
      ...(evidence === undefined ? {} : { evidence }),
    });
    await store.commit({
      journal: [
        entry('tenant acme.example'),
        entry('acme.example GET /a'),
        entry('all', 'because acme.example.'),
        entry('all', '', { tenants: ['acme.example'] }),
        entry('tenant acme.example.org'),
        entry('tenant shop.acme.example'),
        entry('tenant acmeXexample'),
      ],
      state: [],
    });
    const { kept } = await purgeTenant(ACME, sources(store));
    expect(kept).toEqual({ cells: 0, orders: 0, journalEntries: 4 });
  });

  test('is told: cells with counts or a state, and orders in force', async () => {
    const [pin, latch] = [{ scope: { tenant: ACME } }, { scope: { tenant: 'other' as TenantId } }];
    const state = {
      pins: new Map([['p1', pin]]),
      dials: new Map(),
      holds: new Map([['tenant', pin]]),
      latches: new Map([['tenant:other', latch]]),
      cells: CellStates.of([
        [cellKey(ACME, 'GET /a' as EndpointId), 'open'],
        [cellKey(ACME, 'GET /b' as EndpointId), 'open'],
      ]),
    };
    const counted = (...tenants: string[]) => ({ cells: new Map(tenants.map((tenant) => [tenant, {}])) });
    const endpoints = new Map([
      ['GET /a', { id: 'GET /a', ...counted(ACME, 'other') }],
      ['GET /c', { id: 'GET /c', ...counted('other') }],
    ]);
    const done = await purgeTenant(
      ACME,
      sources(createMemoryStore(), {
        // As much of either as is asked for.
        controller: { state } as unknown as PurgeSources['controller'],
        ledger: { endpoints } as unknown as PurgeSources['ledger'],
      }),
    );
    expect(done.kept).toMatchObject({ cells: 2, orders: 2 });
  });
});
