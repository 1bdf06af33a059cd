import { describe, expect, test } from 'vitest';
import { seeded, type Visit, World, type WorldOptions } from '../support/movement-rig.ts';

/*
 * Traffic in virtual time: how long until something wrong is found, how many clients it hurts, and what is taken back though
 * nothing was wrong. 20 requests a second over five tenants unless a scenario says otherwise; seeds make each run the same.
 */

const HOUR = 3_600;
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `t${index}`);

/** A world in which every cell has opened. */
async function opened(options: WorldOptions = {}): Promise<World> {
  const world = await new World(options).start();
  const cells = (options.tenants ?? names(5)).length * (options.endpoints ?? ['GET /a']).length;
  await world.run(HOUR, () => world.openCells === cells);
  expect(world.openCells).toBe(cells);
  expect(world.hurt).toBe(0);
  return world;
}

async function takenBack(world: World): Promise<number> {
  const entries = await world.journal();
  return entries.filter((entry) => entry.action === 'rollback' || /closed|tripwire/.test(JSON.stringify(entry))).length;
}

describe('a clean candidate', () => {
  test('opens cell by cell when the pooled proof is there, not before ten minutes have passed, and stays', async () => {
    const world = await new World({ tenants: names(5) }).start();
    const seconds = await world.run(HOUR, () => world.openCells === 5);
    expect(seconds).toBeGreaterThanOrEqual(600);
    expect(seconds).toBeLessThan(620);
    await world.run(HOUR);
    expect(world).toMatchObject({ openCells: 5, hurt: 0, unproven: 0, early: 0 });
    expect(world.served.candidate).toBeGreaterThan(70_000);
    expect(await takenBack(world)).toBe(0);
    const [entry] = await world.journal('cells.set');
    expect(entry).toMatchObject({ actor: 'controller', evidence: { count: 5, proofs: expect.any(Object) } });
  });

  test('tenants with hardly any traffic open by the pooled proof, after three matches of their own', async () => {
    const world = await new World({ tenants: names(300), perSecond: 8 }).start();
    await world.run(1_500);
    expect(world.openCells).toBeGreaterThan(290);
    expect(world).toMatchObject({ hurt: 0, unproven: 0 });
  });

  test('with hardly any traffic at all nothing opens, and the reason is told', async () => {
    const world = await new World({ tenants: ['acme'], perSecond: 1 / 120 }).start();
    await world.run(6 * HOUR);
    expect(world.openCells).toBe(0);
    const home = world.mover.book.endpoints.get('GET /a' as never);
    expect(home?.pooled.matches).toBeGreaterThan(100);
    expect(home?.assessed).toBe('insufficient');
  });

  test('with proof per cell each tenant opens by its own evidence', async () => {
    const world = await new World({ tenants: names(4), proof: 'cell' }).start();
    await world.run(900, () => world.openCells === 4);
    expect(world.openCells).toBe(4);
    const [entry] = await world.journal();
    expect(JSON.stringify(entry?.evidence)).toContain('"over":"cell"');
  });
});

describe('a candidate that turns wrong', () => {
  test('all at once: a tripwire takes it back within a second, three clients are hurt', async () => {
    const world = await opened({ tenants: names(5) });
    world.candidate = () => 'wrong';
    const seconds = await world.run(60, () => world.openCells === 0);
    expect(seconds).toBe(1);
    expect(world.hurt).toBeLessThanOrEqual(4);
    expect((await world.journal('cells.set'))[0]).toMatchObject({ actor: 'tripwire:reverse-mismatch' });
    await world.run(HOUR);
    expect(world.openCells).toBe(0);
    expect(world.hurt).toBeLessThanOrEqual(4);
  });

  test('slowly: the watch over rates finds it long before one answer in a hundred is wrong', async () => {
    const world = await opened({ tenants: names(5), mirrorShare: 0.5 });
    const start = world.clock.monotonic() - world.begin;
    // From nothing to 1 % within ten hours.
    const rate = (visit: Visit): number => (0.01 * (visit.at - start)) / (10 * HOUR * 1_000);
    world.candidate = (visit) => (visit.chance() < rate(visit) ? 'wrong' : 'right');
    const seconds = await world.run(6 * HOUR, () => world.openCells === 0);
    expect(world.openCells).toBe(0);
    expect(seconds).toBeLessThan(4 * HOUR);
    expect(world.hurt).toBeLessThan(150);
  });

  test('for one tenant only, from the beginning: all others open, it never does', async () => {
    const tenants = names(20);
    const world = await new World({
      tenants,
      candidate: ({ tenant }) => (tenant === 't7' ? 'wrong' : 'right'),
    }).start();
    await world.run(1_200);
    expect(world.openCells).toBe(19);
    expect(world.isOpen('t7')).toBe(false);
    await world.run(1_200);
    expect(world).toMatchObject({ openCells: 19, hurt: 0 });
    expect(await takenBack(world)).toBe(0);
  });

  test('for a third of the tenants: then it is not the tenants, and nothing opens', async () => {
    const wrong = (tenant: string): boolean => Number(tenant.slice(1)) % 3 === 0;
    const world = await new World({
      tenants: names(21),
      candidate: ({ tenant }) => (wrong(tenant) ? 'wrong' : 'right'),
    }).start();
    await world.run(1_500);
    expect(world).toMatchObject({ openCells: 0, hurt: 0 });
  });

  test('dead: the fifth request takes it back, and no client notices', async () => {
    const world = await opened({ tenants: names(5) });
    world.candidate = () => 'silent';
    expect(await world.run(60, () => world.openCells === 0)).toBe(1);
    expect(world.hurt).toBe(0);
    expect((await world.journal('cells.set'))[0]?.actor).toMatch(/^tripwire:(hard-down|candidate-failures)$/);
  });

  test('again and again: it is taken back each time, rests longer, and hurts few', async () => {
    const world = await opened({ tenants: names(5), perSecond: 10 });
    const start = world.clock.monotonic() - world.begin;
    // Half an hour right, ten minutes wrong.
    world.candidate = ({ at }) => ((at - start) % 2_400_000 < 1_800_000 ? 'right' : 'wrong');
    await world.run(8 * HOUR);
    const openings = (await world.journal()).filter((entry) => JSON.stringify(entry.evidence ?? '').includes('proofs'));
    // Twelve bad spells in eight hours.
    expect(openings.length).toBeLessThanOrEqual(12);
    expect(world.hurt).toBeLessThanOrEqual(4 * 12);
    expect(world).toMatchObject({ unproven: 0, early: 0 });
  }, 60_000);
});

