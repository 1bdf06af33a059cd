import { describe, expect, test } from 'vitest';
import { statusSample } from '../../test/support/api-samples.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { parsePrometheusText } from '../../test/support/prometheus-text.ts';
import { ScriptedStore } from '../../test/support/scripted-store.ts';
import { cellOf, endpointPolicy, servedRecord, tableData, verifiedExchange } from '../../test/support/traffic.ts';
import { status } from '../api/types.ts';
import { cellKey, type EndpointId } from '../core/cell.ts';
import { CellStates } from '../core/cell-states.ts';
import type { TableData } from '../core/routing.ts';
import { compileTable } from '../core/table.ts';
import type { Verdict } from '../core/verdict.ts';
import { createEvents } from '../telemetry/events.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createController } from './controller.ts';
import { registerGauges } from './gauges.ts';
import { Ledger } from './ledger.ts';
import { cellPage, endpointViews, parityOf, statusView, type ViewSources } from './ledger-views.ts';
import type { LiveView } from './live-view.ts';

const clock = new ManualClock();
const CELL = cellOf('acme', 'GET /a');
const LIVE: LiveView = {
  version: '1.2.3',
  startedAt: 1_700_000_000_000,
  plan: () => statusSample.plan,
  state: () => 'serving',
  notReady: () => [],
  targets: () => ({
    control: [{ target: 'http://c:1', healthy: true, outstanding: 2, reason: '' }],
    candidate: [{ target: 'http://d:1', healthy: false, outstanding: 0, reason: 'refused' }],
  }),
  versions: () => ({ control: 'v1', candidate: 'v2' }),
  noise: () => new Map([[CELL.endpoint, [{ path: 'body/at', class: 'time', envelope: 'within 5 s', samples: 9 }]]]),
  learned: () => new Map(),
  comparison: () => expect.fail('not asked'),
  power: () => expect.fail('not asked'),
  warnings: () => [],
  queueLength: () => 4,
  outstanding: (side) => (side === 'control' ? 2 : 0),
  cachedForSeconds: () => 0,
  explain: () => expect.fail('not asked'),
};

function sources(ledger: Ledger, table: Partial<TableData> = {}): ViewSources {
  return { ledger, table: compileTable(tableData(table)), live: LIVE, now: clock.now() };
}

interface Counted {
  readonly cell?: typeof CELL;
  readonly verdict: Verdict;
  readonly times: number;
  readonly served?: number;
}

function ledgerWith(...counts: readonly Counted[]): Ledger {
  const ledger = new Ledger({ limits: { cells: 100, endpoints: 100 }, clock });
  for (const { cell = CELL, verdict, times, served = 0 } of counts) {
    for (let i = 0; i < served; i++) ledger.served(servedRecord({ ...cell, at: clock.now() }));
    for (let i = 0; i < times; i++) ledger.verified(verifiedExchange(cell, verdict));
  }
  return ledger;
}

