import { describe, expect, test } from 'vitest';
import type { TenantClass } from '../../src/core/class-order.ts';
import { endpointId, World, type WorldOptions } from '../support/movement-rig.ts';

const HOUR = 3_600;
const TENANTS = ['staff', 'a', 'b', 'acme', 'bank'];
const all = (names: readonly string[]) => names as TenantClass['tenants'] & object; // for tests only
const CLASSES: readonly TenantClass[] = [
  { name: 'internal', tenants: all(['staff']), dwellMs: HOUR * 1_000, leastOpen: 0.95 },
  { name: 'small', dwellMs: 2 * HOUR * 1_000, leastOpen: 0.95 },
  { name: 'large', tenants: all(['acme']), dwellMs: 0, leastOpen: 1 },
];
const OPTIONS: WorldOptions = {
  tenants: TENANTS,
  perSecond: 4,
  evidence: { pooledLimit: 0.01 },
  settings: { classes: CLASSES, protectedTenants: all(['bank']) },
};

const begun = (options: WorldOptions = {}): Promise<World> => new World({ ...OPTIONS, ...options }).start();

/** Lets time pass until the cell of a tenant is open; gives the seconds. */
const untilOpen = (world: World, tenant: string): Promise<number> => world.run(6 * HOUR, () => world.isOpen(tenant));

/** The world after the process was killed, with what it had saved. */
async function restarted(world: World, options: WorldOptions = {}): Promise<World> {
  const saved = new Map(world.mover.takeDocuments(10_000).map(({ key, value }) => [key, structuredClone(value)]));
  // The store in memory has what was saved with each promotion.
  const before = await world.mortal.inner.loadDocuments('movement');
  await world.mover.close();
  return begun({ ...options, after: world, saved: new Map([...before, ...saved]) });
}

const openTenants = (world: World): string[] => TENANTS.filter((tenant) => world.isOpen(tenant));

describe('classes of tenants', () => {
  test('move in their order, each when the one before it has stood for its time, the protected last', async () => {
    const world = await begun();
    await untilOpen(world, 'staff');
    expect(openTenants(world)).toEqual(['staff']);
    expect(await untilOpen(world, 'a')).toBeGreaterThanOrEqual(HOUR);
    await untilOpen(world, 'b');
    expect(openTenants(world)).toEqual(['staff', 'a', 'b']);
    expect(await untilOpen(world, 'acme')).toBeGreaterThanOrEqual(2 * HOUR - 1);
    await untilOpen(world, 'bank');
    expect(openTenants(world)).toEqual(TENANTS);
    expect(world).toMatchObject({ hurt: 0, unproven: 0, early: 0 });
  });

  test('wait again for a class that was taken back', async () => {
    const world = await begun();
    await untilOpen(world, 'staff');
    await world.run(HOUR - 60);
    world.candidate = ({ tenant }) => (tenant === 'staff' ? 'wrong' : 'right');
    await world.run(60, () => !world.isOpen('staff'));
    world.candidate = () => 'right';
    const back = await untilOpen(world, 'staff');
    expect(openTenants(world)).toEqual(['staff']);
    expect(back).toBeGreaterThan(60);
    expect(await untilOpen(world, 'a')).toBeGreaterThanOrEqual(HOUR - 1);
  });

  test('do not move while the class before them is open and served nothing', async () => {
    const world = await begun({ dialPpm: 0 });
    await world.run(3 * HOUR);
    expect(openTenants(world)).toEqual(['staff']);
  });
});

describe('a restart', () => {
  test('does not take a class for finished because its cells have not asked yet', async () => {
    // `a` was seen, and never compared: nothing but its traffic says that it is there.
    const options: WorldOptions = { settings: { protectedTenants: all(['bank']) }, tenants: ['a', 'bank'] };
    const world = await begun({ ...options, mirrorShare: 0 });
    await world.run(30);
    const next = await restarted(world, { ...options, tenants: ['bank'] });
    await next.run(2 * HOUR);
    expect(next.mover.book.find({ tenant: 'bank' as never, endpoint: endpointId('GET /a') })?.evidence).toBeDefined();
    expect(next.isOpen('bank')).toBe(false);
  });

  test('goes on with the time that a class had stood', async () => {
    const world = await begun();
    await untilOpen(world, 'staff');
    await world.run(HOUR / 2);
    const next = await restarted(world);
    const left = await untilOpen(next, 'a');
    expect(left).toBeGreaterThan(HOUR / 2 - 60);
    expect(left).toBeLessThan(HOUR / 2 + 120);
  });

  test('where traffic was not remembered yet, waits until it is known who has some', async () => {
    const world = await begun({ settings: {} });
    await world.run(30);
    const next = await restarted(world, { evidence: { pooledLimit: 0.01, staleAfterMs: 4 * HOUR * 1_000 } });
    await untilOpen(next, 'staff');
    await next.run(2 * HOUR);
    expect(openTenants(next)).toEqual(['staff']);
    await untilOpen(next, 'a');
    expect(next.clock.monotonic()).toBeGreaterThan(4 * HOUR * 1_000);
  });
});
