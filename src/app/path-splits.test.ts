import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { servedRecord, verifiedExchange } from '../../test/support/traffic.ts';
import { Ledger } from '../controller/ledger.ts';
import { Tally } from '../controller/tally.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import { EndpointCatalog } from '../core/endpoint-catalog.ts';
import { splitPaths } from './path-splits.ts';

/** A catalogue and a ledger as a running process connects them, and what a store would hold. */
function rig() {
  const ledger = new Ledger({ limits: { cells: 1_000, endpoints: 500 }, clock: new ManualClock() });
  const stood: string[] = [];
  const catalog = new EndpointCatalog({
    listed: [],
    maxFound: 400,
    onMerge: (from, into) => ledger.mergeEndpoints(from, into),
    onStandOut: (template) => stood.push(template),
  });
  const stored = new Map<string, Tally>();
  const save = (): void => {
    for (const counts of ledger.takeCounts()) {
      const key = `${counts.cell.tenant} ${counts.cell.endpoint}`;
      const tally = stored.get(key) ?? new Tally();
      tally.addCounts(counts);
      stored.set(key, tally);
    }
  };
  const serve = (path: string, times = 1, tenant = 'acme'): void => {
    for (let n = 0; n < times; n++) {
      const { endpoint, origin } = catalog.match('GET', path);
      ledger.served(servedRecord({ endpoint, origin, tenant: tenant as TenantId, servedBy: 'control' }), path);
    }
  };
  const split = async (): Promise<void> => {
    for (const within of stood.splice(0)) await splitPaths(ledger, catalog, within);
  };
  const relist = async (...templates: string[]): Promise<void> => {
    catalog.relist(templates.map((template) => ({ method: 'GET', template })));
    await splitPaths(ledger, catalog);
  };
  const servedOf = (id: string): number => ledger.endpoints.get(id as EndpointId)?.total.servedTotal ?? 0;
  return { ledger, catalog, stored, save, serve, split, relist, servedOf };
}

describe('a template that is split keeps the counts', () => {
  test('a plan that lists a path gives it what came of it, by tenant; the rest stays', async () => {
    const { ledger, serve, relist, servedOf } = rig();
    for (let n = 0; n < 500; n++) serve(`/users/${n}`);
    serve('/users/1000001', 300, 'globex');
    serve('/users/1000001', 200);
    expect(servedOf('GET /users/{id}')).toBe(1_000);
    await relist('/users/1000001');
    expect(servedOf('GET /users/1000001')).toBe(500);
    expect(servedOf('GET /users/{id}')).toBe(500);
    expect(ledger.total.servedTotal).toBe(1_000);
    const cells = ledger.endpoints.get('GET /users/1000001' as EndpointId)?.cells;
    expect([...(cells ?? [])].map(([tenant, { total }]) => [tenant, total.servedTotal])).toEqual([
      ['globex', 300],
      ['acme', 200],
    ]);
  });

  test('names that became values and are listed again have all their counts, also of before', async () => {
    const { serve, relist, servedOf } = rig();
    const names = Array.from({ length: 40 }, (_, n) => `tag${'abcdefghij'[n % 10]}${'klmn'[Math.floor(n / 10)]}`);
    for (const [n, name] of names.entries()) serve(`/tags/${name}`, n === 3 ? 3 : 1);
    expect(servedOf('GET /tags/{name}')).toBe(42);
    await relist(`/tags/${names[3]}`);
    expect(servedOf(`GET /tags/${names[3]}`)).toBe(3);
    expect(servedOf('GET /tags/{name}')).toBe(39);
  });

  test('a name that stands out takes its requests along; what was compared stays with the template', async () => {
    const { ledger, serve, split, servedOf } = rig();
    const word = (n: number): string => `w${'abcdefghij'[n % 10]}${'klmnopqrst'[Math.floor(n / 10) % 10]}`;
    for (let n = 0; n < 40; n++) serve(`/p/${word(n)}`);
    const cell = { tenant: 'acme' as TenantId, endpoint: 'GET /p/{name}' as EndpointId };
    for (let n = 0; n < 7; n++) ledger.verified(verifiedExchange(cell, 'match'));
    for (let n = 0; n < 600; n++) serve(n % 10 === 0 ? '/p/sale' : `/p/x${word(n)}`);
    await split();
    // What came before it was known to be frequent stays.
    expect(servedOf('GET /p/sale')).toBeGreaterThan(40);
    expect(servedOf('GET /p/sale') + servedOf('GET /p/{name}')).toBe(640);
    const verdicts = (id: string) => ledger.endpoints.get(id as EndpointId)?.total.verdict('match');
    expect([verdicts('GET /p/sale'), verdicts('GET /p/{name}')]).toEqual([0, 7]);
  });

  test('whatever is merged and split, nothing is lost, counted twice or below zero, in memory and in the store', async () => {
    const path = fc.oneof(
      fc.nat(30).map((n) => `/users/${n}`),
      fc.constantFrom('me', 'you', 'search').map((name) => `/users/${name}`),
      fc.nat(60).map((n) => `/tags/t${'abcdefgh'[n % 8]}${'ijklmnop'[Math.floor(n / 8)]}`),
    );
    const step = fc.oneof(
      { weight: 12, arbitrary: fc.record({ path, times: fc.integer({ min: 1, max: 12 }), tenant: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ list: fc.array(path, { maxLength: 4 }) }) },
      { weight: 1, arbitrary: fc.constant({ save: true }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const { ledger, stored, save, serve, split, relist } = rig();
        let served = 0;
        for (const it of steps) {
          if ('list' in it) await relist(...it.list);
          else if ('save' in it) save();
          else {
            serve(it.path, it.times, `t${it.tenant}`);
            served += it.times;
            await split();
          }
        }
        save();
        expect(ledger.total.servedTotal).toBe(served);
        let [sum, cells] = [0, 0];
        for (const endpoint of ledger.endpoints.values()) {
          sum += endpoint.total.servedTotal;
          for (const { cell, total } of endpoint.cells.values()) {
            cells += total.servedTotal;
            expect(Math.min(total.served('control'), total.served('candidate'))).toBeGreaterThanOrEqual(0);
            expect(stored.get(`${cell.tenant} ${cell.endpoint}`)?.servedTotal ?? 0).toBe(total.servedTotal);
          }
        }
        expect([sum, cells]).toEqual([served, served]);
      }),
      { numRuns: 60 },
    );
  });
});
