import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cellOf, servedRecord, tableData, verifiedExchange } from '../../test/support/traffic.ts';
import { cellMap } from '../api/types.ts';
import { type Cell, type CellState, cellKey } from '../core/cell.ts';
import { CellStates } from '../core/cell-states.ts';
import { compileTable } from '../core/table.ts';
import { cellMapView } from './cell-map.ts';
import { Ledger } from './ledger.ts';
import type { ViewSources } from './ledger-views.ts';

const clock = new ManualClock();

/** A ledger in which each cell was served so often, and a table with the states of some. */
function sources(served: readonly [Cell, number][], states: readonly [Cell, CellState][] = []): ViewSources {
  const ledger = new Ledger({ limits: { cells: 10_000, endpoints: 1_000 }, clock });
  for (const [cell, times] of served) {
    for (let i = 0; i < times; i += 1) ledger.served(servedRecord({ ...cell, at: clock.now() }));
  }
  const cells = states.map(([cell, state]) => [cellKey(cell.tenant, cell.endpoint), state] as const);
  const live = new Proxy({} as ViewSources['live'], { get: () => expect.fail('the picture asks nothing live') }); // never read
  return { ledger, table: compileTable(tableData({ cells: CellStates.of(cells) })), live, now: clock.now() };
}

const [A, B, C] = [cellOf('t1', 'GET /a'), cellOf('t2', 'GET /a'), cellOf('t2', 'GET /b')];

test('the busiest endpoints and tenants come first, equal ones by name, and every square has its state', () => {
  const view = sources(
    [
      [A, 1],
      [B, 2],
      [C, 5],
    ],
    [
      [A, 'closed'],
      [C, 'open'],
    ],
  );
  view.ledger.verified(verifiedExchange(B, 'match'));
  view.ledger.verified(verifiedExchange(C, 'match'));
  view.ledger.verified(verifiedExchange(C, 'mismatch'));
  const map = cellMapView(view);
  expect(cellMap.parse(map)).toEqual(map);
  expect(map).toEqual({
    endpoints: [
      { endpoint: 'GET /b', requests: 5 },
      { endpoint: 'GET /a', requests: 3 },
    ],
    tenants: [
      { tenant: 't2', requests: 7 },
      { tenant: 't1', requests: 1 },
    ],
    states: ['p.', 'oc'],
    compared: ['20', '10'],
    rest: { endpoints: 0, tenants: 0, cells: 0 },
  });
});

test('beyond 40 endpoints and 60 tenants the rest is counted', () => {
  const cells = Array.from({ length: 45 }, (_, e) =>
    Array.from({ length: 70 }, (__, t): [Cell, number] => [cellOf(`t${t}`, `GET /e${e}`), 1]),
  ).flat();
  const { endpoints, tenants, states, rest } = cellMapView(sources(cells));
  expect([endpoints.length, tenants.length]).toEqual([40, 60]);
  expect(states).toEqual(Array.from({ length: 40 }, () => 'o'.repeat(60)));
  expect(rest).toEqual({ endpoints: 5, tenants: 10, cells: 45 * 70 - 40 * 60 });
});

test('before the first request there is nothing to see', () => {
  expect(cellMapView(sources([]))).toMatchObject({ endpoints: [], tenants: [], states: [], rest: { cells: 0 } });
});
