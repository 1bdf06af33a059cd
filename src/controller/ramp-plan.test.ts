import { describe, expect, test } from 'vitest';
import { endpointPolicy, endpointSettings, evidenceSettings } from '../../test/support/traffic.ts';
import type { EndpointId } from '../core/cell.ts';
import { applyCommand, type Command, type ControlState, restoreState } from '../core/control-state.ts';
import { type Assessment, type AssessmentKind, Evidence } from '../core/evidence.ts';
import type { Ramp, RampStep } from '../core/ramp.ts';
import type { Scope } from '../core/routing.ts';
import { type EndpointTrack, MovementBook } from './movement-book.ts';
import type { RoundFacts } from './movement-plan.ts';
import { movementRules } from './movement-rules.ts';
import { type Climbing, planRamp, type RampStepPlan, scopedDials } from './ramp-plan.ts';

const A = 'GET /a' as EndpointId; // names as they come out of the catalogue
const B = 'GET /b' as EndpointId;
const NOW = 1_000_000;
const STEPS: readonly RampStep[] = [
  { kind: 'mirror' },
  { kind: 'dial', dialPpm: 50_000 },
  { kind: 'gate', name: 'release', approvals: 1, approvers: [] },
  { kind: 'dial', dialPpm: 1_000_000 },
  { kind: 'verify', direction: 'reverse', ms: 1_000 },
  { kind: 'retire', by: 'auto' },
];

const CALM: RoundFacts = {
  now: NOW,
  controlVersion: 'c1',
  isFaulty: false,
  policyOf: () => endpointPolicy(),
  isLatched: () => false,
  isHeld: () => false,
  dialOf: () => 0,
  missingPower: () => undefined,
};

interface Given {
  readonly steps?: readonly RampStep[];
  readonly facts?: Partial<RoundFacts>;
  readonly pooled?: AssessmentKind;
  /** How far the ramp is; absent: it has not begun. */
  readonly ramp?: Partial<Ramp>;
  readonly journey?: string;
  /** What was ordered before. */
  readonly orders?: readonly (readonly [actor: string, command: Command])[];
}

const at = (step: number, more: Partial<Ramp> = {}): Ramp => ({
  step,
  since: NOW - 10_000,
  state: 'running',
  reason: 'test',
  dialPpm: 0,
  ...more,
});

function stateAfter(orders: NonNullable<Given['orders']>): ControlState {
  const nobody = { tenants: [], endpoints: [] };
  const base = {
    force: { control: nobody, candidate: nobody },
    cohorts: { beta: ['acme' as never] },
    defaults: endpointPolicy(),
    endpoints: [],
    dials: [],
  };
  return orders.reduce(
    (state, [actor, command]) => {
      const done = applyCommand(state, command, { actor, reason: 'test', at: NOW - 5_000 });
      if (!done.ok) throw new Error(done.message);
      return done.state;
    },
    restoreState(new Map(), base),
  );
}

function plan({ steps = STEPS, facts, pooled = 'pass', ramp, journey, orders = [] }: Given): RampStepPlan | undefined {
  const listed = ['/a', '/b'].map((template) => ({ ...endpointSettings(template, steps), journey }));
  const rules = movementRules({
    evidence: evidenceSettings(),
    protectedTenants: [],
    endpoints: listed,
    defaults: { dialPpm: 0, maxPpm: 1_000_000, proof: 'none', mirrorPpm: 1_000_000, steps: [], dwellMs: 1_000 },
  });
  const book = new MovementBook({
    rules,
    limits: { cells: 10, endpoints: 10 },
    epoch: { candidateVersion: 'v1', rules: 'r' },
  });
  const homes = [A, B].flatMap((id) => book.home(id) ?? []);
  const [home] = homes;
  if (home === undefined) throw new Error('there is room');
  home.ramp = ramp === undefined ? undefined : at(0, ramp);
  const assessment: Assessment = { ...new Evidence().assess(rules.own, NOW), kind: pooled };
  const climbing: Climbing = {
    book,
    rules,
    // Where no proof is demanded every dial moves somebody.
    facts: { ...CALM, policyOf: () => endpointPolicy({ proof: 'none' }), ...facts },
    pooled: new Map<EndpointTrack, Assessment>(homes.map((one) => [one, assessment])),
    state: stateAfter(orders),
  };
  return planRamp(home, climbing);
}

const dial = (scope: Scope, dialPpm: number): Command => ({ kind: 'dial.set', scope, dialPpm });

