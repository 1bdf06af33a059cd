import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TenantId } from './cell.ts';
import {
  type ClassClock,
  type ClassCount,
  classClock,
  classLack,
  classOrder,
  type TenantClass,
} from './class-order.ts';

const DAY = 86_400_000;
const tenants = (...names: string[]): TenantId[] => names as TenantId[]; // for tests only
const CLASS: TenantClass = { name: 'small', dwellMs: DAY, leastOpen: 0.95 };
const count = (cells: number, open = cells, served = open): ClassCount => ({ cells, open, served });

describe('the order of classes', () => {
  const staff = { ...CLASS, name: 'staff', tenants: tenants('us') };
  const large = { ...CLASS, name: 'large', tenants: tenants('acme', 'globex') };

  test('there is none without classes and protected tenants', () => {
    expect(classOrder([], [])).toBeUndefined();
  });

  test.each([
    { given: [], last: ['bank'], names: ['others', 'protected'], ranks: { bank: 1, anyone: 0 } },
    { given: [staff, large], last: [], names: ['staff', 'large', 'others'], ranks: { us: 0, acme: 1, anyone: 2 } },
    {
      given: [staff, { ...CLASS, name: 'small' }, large],
      last: ['bank'],
      names: ['staff', 'small', 'large', 'protected'],
      ranks: { us: 0, anyone: 1, globex: 2, bank: 3 },
    },
    // Whoever is protected is so, whatever class names it.
    { given: [staff], last: ['us'], names: ['staff', 'others', 'protected'], ranks: { us: 2, anyone: 1 } },
  ])('of $names puts everybody in one', ({ given, last, names, ranks }) => {
    const order = classOrder(given, tenants(...last));
    expect(order?.classes.map(({ name }) => name)).toEqual(names);
    for (const [tenant, rank] of Object.entries(ranks)) expect(order?.rankOf(tenant as TenantId)).toBe(rank);
  });

  test('tenants in no class have the time and share of the last one, before the protected none', () => {
    expect(classOrder([staff], [])?.classes[1]).toEqual({ name: 'others', dwellMs: DAY, leastOpen: 0.95 });
    expect(classOrder([], tenants('bank'))?.classes[0]).toMatchObject({ dwellMs: 0, leastOpen: 1 });
  });
});

describe('a class stands', () => {
  const looks = (...seen: readonly (readonly [at: number, count: ClassCount])[]): ClassClock | undefined => {
    let clock: ClassClock | undefined;
    for (const [at, one] of seen) clock = classClock(clock, one, CLASS, at);
    return clock;
  };
  const lackAfter = (...seen: readonly (readonly [at: number, count: ClassCount])[]) => {
    const [at, last] = seen.at(-1) ?? [0, count(0)];
    return classLack(looks(...seen), last, CLASS, at);
  };

  test('when enough of its cells have been served for its time', () => {
    expect(lackAfter([0, count(20, 18)])).toEqual({ kind: 'cells', name: 'small', count: count(20, 18), needed: 19 });
    expect(lackAfter([0, count(20, 19)])).toEqual({ kind: 'time', name: 'small', ms: DAY });
    expect(lackAfter([0, count(20, 19)], [DAY - 1, count(20)])).toMatchObject({ kind: 'time', ms: 1 });
    expect(lackAfter([0, count(20, 19)], [DAY, count(20)])).toBeUndefined();
  });

  test('not while its open cells have a dial of nothing', () => {
    expect(lackAfter([0, count(20, 20, 0)], [9 * DAY, count(20, 20, 0)])).toMatchObject({ kind: 'cells' });
    expect(lackAfter([0, count(20)], [DAY, count(20, 20, 0)], [DAY + 1, count(20)])).toMatchObject({ ms: DAY });
  });

  test('again as soon as newcomers are open, for they stop nothing that has begun', () => {
    const begun = [0, count(20)] as const;
    expect(lackAfter(begun, [DAY, count(40, 20)])).toMatchObject({ kind: 'cells', needed: 38 });
    expect(lackAfter(begun, [DAY, count(40, 20)], [DAY + 1, count(40, 38)])).toBeUndefined();
  });

  test('where nobody of it asks for anything, after its time; the first who does begins it anew', () => {
    expect(lackAfter([0, count(0)])).toMatchObject({ kind: 'time', ms: DAY });
    expect(lackAfter([0, count(0)], [DAY, count(0)])).toBeUndefined();
    expect(lackAfter([0, count(0)], [DAY, count(1, 0)])).toMatchObject({ kind: 'cells' });
    expect(lackAfter([0, count(0)], [DAY, count(1, 0)], [DAY + 9, count(1)])).toMatchObject({ kind: 'time', ms: DAY });
  });

  test('at once where it needs no time, whatever the dial', () => {
    const free = { ...CLASS, dwellMs: 0 };
    expect(classLack(classClock(undefined, count(5, 5, 0), free, 7), count(5, 5, 0), free, 7)).toBeUndefined();
  });

  test('only ever after its whole time with enough cells at the end, whatever was seen', () => {
    const seen = fc.record({ cells: fc.nat(5), open: fc.nat(5), served: fc.nat(5), ms: fc.nat(DAY) });
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 20 }), (looksAt) => {
        let [now, clock, firstAt]: [number, ClassClock | undefined, number | undefined] = [0, undefined, undefined];
        for (const { cells, ms, ...rest } of looksAt) {
          now += ms;
          const open = Math.min(cells, rest.open);
          const one = count(cells, open, Math.min(open, rest.served));
          clock = classClock(clock, one, CLASS, now);
          firstAt = clock === undefined ? undefined : (firstAt ?? now);
          if (classLack(clock, one, CLASS, now) !== undefined) continue;
          expect(now - (firstAt ?? now)).toBeGreaterThanOrEqual(DAY);
          expect(one.served).toBeGreaterThanOrEqual(Math.ceil(0.95 * cells));
        }
      }),
    );
  });
});
