import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cellOf, servedRecord, verifiedExchange } from '../../test/support/traffic.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { CellCounts } from '../core/ports.ts';
import { VERDICTS } from '../core/verdict.ts';
import { Ledger, OTHER } from './ledger.ts';
import { Tally } from './tally.ts';

function makeLedger(limits = { cells: 100, endpoints: 20 }): Ledger {
  return new Ledger({ limits, clock: new ManualClock() });
}

/** Everything that can happen to a ledger. */
type Happening =
  | { readonly do: 'served'; readonly tenant: number; readonly endpoint: number; readonly candidate: boolean }
  | { readonly do: 'verified'; readonly tenant: number; readonly endpoint: number; readonly verdict: number }
  | { readonly do: 'unverified'; readonly tenant: number; readonly endpoint: number }
  | { readonly do: 'merge'; readonly from: number; readonly into: number }
  | { readonly do: 'flush'; readonly succeeds: boolean }
  | { readonly do: 'begin flush' }
  | { readonly do: 'end flush'; readonly succeeds: boolean };

const small = fc.nat({ max: 6 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('served' as const),
      tenant: small,
      endpoint: small,
      candidate: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('verified' as const),
      tenant: small,
      endpoint: small,
      verdict: fc.nat({ max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unverified' as const), tenant: small, endpoint: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('merge' as const), from: small, into: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const), succeeds: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('begin flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end flush' as const), succeeds: fc.boolean() }) },
);

/** What a store holds that adds up whatever it is given. */
class AddingStore {
  readonly counts = new Map<string, { cell: CellCounts['cell']; tally: Tally }>();
  add(batch: readonly CellCounts[]): void {
    for (const counts of batch) {
      const key = `${counts.cell.tenant} ${counts.cell.endpoint}`;
      const held = this.counts.get(key) ?? { cell: counts.cell, tally: new Tally() };
      held.tally.addCounts(counts);
      this.counts.set(key, held);
    }
  }
  load(): CellCounts[] {
    return [...this.counts.values()].map(({ cell, tally }) => tally.toCounts(cell));
  }
}

function run(ledger: Ledger, happenings: readonly Happening[]): AddingStore {
  const store = new AddingStore();
  let inFlight: CellCounts[] | undefined;
  const end = (succeeds: boolean): void => {
    if (inFlight === undefined) return;
    if (succeeds) store.add(inFlight);
    else ledger.returnCounts(inFlight);
    inFlight = undefined;
  };
  const endpoint = (n: number): EndpointId => `GET /${n}` as EndpointId;
  const tenant = (n: number): TenantId => `t${n}` as TenantId;
  for (const it of happenings) {
    if (it.do === 'served') {
      ledger.served(
        servedRecord({
          tenant: tenant(it.tenant),
          endpoint: endpoint(it.endpoint),
          side: it.candidate ? 'candidate' : 'control',
        }),
      );
    } else if (it.do === 'verified') {
      ledger.verified(
        verifiedExchange(cellOf(tenant(it.tenant), endpoint(it.endpoint)), VERDICTS[it.verdict] ?? 'match'),
      );
    } else if (it.do === 'unverified') ledger.unverified(cellOf(tenant(it.tenant), endpoint(it.endpoint)), 'budget');
    else if (it.do === 'merge') ledger.mergeEndpoints([endpoint(it.from)], endpoint(it.into));
    else if (it.do === 'begin flush') inFlight ??= ledger.takeCounts();
    else if (it.do === 'end flush') end(it.succeeds);
    else {
      const batch = ledger.takeCounts();
      if (it.succeeds) store.add(batch);
      else ledger.returnCounts(batch);
    }
  }
  end(true);
  store.add(ledger.takeCounts());
  return store;
}

function sumOf(tallies: Iterable<Tally>): unknown {
  const sum = new Tally();
  for (const tally of tallies) sum.addAll(tally);
  return sum.toCounts(cellOf('t', 'GET /sum'));
}

describe('whatever happens', () => {
  const limits = fc.record({ cells: fc.integer({ min: 1, max: 12 }), endpoints: fc.integer({ min: 1, max: 8 }) });

  test('the cells and _other add up to the endpoints, and those to the total', () => {
    fc.assert(
      fc.property(limits, fc.array(happening, { maxLength: 120 }), (bounds, happenings) => {
        const ledger = makeLedger(bounds);
        run(ledger, happenings);
        const endpoints = [...ledger.endpoints.values()];
        for (const entry of endpoints) {
          expect(sumOf([...entry.cells.values()].map((cell) => cell.total))).toEqual(sumOf([entry.total]));
        }
        expect(sumOf(endpoints.map((entry) => entry.total))).toEqual(sumOf([ledger.total]));
        expect(sumOf([...ledger.cellsAfter(0)].map((cell) => cell.total))).toEqual(sumOf([ledger.total]));
      }),
    );
  });

  test('the store ends with every count, though writes fail in between and endpoints merge meanwhile', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 120 }), (happenings) => {
        const ledger = makeLedger();
        const store = run(ledger, happenings);
        for (const entry of ledger.cellsAfter(0)) {
          const held = store.counts.get(`${entry.cell.tenant} ${entry.cell.endpoint}`)?.tally ?? new Tally();
          expect(held.toCounts(entry.cell)).toEqual(entry.total.toCounts(entry.cell));
        }
        expect(sumOf([...store.counts.values()].map((held) => held.tally))).toEqual(sumOf([ledger.total]));
      }),
    );
  });

  test('a restart restores the same totals, and sends none of them to the store again', () => {
    fc.assert(
      fc.property(limits, fc.array(happening, { maxLength: 80 }), (bounds, happenings) => {
        const before = makeLedger(bounds);
        const saved = run(before, happenings).load();
        const after = makeLedger(bounds);
        after.restore({ counts: saved });
        expect(sumOf([after.total])).toEqual(sumOf([before.total]));
        expect(after.takeCounts()).toEqual([]);
      }),
    );
  });

  test('cells and endpoints stay within their bounds, but for one _other each', () => {
    fc.assert(
      fc.property(limits, fc.array(happening, { maxLength: 120 }), (bounds, happenings) => {
        const ledger = makeLedger(bounds);
        run(ledger, happenings);
        expect(ledger.endpoints.size).toBeLessThanOrEqual(bounds.endpoints + 1);
        expect(ledger.cellCount).toBeLessThanOrEqual(bounds.cells + ledger.endpoints.size);
      }),
    );
  });
});

