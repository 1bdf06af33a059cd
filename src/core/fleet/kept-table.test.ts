import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EndpointId, TenantId } from '../cell.ts';
import { CellStates } from '../cell-states.ts';
import type { Latch, Scope, TableData } from '../routing.ts';
import { scopeKey } from '../scope.ts';
import { type KeptTable, MAX_OWN, tableInForce, takeTable, withOwn, withoutOwn } from './kept-table.ts';

const NOBODY = { tenants: [], endpoints: [] };

function table(revision: number, ...scopes: readonly Scope[]): TableData {
  return {
    revision,
    madeAt: revision,
    latches: scopes.map((scope) => latch(scope)),
    force: { control: NOBODY, candidate: NOBODY },
    pins: [],
    cohorts: {},
    dials: [],
    defaults: {
      proof: 'none',
      maxPpm: 1_000_000,
      writes: false,
      acts: false,
      sharedValidators: false,
      salt: 's',
      mirrorPpm: 0,
      retired: false,
    },
    endpoints: [],
    cells: CellStates.EMPTY,
  };
}

function latch(scope: Scope): Latch {
  return { scope, at: 1, actor: 'cli', reason: '' };
}

function kept(given: Partial<KeptTable>): KeptTable {
  return { term: 1, began: 0, table: table(1), own: [], ...given };
}

const ACME: Scope = { tenant: 'acme' as TenantId };
const ORDERS: Scope = { endpoint: 'GET /orders' as EndpointId };
const scopesOf = (one: KeptTable | undefined): string[] =>
  one === undefined ? [] : tableInForce(one).latches.map(({ scope }) => scopeKey(scope));

describe('a rollback that its leader has not stored', () => {
  const told = { term: 1, began: 0, table: table(7, ACME, ORDERS), unstored: ['tenant:acme'] };

  test('outlives every leader that does not know it, and only it does', () => {
    const first = takeTable(kept({}), told);
    expect(scopesOf(first)).toEqual(['tenant:acme', scopeKey(ORDERS)]);
    let state = first as KeptTable;
    // Each of them began with a later revision than the table with the rollback has.
    for (const term of [2, 3, 4]) {
      state = takeTable(state, { term, began: 10 * term, table: table(10 * term + 1) }) as KeptTable;
      expect(scopesOf(state)).toEqual(['tenant:acme']);
    }
    expect(scopesOf(withoutOwn(state, 'tenant:acme'))).toEqual([]);
  });

  test('is of its leader alone once that has stored it, and then goes when it is lifted', () => {
    const before = withoutOwn(takeTable(kept({}), told) as KeptTable, 'tenant:acme');
    expect(scopesOf(before)).toEqual(['tenant:acme', scopeKey(ORDERS)]);
    expect(scopesOf(takeTable(before, { ...told, table: table(8, ORDERS), unstored: [] }))).toEqual([scopeKey(ORDERS)]);
  });

  test('is shown as stored by a later table of it, too', () => {
    const before = takeTable(kept({}), told) as KeptTable;
    const stored = takeTable(before, { ...told, table: table(8, ACME), unstored: [] }) as KeptTable;
    expect(stored.own).toEqual([]);
  });
});

describe('a proxy obeys the newest table it knows', () => {
  test.each([
    { what: 'a later revision of one leader', term: 1, revision: 8, isTaken: true },
    { what: 'the same again', term: 1, revision: 7, isTaken: true },
    { what: 'an earlier revision, which came late', term: 1, revision: 6, isTaken: false },
    { what: 'a later leader, whatever its revision', term: 2, revision: 2, isTaken: true },
    { what: 'an earlier leader that does not know it is over', term: 0, revision: 99, isTaken: false },
  ])('$what', ({ term, revision, isTaken }) => {
    const before = kept({ table: table(7) });
    const after = takeTable(before, { term, began: 99, table: table(revision) });
    expect(after?.table.revision).toBe(isTaken ? revision : undefined);
  });
});

describe('no change of leaders lifts a rollback', () => {
  test('one that the store never got stays in force as the own one of the proxy', () => {
    // Stored was revision 7; the leader rolled back at 8 without the store, and was replaced.
    const before = kept({ table: table(8, ACME) });
    const after = takeTable(before, { term: 2, began: 7, table: table(9) });
    expect(scopesOf(after)).toEqual(['tenant:acme']);
    expect(after?.own).toHaveLength(1);
  });

  test('one that was stored and lifted since is not brought back', () => {
    const before = kept({ table: table(7, ACME) });
    expect(scopesOf(takeTable(before, { term: 2, began: 8, table: table(9) }))).toEqual([]);
  });

  test('once the leader has it, the leader says whether it stands', () => {
    const own = withOwn(kept({}), latch(ACME));
    const told = takeTable(own, { term: 1, began: 0, table: table(2, ACME) });
    expect(told?.own).toEqual([]);
    expect(scopesOf(told)).toEqual(['tenant:acme']);
    expect(scopesOf(withoutOwn(own, 'tenant:acme'))).toEqual([]);
  });

  test('more than a hundred of its own become one over everything', () => {
    let own = kept({});
    for (let n = 0; n <= MAX_OWN; n += 1) own = withOwn(own, latch({ tenant: `t${n}` as TenantId }));
    expect(scopesOf(own)).toEqual(['all']);
  });

  test('whatever tables come in whatever order: what was rolled back at the proxy stands until a leader has it', () => {
    const scope = fc.constantFrom<Scope>({}, ACME, ORDERS);
    const told = fc.record({
      term: fc.nat(5),
      began: fc.nat(9),
      revision: fc.nat(9),
      latches: fc.uniqueArray(scope, { selector: scopeKey }),
    });
    fc.assert(
      fc.property(fc.array(told), scope, fc.array(told), (before, rolledBack, after) => {
        const take = (state: KeptTable, { term, began, revision, latches }: (typeof before)[number]): KeptTable =>
          takeTable(state, { term, began, table: table(revision, ...latches) }) ?? state;
        let state = withOwn(before.reduce(take, kept({})), latch(rolledBack));
        for (const one of after) {
          const next = take(state, one);
          const leaderHasIt = next.table.latches.some((held) => scopeKey(held.scope) === scopeKey(rolledBack));
          if (leaderHasIt) return;
          expect(scopesOf(next)).toContain(scopeKey(rolledBack));
          expect(next.term).toBeGreaterThanOrEqual(state.term);
          state = next;
        }
      }),
    );
  });
});
