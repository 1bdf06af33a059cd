import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CELL_STATES, type CellState, isOpen } from './cell.ts';
import {
  type CellEvent,
  type CellPolicy,
  type CellRecord,
  type Epoch,
  newCell,
  type Proof,
  transition,
} from './cell-machine.ts';
import { ASSESSMENTS, type Assessment, type AssessmentKind } from './evidence.ts';

const POLICY: CellPolicy = {
  ownMatches: 3,
  renewWithinMs: 3_600_000,
  coolDownMs: 60_000,
  returnIntervalMs: 3_600_000,
  retries: 5,
};
const EPOCH: Epoch = { candidateVersion: '1.0.0', rules: 'r1' };
const NOW = 1_000_000;

function assessment(kind: AssessmentKind, change: Partial<Assessment> = {}): Assessment {
  return {
    kind,
    matches: 400,
    mismatches: 0,
    inconclusive: 0,
    log: 3.2,
    needed: 2.996,
    remaining: 0,
    bound: 0.0075,
    requests: 90,
    tenants: 4,
    spanMs: 600_000,
    statusClasses: [2],
    missing: [],
    ...change,
  };
}

const PROOF: Proof = {
  at: 1,
  over: 'cell',
  epoch: EPOCH,
  controlVersion: '7',
  assessment: assessment('pass'),
  own: { matches: 400, mismatches: 0 },
};

function cell(state: CellState): CellRecord {
  return {
    state,
    since: 1,
    reason: 'test',
    closures: 0,
    ...(isOpen(state) ? { proof: PROOF } : {}),
    ...(state === 'renewing' ? { renewBy: NOW + 1 } : {}),
    ...(state === 'closed' ? { coolUntil: NOW + 1 } : {}),
  };
}

function assessed(own: AssessmentKind, pooled?: AssessmentKind, ownChange: Partial<Assessment> = {}): CellEvent {
  return {
    kind: 'assessed',
    own: assessment(own, ownChange),
    ...(pooled === undefined ? {} : { pooled: assessment(pooled) }),
    epoch: EPOCH,
    controlVersion: '7',
  };
}

const TRIP: CellEvent = { kind: 'tripped', tripwire: 'candidate-failures', detail: '5 in a row' };
const DEPLOY: CellEvent = { kind: 'deployed', epoch: { ...EPOCH, candidateVersion: '1.1.0' } };
const BY = { actor: 'cli:ada', reason: 'sale season' };
const REJECTED = 'rejected';

