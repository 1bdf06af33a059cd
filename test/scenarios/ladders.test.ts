import { expect, test } from 'vitest';
import type { TenantId } from '../../src/core/cell.ts';
import type { Lock } from '../../src/core/plan/locks.ts';
import type { RampStep } from '../../src/core/ramp.ts';
import { PPM } from '../../src/core/routing.ts';
import { endpointId, World, type WorldOptions } from '../support/movement-rig.ts';

/*
 * Ladders with gates, tenants first and an end: the real Controller and Mover in virtual time.
 * No proof is demanded, so that the dial alone moves traffic and each story is a few minutes long.
 */

const A = endpointId('GET /a');
const ANN = { actor: 'cli:ann', reason: 'checked' };
const BEN = { actor: 'cli:ben', reason: 'checked too' };
const GATE: RampStep = { kind: 'gate', name: 'release', approvals: 2, approvers: [] };

function worldWith(steps: readonly RampStep[], more: WorldOptions = {}): World {
  const defaults = { dialPpm: 0, maxPpm: PPM, proof: 'none', mirrorPpm: PPM, steps, dwellMs: 5_000 } as const;
  return new World({ proof: 'none', dialPpm: 0, perSecond: 10, ...more, settings: { defaults, ...more.settings } });
}

test('a ramp waits at a gate, tells so, and goes on when two people have approved', async () => {
  const world = await worldWith([{ kind: 'dial', dialPpm: 100_000 }, GATE, { kind: 'dial', dialPpm: PPM }]).start();
  await world.run(20);
  expect(world.dialOf()).toBe(100_000);
  const [waiting] = await world.journal('gate.waiting');
  expect(waiting).toMatchObject({ scope: 'GET /a', evidence: { gate: 'release', needed: 2 } });
  expect((await world.journal('gate.waiting')).length).toBe(1);
  expect(await world.mover.desk.approve(A, 'other', ANN)).toMatchObject({ ok: false, code: 'NOT_FOUND' });
  expect(await world.mover.desk.approve(A, undefined, ANN)).toMatchObject({ ok: true });
  await world.run(20);
  expect(world.dialOf()).toBe(100_000);
  expect(await world.mover.desk.approve(A, 'release', BEN)).toMatchObject({ ok: true });
  await world.run(3);
  expect(world.dialOf()).toBe(PPM);
  const [raised] = await world.journal('dial.set');
  expect(raised).toMatchObject({
    reason: 'approved at gate release by cli:ann, cli:ben',
    evidence: { gates: [{ gate: 'release', approvals: [{ actor: 'cli:ann' }, { actor: 'cli:ben' }] }] },
  });
  expect(await world.mover.desk.approve(A, undefined, ANN)).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(world.early).toBe(0);
});

test('a tripwire takes back what waits at a gate, and the approval given before is gone', async () => {
  const world = await worldWith([{ kind: 'dial', dialPpm: 500_000 }, GATE, { kind: 'dial', dialPpm: PPM }]).start();
  await world.run(20);
  await world.mover.desk.approve(A, undefined, ANN);
  world.candidate = () => 'silent';
  await world.run(20);
  expect(world.dialOf()).toBe(0);
  expect(await world.mover.desk.approve(A, undefined, BEN)).toMatchObject({ ok: false, code: 'CONFLICT' });
});

test('a rejected gate holds the ramp until it is resumed, and then waits anew', async () => {
  const world = await worldWith([{ kind: 'dial', dialPpm: 100_000 }, GATE, { kind: 'dial', dialPpm: PPM }]).start();
  await world.run(20);
  await world.mover.desk.approve(A, undefined, ANN);
  expect(await world.mover.desk.reject(A, undefined, BEN)).toMatchObject({ ok: true });
  expect(world.controller.state.holds.size).toBe(1);
  await world.run(5);
  await world.controller.command({ kind: 'resume', scope: { endpoint: A } }, ANN);
  await world.mover.desk.approve(A, undefined, BEN);
  await world.run(10);
  // Ann's approval was dropped with the rejection.
  expect(world.dialOf()).toBe(100_000);
  await world.mover.desk.approve(A, undefined, ANN);
  await world.run(5);
  expect(world.dialOf()).toBe(PPM);
});

