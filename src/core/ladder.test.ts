import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TenantId } from './cell.ts';
import { type CellEvent, type CellPolicy, type CellRecord, newCell, transition } from './cell-machine.ts';
import { ASSESSMENTS, type Assessment, type AssessmentKind } from './evidence.ts';
import type { Approval } from './gate.ts';
import { climb, isServing, newRamp, type Ramp, type RampEvent, type RampPolicy, type RampStep } from './ramp.ts';

const HOUR = 3_600_000;
const ANN: Approval = { actor: 'cli:ann', reason: 'checked', at: 1 };
const BEN: Approval = { actor: 'cli:ben', reason: '', at: 2 };
const INTERNAL = 'internal' as TenantId;

function policyOf(steps: readonly RampStep[], more: Partial<RampPolicy> = {}): RampPolicy {
  return { steps, dwellMs: 1_000, coolDownMs: 60_000, returnIntervalMs: HOUR, retries: 3, ...more };
}

function assessment(kind: AssessmentKind): Assessment {
  return {
    kind,
    matches: 400,
    mismatches: 0,
    inconclusive: 0,
    log: 3,
    needed: 2.996,
    remaining: 0,
    bound: 0.0075,
    requests: 90,
    tenants: 4,
    spanMs: 1,
    statusClasses: [2],
    missing: [],
  };
}

function assessed(kind: AssessmentKind = 'pass', approvals: readonly Approval[] = []): RampEvent {
  return { kind: 'assessed', pooled: assessment(kind), openCells: 1, approvals };
}

const TRIP: RampEvent = { kind: 'tripped', tripwire: 'hard-down', detail: '5 in a row' };

/** Runs a story; gives the ramp at its end and every dial that was set on the way. */
function story(policy: RampPolicy, lines: readonly (readonly [number, RampEvent])[], start = newRamp(0)) {
  let ramp = start;
  const effects = lines.flatMap(([now, event]) => {
    const result = climb(ramp, event, policy, now);
    if (!result.ok) return [];
    ramp = result.next;
    return result.effects;
  });
  return { ramp, effects, dials: effects.flatMap((effect) => (effect.kind === 'dial' ? [effect.dials] : [])) };
}

const GATED = policyOf([
  { kind: 'dial', dialPpm: 10_000 },
  { kind: 'gate', name: 'release', approvals: 2, approvers: [] },
  { kind: 'dial', dialPpm: 500_000 },
]);

test('a ramp stops at a gate until enough people approve, and tells who did', () => {
  const waiting = story(GATED, [
    [0, assessed()],
    [1_000, assessed()],
    [9_000, assessed()],
    [9_500, assessed('pass', [ANN])],
  ]);
  expect(waiting.ramp).toMatchObject({ step: 1, dialPpm: 10_000 });
  const open = story(GATED, [[10_000, assessed('pass', [ANN, BEN])]], waiting.ramp);
  expect(open.ramp).toMatchObject({
    step: 2,
    dialPpm: 500_000,
    reason: 'approved at gate release by cli:ann, cli:ben',
    passed: [{ gate: 'release', at: 10_000, approvals: [ANN, BEN] }],
  });
});

test.each<readonly [string, RampEvent]>([
  ['a tripwire', TRIP],
  ['evidence that fails', assessed('fail')],
  ['evidence that fails, though all have approved', assessed('fail', [ANN, BEN])],
  ['a person', { kind: 'demoted', actor: 'cli:ann', reason: 'wrong totals' }],
])('a gate never stands in the way of going back: %s', (_what, event) => {
  const { ramp } = story(GATED, [
    [0, assessed()],
    [1_000, assessed()],
  ]);
  expect(story(GATED, [[2_000, event]], ramp).ramp).toMatchObject({ step: 0, dialPpm: 0 });
});

test('after a fall a gate has to be approved anew', () => {
  const { ramp } = story(GATED, [
    [0, assessed()],
    [1_000, assessed()],
    [2_000, assessed('pass', [ANN, BEN])],
    [3_000, TRIP],
    [70_000, assessed()],
    [71_000, assessed()],
    [72_000, assessed()],
  ]);
  expect(ramp).toMatchObject({ step: 1, dialPpm: 10_000 });
  expect(ramp.passed).toBeUndefined();
});

const SCOPED = policyOf([
  { kind: 'dial', dialPpm: 1_000_000, tenants: [INTERNAL] },
  { kind: 'dial', dialPpm: 100_000, cohort: 'beta' },
  { kind: 'dial', dialPpm: 500_000 },
]);

