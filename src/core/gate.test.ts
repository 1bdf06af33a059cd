import { expect, test } from 'vitest';
import type { EndpointId } from './cell.ts';
import { applyCommand, type ControlState, restoreState, type TableBase, tableOf } from './control-state.ts';
import { approvalsThatCount, type GateStep, mayApprove, personOf } from './gate.ts';
import type { RampCommand } from './ramp-commands.ts';

const A = 'GET /a' as EndpointId;
const NOBODY = { tenants: [], endpoints: [] };
const BASE: TableBase = {
  force: { control: NOBODY, candidate: NOBODY },
  cohorts: {},
  defaults: {
    proof: 'endpoint',
    maxPpm: 1_000_000,
    writes: false,
    acts: false,
    sharedValidators: false,
    salt: 's',
    mirrorPpm: 0,
    retired: false,
  },
  endpoints: [],
  dials: [],
};
const TWO: GateStep = { kind: 'gate', name: 'release', approvals: 2, approvers: [], expiresMs: 1_000 };
const LISTED: GateStep = { kind: 'gate', name: 'release', approvals: 1, approvers: ['ann'] };

/** Orders given one after another, each by its actor at its time; gives the last outcome and the state. */
function orders(list: readonly (readonly [actor: string, at: number, command: RampCommand])[]) {
  let state: ControlState = restoreState(new Map(), BASE);
  let last: ReturnType<typeof applyCommand> | undefined;
  for (const [actor, at, command] of list) {
    last = applyCommand(state, command, { actor, reason: 'r', at });
    if (last.ok) state = last.state;
  }
  return { state, last };
}

function approve(actor: string, at: number, gate = TWO, since = 5): readonly [string, number, RampCommand] {
  return [actor, at, { kind: 'gate.approve', endpoint: A, gate, since }];
}

const WAIT = ['controller', 10, { kind: 'gate.wait', endpoint: A, gate: TWO, since: 5 }] as const;

test('a two-person rule takes two people, not two doors of one', () => {
  const { last, state } = orders([WAIT, approve('cli:ann', 20), approve('api:ann', 30)]);
  expect(last).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(approvalsThatCount(TWO, state.gates.get(A), { since: 5, now: 40 })).toHaveLength(1);
  const both = orders([WAIT, approve('cli:ann', 20), approve('cli:ben', 30)]);
  expect(both.last).toMatchObject({
    ok: true,
    journal: { action: 'gate.approved', scope: 'GET /a', evidence: { given: 2, needed: 2 } },
  });
});

test('whoever tells no name cannot take part in a two-person rule', () => {
  expect(orders([WAIT, approve('dashboard', 20)]).last).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(orders([WAIT, approve('cli:', 20)]).last).toMatchObject({ ok: false });
});

test('an approval that is too old no longer counts, and may be given anew', () => {
  const { last } = orders([WAIT, approve('cli:ann', 20), approve('cli:ben', 1_020)]);
  expect(last).toMatchObject({ ok: true, journal: { evidence: { given: 1, needed: 2 } } });
  expect(orders([WAIT, approve('cli:ann', 20), approve('cli:ann', 1_020)]).last).toMatchObject({ ok: true });
});

test('what was approved while the ramp waited another time does not count', () => {
  const { state } = orders([WAIT, approve('cli:ann', 20)]);
  expect(approvalsThatCount(TWO, state.gates.get(A), { since: 5, now: 30 })).toHaveLength(1);
  expect(approvalsThatCount(TWO, state.gates.get(A), { since: 6, now: 30 })).toHaveLength(0);
  expect(approvalsThatCount({ ...TWO, name: 'other' }, state.gates.get(A), { since: 5, now: 30 })).toHaveLength(0);
});

test.each([
  ['cli:ann', true],
  ['api:ann', true],
  ['cli:ben', false],
  ['dashboard', false],
])('where approvers are listed, %s may approve: %s', (actor, may) => {
  expect(mayApprove(LISTED, actor)).toBe(may);
  expect(orders([WAIT, approve(actor, 20, LISTED)]).last?.ok).toBe(may);
});

test('an open gate of one approval takes anybody, also without a name', () => {
  expect(mayApprove({ kind: 'gate', name: 'g', approvals: 1, approvers: [] }, 'dashboard')).toBe(true);
  expect(personOf('cli:ann@home')).toBe('ann@home');
  expect(personOf('dashboard')).toBeUndefined();
});

test('a rejection drops what was approved and holds the endpoints of the ramp', () => {
  const b = 'GET /b' as EndpointId;
  const reject: RampCommand = { kind: 'gate.reject', endpoint: A, gate: TWO, since: 5, endpoints: [A, b] };
  const { state, last } = orders([WAIT, approve('cli:ann', 20), ['dashboard', 30, reject]]);
  expect(approvalsThatCount(TWO, state.gates.get(A), { since: 5, now: 40 })).toEqual([]);
  expect([...state.holds.values()].map(({ scope }) => scope)).toEqual([{ endpoint: A }, { endpoint: b }]);
  expect(last).toMatchObject({
    ok: true,
    journal: { action: 'gate.rejected', evidence: { dropped: [{ actor: 'cli:ann' }] } },
  });
});

test('an order retires an endpoint in the table, listed or not, until it is taken back', () => {
  const { state } = orders([['cli:ann', 1, { kind: 'retire', endpoints: [A] }]]);
  expect(tableOf(state).endpoints).toMatchObject([{ id: 'GET /a', retired: true, maxPpm: 1_000_000 }]);
  expect(applyCommand(state, { kind: 'retire', endpoints: [A] }, { actor: 'a', reason: '', at: 2 }).ok).toBe(false);
  const back = applyCommand(state, { kind: 'unretire', endpoints: [A] }, { actor: 'a', reason: '', at: 2 });
  expect(back.ok && tableOf(back.state).endpoints).toEqual([]);
  expect(
    applyCommand(
      restoreState(new Map(), BASE),
      { kind: 'unretire', endpoints: [A] },
      { actor: 'a', reason: '', at: 2 },
    ),
  ).toMatchObject({ ok: false, code: 'NOT_FOUND' });
});

test('gates and retired endpoints are the same after a restart', () => {
  const items = new Map<string, unknown>();
  let state = restoreState(new Map(), BASE);
  for (const [actor, at, command] of [
    WAIT,
    approve('cli:ann', 20),
    ['cli:ann', 30, { kind: 'retire', endpoints: [A] }] as const,
  ]) {
    const done = applyCommand(state, command, { actor, reason: 'r', at });
    if (!done.ok) throw new Error(done.message);
    state = done.state;
    for (const { key, value } of done.items) items.set(key, JSON.parse(JSON.stringify(value)));
  }
  const again = restoreState(items, BASE);
  expect(again.gates).toEqual(state.gates);
  expect(again.retired).toEqual(state.retired);
  expect(() => restoreState(new Map([['gate:GET /a', { gate: 'g', since: 1 }]]), BASE)).toThrow(/list of approvals/);
});