describe('what is missing for a proof', () => {
  const cases: readonly [string, readonly Counted[], Partial<TableData>, string[]][] = [
    // ln 20 / ln(0.999 / 0.99) = 331.03, so the 332nd clean comparison proves 1 % at 95 %.
    [
      'a cell on its own',
      [{ verdict: 'match', times: 214 }],
      { defaults: endpointPolicy({ proof: 'cell' }) },
      ['GET /a: 214 of 332 clean comparisons for acme'],
    ],
    ['pooled', [{ verdict: 'match', times: 214 }], {}, ['GET /a: 214 of 3,327 clean comparisons']],
    ['a proven cell', [{ verdict: 'match', times: 332 }], { defaults: endpointPolicy({ proof: 'cell' }) }, []],
    [
      'one short of it',
      [{ verdict: 'match', times: 331 }],
      { defaults: endpointPolicy({ proof: 'cell' }) },
      ['GET /a: 331 of 332 clean comparisons for acme'],
    ],
    [
      'with a mismatch, which costs 255',
      [
        { verdict: 'match', times: 300 },
        { verdict: 'mismatch', times: 1 },
      ],
      { defaults: endpointPolicy({ proof: 'cell' }) },
      ['GET /a: 300 of 586 clean comparisons (1 mismatch) for acme'],
    ],
    ['no proof demanded', [{ verdict: 'match', times: 1 }], { defaults: endpointPolicy({ proof: 'none' }) }, []],
    ['capped at nothing', [{ verdict: 'match', times: 1 }], { defaults: endpointPolicy({ maxPpm: 0 }) }, []],
    ['retired', [{ verdict: 'match', times: 1 }], { defaults: endpointPolicy({ retired: true }) }, []],
  ];

  test.each(cases)('%s', (_, counts, table, missing) => {
    const ledger = ledgerWith(...counts);
    ledger.served(servedRecord({ ...CELL, at: clock.now() }));
    expect(statusView(sources(ledger, table)).missing).toEqual(missing);
  });

  test('a write endpoint lacks nothing, because it does not move', () => {
    const ledger = ledgerWith({ cell: cellOf('acme', 'POST /a'), verdict: 'match', times: 1, served: 1 });
    expect(statusView(sources(ledger)).missing).toEqual([]);
    expect(endpointViews(sources(ledger))[0]?.moves).toBe(false);
  });

  test('the closest cell is named, and each cell tells its own', () => {
    const ledger = ledgerWith(
      { verdict: 'match', times: 10, served: 1 },
      { cell: cellOf('beta', 'GET /a'), verdict: 'match', times: 20 },
    );
    const byCell = sources(ledger, { defaults: endpointPolicy({ proof: 'cell' }) });
    expect(statusView(byCell).missing).toEqual([
      'GET /a: 20 of 332 clean comparisons for beta, the closest of 2 cells',
    ]);
    const pooled = cellPage(sources(ledgerWith({ verdict: 'match', times: 2 }, { verdict: 'mismatch', times: 1 })), {
      limit: 9,
      after: 0,
    });
    expect(pooled.items[0]?.missing).toBe(
      '2 of 5,884 clean comparisons (1 mismatch) over all tenants; 2 of 3 matches of its own; it has mismatches of its own',
    );
    const open = { cells: CellStates.of([[cellKey(CELL.tenant, CELL.endpoint), 'open']]) };
    expect(cellPage(sources(ledger, open), { limit: 1, after: 0 }).items[0]).toMatchObject({
      state: 'open',
      missing: '',
    });
  });
});

describe('parity', () => {
  test('is nothing before the first match or mismatch', () => {
    expect(parityOf(ledgerWith({ verdict: 'inconclusive', times: 3, served: 3 }))).toBeNull();
  });

  test('weighs endpoints by what they served, not by what was compared', () => {
    const ledger = ledgerWith(
      { cell: cellOf('a', 'GET /busy'), verdict: 'match', times: 1, served: 90 },
      { cell: cellOf('a', 'GET /rare'), verdict: 'mismatch', times: 50, served: 10 },
    );
    expect(parityOf(ledger)).toBeCloseTo(0.9);
  });

  test('does not count ignored differences as matches', () => {
    const ledger = ledgerWith(
      { verdict: 'ignored', times: 50, served: 1 },
      { verdict: 'match', times: 1 },
      { verdict: 'mismatch', times: 1 },
    );
    expect(parityOf(ledger)).toBe(0.5);
  });

  test('is 1 only without a mismatch', () => {
    expect(parityOf(ledgerWith({ verdict: 'match', times: 5, served: 7 }))).toBe(1);
  });
});

test('a status adds up and is of its type', () => {
  const ledger = ledgerWith({ verdict: 'match', times: 3, served: 10 }, { verdict: 'inconclusive', times: 2 });
  ledger.unverified(CELL, 'queue-full');
  const shown = statusView(sources(ledger, { cells: CellStates.of([[cellKey(CELL.tenant, CELL.endpoint), 'held']]) }));
  expect(status.parse(JSON.parse(JSON.stringify(shown)))).toEqual(JSON.parse(JSON.stringify(shown)));
  expect(shown).toMatchObject({
    requests: 10,
    verifiedShare: 0.3,
    unverified: { 'queue-full': 1 },
    noisePaths: 1,
    cells: { held: 1, observing: 0 },
    sides: { candidate: { version: 'v2', targets: [{ healthy: false }] } },
  });
});