test('tenants beyond the bound are counted as _other of their endpoint', () => {
  const ledger = makeLedger({ cells: 2, endpoints: 10 });
  for (let i = 0; i < 50; i++) ledger.served(servedRecord({ tenant: `t${i}` as TenantId }));
  const cells = [...ledger.cellsAfter(0)].map(({ cell, total }) => [cell.tenant, total.servedTotal]);
  expect(cells).toEqual([
    ['t0', 1],
    ['t1', 1],
    [OTHER, 48],
  ]);
});

test('a request without a tenant is counted, and one that nobody answered counts as failed only', () => {
  const ledger = makeLedger();
  ledger.served(servedRecord({ tenant: undefined }));
  ledger.served(servedRecord({ servedBy: undefined, status: 503 }));
  ledger.served(servedRecord({ servedBy: undefined, status: 0, clientAborted: true }));
  expect(ledger).toMatchObject({ requests: 3, failed: 1 });
  expect(ledger.total.servedCounts).toEqual({ control: 1, candidate: 0 });
});

test('a failover is counted for the side that answered', () => {
  const ledger = makeLedger();
  ledger.served(servedRecord({ side: 'candidate', servedBy: 'control', failedOver: true, failure: 'refused' }));
  expect(ledger.failedOver).toBe(1);
  expect(ledger.total.servedCounts).toEqual({ control: 1, candidate: 0 });
});

test('latencies are kept by side: of the server when it served, of the mirrored side when it was compared', () => {
  const ledger = makeLedger();
  ledger.served(servedRecord({ upstreamMs: 20 }));
  ledger.verified(
    verifiedExchange(cellOf('acme', 'GET /a'), 'match', { durationsMs: { control: 999, candidate: 40 } }),
  );
  ledger.verified(
    verifiedExchange(cellOf('acme', 'GET /a'), 'mismatch', {
      statuses: { control: 200, candidate: 0 },
      durationsMs: { control: 1, candidate: 9_000 },
    }),
  );
  expect(ledger.latency.control?.quantile(1)).toBeCloseTo(20, 0);
  expect(ledger.latency.candidate?.quantile(1)).toBeCloseTo(40, 0);
  expect(ledger.added.quantile(0.5)).toBeCloseTo(0.4, 2);
});