describe("the control's and our own failures", () => {
  test('a flaky control holds nothing up and rolls nothing back', async () => {
    const chance = seeded(7);
    const control = () => (chance() < 0.03 ? 'failed' : chance() < 0.04 ? 'wrong' : 'right');
    const world = await opened({ tenants: names(5), control });
    await world.run(2 * HOUR);
    expect(world.openCells).toBe(5);
    expect(await takenBack(world)).toBe(0);
  });

  test('I11: where both sides fail together nothing is rolled back', async () => {
    const world = await opened({ tenants: names(5), endpoints: ['GET /a'] });
    const isDown = ({ at }: Visit): boolean => Math.floor(at / 60_000) % 5 === 0;
    world.candidate = (visit) => (isDown(visit) ? 'failed' : 'right');
    world.control = (visit) => (isDown(visit) ? 'failed' : 'right');
    await world.run(HOUR);
    expect(world.openCells).toBe(5);
    expect(await takenBack(world)).toBe(0);
  });

  test('I11: a store that is gone promotes nothing and closes nothing; when it is back, cells open', async () => {
    const world = await new World({ tenants: names(5) }).start();
    await world.run(300);
    world.mortal.state = 'fails';
    world.mover.storeWorks(false);
    await world.run(900);
    expect(world.openCells).toBe(0);
    world.mortal.state = 'works';
    world.mover.storeWorks(true);
    await world.run(10);
    expect(world).toMatchObject({ openCells: 5, early: 0 });
    world.mortal.state = 'fails';
    await world.run(600);
    expect(world.openCells).toBe(5);
    expect(world.isLatched('t0')).toBe(false);
  });

  test.each(['fails', 'silent'] as const)(
    'I5, I6: a store that %s does not keep a retreat waiting: a latch takes its place, and is journaled later',
    async (state) => {
      const world = await opened({ tenants: names(5) });
      world.mortal.state = state;
      world.candidate = () => 'wrong';
      const seconds = await world.run(60, () => world.isLatched('t0'));
      expect(seconds).toBeLessThanOrEqual(2);
      expect(world.hurt).toBeLessThan(20);
      const hurt = world.hurt;
      await world.run(60);
      expect(world.hurt).toBe(hurt);
      if (state === 'silent') return;
      world.mortal.state = 'works';
      await world.run(60);
      expect(await world.journal('rollback')).toMatchObject([{ actor: 'tripwire:reverse-mismatch', scope: 'GET /a' }]);
    },
  );

  test('a clock that is set opens nothing too early and closes nothing', async () => {
    const world = await new World({ tenants: names(5) }).start();
    await world.run(200);
    world.clock.jump(86_400_000);
    await world.run(300);
    expect(world.openCells).toBe(0);
    await world.run(150);
    expect(world.openCells).toBe(5);
    world.clock.jump(-3 * 86_400_000);
    await world.run(1_200);
    expect(world).toMatchObject({ openCells: 5, hurt: 0, unproven: 0 });
    world.candidate = () => 'wrong';
    await world.run(10);
    expect(world.openCells).toBe(0);
    expect(world.hurt).toBeLessThanOrEqual(4);
  });
});