describe('a ramp', () => {
  test('begins with the first round, and is none without steps', () => {
    expect(plan({ pooled: 'insufficient' })).toMatchObject({ kind: 'keep', next: { step: 0 } });
    expect(plan({ steps: [] })).toBeUndefined();
  });

  test('sets its dial as soon as the step before is done', () => {
    const moved = plan({ ramp: { step: 0 } });
    expect(moved).toMatchObject({ kind: 'dial', isDown: false, next: { step: 1, dialPpm: 50_000 } });
    expect(moved?.kind === 'dial' && moved.dials).toEqual([{ scope: { endpoint: A }, dialPpm: 50_000 }]);
  });

  test('tells that it waits at a gate once, and goes on when that was approved', () => {
    const ramp = { step: 2, dialPpm: 50_000 };
    const gate = { kind: 'gate', name: 'release', approvals: 1, approvers: [] } as const;
    const since = NOW - 10_000;
    expect(plan({ ramp })).toMatchObject({ kind: 'gate', gate: { name: 'release' } });
    const waits = ['controller', { kind: 'gate.wait', endpoint: A, gate, since }] as const;
    expect(plan({ ramp, orders: [waits] })).toBeUndefined();
    const approved = ['cli:ann', { kind: 'gate.approve', endpoint: A, gate, since }] as const;
    expect(plan({ ramp, orders: [waits, approved] })).toMatchObject({
      kind: 'dial',
      dials: [{ dialPpm: 1_000_000 }],
      evidence: { gates: [{ gate: 'release', approvals: [{ actor: 'cli:ann' }] }] },
    });
  });

  test('retires its endpoint at the end', () => {
    expect(plan({ ramp: { step: 5, dialPpm: 1_000_000 } })).toMatchObject({ kind: 'retire', endpoints: [A] });
  });

  test('stops where a person set its dial, and takes that dial over', () => {
    const orders = [['cli:ann', dial({ endpoint: A }, 10_000)]] as const;
    expect(plan({ ramp: { step: 1, dialPpm: 50_000 }, orders })).toMatchObject({
      kind: 'hold',
      seenAt: NOW - 5_000,
      next: { dialPpm: 10_000 },
    });
    // Its own dials, those of tripwires, and those elsewhere are no person's word on it.
    for (const [actor, scope] of [
      ['controller', { endpoint: A }],
      ['tripwire:limits', { endpoint: A }],
      ['cli:ann', { endpoint: B }],
    ] as const)
      expect(plan({ ramp: { step: 0 }, orders: [[actor, dial(scope, 10_000)]] })?.kind).toBe('dial');
  });

  test.each<[what: string, facts: Partial<RoundFacts>]>([
    ['while a part of Cutover does not work', { isFaulty: true }],
    ['under a canary', { isCanary: true }],
    ['in a freeze', { frozen: { name: 'sale', until: NOW + 1 } as never }],
    ['while it is held', { isHeld: () => true }],
    ['under a rollback', { isLatched: () => true }],
    ['under a warning', { warning: () => 'slow' }],
  ])('does not climb %s, and falls all the same', (_, facts) => {
    const none = { policyOf: () => endpointPolicy({ proof: 'none' }) };
    expect(plan({ ramp: { step: 0 }, facts: { ...none, ...facts } })).toBeUndefined();
    const serving = { step: 3, dialPpm: 1_000_000 };
    expect(plan({ ramp: serving, facts: { ...none, ...facts }, pooled: 'fail' })).toMatchObject({
      kind: 'dial',
      isDown: true,
      dials: [{ scope: { endpoint: A }, dialPpm: 0 }],
    });
  });

  test.each<[what: string, policy: Partial<ReturnType<typeof endpointPolicy>>]>([
    ['whose endpoint is retired', { retired: true }],
    ['whose endpoint is capped at nothing', { maxPpm: 0 }],
  ])('%s is none', (_, policy) => {
    expect(plan({ ramp: { step: 0 }, facts: { policyOf: () => endpointPolicy(policy) } })).toBeUndefined();
  });

  test('waits with a whole step where a rollback covers a cohort of it', () => {
    const steps: readonly RampStep[] = [{ kind: 'mirror' }, { kind: 'dial', dialPpm: 50_000, cohort: 'beta' }];
    const orders = [['cli:ann', { kind: 'rollback', scope: { cohort: 'beta' } }]] as const;
    expect(plan({ steps, ramp: { step: 0 } })).toMatchObject({ kind: 'dial' });
    expect(plan({ steps, ramp: { step: 0 }, orders })).toBeUndefined();
  });
});

describe('the ramp of a journey', () => {
  test('moves the dials of all its endpoints at once', () => {
    const moved = plan({ journey: 'checkout', ramp: { step: 0 } });
    expect(moved?.kind === 'dial' && moved.dials.map(({ scope }) => scope.endpoint)).toEqual([A, B]);
    expect(moved?.kind === 'dial' && moved.members.map(({ id }) => id)).toEqual([A, B]);
  });
});

test('the dials of cohorts and tenants that a ramp has raised are those of the control state that its steps name', () => {
  const steps: readonly RampStep[] = [
    { kind: 'dial', dialPpm: 10_000, cohort: 'beta' },
    { kind: 'dial', dialPpm: 20_000, tenants: ['acme', 'globex'] as never[] },
  ];
  const state = stateAfter([
    ['controller', dial({ endpoint: A, cohort: 'beta' }, 10_000)],
    ['controller', dial({ endpoint: A, tenant: 'globex' as never }, 20_000)],
    ['controller', dial({ endpoint: B, tenant: 'acme' as never }, 20_000)],
    ['controller', dial({ endpoint: A, tenant: 'stark' as never }, 20_000)],
  ]);
  expect(scopedDials(A, steps, state)).toEqual([
    { cohort: 'beta', dialPpm: 10_000 },
    { tenant: 'globex', dialPpm: 20_000 },
  ]);
});