test('clusters are counted once, and restored', () => {
  const ledger = makeLedger();
  const result = (id: string): Partial<Parameters<Ledger['verified']>[0]> => ({
    result: {
      verdict: 'mismatch',
      differences: [],
      differenceCount: 1,
      identical: false,
      signature: { id, endpoint: 'GET /a' as EndpointId, pathPattern: 'status', kind: 'value', transition: 'number' },
    },
  });
  for (const id of ['c1', 'c2', 'c1'])
    ledger.verified(verifiedExchange(cellOf('acme', 'GET /a'), 'mismatch', result(id)));
  expect(ledger.clusters).toBe(2);
  const after = makeLedger();
  after.restore({
    counts: [],
    clusters: [
      { id: 'c1', endpoint: 'GET /a' as EndpointId, endpoints: [] },
      {
        id: 'c9',
        endpoint: 'GET /b' as EndpointId,
        endpoints: (['GET /b', 'GET /a'] as EndpointId[]).map((endpoint) => ({ endpoint, count: 1 })),
      },
    ],
  });
  expect(after.clusters).toBe(2);
  expect(after.endpoints.get('GET /a' as EndpointId)?.clusters.size).toBe(2);
});

test('a merge keeps latencies and clusters, and the merged endpoint is gone', () => {
  const ledger = makeLedger();
  ledger.served(servedRecord({ endpoint: 'GET /u/ann' as EndpointId, upstreamMs: 5 }));
  ledger.served(servedRecord({ endpoint: 'GET /u/bob' as EndpointId, upstreamMs: 7 }));
  ledger.mergeEndpoints(['GET /u/ann', 'GET /u/bob'] as EndpointId[], 'GET /u/{name}' as EndpointId);
  expect([...ledger.endpoints.keys()]).toEqual(['GET /u/{name}']);
  expect(ledger.endpoints.get('GET /u/{name}' as EndpointId)?.latency.control?.count).toBe(2);
  expect([...ledger.cellsAfter(0)].map(({ total }) => total.servedTotal)).toEqual([2]);
});

describe('the share of the last 60 seconds', () => {
  test('forgets what is older, and counts sides as they answered', () => {
    const clock = new ManualClock();
    const ledger = new Ledger({ limits: { cells: 10, endpoints: 10 }, clock });
    expect(ledger.candidatePpm()).toBe(0);
    for (let i = 0; i < 30; i++) ledger.served(servedRecord({ at: clock.now(), side: 'control' }));
    clock.advance(59_000);
    for (let i = 0; i < 10; i++) ledger.served(servedRecord({ at: clock.now(), side: 'candidate' }));
    expect(ledger.candidatePpm()).toBe(250_000);
    clock.advance(2_000);
    expect(ledger.candidatePpm()).toBe(1_000_000);
    clock.advance(60_000);
    expect(ledger.candidatePpm()).toBe(0);
  });

  test('is the true share at any moment of any history', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat({ max: 20_000 }), candidate: fc.boolean() }), { maxLength: 100 }),
        (answers) => {
          const clock = new ManualClock();
          const ledger = new Ledger({ limits: { cells: 10, endpoints: 10 }, clock });
          const seen: { second: number; candidate: boolean }[] = [];
          for (const { wait, candidate } of answers) {
            clock.advance(wait);
            ledger.served(servedRecord({ at: clock.now(), side: candidate ? 'candidate' : 'control' }));
            seen.push({ second: Math.floor(clock.now() / 1000), candidate });
            const recent = seen.filter(({ second }) => second > Math.floor(clock.now() / 1000) - 60);
            const share = recent.filter((answer) => answer.candidate).length / recent.length;
            expect(ledger.candidatePpm()).toBe(Math.round(share * 1e6));
          }
        },
      ),
    );
  });
});
