import { describe, expect, test } from 'vitest';
import { World, type WorldOptions } from '../support/movement-rig.ts';

const HOUR = 3_600;
const TENANTS = ['t0', 't1', 't2', 't3'];
const CANARY = { sharePpm: 100_000, durationMs: 600_000, requests: 100 };
const OPTIONS: WorldOptions = { tenants: TENANTS, settings: { canary: CANARY } };
const ANN = { actor: 'cli:ann', reason: 'looked at it' };

/** A world where everything is open and served by the candidate's first version. */
async function opened(options: WorldOptions = {}): Promise<World> {
  const world = await new World({ ...OPTIONS, ...options }).start();
  const cells = TENANTS.length * (options.endpoints ?? ['']).length;
  await world.run(HOUR, () => world.openCells === cells);
  expect(world.openCells).toBe(cells);
  expect(world.dialOf()).toBe(1_000_000);
  return world;
}

/** The world after its process was killed, with what it had saved. */
async function restarted(world: World): Promise<World> {
  const saved = new Map(world.mover.takeDocuments(10_000).map(({ key, value }) => [key, structuredClone(value)]));
  await world.mover.close();
  return new World({ ...OPTIONS, after: world, saved }).start();
}

const canaryOf = (world: World) => world.controller.state.canary;
const actions = async (world: World): Promise<string[]> =>
  (await world.journal()).map(({ action }) => action).filter((action) => action.startsWith('canary.'));

describe('a new candidate version', () => {
  test('gets its share of what is open, and all of it when its time is over', async () => {
    const world = await opened();
    world.version = 'v2';
    await world.run(3);
    expect([canaryOf(world)?.version, world.dialOf()]).toEqual(['v2', 100_000]);
    const before = world.served.candidate;
    const seconds = await world.run(HOUR, () => canaryOf(world) === undefined);
    expect(seconds).toBeGreaterThanOrEqual(595);
    // About a tenth of 20 requests a second.
    expect(world.served.candidate - before).toBeLessThan(0.2 * 20 * seconds);
    expect(world.dialOf()).toBe(1_000_000);
    expect(await actions(world)).toEqual(['canary.passed', 'canary.began']);
    expect(world).toMatchObject({ openCells: 4, unproven: 0, early: 0, hurt: 0 });
  });

  test('that fails gets nothing any more, until another comes', async () => {
    const world = await opened();
    world.version = 'v2';
    world.candidate = ({ chance }) => (chance() < 0.3 ? 'failed' : 'right');
    await world.run(HOUR, () => canaryOf(world)?.state === 'failed');
    // Whichever test is first.
    expect(canaryOf(world)?.reason).toContain('GET /a: ');
    expect(world.dialOf()).toBe(0);
    const { candidate } = world.served;
    await world.run(2 * HOUR);
    expect(world.served.candidate).toBe(candidate);
    world.version = 'v3';
    world.candidate = () => 'right';
    await world.run(HOUR, () => canaryOf(world)?.version === 'v3');
    await world.run(2 * HOUR, () => canaryOf(world) === undefined);
    await world.run(HOUR, () => world.openCells === 4);
    expect(world.dialOf()).toBe(1_000_000);
    expect(world).toMatchObject({ openCells: 4, unproven: 0, early: 0 });
  });

  test('whose answers are wrong is taken back as a whole', async () => {
    const world = await opened({ endpoints: ['GET /a', 'GET /b'] });
    world.version = 'v2';
    world.candidate = ({ endpoint }) => (endpoint === 'GET /a' ? 'wrong' : 'right');
    await world.run(HOUR, () => canaryOf(world)?.state === 'failed');
    expect(world.dialOf('GET /b')).toBe(0);
    expect(world.hurt).toBeLessThanOrEqual(8);
  });

  test('of which nothing was seen does not return', async () => {
    const world = await opened();
    world.mover.deployed('candidate', 'v2');
    world.version = 'v2';
    await world.run(2);
    // Its share of nothing at all.
    for (let second = 0; second < HOUR; second += 1) world.clock.advance(1_000);
    await world.run(5);
    expect(canaryOf(world)?.state).toBe('running');
    expect(world.mover.canaryWaitsFor).toMatch(/more requests that the candidate serves/);
  });
});

describe('a canary', () => {
  test('begins its time anew after a restart, because the tests have forgotten what they saw', async () => {
    const world = await opened();
    world.version = 'v2';
    await world.run(540);
    const next = await restarted(world);
    next.version = 'v2';
    expect(await next.run(HOUR, () => canaryOf(next) === undefined)).toBeGreaterThanOrEqual(599);
    expect(await actions(next)).toEqual(['canary.passed', 'canary.began']);
  });

  test('that failed stays so over a restart, and is over when a person says so', async () => {
    const world = await opened();
    world.version = 'v2';
    await world.run(60);
    const order = { kind: 'canary.end', version: 'v2' } as const;
    await world.controller.command({ ...order, verdict: 'failed' }, ANN);
    const next = await restarted(world);
    next.version = 'v2';
    await next.run(1_200);
    expect(next.dialOf()).toBe(0);
    expect(next.served.candidate).toBe(0);
    await next.controller.command({ ...order, verdict: 'passed' }, ANN);
    expect(next.dialOf()).toBe(1_000_000);
  });

  test('is none where the plan says nothing of it, or nothing is open', async () => {
    const plain = await opened({ settings: {} });
    plain.version = 'v2';
    await plain.run(5);
    expect([canaryOf(plain), plain.dialOf()]).toEqual([undefined, 1_000_000]);
    const early = await new World(OPTIONS).start();
    await early.run(30);
    early.version = 'v2';
    await early.run(30);
    expect(canaryOf(early)).toBeUndefined();
  });

  test('waits for what forbids raising', async () => {
    const world = await opened();
    await world.controller.command({ kind: 'hold', scope: {} }, ANN);
    world.version = 'v2';
    await world.run(1_200);
    expect(world.mover.canaryWaitsFor).toContain('everything is held');
    await world.controller.command({ kind: 'resume', scope: {} }, ANN);
    await world.run(3);
    expect(canaryOf(world)).toBeUndefined();
  });

  test('whose end the store does not take ends when it works again', async () => {
    const world = await opened();
    world.version = 'v2';
    await world.run(590);
    world.mortal.state = 'fails';
    await world.run(60);
    expect(canaryOf(world)?.state).toBe('running');
    world.mortal.state = 'works';
    await world.run(30);
    expect(canaryOf(world)).toBeUndefined();
    expect(world.early).toBe(0);
  });
});
