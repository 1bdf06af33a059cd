import { expect, test } from 'vitest';
import type { Cell, EndpointId, TenantId } from '../cell.ts';
import type { Needs } from './need-book.ts';
import { type Draw, Spender } from './spender.ts';

const endpoint = (name: string): EndpointId => `GET /${name}` as EndpointId; // as the catalogue names it
const cell = (tenant: string, name = 'a'): Cell => ({ tenant: tenant as TenantId, endpoint: endpoint(name) });

/** Nothing but what is given. */
function needs(some: Partial<Needs>): Needs {
  return { endpoints: [], cells: [], gone: [], ...some };
}

/** Numbers from 0 to below 1 that are spread evenly and always the same. */
function lots(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Stream {
  readonly cell: Cell;
  readonly perSecond: number;
  readonly share?: number;
  readonly targets?: number;
  readonly subjects?: number;
}

/** How many requests of each stream are drawn in so many seconds; of what was drawn `told` hears. */
function drawnOf(spender: Spender, streams: readonly Stream[], seconds: number, told?: (cell: Cell) => void) {
  const lot = lots();
  const drawn = streams.map(() => ({ all: 0, preferred: 0 }));
  for (let at = 0; at < seconds * 1_000; at += 1) {
    streams.forEach(({ cell: of, perSecond, share = 1, targets = 1e9, subjects = 1_000 }, index) => {
      if (lot() * 1_000 >= perSecond) return;
      const target = `/${Math.floor(lot() * targets)}`;
      const draw: Draw = spender.draw(
        { cell: of, target, subject: `s${Math.floor(lot() * subjects)}`, share },
        lot(),
        at,
      );
      if (draw.kind !== 'drawn') return;
      const count = drawn[index];
      if (count === undefined) return;
      count.all += 1;
      if (draw.isPreferred) count.preferred += 1;
      told?.(of);
    });
  }
  return drawn;
}

test('where nothing was told, every request is worth the same, and a share is that share', () => {
  const spender = new Spender({ perSecond: 1_000, maxCells: 100 }, 0);
  const [one, other] = drawnOf(
    spender,
    [
      { cell: cell('acme'), perSecond: 100, share: 0.1 },
      { cell: cell('globex'), perSecond: 100, share: 0.1 },
    ],
    60,
  );
  for (const { all, preferred } of [one, other].flatMap((count) => count ?? [])) {
    expect(all).toBeGreaterThan(500);
    expect(all).toBeLessThan(700);
    expect(preferred).toBe(0);
  }
});

test('a cell that is new at a proven endpoint comes before the cells that are open there', () => {
  const spender = new Spender({ perSecond: 5, maxCells: 100 }, 0);
  const proven = { pooled: 0, cells: 2, own: 3 };
  spender.take(needs({ endpoints: [[endpoint('a'), proven]], cells: [[endpoint('a'), 'busy' as TenantId, 0]] }));
  const streams = [
    { cell: cell('busy'), perSecond: 500 },
    { cell: cell('new'), perSecond: 1 },
  ];
  const [, fresh] = drawnOf(spender, streams, 4);
  // Its first three, or as many as it had; a lot without preference would take one in a hundred.
  expect(fresh?.all).toBeGreaterThanOrEqual(2);
  expect(fresh?.preferred).toBeGreaterThanOrEqual(1);
});

test('of two endpoints the one whose proof needs less gets most of the budget, the other never nothing', () => {
  const spender = new Spender({ perSecond: 20, maxCells: 100 }, 0);
  const told = needs({
    endpoints: [
      [endpoint('near'), { pooled: 300, cells: 10, own: 0 }],
      [endpoint('far'), { pooled: 3_000, cells: 10, own: 0 }],
    ],
  });
  spender.take(told);
  const streams = [
    { cell: cell('acme', 'near'), perSecond: 200 },
    { cell: cell('acme', 'far'), perSecond: 200 },
  ];
  const [near, far] = drawnOf(spender, streams, 30, () => spender.take(told));
  expect(near?.all).toBeGreaterThan(5 * (far?.all ?? 0));
  expect(far?.all).toBeGreaterThan(10);
  // A mirror of an endpoint that is preferred is still like any other of its requests.
  expect(near?.preferred).toBe(0);
});

test('what is proven keeps a part of the budget', () => {
  const spender = new Spender({ perSecond: 20, maxCells: 100 }, 0);
  const told = needs({
    endpoints: [
      [endpoint('open'), { pooled: 0, cells: 1, own: 0 }],
      [endpoint('far'), { pooled: 3_000, cells: 10, own: 0 }],
    ],
  });
  spender.take(told);
  const streams = [
    { cell: cell('acme', 'open'), perSecond: 200 },
    { cell: cell('acme', 'far'), perSecond: 200 },
  ];
  const [open] = drawnOf(spender, streams, 60, () => spender.take(told));
  // A tenth of 20 a second, spread over both: one a second.
  expect(open?.all).toBeGreaterThan(30);
  expect(open?.all).toBeLessThan(150);
});

test('a request that was drawn ten times, and a subject that had its tenth, come last', () => {
  const told = needs({ endpoints: [[endpoint('a'), { pooled: 3_000, cells: 10, own: 0 }]] });
  const streams = [
    { cell: cell('robot'), perSecond: 200, targets: 1, subjects: 1 },
    { cell: cell('people'), perSecond: 200 },
  ];
  const spender = new Spender({ perSecond: 20, maxCells: 100 }, 0);
  spender.take(told);
  const [robot, people] = drawnOf(spender, streams, 60, () => spender.take(told));
  expect(people?.all).toBeGreaterThan(8 * (robot?.all ?? 0));
});

test('within its share, an endpoint mirrors the cells that need it', () => {
  const spender = new Spender({ perSecond: 1_000, maxCells: 100 }, 0);
  const told = needs({
    endpoints: [[endpoint('a'), { pooled: 0, cells: 2, own: 3 }]],
    cells: [
      [endpoint('a'), 'open' as TenantId, 0],
      [endpoint('a'), 'new' as TenantId, 3],
    ],
  });
  spender.take(told);
  const streams = [
    { cell: cell('open'), perSecond: 100, share: 0.05 },
    { cell: cell('new'), perSecond: 2, share: 0.05 },
  ];
  const [open, fresh] = drawnOf(spender, streams, 60, () => spender.take(told));
  const all = (open?.all ?? 0) + (fresh?.all ?? 0);
  expect(all).toBeGreaterThan(200);
  expect(all).toBeLessThan(400);
  expect(fresh?.all).toBeGreaterThan(70);
});

test('a mirror that came to nothing is made up for', () => {
  const spender = new Spender({ perSecond: 2, maxCells: 100 }, 0);
  spender.take(
    needs({
      endpoints: [[endpoint('a'), { pooled: 0, cells: 2, own: 3 }]],
      cells: [[endpoint('a'), 'busy' as TenantId, 0]],
    }),
  );
  const streams = [
    { cell: cell('busy'), perSecond: 300 },
    { cell: cell('new'), perSecond: 5 },
  ];
  // Nobody ever tells of what was drawn.
  const [, fresh] = drawnOf(spender, streams, 60);
  expect(fresh?.all).toBeGreaterThanOrEqual(9);
});

test('beyond the cells it keeps, a cell counts as new; of endpoints that are gone nothing is kept', () => {
  const spender = new Spender({ perSecond: 5, maxCells: 1 }, 0);
  const a = endpoint('a');
  spender.take(
    needs({
      endpoints: [[a, { pooled: 0, cells: 2, own: 3 }]],
      cells: [
        [a, 'one' as TenantId, 0],
        [a, 'two' as TenantId, 0],
      ],
    }),
  );
  const streams = [
    { cell: cell('one'), perSecond: 300 },
    { cell: cell('two'), perSecond: 5 },
  ];
  const [, two] = drawnOf(spender, streams, 20);
  expect(two?.preferred).toBeGreaterThanOrEqual(3);
  spender.take(needs({ gone: [a] }));
  spender.take(needs({ endpoints: [[a, { pooled: 0, cells: 2, own: 3 }]], cells: [[a, 'two' as TenantId, 0]] }));
  const [, again] = drawnOf(spender, streams, 20);
  expect(again?.preferred).toBe(0);
});
