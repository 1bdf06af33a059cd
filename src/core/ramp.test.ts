import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ASSESSMENTS, type Assessment, type AssessmentKind } from './evidence.ts';
import { climb, newRamp, type Ramp, type RampEvent, type RampPolicy } from './ramp.ts';

const POLICY: RampPolicy = {
  steps: [
    { kind: 'mirror' },
    { kind: 'dial', dialPpm: 10_000 },
    { kind: 'wait', ms: 5_000 },
    { kind: 'dial', dialPpm: 1_000_000 },
    { kind: 'verify', direction: 'reverse' },
  ],
  dwellMs: 1_000,
  coolDownMs: 60_000,
  returnIntervalMs: 3_600_000,
  retries: 5,
};

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

function assessed(kind: AssessmentKind, openCells = 1): RampEvent {
  return { kind: 'assessed', pooled: assessment(kind), openCells };
}

/** Runs a story: each line is a time and an event; gives the dial after each. */
function story(
  lines: readonly (readonly [number, RampEvent])[],
  start = newRamp(0),
): { readonly dials: readonly number[]; readonly ramp: Ramp } {
  let ramp = start;
  const dials = lines.map(([now, event]) => {
    const result = climb(ramp, event, POLICY, now);
    if (result.ok) ramp = result.next;
    return ramp.dialPpm;
  });
  return { dials, ramp };
}

test('a ramp climbs step by step: mirrors until the comparisons pass, dwells at each dial, waits, and ends verifying', () => {
  const { dials, ramp } = story([
    [0, assessed('insufficient')],
    [1_000, assessed('pass')],
    [1_500, assessed('pass')],
    [2_000, assessed('pass')],
    [6_999, assessed('pass')],
    [7_000, assessed('pass')],
    [8_000, assessed('pass')],
    [999_000, assessed('pass')],
  ]);
  expect(dials).toEqual([0, 10_000, 10_000, 10_000, 10_000, 1_000_000, 1_000_000, 1_000_000]);
  expect(POLICY.steps[ramp.step]?.kind).toBe('verify');
});

test('where no cell is open yet the dwell time has not begun', () => {
  const { ramp } = story([
    [0, assessed('pass')],
    [5_000, assessed('pass', 0)],
    [5_500, assessed('pass')],
  ]);
  expect(ramp).toMatchObject({ step: 1, dialPpm: 10_000 });
});

test.each(['fail', 'conflict'] as const)(
  'evidence that says %s brings the dial to zero at once, from any step',
  (kind) => {
    const { ramp: up } = story([
      [0, assessed('pass')],
      [1_000, assessed('pass')],
      [6_000, assessed('pass')],
    ]);
    expect(up.dialPpm).toBe(1_000_000);
    const { ramp } = story([[6_100, assessed(kind)]], up);
    expect(ramp).toMatchObject({ step: 0, dialPpm: 0, restAt: 66_100 });
  },
);

test('after a fall the ramp rests, then begins again', () => {
  const { ramp: up } = story([[0, assessed('pass')]]);
  const { dials } = story(
    [
      [10, { kind: 'tripped', tripwire: 'hard-down', detail: '5 in a row' }],
      [60_009, assessed('pass')],
      [60_010, assessed('pass')],
    ],
    up,
  );
  expect(dials).toEqual([0, 0, 10_000]);
});

test('a held ramp climbs no further but still comes down', () => {
  const { ramp: up } = story([
    [0, assessed('pass')],
    [10, { kind: 'hold', actor: 'cli:ada', reason: '' }],
  ]);
  expect(story([[99_000, assessed('pass')]], up).ramp.dialPpm).toBe(10_000);
  expect(story([[99_000, assessed('fail')]], up).ramp.dialPpm).toBe(0);
  expect(climb(up, { kind: 'hold', actor: 'cli:ada', reason: '' }, POLICY, 1)).toMatchObject({ ok: false });
});

const events: fc.Arbitrary<RampEvent> = fc.oneof(
  fc.tuple(fc.constantFrom(...ASSESSMENTS), fc.nat(3)).map(([kind, cells]) => assessed(kind, cells)),
  fc.constantFrom<RampEvent>(
    { kind: 'tripped', tripwire: 'hard-down', detail: 'x' },
    { kind: 'hold', actor: 'a', reason: '' },
    { kind: 'resume', actor: 'a', reason: '' },
  ),
);

test('whatever happens, a dial only rises on a pass or by the ladder’s own steps, one at a time, and every change is an effect', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(events, fc.nat(20_000)), { maxLength: 60 }), (history) => {
      let now = 0;
      let ramp = newRamp(0);
      for (const [event, wait] of history) {
        now += wait;
        const result = climb(ramp, event, POLICY, now);
        if (!result.ok) continue;
        const { next, effects } = result;
        if (next.dialPpm !== ramp.dialPpm)
          expect(effects.some((effect) => effect.kind === 'dial' && effect.dialPpm === next.dialPpm)).toBe(true);
        if (next.dialPpm > ramp.dialPpm) {
          expect(event.kind).toBe('assessed');
          expect(ramp.state).toBe('running');
        }
        expect(next.step - ramp.step).toBeLessThanOrEqual(1);
        ramp = next;
      }
    }),
  );
});

