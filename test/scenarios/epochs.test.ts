import { describe, expect, test } from 'vitest';
import { endpointId, settle, World, type WorldOptions } from '../support/movement-rig.ts';

const HOUR = 3_600;
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `t${index}`);
const DEFAULTS = { dialPpm: 0, maxPpm: 1_000_000, proof: 'endpoint', mirrorPpm: 1_000_000, dwellMs: 600_000 } as const;

async function opened(options: WorldOptions = {}): Promise<World> {
  const world = await new World({ tenants: names(4), ...options }).start();
  const cells = (options.tenants ?? names(4)).length * (options.endpoints ?? ['GET /a']).length;
  await world.run(HOUR, () => world.openCells === cells);
  expect(world.openCells).toBe(cells);
  return world;
}

const stateOf = (world: World, tenant: string): string | undefined =>
  [...world.controller.state.cells].find(([key]) => key.startsWith(`${tenant} `))?.[1];

describe('I4: a new candidate version', () => {
  test('keeps serving while its proof is renewed, with 34 new matches at least', async () => {
    const world = await opened();
    world.version = 'v2';
    await world.run(2);
    expect(stateOf(world, 't0')).toBe('renewing');
    expect(world.openCells).toBe(4);
    await world.run(HOUR, () => stateOf(world, 't0') === 'open');
    const record = world.mover.book.find({ tenant: 't0' as never, endpoint: endpointId('GET /a') })?.record;
    expect(record?.proof?.epoch.candidateVersion).toBe('v2');
    expect(record?.proof?.assessment.matches).toBeGreaterThanOrEqual(34);
    expect(world).toMatchObject({ unproven: 0, early: 0, hurt: 0 });
  });

  test('that nobody verifies within its time closes', async () => {
    const world = await opened({ evidence: { renewWithinMs: 900_000 } });
    world.mover.deployed('candidate', 'v2');
    world.version = 'v2';
    world.control = () => 'failed';
    await world.run(890);
    expect(world.openCells).toBe(4);
    await world.run(30);
    expect(world).toMatchObject({ openCells: 0, unproven: 0 });
  });

  test('that is wrong is taken back before the old proof helps it', async () => {
    const world = await opened();
    world.version = 'v2';
    world.candidate = () => 'wrong';
    await world.run(5);
    expect(world.openCells).toBe(0);
    expect(world.hurt).toBeLessThanOrEqual(4);
  });
});

describe('I4: a process that was killed', () => {
  const kept = async (world: World) => world.mortal.inner.loadDocuments('movement');

  test('goes on by the proofs it had recorded', async () => {
    const world = await opened();
    const next = await new World({ tenants: names(4), after: world, saved: await kept(world) }).start();
    expect(next.openCells).toBe(4);
    await next.run(60);
    expect(next).toMatchObject({ openCells: 4, unproven: 0, early: 0 });
    expect(next.served.candidate).toBeGreaterThan(1_000);
  });

  test('serves no cell whose proof is gone, not even the first request', async () => {
    const world = await opened();
    const saved = new Map([...(await kept(world))].filter(([key]) => key !== 'cell t1 GET /a'));
    const next = await new World({ tenants: names(4), after: world, saved }).start();
    expect(next.openCells).toBe(3);
    expect(next.isOpen('t1')).toBe(false);
    expect((await next.journal()).map((entry) => entry.reason).join()).toContain('no recorded proof');
    await next.run(60);
    expect(next.unproven).toBe(0);
  });

  test('does not open what was recorded but never journaled', async () => {
    const world = await new World({ tenants: names(4) }).start();
    const other = await opened();
    expect(world.openCells).toBe(0);
    const next = await new World({ tenants: names(4), after: world, saved: await kept(other) }).start();
    await next.run(1);
    expect(next).toMatchObject({ unproven: 0, early: 0 });
    // The evidence is still there, so that a new proof is journaled at once.
    expect(next.openCells).toBeGreaterThan(0);
    const proven = (await next.journal()).filter((entry) => JSON.stringify(entry.evidence).includes('"proofs"'));
    expect(proven.length).toBeGreaterThan(0);
  });
});