/** Every state × event; the outcome is the state after it. */
const TABLE: readonly (readonly [string, CellEvent, Readonly<Record<CellState, CellState | typeof REJECTED>>])[] = [
  [
    'its own evidence passes',
    assessed('pass'),
    { observing: 'open', open: 'open', renewing: 'open', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'its evidence is insufficient',
    assessed('insufficient'),
    { observing: 'observing', open: 'open', renewing: 'renewing', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'its evidence fails',
    assessed('fail'),
    { observing: 'observing', open: 'closed', renewing: 'closed', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'its evidence conflicts',
    assessed('conflict'),
    { observing: 'observing', open: 'closed', renewing: 'closed', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'its evidence is stale',
    assessed('stale'),
    { observing: 'observing', open: 'open', renewing: 'renewing', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'our own part is at fault',
    assessed('fault'),
    { observing: 'observing', open: 'open', renewing: 'renewing', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'the endpoint passes and three of its own are clean',
    assessed('insufficient', 'pass', { matches: 3 }),
    { observing: 'open', open: 'open', renewing: 'open', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'the endpoint passes but only two of its own are clean',
    assessed('insufficient', 'pass', { matches: 2 }),
    { observing: 'observing', open: 'open', renewing: 'renewing', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'the endpoint passes but one of its own differs',
    assessed('insufficient', 'pass', { mismatches: 1 }),
    { observing: 'observing', open: 'open', renewing: 'renewing', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'the endpoint fails',
    assessed('insufficient', 'fail'),
    { observing: 'observing', open: 'closed', renewing: 'closed', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'a tripwire fires',
    TRIP,
    { observing: 'closed', open: 'closed', renewing: 'closed', held: 'held', closed: 'closed', latched: 'latched' },
  ],
  [
    'the candidate is deployed',
    DEPLOY,
    {
      observing: 'observing',
      open: 'renewing',
      renewing: 'renewing',
      held: 'held',
      closed: 'observing',
      latched: 'latched',
    },
  ],
  [
    'a person holds it',
    { kind: 'hold', ...BY },
    { observing: 'held', open: 'held', renewing: 'held', held: REJECTED, closed: 'held', latched: REJECTED },
  ],
  [
    'a person resumes it',
    { kind: 'resume', ...BY },
    { observing: REJECTED, open: REJECTED, renewing: REJECTED, held: 'observing', closed: REJECTED, latched: REJECTED },
  ],
  [
    'a rollback latches it',
    { kind: 'latched', ...BY },
    {
      observing: 'latched',
      open: 'latched',
      renewing: 'latched',
      held: 'latched',
      closed: 'latched',
      latched: 'latched',
    },
  ],
  [
    'the latch is lifted',
    { kind: 'unlatched', ...BY },
    { observing: REJECTED, open: REJECTED, renewing: REJECTED, held: REJECTED, closed: REJECTED, latched: 'observing' },
  ],
];

const ROWS = TABLE.flatMap(([when, event, outcomes]) =>
  CELL_STATES.map((state) => ({ when, event, state, outcome: outcomes[state] })),
);

test.each(ROWS)('$state, when $when: $outcome', ({ event, state, outcome }) => {
  const result = transition(cell(state), event, POLICY, NOW);
  expect(result.ok ? result.next.state : REJECTED).toBe(outcome);
  if (!result.ok) expect(result.reason).not.toBe('');
  else if (result.next.state !== state && isOpen(result.next.state) !== isOpen(state)) {
    expect(
      result.effects.some((effect) => effect.kind === 'journal'),
      'what changes who serves is journaled',
    ).toBe(true);
  }
});

test('a proof not renewed in time closes the cell', () => {
  const renewing = cell('renewing');
  expect(transition(renewing, assessed('insufficient'), POLICY, NOW + 1)).toMatchObject({
    ok: true,
    next: { state: 'closed' },
  });
});

test('a second deployment does not lengthen the time without a proof', () => {
  const first = transition(cell('open'), DEPLOY, POLICY, NOW);
  if (!first.ok) throw new Error('an open cell renews');
  const second = transition(first.next, DEPLOY, POLICY, NOW + 1_000_000);
  expect(second).toMatchObject({ ok: true, next: { renewBy: first.next.renewBy } });
});

test('a closed cell is observed again after its cool-down, which doubles with each closing', () => {
  const once = transition(cell('open'), TRIP, POLICY, NOW);
  if (!once.ok) throw new Error('a tripwire closes');
  expect(once.next.coolUntil).toBe(NOW + 60_000);
  const again = transition({ ...cell('open'), closures: 1 }, TRIP, POLICY, NOW);
  expect(again).toMatchObject({ ok: true, next: { coolUntil: NOW + 120_000 } });
  expect(transition(once.next, assessed('pass'), POLICY, NOW + 60_000)).toMatchObject({
    ok: true,
    next: { state: 'observing' },
  });
});

test('closing forgets the evidence that opened the cell', () => {
  const closed = transition(cell('open'), assessed('fail'), POLICY, NOW);
  expect(closed).toMatchObject({
    ok: true,
    effects: [{ kind: 'journal', action: 'cell.closed' }, { kind: 'resetEvidence' }],
  });
});

const events: fc.Arbitrary<CellEvent> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...ASSESSMENTS), fc.option(fc.constantFrom(...ASSESSMENTS), { nil: undefined }))
    .map(([own, pooled]) => assessed(own, pooled)),
  fc.constantFrom<CellEvent>(
    TRIP,
    DEPLOY,
    { kind: 'hold', ...BY },
    { kind: 'resume', ...BY },
    { kind: 'latched', ...BY },
    { kind: 'unlatched', ...BY },
  ),
);

test('I4: whatever happens, a cell that may be served by the candidate carries a proof, and a renewing one an end', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(events, fc.nat(100_000)), { maxLength: 40 }), (history) => {
      let now = NOW;
      let record = newCell(now);
      for (const [event, wait] of history) {
        now += wait;
        const result = transition(record, event, POLICY, now);
        if (!result.ok) continue;
        const opened = isOpen(result.next.state) && !isOpen(record.state);
        if (opened) expect(event.kind, 'only evidence opens').toBe('assessed');
        record = result.next;
        expect(isOpen(record.state)).toBe(record.proof !== undefined);
        expect(record.state === 'renewing').toBe(record.renewBy !== undefined);
      }
    }),
  );
});

test('I11: a fault of our own moves nothing, in any state', () => {
  for (const state of CELL_STATES) {
    const before = cell(state);
    expect(transition(before, assessed('fault', 'fault'), POLICY, NOW)).toEqual({
      ok: true,
      next: before,
      effects: [],
    });
  }
});