test('tenants and cohorts go first, rise along with everybody, and come down together', () => {
  const up = story(SCOPED, [
    [0, assessed()],
    [1_000, assessed()],
    [2_000, assessed()],
  ]);
  expect(up.dials).toEqual([
    [{ tenant: 'internal', dialPpm: 1_000_000 }],
    [{ cohort: 'beta', dialPpm: 100_000 }],
    [{ dialPpm: 500_000 }, { cohort: 'beta', dialPpm: 500_000 }],
  ]);
  const down = story(SCOPED, [[3_000, TRIP]], up.ramp);
  expect(down.dials).toEqual([[{ dialPpm: 0 }, { tenant: 'internal', dialPpm: 0 }, { cohort: 'beta', dialPpm: 0 }]]);
  expect(isServing(down.ramp)).toBe(false);
});

test('evidence against it takes back a ramp of which only a cohort serves', () => {
  const { ramp } = story(SCOPED, [[0, assessed()]]);
  expect(ramp.dialPpm).toBe(0);
  const { dials } = story(SCOPED, [[10, assessed('conflict')]], ramp);
  expect(dials).toEqual([[{ dialPpm: 0 }, { tenant: 'internal', dialPpm: 0 }]]);
});

test('verifying for a time leads on when the comparisons pass; what retires by itself asks for it once', () => {
  const policy = policyOf([
    { kind: 'dial', dialPpm: 1_000_000 },
    { kind: 'verify', direction: 'reverse', ms: 5_000 },
    { kind: 'retire', by: 'auto' },
  ]);
  const { ramp, effects } = story(policy, [
    [0, assessed()],
    [1_000, assessed()],
    [5_999, assessed()],
    [6_500, assessed('insufficient')],
  ]);
  expect(ramp.step).toBe(1);
  expect(effects.some(({ kind }) => kind === 'retire')).toBe(false);
  const end = story(
    policy,
    [
      [7_000, assessed()],
      [7_100, assessed('stale')],
      [7_200, assessed()],
      [7_300, assessed()],
    ],
    ramp,
  );
  expect(end.effects.filter(({ kind }) => kind === 'retire')).toHaveLength(1);
  expect(end.ramp.step).toBe(3);
});

test('what a person is to retire never retires by itself', () => {
  const policy = policyOf([
    { kind: 'dial', dialPpm: 1_000_000 },
    { kind: 'retire', by: 'person' },
  ]);
  const { effects } = story(
    policy,
    Array.from({ length: 50 }, (_, at) => [at * 10_000, assessed()] as const),
  );
  expect(effects.some(({ kind }) => kind === 'retire')).toBe(false);
});

const SIMPLE = policyOf([{ kind: 'dial', dialPpm: 500_000 }]);

test('a ramp rests longer after each fall, and after the last try it is held until somebody resumes it', () => {
  let ramp = newRamp(0);
  let now = 0;
  const rests: number[] = [];
  for (let fall = 1; fall <= 3; fall += 1) {
    ramp = story(SIMPLE, [[now, assessed()]], ramp).ramp;
    expect(ramp.dialPpm).toBe(500_000);
    const { ramp: fallen, effects } = story(SIMPLE, [[now + 1_000, TRIP]], ramp);
    expect(effects.filter(({ kind }) => kind === 'hold')).toHaveLength(fall === 3 ? 1 : 0);
    rests.push((fallen.restAt ?? 0) - now - 1_000);
    ramp = fallen;
    now = fallen.restAt ?? 0;
  }
  expect(rests[0]).toBe(60_000);
  // The second came right after the return: at least an hour lies between two of them.
  expect(rests[1]).toBe(HOUR - 1_000);
  expect(ramp.state).toBe('held');
  expect(story(SIMPLE, [[now + 10 * HOUR, assessed()]], ramp).ramp.dialPpm).toBe(0);
  const resumed = story(
    SIMPLE,
    [
      [now, { kind: 'resume', actor: 'cli:ann', reason: 'looked' }],
      [now + 1, assessed()],
    ],
    ramp,
  );
  expect(resumed.ramp).toMatchObject({ state: 'running', dialPpm: 500_000 });
  expect(resumed.ramp.falls).toBeUndefined();
});

