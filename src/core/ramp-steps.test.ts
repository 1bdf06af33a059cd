import { expect, test } from 'vitest';
import type { Ramp, RampStep } from './ramp.ts';
import { onLadder } from './ramp-steps.ts';

const dial = (percent: number): RampStep => ({ kind: 'dial', dialPpm: percent * 10_000 });
const ramp = (percent: number, step: number): Ramp => ({
  step,
  since: 1,
  state: 'running',
  reason: 'before',
  dialPpm: percent * 10_000,
});
const MIRROR: RampStep = { kind: 'mirror' };
const WAIT: RampStep = { kind: 'wait', ms: 5 };

test.each<[string, number, readonly RampStep[], number]>([
  ['at the same dial, wherever it stands', 20, [MIRROR, dial(5), WAIT, dial(20), dial(100)], 3],
  ['between two: at the lower', 50, [MIRROR, dial(5), dial(20), dial(100)], 2],
  ['above all: at the last', 100, [MIRROR, dial(5), WAIT], 1],
  ['below all: from the beginning', 5, [MIRROR, dial(10), dial(100)], 0],
  ['at nothing: from the beginning', 0, [MIRROR, dial(0), dial(100)], 0],
  ['without steps: nowhere', 5, [], 0],
])('a ramp finds its place on another ladder %s', (_, percent, steps, expected) => {
  const moved = onLadder(ramp(percent, 9), steps, 77);
  expect(moved).toMatchObject({ step: expected, since: 77, dialPpm: percent * 10_000, state: 'running' });
});

test('a ramp that rests goes on resting, and one that is held stays held', () => {
  const moved = onLadder({ ...ramp(0, 0), state: 'held', restAt: 9 }, [MIRROR], 77);
  expect(moved).toMatchObject({ state: 'held', restAt: 9 });
});