test('one tenant goes first; the last step retires the endpoint by a person’s word, and another word takes it back', async () => {
  const steps: readonly RampStep[] = [
    { kind: 'dial', dialPpm: PPM, tenants: ['acme' as never] },
    { kind: 'dial', dialPpm: PPM },
    { kind: 'verify', direction: 'reverse', ms: 10_000 },
    { kind: 'retire', by: 'person' },
  ];
  const evidence = { minSpanMs: 0, pooledLimit: 0.1, cellLimit: 0.1 };
  const world = await worldWith(steps, { evidence }).start();
  await world.run(4);
  const { table } = world.controller;
  expect(table.dialFor(A, 'acme' as never).dialPpm).toBe(PPM);
  expect(table.dialFor(A, 'globex' as never).dialPpm).toBe(0);
  expect(await world.mover.desk.retire(A, ANN)).toMatchObject({ ok: false, code: 'CONFLICT' });
  await world.run(60);
  expect(world.mover.book.endpoints.get(A)?.ramp?.step).toBe(3);
  expect(world.controller.table.policyOf(A).retired).toBe(false);
  expect(await world.mover.desk.retire(A, ANN)).toMatchObject({ ok: true, entry: { action: 'endpoint.retired' } });
  expect(world.controller.table.policyOf(A).retired).toBe(true);
  expect(await world.mover.desk.unretire(A, ANN)).toMatchObject({ ok: true });
  expect(world.controller.table.policyOf(A).retired).toBe(false);
});

test('what fails again and again is held after its last try, told in the journal, and goes on when resumed', async () => {
  const evidence = { coolDownMs: 2_000, returnIntervalMs: 5_000, retries: 2 };
  const world = await worldWith([{ kind: 'dial', dialPpm: 500_000 }], { evidence, candidate: () => 'silent' }).start();
  await world.run(60);
  const [hold] = await world.journal('hold');
  expect(hold).toMatchObject({
    actor: 'controller',
    scope: 'GET /a',
    reason: expect.stringMatching(/^taken back 2 times/),
  });
  expect(world.dialOf()).toBe(0);
  world.candidate = () => 'right';
  await world.run(60);
  expect(world.dialOf()).toBe(0);
  await world.controller.command({ kind: 'resume', scope: { endpoint: A } }, ANN);
  await world.run(15);
  expect(world.dialOf()).toBe(500_000);
});

test('while it is frozen nothing is raised or opened, and what is wrong is taken back; then all goes on', async () => {
  const begin = new World().clock.now();
  const season = { name: 'season', zone: 'UTC', fromLocal: begin + 5_000, toLocal: begin + 60_000 };
  const world = await worldWith(
    [
      { kind: 'dial', dialPpm: 100_000 },
      { kind: 'dial', dialPpm: 500_000 },
    ],
    {
      freezes: [season],
    },
  ).start();
  await world.run(4);
  expect(world.dialOf()).toBe(100_000);
  await world.run(40);
  expect(world.mover.frozen()).toEqual({ name: 'season', until: begin + 60_000 });
  expect(world.dialOf()).toBe(100_000);
  await world.run(30);
  expect(world.mover.frozen()).toBeUndefined();
  expect(world.dialOf()).toBe(500_000);
  await world.controller.command({ kind: 'freeze', until: world.clock.now() + 600_000 }, ANN);
  world.candidate = () => 'silent';
  await world.run(5);
  expect(world.dialOf()).toBe(0);
});

test('no cell opens while it is frozen by hand; it opens when the freeze is lifted', async () => {
  const evidence = { minSpanMs: 0, pooledLimit: 0.1, cellLimit: 0.1 };
  const world = await new World({ evidence, perSecond: 20 }).start();
  await world.controller.command({ kind: 'freeze', until: world.clock.now() + 3_600_000 }, ANN);
  await world.run(60);
  expect(world.openCells).toBe(0);
  expect(await world.controller.command({ kind: 'unfreeze' }, ANN)).toMatchObject({ ok: true });
  await world.run(3);
  expect(world.openCells).toBe(5);
  expect(await world.controller.command({ kind: 'unfreeze' }, ANN)).toMatchObject({ ok: false, code: 'NOT_FOUND' });
});