test('a person who takes a ramp back uses up none of its tries', () => {
  const lines = Array.from({ length: 10 }, (_, at): readonly (readonly [number, RampEvent])[] => [
    [at * 2 * HOUR, assessed()],
    [at * 2 * HOUR + 1, { kind: 'demoted', actor: 'cli:ann', reason: '' }],
  ]).flat();
  expect(story(SIMPLE, lines).ramp).toMatchObject({ state: 'running', dialPpm: 0 });
});

const rampEvents: fc.Arbitrary<RampEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...ASSESSMENTS).map((kind) => assessed(kind)) },
  { weight: 2, arbitrary: fc.constant(assessed()) },
  { weight: 1, arbitrary: fc.constant(TRIP) },
);

test('whatever the evidence says, a ramp comes back once an hour at most, and no more often than it has tries', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(rampEvents, fc.nat(HOUR / 2)), { maxLength: 200 }), (history) => {
      let ramp: Ramp = newRamp(0);
      let now = 0;
      const returns: number[] = [];
      let wasBack = false;
      for (const [event, wait] of history) {
        now += wait;
        const result = climb(ramp, event, SIMPLE, now);
        if (!result.ok) continue;
        if (isServing(ramp) && !isServing(result.next)) wasBack = true;
        if (!isServing(ramp) && isServing(result.next) && wasBack) returns.push(now);
        ramp = result.next;
      }
      for (const [at, time] of returns.entries())
        if (at > 0) expect(time - (returns[at - 1] ?? 0)).toBeGreaterThanOrEqual(HOUR);
      expect(returns.length).toBeLessThan(3);
    }),
  );
});

const CELLS: CellPolicy = { ownMatches: 3, renewWithinMs: HOUR, coolDownMs: 1_000, returnIntervalMs: HOUR, retries: 3 };
const EPOCH = { candidateVersion: 'v1', rules: 'r' };

function cellAssessed(kind: AssessmentKind): CellEvent {
  return { kind: 'assessed', own: assessment(kind), epoch: EPOCH, controlVersion: 'c' };
}

const cellEvents: fc.Arbitrary<CellEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...ASSESSMENTS).map(cellAssessed) },
  { weight: 3, arbitrary: fc.constant(cellAssessed('pass')) },
  { weight: 1, arbitrary: fc.constant<CellEvent>({ kind: 'tripped', tripwire: 'hard-down', detail: 'x' }) },
);

test('whatever the evidence says, a cell opens again once an hour at most, and is held after its last try', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(cellEvents, fc.nat(HOUR / 2)), { maxLength: 200 }), (history) => {
      let cell: CellRecord = newCell(0);
      let now = 0;
      const openings: number[] = [];
      let closings = 0;
      for (const [event, wait] of history) {
        now += wait;
        const result = transition(cell, event, CELLS, now);
        if (!result.ok) continue;
        if (cell.state !== 'open' && result.next.state === 'open') openings.push(now);
        if (cell.state === 'open' && result.next.state !== 'open') {
          closings += 1;
          expect(result.next.state).toBe(closings < 3 ? 'closed' : 'held');
        }
        if (cell.state === 'held') expect(result.next).toBe(cell);
        cell = result.next;
      }
      // The first opening is no return.
      for (let at = 2; at < openings.length; at += 1)
        expect((openings[at] ?? 0) - (openings[at - 1] ?? 0)).toBeGreaterThanOrEqual(HOUR);
    }),
  );
});

test('a new version forgives: what was closed tries again at once, what is held stays for a person', () => {
  const closed: CellRecord = { state: 'closed', since: 0, reason: '', coolUntil: 9e9, closures: 2, returnedAt: 5 };
  expect(transition(closed, { kind: 'deployed', epoch: EPOCH }, CELLS, 10)).toMatchObject({
    next: { state: 'observing', closures: 0 },
  });
  const held: CellRecord = { state: 'held', since: 0, reason: '', closures: 3 };
  expect(transition(held, { kind: 'deployed', epoch: EPOCH }, CELLS, 10)).toMatchObject({ next: { state: 'held' } });
  expect(transition(held, { kind: 'resume', actor: 'cli:ann', reason: '' }, CELLS, 10)).toMatchObject({
    next: { state: 'observing', closures: 0 },
  });
  const ramp: Ramp = { ...newRamp(0), falls: 2, returnedAt: 5 };
  expect(climb(ramp, { kind: 'deployed' }, SIMPLE, 10)).toEqual({ ok: true, next: newRamp(0), effects: [] });
});
