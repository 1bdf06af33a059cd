import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellOf, endpointPolicy, tableData } from '../../../test/support/traffic.ts';
import { bucketOf } from '../bucket.ts';
import { type CellKey, cellKey, type EndpointId, type TenantId } from '../cell.ts';
import { CellStates } from '../cell-states.ts';
import { decide } from '../decide.ts';
import type { Dial, TableData } from '../routing.ts';
import { compileTable } from '../table.ts';
import { MovementSum, movedBetween, reachOf, type SeenCell } from './preview.ts';

const TENANTS = ['acme', 'beta', 'gamma'] as readonly string[] as readonly TenantId[]; // well formed
const ENDPOINTS = ['GET /a', 'GET /b', 'POST /c'] as readonly string[] as readonly EndpointId[]; // well formed

const dial = (scope: Dial['scope'], percent: number): Dial => ({ scope, dialPpm: percent * 10_000 });
const seen = (tenant: string, endpoint: string, requests = 100): SeenCell => ({
  ...cellOf(tenant, endpoint),
  origin: 'found',
  requests,
});
const open = (...cells: readonly (readonly [string, string])[]): CellStates =>
  CellStates.of(cells.map(([tenant, endpoint]) => [keyOf(tenant, endpoint), 'open'] as const));
function keyOf(tenant: string, endpoint: string): CellKey {
  const cell = cellOf(tenant, endpoint);
  return cellKey(cell.tenant, cell.endpoint);
}

function moved(before: Partial<TableData>, after: Partial<TableData>, cells: readonly SeenCell[]) {
  const sum = new MovementSum({
    before: compileTable(tableData(before)),
    after: compileTable(tableData(after)),
    now: 0,
  });
  for (const cell of cells) sum.add(cell);
  return sum.result();
}

test('a dial from 5 % to 20 % moves 15 % of the subjects of open cells to the candidate, and nobody back', () => {
  const cells = open(['acme', 'GET /a'], ['beta', 'GET /a']);
  const result = moved({ cells, dials: [dial({}, 5)] }, { cells, dials: [dial({}, 20)] }, [
    seen('acme', 'GET /a', 300),
    seen('beta', 'GET /a', 100),
    seen('gamma', 'GET /a', 600),
  ]);
  expect(result).toMatchObject({
    cells: 2,
    tenants: 2,
    // 15 % of 400 of 1,000 requests.
    toCandidatePpm: 60_000,
    toControlPpm: 0,
    subjects: { toCandidatePpm: 150_000, toControlPpm: 0 },
    seen: { cells: 3, tenants: 3, requests: 1_000 },
    isDealtAnew: false,
    unproven: { cells: 1, first: [{ cell: { tenant: 'gamma' }, closes: false }] },
  });
});

test('a proof that is demanded anew closes what has none, and says so', () => {
  const dials = [dial({}, 50)];
  const before = { dials, defaults: endpointPolicy({ proof: 'none' }) };
  const after = { dials, defaults: endpointPolicy({ proof: 'cell' }) };
  expect(moved(before, after, [seen('acme', 'GET /a')])).toMatchObject({
    cells: 1,
    toControlPpm: 500_000,
    unproven: { cells: 1, first: [{ closes: true }] },
  });
});

test('a listed template that takes a found endpoint begins it anew, without proof', () => {
  const given = { cells: open(['acme', 'GET /a']), dials: [dial({}, 50)] };
  const cell = { ...seen('acme', 'GET /a'), becomes: cellOf('acme', 'GET /{x}').endpoint };
  expect(moved(given, given, [cell])).toMatchObject({ toControlPpm: 500_000, unproven: { first: [{ closes: true }] } });
});

test('another salt deals anew: of 5 % and 20 %, 19 % move to the candidate and 4 % back', () => {
  const reach = { reason: 'dial', dialPpm: 0 } as const;
  expect(
    movedBetween({ ...reach, salt: 'one', belowPpm: 50_000 }, { ...reach, salt: 'two', belowPpm: 200_000 }),
  ).toEqual({ toCandidatePpm: 190_000, toControlPpm: 40_000, isDealtAnew: true });
});

const ppm = fc.constantFrom(0, 50_000, 200_000, 500_000, 1_000_000);
const scope = fc.oneof(
  fc.constant({}),
  fc.record({ tenant: fc.constantFrom(...TENANTS) }),
  fc.record({ endpoint: fc.constantFrom(...ENDPOINTS) }),
);
const table = fc
  .record({
    dials: fc.array(fc.record({ scope, dialPpm: ppm }), { maxLength: 4 }),
    proof: fc.constantFrom('none', 'cell', 'endpoint'),
    maxPpm: ppm,
    writes: fc.boolean(),
    retired: fc.boolean(),
    excluded: fc.subarray([...TENANTS]),
    included: fc.subarray([...TENANTS]),
    latched: fc.boolean(),
  })
  .map(({ dials, proof, maxPpm, writes, retired, excluded, included, latched }) =>
    compileTable(
      tableData({
        dials,
        defaults: endpointPolicy({ proof, maxPpm, writes }),
        endpoints: [{ ...endpointPolicy({ retired, proof, writes }), id: ENDPOINTS[1] ?? ('GET /b' as EndpointId) }],
        force: { control: { tenants: excluded, endpoints: [] }, candidate: { tenants: included, endpoints: [] } },
        latches: latched ? [{ scope: { tenant: 'acme' as TenantId }, at: 0, actor: 'ann', reason: '' }] : [],
        cells: open(['acme', 'GET /a'], ['beta', 'POST /c']),
      }),
    ),
  );

test('what is predicted is what both tables decide, for any tables, cells and subjects', () => {
  fc.assert(
    fc.property(
      table,
      table,
      fc.constantFrom(...TENANTS, undefined),
      fc.constantFrom(...ENDPOINTS),
      fc.array(fc.string(), { maxLength: 30 }),
      (before, after, tenant, endpoint, subjects) => {
        const cell = { tenant, endpoint, origin: 'found', requests: 1 } as const;
        const [was, will] = [reachOf(cell, before, 0), reachOf(cell, after, 0)];
        const change = movedBetween(was, will);
        const method = endpoint.slice(0, endpoint.indexOf(' '));
        for (const subject of subjects) {
          const facts = { method, endpoint, origin: 'found', subject, hasRange: false } as const;
          const full = tenant === undefined ? facts : { ...facts, tenant };
          const [old, next] = [decide(full, before, 0).side, decide(full, after, 0).side];
          const bucket = bucketOf(subject, was.salt);
          // Salts are equal here: whoever lies between the two reaches moves, and nobody else.
          expect(old === 'candidate').toBe(bucket < was.belowPpm);
          expect(next === 'candidate').toBe(bucket < will.belowPpm);
          if (old !== next)
            expect(next === 'candidate' ? change.toCandidatePpm : change.toControlPpm).toBeGreaterThan(0);
        }
        expect(change.toCandidatePpm - change.toControlPpm).toBe(will.belowPpm - was.belowPpm);
        expect(Math.min(change.toCandidatePpm, change.toControlPpm)).toBe(0);
      },
    ),
  );
});