test('a person takes cells back without a latch: they rest, gather evidence anew, and open again', async () => {
  const evidence = { minSpanMs: 0, pooledLimit: 0.1, cellLimit: 0.1, coolDownMs: 5_000 };
  const world = await new World({ evidence, perSecond: 20 }).start();
  await world.run(60, () => world.openCells === 5);
  expect(await world.mover.takeBack({ tenant: 'acme' as never }, ANN)).toEqual({ cells: 1, dials: 0 });
  expect(world.isOpen('acme')).toBe(false);
  expect(world.openCells).toBe(4);
  expect((await world.journal('cell.closed'))[0]).toMatchObject({
    actor: 'cli:ann',
    reason: 'checked',
    scope: 'acme GET /a',
  });
  expect(world.controller.state.latches.size).toBe(0);
  expect(await world.mover.takeBack({}, BEN)).toEqual({ cells: 4, dials: 0 });
  expect(world.openCells).toBe(0);
  expect(await world.mover.takeBack({}, BEN)).toEqual({ cells: 0, dials: 0 });
  await world.run(120, () => world.openCells === 5);
  expect(world.openCells).toBe(5);
  expect([...world.mover.book.tracks()].every(({ record }) => record.closures === 0)).toBe(true);
});

test('taking back an endpoint that demands no proof lowers its dial', async () => {
  const world = await worldWith([{ kind: 'dial', dialPpm: 100_000 }]).start();
  await world.run(4);
  expect(await world.mover.takeBack({ endpoint: A }, ANN)).toEqual({ cells: 0, dials: 1 });
  expect(world.dialOf()).toBe(0);
});

test('a pin with an end leaves the control state with an entry', async () => {
  const world = await new World().start();
  const pin = { kind: 'pin.set', id: 'p', scope: { endpoint: A }, side: 'candidate' } as const;
  await world.controller.command({ ...pin, until: world.clock.now() + 5_000 }, ANN);
  await world.run(4);
  expect(world.controller.state.pins.size).toBe(1);
  await world.run(4);
  expect(world.controller.state.pins.size).toBe(0);
  expect((await world.journal('pin.ended'))[0]).toMatchObject({
    scope: 'GET /a',
    evidence: { count: 1, pins: [{ id: 'p' }] },
  });
});

/** Takes the same plan over, with other locks. */
async function lock(world: World, ...locked: readonly Lock[]): Promise<void> {
  const base = { ...world.controller.state.base, locked };
  expect(await world.controller.command({ kind: 'config.load', base }, ANN)).toMatchObject({ ok: true });
}

test('what the plan locks climbs no step; it is taken back all the same, and goes on when the lock is gone', async () => {
  const world = await worldWith([
    { kind: 'dial', dialPpm: 100_000 },
    { kind: 'dial', dialPpm: 500_000 },
  ]).start();
  await world.run(4);
  expect(world.dialOf()).toBe(100_000);
  await lock(world, { scope: { endpoint: A }, reason: 'audit' });
  await world.run(40);
  expect(world.dialOf()).toBe(100_000);
  expect(world.mover.facts().locked?.({ endpoint: A })).toBe('GET /a is locked by the plan (audit)');
  expect((await world.journal('dial.set')).length).toBe(1);
  await lock(world);
  await world.run(10);
  expect(world.dialOf()).toBe(500_000);
  await lock(world, { scope: { endpoint: A }, reason: 'audit' });
  world.candidate = () => 'silent';
  await world.run(5);
  expect(world.dialOf()).toBe(0);
});

test('no cell of a locked tenant opens by evidence; the others do, and it does when the lock is gone', async () => {
  const evidence = { minSpanMs: 0, pooledLimit: 0.1, cellLimit: 0.1 };
  const world = await new World({ evidence, perSecond: 20 }).start();
  const acme = 'acme' as TenantId; // one of the five of every world
  await lock(world, { scope: { tenant: acme }, reason: 'their contract' });
  await world.run(60);
  expect(world.openCells).toBe(4);
  await lock(world);
  await world.run(60);
  expect(world.openCells).toBe(5);
});