test('an endpoint shows its dial under its cap', () => {
  const ledger = ledgerWith({ verdict: 'match', times: 1, served: 1 });
  const table = {
    dials: [
      { scope: {}, dialPpm: 500_000 },
      { scope: { endpoint: 'GET /b' as EndpointId }, dialPpm: 1_000_000 },
    ],
    defaults: endpointPolicy({ maxPpm: 200_000 }),
  };
  expect(endpointViews(sources(ledger, table))[0]).toMatchObject({
    dialPpm: 200_000,
    maxPpm: 200_000,
    tenants: 1,
    moves: true,
  });
});

test('cells are paged in order of appearance while new ones come', () => {
  const ledger = new Ledger({ limits: { cells: 100, endpoints: 100 }, clock });
  const add = (tenant: string): void => ledger.served(servedRecord(cellOf(tenant, 'GET /a')));
  for (const tenant of ['d', 'a', 'c']) add(tenant);
  const first = cellPage(sources(ledger), { limit: 2, after: 0 });
  add('b');
  const second = cellPage(sources(ledger), { limit: 2, after: first.next ?? 0 });
  expect([...first.items, ...second.items].map((cell) => cell.tenant)).toEqual(['d', 'a', 'c', 'b']);
  expect(second.next).toBeUndefined();
  expect(cellPage(sources(ledger), { limit: 9, after: 0, tenant: 'c', state: 'observing' }).items).toHaveLength(1);
  expect(cellPage(sources(ledger), { limit: 9, after: 0, state: 'open' }).items).toEqual([]);
});

test('each scrape shows what is so now, and forgets endpoints that merged away', async () => {
  const { registry, metrics } = createMetrics();
  const events = createEvents({ log: createLog({ level: 'error', write: () => {} }), metrics, clock });
  const { force, cohorts, defaults, endpoints } = tableData();
  const base = { force, cohorts, defaults, endpoints, dials: [{ scope: {}, dialPpm: 250_000 }] };
  const controller = createController({
    store: new ScriptedStore(),
    base,
    clock,
    events,
    version: '1',
    onTable: () => {},
  });
  await controller.start();
  const ledger = ledgerWith({ cell: cellOf('a', 'GET /u/1'), verdict: 'match', times: 1, served: 1 });
  registerGauges({ registry, metrics, controller, ledger, live: LIVE });
  const value = (name: string): unknown =>
    parsePrometheusText(registry.render())
      .get(name)
      ?.samples.map((sample) => [...Object.values(sample.labels), sample.value]);
  expect(value('cutover_dial_ratio')).toEqual([['GET /u/1', 0.25]]);
  expect(value('cutover_parity_ratio')).toEqual([['GET /u/1', 1]]);
  ledger.mergeEndpoints(['GET /u/1' as EndpointId], 'GET /u/{id}' as EndpointId);
  expect(value('cutover_dial_ratio')).toEqual([['GET /u/{id}', 0.25]]);
  expect(value('cutover_target_healthy')).toEqual([
    ['control', 'http://c:1', 1],
    ['candidate', 'http://d:1', 0],
  ]);
  expect(value('cutover_outstanding_requests')).toEqual([
    ['control', 2],
    ['candidate', 0],
  ]);
  expect(value('cutover_mirror_queue_depth')).toEqual([[4]]);
  expect(value('cutover_latches')).toEqual([[0]]);
  await controller.rollback({}, { actor: 'cli:ann', reason: '' });
  expect(value('cutover_latches')).toEqual([[1]]);
  expect(value('cutover_table_revision')).toEqual([[2]]);
  expect(value('cutover_build_info')).toEqual([['1.2.3', 1]]);
});
