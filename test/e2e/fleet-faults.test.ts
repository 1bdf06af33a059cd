import { expect, onTestFinished, test } from 'vitest';
import { FAULTS, FleetWorld } from '../support/fleet-world.ts';

/** Each fault once; `npm run bench -- controller --only faults` does it a thousand times. */
test('controllers and the store are killed and cut off, and no client, no proof and no decision suffers', {
  timeout: 900_000,
}, async () => {
  const world = await FleetWorld.start();
  onTestFinished(() => world.close());
  for (const fault of FAULTS) await world.suffer(fault);
  const { requests, byCandidate, acknowledged, rollbacks, terms, healedMs: _, ...wrong } = await world.finish();
  expect(wrong).toEqual({
    clientErrors: [],
    servedWithoutProof: [],
    servedUnderLatch: [],
    lostDecisions: [],
    brokenJournal: undefined,
  });
  // There was something that could have been lost.
  expect(Math.min(requests, byCandidate, acknowledged, rollbacks)).toBeGreaterThan(0);
  expect(terms).toBeGreaterThan(FAULTS.length / 2);
});
