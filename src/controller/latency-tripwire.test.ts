import { expect, test } from 'vitest';
import { settle, World } from '../../test/support/movement-rig.ts';
import { servedRecord } from '../../test/support/traffic.ts';
import type { EndpointId } from '../core/cell.ts';
import { scopeKey } from '../core/scope.ts';
import type { TripwireAction } from '../core/tripwire.ts';

const A = 'GET /a' as EndpointId;
const DIAL = 200_000;

/** A world whose dial stands at 20 %, after an hour in which every answer of the candidate took too long. */
async function afterSlowness(action: TripwireAction): Promise<World> {
  const tripwires = { latency: { count: 5, warmUpMs: 60_000, action } };
  const world = await new World({ tenants: ['acme'], proof: 'none', dialPpm: DIAL, tripwires }).start();
  await world.run(1);
  for (let person = 0; person < 3_600; person++) {
    const bucket = (person * 7_919) % 1_000_000;
    const side = bucket < DIAL ? 'candidate' : 'control';
    const upstreamMs = side === 'candidate' ? 300 : 20 + (person % 50);
    const record = servedRecord({ side, at: world.clock.now() + person * 1_000, endpoint: A, upstreamMs });
    world.mover.served({ ...record, decision: { ...record.decision, bucket, dialPpm: DIAL } });
    if (person % 20 === 0) await settle();
  }
  await settle();
  await world.run(2);
  return world;
}

test('a slow candidate is promoted no further, and goes on serving what it has until a person looks', async () => {
  const world = await afterSlowness('hold');
  const held = world.controller.state.holds.get(scopeKey({ endpoint: A }));
  expect(held).toMatchObject({ actor: 'tripwire:latency' });
  expect(held?.reason).toMatch(/were served by the candidate/);
  expect(world.controller.table.dialFor(A, undefined).dialPpm).toBe(DIAL);
  // Once: what is held already is not held again.
  expect(await world.journal('hold')).toHaveLength(1);
  await world.mover.close();
});

test('where the configuration says so, a slow candidate is taken back', async () => {
  const world = await afterSlowness('take-back');
  expect(world.controller.state.holds.size).toBe(0);
  expect(world.controller.table.dialFor(A, undefined).dialPpm).toBe(0);
  await world.mover.close();
});
