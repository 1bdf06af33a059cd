import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CELL_STATES, type CellKey, type CellState, cellKey, type EndpointId, type TenantId } from './cell.ts';
import { CellStates } from './cell-states.ts';

const endpoints = ['GET /a', 'GET /b', 'POST /c'] as EndpointId[];
// Enough tenants that an endpoint grows over several sizes.
const change = fc
  .tuple(fc.nat(600), fc.constantFrom(...endpoints), fc.constantFrom<CellState>(...CELL_STATES))
  .map(([tenant, endpoint, state]) => [cellKey(`t${tenant}` as TenantId, endpoint), state] as const);
const batches = fc.array(fc.array(change, { maxLength: 700 }), { minLength: 1, maxLength: 4 });

/** The same, the plain way. */
function plain(changes: Iterable<readonly [CellKey, CellState]>): Map<CellKey, CellState> {
  const cells = new Map<CellKey, CellState>();
  for (const [key, state] of changes) {
    if (state === 'observing') cells.delete(key);
    else cells.set(key, state);
  }
  return cells;
}

const sorted = (cells: Iterable<readonly [CellKey, CellState]>): string[] =>
  [...cells].map((cell) => cell.join()).sort();

test('changes give what a plain map gives, with the same sums, and leave what was before as it was', () => {
  fc.assert(
    fc.property(batches, (rounds) => {
      let cells = CellStates.EMPTY;
      const seen: [CellStates, string[]][] = [];
      rounds.forEach((changes, at) => {
        cells = cells.with(changes);
        const expected = plain(rounds.slice(0, at + 1).flat());
        expect(sorted(cells)).toEqual(sorted(expected));
        expect(cells.size).toBe(expected.size);
        for (const state of CELL_STATES)
          expect(cells.count(state)).toBe([...expected.values()].filter((one) => one === state).length);
        for (const [key, state] of changes.slice(0, 20)) {
          expect(cells.get(key)).toBe(expected.get(key));
          expect(state === 'observing' || cells.get(key) !== undefined || expected.get(key) === undefined).toBe(true);
        }
        seen.push([cells, sorted(expected)]);
      });
      for (const [before, expected] of seen) expect(sorted(before)).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test('what changed since then, applied to then, gives now; between the same two nothing did', () => {
  fc.assert(
    fc.property(batches, batches, (some, others) => {
      const before = CellStates.of(some.flat());
      const after = before.with(others.flat());
      const elsewhere = CellStates.of(others.flat());
      for (const [from, to] of [
        [before, after],
        [after, before],
        [before, elsewhere],
      ] as const) {
        expect(sorted(from.with(to.changesSince(from)))).toEqual(sorted(to));
      }
      expect(after.changesSince(after)).toEqual([]);
      expect(before.with([]).changesSince(before)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('what is written is read again, also where tenants have the names of an object’s own members', () => {
  fc.assert(
    fc.property(batches, (rounds) => {
      const odd = ['__proto__', 'constructor', 'toString'].map(
        (tenant) => [cellKey(tenant as TenantId, 'GET /a' as EndpointId), 'open'] as const,
      );
      const cells = CellStates.of([...rounds.flat(), ...odd]);
      const again = CellStates.read(JSON.parse(JSON.stringify(cells)));
      expect(sorted(again)).toEqual(sorted(cells));
      expect(again.size).toBe(cells.size);
      expect(again.count('open')).toBe(cells.count('open'));
    }),
    { numRuns: 30 },
  );
});