/** Where a ramp may be: each kind of step, running or held, and resting after a fall. */
const PLACES = {
  mirror: { step: 0, dialPpm: 0 },
  dial: { step: 1, dialPpm: 10_000 },
  wait: { step: 2, dialPpm: 10_000 },
  verify: { step: 4, dialPpm: 1_000_000 },
} as const;
type PlaceName = keyof typeof PLACES;
const TRIP: RampEvent = { kind: 'tripped', tripwire: 'hard-down', detail: '5 in a row' };
const STAYS = 'stays';
const FALLS = 'falls';
const CLIMBS = 'climbs';
const REJECTED = 'rejected';
type Outcome = typeof STAYS | typeof FALLS | typeof CLIMBS | typeof REJECTED | 'held' | 'running';

/** Every place × event, running and held; all waits are over. */
const TABLE: readonly (readonly [
  string,
  RampEvent,
  Readonly<Record<'running' | 'held', Readonly<Record<PlaceName, Outcome>>>>,
])[] = [
  [
    'the endpoint passes',
    assessed('pass'),
    {
      running: { mirror: CLIMBS, dial: CLIMBS, wait: CLIMBS, verify: STAYS },
      held: { mirror: STAYS, dial: STAYS, wait: STAYS, verify: STAYS },
    },
  ],
  [
    'its evidence is insufficient',
    assessed('insufficient'),
    {
      running: { mirror: STAYS, dial: CLIMBS, wait: CLIMBS, verify: STAYS },
      held: { mirror: STAYS, dial: STAYS, wait: STAYS, verify: STAYS },
    },
  ],
  [
    'its evidence is stale',
    assessed('stale'),
    {
      running: { mirror: STAYS, dial: STAYS, wait: STAYS, verify: STAYS },
      held: { mirror: STAYS, dial: STAYS, wait: STAYS, verify: STAYS },
    },
  ],
  [
    'our own part is at fault',
    assessed('fault'),
    {
      running: { mirror: STAYS, dial: STAYS, wait: STAYS, verify: STAYS },
      held: { mirror: STAYS, dial: STAYS, wait: STAYS, verify: STAYS },
    },
  ],
  [
    'it fails',
    assessed('fail'),
    {
      running: { mirror: STAYS, dial: FALLS, wait: FALLS, verify: FALLS },
      held: { mirror: STAYS, dial: FALLS, wait: FALLS, verify: FALLS },
    },
  ],
  [
    'it conflicts',
    assessed('conflict'),
    {
      running: { mirror: STAYS, dial: FALLS, wait: FALLS, verify: FALLS },
      held: { mirror: STAYS, dial: FALLS, wait: FALLS, verify: FALLS },
    },
  ],
  [
    'a tripwire fires',
    TRIP,
    {
      running: { mirror: STAYS, dial: FALLS, wait: FALLS, verify: FALLS },
      held: { mirror: STAYS, dial: FALLS, wait: FALLS, verify: FALLS },
    },
  ],
  [
    'a person holds it',
    { kind: 'hold', actor: 'a', reason: '' },
    {
      running: { mirror: 'held', dial: 'held', wait: 'held', verify: 'held' },
      held: { mirror: REJECTED, dial: REJECTED, wait: REJECTED, verify: REJECTED },
    },
  ],
  [
    'a person resumes it',
    { kind: 'resume', actor: 'a', reason: '' },
    {
      running: { mirror: REJECTED, dial: REJECTED, wait: REJECTED, verify: REJECTED },
      held: { mirror: 'running', dial: 'running', wait: 'running', verify: 'running' },
    },
  ],
];
const ROWS = TABLE.flatMap(([when, event, outcomes]) =>
  (['running', 'held'] as const).flatMap((state) =>
    (Object.keys(PLACES) as PlaceName[]).map((place) => ({
      when,
      event,
      state,
      place,
      outcome: outcomes[state][place],
    })),
  ),
);

test.each(ROWS)('at $place, $state, when $when: $outcome', ({ event, state, place, outcome }) => {
  const before: Ramp = { ...newRamp(0), ...PLACES[place], state };
  const result = climb(before, event, POLICY, 1_000_000);
  if (!result.ok) {
    expect(outcome).toBe(REJECTED);
    expect(result.reason).not.toBe('');
    return;
  }
  const { next } = result;
  const seen =
    next.state !== state
      ? next.state
      : next.dialPpm < before.dialPpm
        ? FALLS
        : next.step > before.step
          ? CLIMBS
          : STAYS;
  expect(seen).toBe(outcome);
});
