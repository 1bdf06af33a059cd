import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CellKey, TenantId } from '../cell.ts';
import { MAX_PER_CELL, MIN_CLEAN, StrikeBook } from './strike-book.ts';

const A = 'acme GET /a' as CellKey;
const B = 'bolt GET /a' as CellKey;

function book(maxCells = 50_000): StrikeBook {
  return new StrikeBook({ maxCells, version: '1' });
}

function times(n: number, run: () => void): void {
  for (let i = 0; i < n; i += 1) run();
}

describe('what blocks a cell', () => {
  test('is what struck it in the present version, and nothing from the versions before', () => {
    const strikes = book();
    strikes.add(A, ['x', 'y'], false);
    strikes.add(A, [], false);
    strikes.add(B, ['x'], false);
    expect(strikes.blocking(A)).toEqual({ clusters: ['x', 'y'], isCrowded: false });
    strikes.beginVersion('2');
    expect(strikes.blocking(A).clusters).toEqual([]);
    strikes.add(A, ['y'], false);
    expect(strikes.blocking(A).clusters).toEqual(['y']);
  });

  test('is bounded: beyond 32 clusters a cell is crowded, beyond the bound of cells nothing is kept', () => {
    const strikes = book(1);
    for (let i = 0; i < 40; i += 1) strikes.add(A, [`c${i}`], false);
    expect(strikes.blocking(A)).toMatchObject({ clusters: { length: MAX_PER_CELL }, isCrowded: true });
    strikes.add(B, ['x'], false);
    expect(strikes.blocking(B).clusters).toEqual([]);
    strikes.beginVersion('2');
    strikes.add(A, ['new'], false);
    expect(strikes.blocking(A)).toEqual({ clusters: ['new'], isCrowded: false });
  });

  test('a cell of more causes than are told is crowded', () => {
    const strikes = book();
    strikes.add(A, ['x'], true);
    expect(strikes.blocking(A).isCrowded).toBe(true);
  });
});

test('what struck a tenant is forgotten with it, in the documents as well', () => {
  const strikes = book();
  const other = 'acme.example GET /a' as CellKey;
  for (const key of [A, B, other]) strikes.add(key, ['x'], false);
  strikes.take(10);
  expect(strikes.forgetTenant('acme' as TenantId)).toBe(1);
  expect(strikes.blocking(A).clusters).toEqual([]);
  expect(strikes.blocking(other).clusters).toEqual(['x']);
  expect(strikes.take(10)).toEqual([{ key: A, value: undefined }]);
});

describe('a cluster that has been quiet', () => {
  test('is fixed after 30 clean comparisons where it always struck', () => {
    const strikes = book();
    times(200, () => strikes.add(A, ['x'], false));
    expect(strikes.quiet().size).toBe(0);
    strikes.beginVersion('2');
    times(MIN_CLEAN, () => strikes.add(A, [], false));
    const quiet = strikes.quiet().get('x');
    expect(quiet?.clean).toBe(MIN_CLEAN);
    expect(quiet?.needed).toBe(MIN_CLEAN);
  });

  test('needs the more, the rarer it was', () => {
    const needed = (every: number): number => {
      const strikes = book();
      for (let i = 0; i < 2_000; i += 1) strikes.add(A, i % every === 0 ? ['x'] : [], false);
      strikes.beginVersion('2');
      return strikes.quiet().get('x')?.needed ?? 0;
    };
    expect(needed(2)).toBe(MIN_CLEAN);
    expect(needed(50)).toBeGreaterThan(230);
    expect(needed(200)).toBeGreaterThan(needed(50));
  });

  test('counts only cells it struck, and stops being quiet with the first strike', () => {
    const strikes = book();
    times(10, () => strikes.add(A, ['x'], false));
    strikes.beginVersion('2');
    times(500, () => strikes.add(B, [], false));
    expect(strikes.quiet().get('x')?.clean).toBe(0);
    strikes.beginVersion('3');
    times(7, () => strikes.add(A, [], false));
    expect(strikes.quiet().get('x')?.clean).toBe(7);
    strikes.add(B, ['x'], false);
    expect(strikes.quiet().has('x')).toBe(false);
  });
});

test('a cluster that goes on at its old rate is hardly ever called fixed', () => {
  let state = 12345;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  let wrong = 0;
  for (let run = 0; run < 400; run += 1) {
    const strikes = book();
    times(300, () => strikes.add(A, next() < 0.05 ? ['x'] : [], false));
    strikes.beginVersion('2');
    // Looked at after every comparison until it strikes.
    for (let i = 0; i < 1_000; i += 1) {
      if (next() < 0.05) break;
      strikes.add(A, [], false);
      const quiet = strikes.quiet().get('x');
      if (quiet !== undefined && quiet.clean >= quiet.needed) {
        wrong += 1;
        break;
      }
    }
  }
  expect(wrong / 400).toBeLessThan(0.02);
});

test('what is saved and restored blocks the same cells, whatever happened before', () => {
  const step = fc.oneof(
    fc.record({ key: fc.constantFrom(A, B), clusters: fc.subarray(['x', 'y', 'z']) }),
    fc.constant('version' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const before = book();
      let version = 1;
      for (const one of steps) {
        if (one === 'version') {
          version += 1;
          before.beginVersion(String(version));
        } else before.add(one.key, one.clusters, false);
      }
      const after = new StrikeBook({ maxCells: 10, version: before.version });
      for (const { key, value } of before.take(100)) after.restore(key, JSON.parse(JSON.stringify(value ?? null)));
      for (const key of [A, B]) expect(after.blocking(key)).toEqual(before.blocking(key));
      expect([...after.quiet()].sort()).toEqual([...before.quiet()].sort());
    }),
  );
});

test('what was saved under an earlier version blocks nothing', () => {
  const before = book();
  before.add(A, ['x'], false);
  const [saved] = before.take(10);
  const after = new StrikeBook({ maxCells: 10, version: '2' });
  after.restore(A, saved?.value);
  expect(after.blocking(A).clusters).toEqual([]);
  expect(after.quiet().get('x')?.clean).toBe(0);
});