describe('people', () => {
  test('a rollback latches what was open; lifted, it opens again by evidence', async () => {
    const world = await opened();
    await world.controller.rollback({ tenant: 't0' as never }, { actor: 'cli:ann', reason: 'wrong totals' });
    await world.run(2);
    expect(stateOf(world, 't0')).toBe('latched');
    await world.controller.command(
      { kind: 'unlatch', scope: { tenant: 't0' as never } },
      { actor: 'cli:ann', reason: '' },
    );
    await settle();
    expect(world.isOpen('t0')).toBe(false);
    await world.run(5);
    expect(world.isOpen('t0')).toBe(true);
    expect(world).toMatchObject({ unproven: 0, early: 0 });
  });

  test('a hold keeps cells from opening until it is resumed', async () => {
    const world = await new World({ tenants: names(4) }).start();
    await world.controller.command({ kind: 'hold', scope: {} }, { actor: 'cli:ann', reason: 'sales' });
    await world.run(1_200);
    expect(world.openCells).toBe(0);
    await world.controller.command({ kind: 'resume', scope: {} }, { actor: 'cli:ann', reason: '' });
    await world.run(3);
    expect(world.openCells).toBe(4);
  });

  test('pinned traffic feeds no test of rates', async () => {
    const world = await new World({ tenants: names(4) }).start();
    for (const side of ['control', 'candidate'] as const) {
      const scope = { tenant: (side === 'control' ? 't0' : 't1') as never };
      await world.controller.command({ kind: 'pin.set', id: side, scope, side }, { actor: 'cli:ann', reason: 'x' });
    }
    world.candidate = ({ tenant }) => (tenant === 't1' ? 'failed' : 'right');
    await world.run(900);
    const evidence = (tenant: string) =>
      world.mover.book.find({ tenant: tenant as never, endpoint: endpointId('GET /a') })?.evidence;
    expect([evidence('t0'), evidence('t1')]).toEqual([undefined, undefined]);
    expect(evidence('t2')?.matches).toBeGreaterThan(500);
  });

  test('a protected tenant opens last', async () => {
    const all = await opened({ settings: { protectedTenants: ['t2' as never] } });
    const opening = (await all.journal())
      .filter((entry) => JSON.stringify(entry.evidence).includes('proofs'))
      .reverse();
    const order = opening.map((entry) => Object.keys((entry.evidence as { proofs: object }).proofs)); // written by the mover
    expect(order.at(-1)).toEqual(['t2 GET /a']);
  });
});

describe('a ramp', () => {
  const steps = [
    { kind: 'mirror' },
    { kind: 'dial', dialPpm: 50_000 },
    { kind: 'wait', ms: 600_000 },
    { kind: 'dial', dialPpm: 500_000 },
    { kind: 'verify', direction: 'reverse' },
  ] as const;
  const options: WorldOptions = { tenants: names(4), dialPpm: 0, settings: { defaults: { ...DEFAULTS, steps } } };

  test('climbs by itself, holds each dial, and falls at once when the candidate turns wrong', async () => {
    const world = await new World(options).start();
    const first = await world.run(HOUR, () => world.dialOf() === 50_000);
    expect(first).toBeGreaterThanOrEqual(600);
    const second = await world.run(HOUR, () => world.dialOf() === 500_000);
    expect(second).toBeGreaterThanOrEqual(1_200);
    await world.run(HOUR);
    expect(world).toMatchObject({ hurt: 0, unproven: 0, early: 0, openCells: 4 });
    expect(world.dialOf()).toBe(500_000);
    world.candidate = () => 'wrong';
    await world.run(5);
    expect(world).toMatchObject({ openCells: 0 });
    expect(world.dialOf()).toBe(0);
    expect(world.hurt).toBeLessThanOrEqual(8);
  });

  test('waits where a person set the dial, until it is resumed', async () => {
    const world = await new World(options).start();
    await world.run(HOUR, () => world.dialOf() === 50_000);
    const scope = { endpoint: endpointId('GET /a') };
    await world.controller.command(
      { kind: 'dial.set', scope, dialPpm: 10_000 },
      { actor: 'cli:ann', reason: 'slower' },
    );
    await world.run(HOUR);
    expect(world.dialOf()).toBe(10_000);
    expect(world.controller.state.holds.size).toBe(1);
    await world.controller.command({ kind: 'resume', scope }, { actor: 'cli:ann', reason: '' });
    await world.run(5);
    expect(world.dialOf()).toBe(50_000);
  });

  test('without proof the tripwire turns the dial to nothing', async () => {
    const world = await new World({ tenants: names(4), proof: 'none', dialPpm: 300_000 }).start();
    await world.run(60);
    world.candidate = () => 'silent';
    await world.run(10);
    expect(world.dialOf()).toBe(0);
    expect(world.hurt).toBe(0);
    expect((await world.journal('dial.set'))[0]?.actor).toMatch(/^tripwire:/);
  });
});

test('endpoints of a journey open together, an unsafe one along with them, and close together', async () => {
  const one = (method: string, template: string) => ({
    method,
    template,
    dialPpm: undefined,
    maxPpm: 1_000_000,
    proof: 'endpoint' as const,
    writes: true,
    acts: false,
    sharedValidators: false,
    journey: 'checkout',
    mirrorPpm: 1_000_000,
    steps: [],
    retired: false,
  });
  const endpoints = ['GET /cart', 'POST /cart', 'GET /pay'];
  const world = await new World({
    tenants: names(2),
    endpoints,
    settings: { endpoints: [one('GET', '/cart'), one('POST', '/cart'), one('GET', '/pay')] },
    candidate: ({ endpoint, at }) => (endpoint === 'GET /pay' && at < 900_000 ? 'failed' : 'right'),
  }).start();
  await world.run(890);
  expect(world.openCells).toBe(0);
  const clean = await opened({
    tenants: names(2),
    endpoints,
    settings: { endpoints: [one('GET', '/cart'), one('POST', '/cart'), one('GET', '/pay')] },
  });
  expect(clean.isOpen('t0', 'POST /cart')).toBe(true);
  clean.candidate = ({ endpoint }) => (endpoint === 'GET /pay' ? 'wrong' : 'right');
  await clean.run(10);
  expect(clean.openCells).toBe(0);
});
