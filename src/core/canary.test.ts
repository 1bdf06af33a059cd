import { describe, expect, test } from 'vitest';
import { type Canary, type CanaryFacts, canaryWaitsFor, cappedPpm } from './canary.ts';
import { applyCommand, type Command, type ControlState, restoreState, tableOf } from './control-state.ts';

const POLICY = { sharePpm: 50_000, durationMs: 600_000, requests: 100 };
const BY = { actor: 'controller', reason: 'candidate version v2', at: 7 };
const RUNNING: Canary = { version: 'v2', ...POLICY, state: 'running', ...BY };
const FAILED: Canary = { ...RUNNING, state: 'failed' };

const POLICY_OF_ALL = {
  proof: 'none',
  maxPpm: 1_000_000,
  writes: false,
  acts: false,
  sharedValidators: false,
  salt: 's',
  mirrorPpm: 0,
  retired: false,
} as const;

function empty(): ControlState {
  const nobody = { tenants: [], endpoints: [] };
  return restoreState(new Map(), {
    force: { control: nobody, candidate: nobody },
    cohorts: {},
    defaults: POLICY_OF_ALL,
    endpoints: [],
    dials: [{ scope: {}, dialPpm: 400_000 }],
  });
}

const begin: Command = { kind: 'canary.begin', version: 'v2', policy: POLICY };
const end = (verdict: 'passed' | 'failed', version = 'v2'): Command => ({ kind: 'canary.end', version, verdict });

function apply(state: ControlState, ...commands: readonly Command[]) {
  let next = state;
  const items: unknown[] = [];
  const actions: string[] = [];
  for (const command of commands) {
    const done = applyCommand(next, command, BY);
    if (!done.ok) throw new Error(done.message);
    next = done.state;
    items.push(...done.items.filter(({ key }) => key === 'canary'));
    actions.push(done.journal.action);
  }
  return { state: next, items, actions };
}

const dialOf = (state: ControlState): number | undefined => tableOf(state).dials[0]?.dialPpm;

describe('dials under a canary', () => {
  test.each([
    [undefined, 400_000, 400_000],
    [RUNNING, 400_000, 50_000],
    [RUNNING, 10_000, 10_000],
    [FAILED, 10_000, 0],
  ])('%o: %i counts as %i', (canary, dialPpm, expected) => {
    expect(cappedPpm(canary, dialPpm)).toBe(expected);
  });

  test('are capped in the table while the orders stay as they are, and count again when it has passed', () => {
    const before = empty();
    const running = apply(before, begin);
    expect([dialOf(before), dialOf(running.state)]).toEqual([400_000, 50_000]);
    const raised = apply(running.state, { kind: 'dial.set', scope: {}, dialPpm: 700_000 });
    expect(dialOf(raised.state)).toBe(50_000);
    expect(dialOf(apply(raised.state, end('failed')).state)).toBe(0);
    expect(dialOf(apply(raised.state, end('passed')).state)).toBe(700_000);
    // A table that was made from the one before shares what did not change, and nothing else.
    const state = running.state;
    expect(tableOf(state, { state: before, table: tableOf(before) }).dials[0]?.dialPpm).toBe(50_000);
  });
});

describe('what is ordered of a canary', () => {
  test('is journaled, stored, and read back', () => {
    const running = apply(empty(), begin);
    expect(running.actions).toEqual(['canary.began']);
    expect(running.items).toEqual([{ key: 'canary', value: RUNNING }]);
    const items = new Map<string, unknown>([['canary', structuredClone(RUNNING)]]);
    expect(restoreState(items, empty().base).canary).toEqual(RUNNING);
    const over = apply(running.state, end('passed'));
    expect(over.items).toEqual([{ key: 'canary', value: undefined }]);
    expect(over.actions).toEqual(['canary.passed']);
  });

  test('of another version, twice failed, or of none is refused', () => {
    const refused = (state: ControlState, command: Command) => applyCommand(state, command, BY);
    const running = apply(empty(), begin).state;
    expect(refused(empty(), end('passed', ''))).toMatchObject({ ok: false, code: 'CONFLICT' });
    expect(refused(running, end('failed', 'v1'))).toMatchObject({ ok: false, code: 'CONFLICT' });
    const failed = apply(running, end('failed')).state;
    expect(refused(failed, end('failed'))).toMatchObject({ ok: false, code: 'CONFLICT' });
    expect(refused(failed, end('passed')).ok).toBe(true);
  });

  test('that cannot be read stops the start: a version that failed must not be forgotten', () => {
    const items = new Map<string, unknown>([['canary', { ...FAILED, state: 'maybe' }]]);
    expect(() => restoreState(items, empty().base)).toThrow(/neither runs nor has failed/);
  });
});

describe('a canary has passed', () => {
  const facts: CanaryFacts = { now: 600_000, watchedSince: 0, served: 100, warning: undefined, hindrance: undefined };
  test.each<[string, Partial<CanaryFacts>, string | undefined]>([
    ['when its time is over and enough was served', {}, undefined],
    ['not before its time', { now: 599_001 }, 'the end of its time in 1 s'],
    ['not where there was too little to judge', { served: 99 }, '1 more requests that the candidate serves'],
    ['not under a warning', { warning: 'GET /a: slow' }, 'a warning to pass: GET /a: slow'],
    ['not in a freeze', { hindrance: 'the end of the freeze sale' }, 'the end of the freeze sale'],
  ])('%s', (_, change, expected) => {
    expect(canaryWaitsFor(RUNNING, { ...facts, ...change })).toBe(expected);
  });
});
