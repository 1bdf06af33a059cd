import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endpointPolicy } from '../../../test/support/traffic.ts';
import type { EndpointId, TenantId } from '../cell.ts';
import type { TableBase } from '../control-model.ts';
import {
  type Applied,
  applyCommand,
  type Command,
  type ControlState,
  restoreState,
  tableOf,
} from '../control-state.ts';
import { decide } from '../decide.ts';
import { EndpointCatalog } from '../endpoint-catalog.ts';
import type { Dial, Scope } from '../routing.ts';
import { scopeKey } from '../scope.ts';
import { compileTable } from '../table.ts';
import { type PlanGuard, planRefusal } from './guard.ts';
import type { Lock } from './locks.ts';
import type { PlanNaming } from './plan-names.ts';
import { raisesOf } from './raises.ts';

const id = (name: string): EndpointId => name as EndpointId; // well formed, as all names here
const tenantOf = (name: string): TenantId => name as TenantId;
const TENANTS = ['acme', 'beta', 'gamma'].map(tenantOf);
const NOBODY = { tenants: [], endpoints: [] };
const NAMES: PlanNaming = { tenant: 'host', subject: 'address', listed: [] };
const BASE: TableBase = {
  force: { control: NOBODY, candidate: NOBODY },
  cohorts: { beta: [tenantOf('acme')] },
  defaults: endpointPolicy({ proof: 'none' }),
  endpoints: [],
  dials: [{ scope: {}, dialPpm: 50_000 }],
};
const by = { actor: 'cli:eve', reason: 'wrong totals', at: 5 };

function order(state: ControlState, command: Command): Applied {
  const applied = applyCommand(state, command, by);
  if (!applied.ok) throw new Error(applied.message);
  return applied;
}

function stateOf(base: Partial<TableBase> = {}, ...commands: readonly Command[]): ControlState {
  const start = restoreState(new Map(), { ...BASE, ...base });
  return commands.reduce((state, command) => order(state, command).state, start);
}

const rollback = (scope: Scope): Command => ({ kind: 'rollback', scope });

interface Change {
  readonly base?: Partial<TableBase>;
  readonly before?: Partial<PlanNaming>;
  readonly after?: Partial<PlanNaming>;
  readonly frozen?: string;
  readonly from?: 'file' | 'apply';
}

/** What another plan over a state is told; undefined: it is taken. */
function told(state: ControlState, { base, before, after, frozen, from = 'file' }: Change): string | undefined {
  const names = { before: { ...NAMES, ...before }, after: { ...NAMES, ...after } };
  const guard: PlanGuard = frozen === undefined ? { names } : { names, frozen };
  const plan = { hash: '1', from, fileHash: '' };
  const command = { kind: 'config.load', base: { ...state.base, ...base }, plan, guard } as const;
  const applied = applyCommand(state, command, by);
  expect(applied.ok).toBe(planRefusal(state, command) === undefined);
  return applied.ok ? undefined : applied.message;
}

describe('a plan takes nothing from under a latch', () => {
  const orders = id('GET /orders/{id}');
  test.each<[what: string, scope: Scope, change: Change, refusal: RegExp | undefined]>([
    [
      'tenants by another name',
      { tenant: tenantOf('acme') },
      { after: { tenant: 'header' } },
      /identity\.tenant gives/,
    ],
    ['cohorts by other names', { cohort: 'beta' }, { after: { tenant: 'header' } }, /identity\.tenant gives/],
    [
      'tenants by another name, under a latch of an endpoint',
      { endpoint: orders },
      { after: { tenant: 'header' } },
      undefined,
    ],
    ['subjects by another name', { tenant: tenantOf('acme') }, { after: { subject: 'cookie' } }, undefined],
    [
      'a template that takes a found endpoint',
      { endpoint: orders },
      { after: { listed: [id('GET /orders/{order}')] } },
      /GET \/orders\/\{order\} would be the name/,
    ],
    [
      'a fixed path out of a listed endpoint',
      { endpoint: orders },
      { before: { listed: [orders] }, after: { listed: [orders, id('GET /orders/new')] } },
      /GET \/orders\/new would/,
    ],
    [
      'a wider one beside a listed endpoint',
      { endpoint: orders },
      { before: { listed: [orders] }, after: { listed: [orders, id('GET /{rest*}'), id('* /orders/{id}')] } },
      undefined,
    ],
    [
      'a renamed template',
      { endpoint: orders },
      { before: { listed: [orders] }, after: { listed: [id('GET /orders/{order}')] } },
      /GET \/orders\/\{id\} is no longer listed/,
    ],
    [
      'a template that is gone',
      { endpoint: orders, tenant: tenantOf('acme') },
      { before: { listed: [orders] } },
      /is no longer listed/,
    ],
    [
      'a template elsewhere',
      { endpoint: orders },
      { after: { listed: [id('GET /carts/{id}'), id('POST /orders/{id}')] } },
      undefined,
    ],
    [
      'a retired endpoint',
      {},
      { base: { endpoints: [{ ...endpointPolicy({ retired: true }), id: orders }] } },
      /is retired, which/,
    ],
    [
      'a retired endpoint elsewhere',
      { endpoint: id('GET /a') },
      { base: { endpoints: [{ ...endpointPolicy({ retired: true }), id: orders }] } },
      undefined,
    ],
  ])('%s', (_, scope, change, refusal) => {
    const state = stateOf({}, rollback(scope));
    const message = told(state, change);
    if (refusal === undefined) expect(message).toBeUndefined();
    else {
      expect(message).toMatch(refusal);
      expect(message).toContain('cli:eve rolled back');
    }
    // Without the latch all of them are taken.
    expect(told(stateOf(), change)).toBeUndefined();
  });

  test('under a rollback of everything names may change; a latch on the other name is as good', () => {
    const change: Change = { after: { tenant: 'header', listed: [id('GET /orders/{order}')] } };
    expect(
      told(stateOf({}, rollback({}), rollback({ tenant: tenantOf('acme'), endpoint: orders })), change),
    ).toBeUndefined();
    const both = stateOf({}, rollback({ endpoint: orders }), rollback({ endpoint: id('GET /orders/{order}') }));
    expect(told(both, { after: { listed: [id('GET /orders/{order}')] } })).toBeUndefined();
  });

  const segment = fc.constantFrom('a', 'b', '{x}', '{y}');
  const template = fc
    .tuple(fc.array(segment, { minLength: 1, maxLength: 3 }), fc.boolean(), fc.constantFrom('GET', '*', 'HEAD', 'POST'))
    .map(([segments, hasRest, method]) => ({
      method,
      template: `/${[...segments, ...(hasRest ? ['{rest*}'] : [])].join('/')}`,
    }));
  // The configuration refuses two names for the same requests.
  const shape = (one: { method: string; template: string }): string =>
    `${one.method} ${one.template.replaceAll('{y}', '{x}')}`;
  const listing = fc.uniqueArray(template, { maxLength: 4, selector: shape });
  const request = fc.tuple(
    fc.constantFrom('GET', 'HEAD', 'POST'),
    fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }),
  );

  test('whatever is listed before and after, a request under a latch of its endpoint is under it or the plan is refused', () => {
    fc.assert(
      fc.property(listing, listing, fc.boolean(), request, (first, more, isMore, [method, path]) => {
        const fresh = more.filter((one) => !first.some((other) => shape(other) === shape(one)));
        const second = isMore ? [...first, ...fresh] : more;
        const name = (listed: typeof first): EndpointId =>
          new EndpointCatalog({ listed, maxFound: 100 }).match(method, `/${path.join('/')}`).endpoint;
        const ids = (listed: typeof first): EndpointId[] => listed.map((one) => id(`${one.method} ${one.template}`));
        const [was, will] = [name(first), name(second)];
        const refusal = told(stateOf({}, rollback({ endpoint: was })), {
          before: { listed: ids(first) },
          after: { listed: ids(second) },
        });
        if (was !== will) expect(refusal).toBeDefined();
        if (JSON.stringify(ids(first)) === JSON.stringify(ids(second))) expect(refusal).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('while something is frozen, a plan', () => {
  const frozen = 'frozen until 2026-12-01 (sale)';
  const listed = (more: Parameters<typeof endpointPolicy>[0]) => [
    { ...endpointPolicy({ proof: 'none', ...more }), id: id('GET /a') },
  ];
  test.each<[what: string, change: Change, refusal: RegExp | undefined]>([
    ['that raises a dial', { base: { dials: [{ scope: {}, dialPpm: 60_000 }] } }, /all: the dial from 5% to 6%/],
    ['that lowers a dial', { base: { dials: [{ scope: {}, dialPpm: 40_000 }] } }, undefined],
    [
      'with a dial of its own for an endpoint',
      { base: { dials: [...BASE.dials, { scope: { endpoint: id('GET /a') }, dialPpm: 60_000 }] } },
      /GET \/a: the dial/,
    ],
    [
      'with a lower one',
      { base: { dials: [...BASE.dials, { scope: { endpoint: id('GET /a') }, dialPpm: 10 }] } },
      undefined,
    ],
    ['that lets writes move', { base: { endpoints: listed({ writes: true }) } }, /GET \/a: writes may move/],
    ['that caps an endpoint', { base: { endpoints: listed({ maxPpm: 0 }) } }, undefined],
    [
      'that forces somebody to the candidate',
      { base: { force: { control: NOBODY, candidate: { tenants: TENANTS, endpoints: [] } } } },
      /tenant acme: forced to the candidate; .*tenant gamma/,
    ],
    [
      'that forces somebody to the control',
      { base: { force: { candidate: NOBODY, control: { tenants: TENANTS, endpoints: [] } } } },
      undefined,
    ],
    [
      'that deals people anew',
      { base: { defaults: endpointPolicy({ proof: 'none', salt: 'other' }) } },
      /another salt/,
    ],
    ['that gives tenants other names', { after: { tenant: 'header' } }, /tenants get other names/],
    [
      'that lists an endpoint and changes nothing for it',
      { base: { endpoints: listed({}) }, after: { listed: [id('GET /a')] } },
      undefined,
    ],
    ['that changes no table', {}, undefined],
  ])('%s', (_, change, refusal) => {
    const message = told(stateOf(), { ...change, frozen });
    if (refusal === undefined) expect(message).toBeUndefined();
    else expect(message).toMatch(refusal);
    expect(told(stateOf(), change)).toBeUndefined();
  });

  test('that demands no proof any more', () => {
    const state = stateOf({ defaults: endpointPolicy({ proof: 'cell' }) });
    expect(told(state, { base: { endpoints: listed({}) }, frozen })).toMatch(/GET \/a: no proof is demanded any more/);
  });

  test('may prepare what is to come where the candidate serves nobody', () => {
    const still = { dials: [{ scope: {}, dialPpm: 0 }] };
    const change = { base: { ...still, defaults: endpointPolicy({ writes: true, maxPpm: 1_000_000 }) }, frozen };
    expect(told(stateOf({ ...still, defaults: endpointPolicy({ maxPpm: 0 }) }), change)).toBeUndefined();
  });

  const ENDPOINTS = ['GET /a', 'GET /b', 'POST /c'].map(id);
  const ppm = fc.constantFrom(0, 50_000, 200_000, 1_000_000);
  const scope: fc.Arbitrary<Scope> = fc.oneof(
    fc.constant({}),
    fc.record({ tenant: fc.constantFrom(...TENANTS) }),
    fc.record({ endpoint: fc.constantFrom(...ENDPOINTS) }),
    fc.record({ tenant: fc.constantFrom(...TENANTS), endpoint: fc.constantFrom(...ENDPOINTS) }),
    fc.constant({ cohort: 'beta' }),
    fc.record({ cohort: fc.constant('beta'), endpoint: fc.constantFrom(...ENDPOINTS) }),
  );
  const policy = fc.record({
    proof: fc.constantFrom('none' as const, 'cell' as const),
    maxPpm: ppm,
    writes: fc.boolean(),
    acts: fc.boolean(),
    retired: fc.boolean(),
    salt: fc.constantFrom('one', 'two'),
  });
  const names = fc.record({ tenants: fc.subarray(TENANTS), endpoints: fc.subarray(ENDPOINTS) });
  const base: fc.Arbitrary<TableBase> = fc.record({
    force: fc.record({ control: names, candidate: names }),
    cohorts: fc.record({ beta: fc.subarray(TENANTS) }),
    defaults: policy.map(endpointPolicy),
    endpoints: fc
      .array(fc.record({ id: fc.constantFrom(...ENDPOINTS), more: policy }), { maxLength: 3 })
      .map((all) => [
        ...new Map(all.map(({ id: name, more }) => [name, { ...endpointPolicy(more), id: name }])).values(),
      ]),
    dials: fc
      .array(fc.record({ scope, dialPpm: ppm }), { maxLength: 5 })
      .map((dials: Dial[]) => [...new Map(dials.map((one) => [scopeKey(one.scope), one])).values()]),
  });

  test('nobody comes to the candidate by a plan in which no raise is found, for any two plans', () => {
    fc.assert(
      fc.property(base, base, fc.array(fc.string(), { minLength: 1, maxLength: 8 }), (first, second, subjects) => {
        const [before, after] = [stateOf(first), stateOf(second)].map((state) => tableOf(state));
        if (before === undefined || after === undefined) throw new Error('both were made');
        const raises = raisesOf(before, after);
        expect(raisesOf(before, before)).toEqual([]);
        if (raises.length > 0) return;
        const [old, next] = [compileTable(before), compileTable(after)];
        for (const endpoint of [...ENDPOINTS, id('GET /found')])
          for (const tenant of [...TENANTS, tenantOf('other')])
            for (const subject of subjects) {
              const method = endpoint.slice(0, endpoint.indexOf(' '));
              const facts = { method, endpoint, tenant, origin: 'found', subject, hasRange: false } as const;
              if (decide(facts, old, 0).side === 'control') expect(decide(facts, next, 0).side).toBe('control');
            }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('what the plan locks', () => {
  const checkout = id('GET /checkout');
  const lock: Lock = { scope: { endpoint: checkout }, reason: 'audit until March' };
  const locked = (scope: Scope, more: Partial<TableBase> = {}): ControlState =>
    stateOf({ ...more, locked: [{ ...lock, scope }] });
  const at = { endpoint: checkout };

  test.each<[what: string, command: Command, isRefused: boolean]>([
    ['a dial that is raised there', { kind: 'dial.set', scope: at, dialPpm: 60_000 }, true],
    ['one that is raised around it', { kind: 'dial.set', scope: {}, dialPpm: 60_000 }, true],
    ['one that is raised elsewhere', { kind: 'dial.set', scope: { endpoint: id('GET /a') }, dialPpm: 60_000 }, false],
    ['one that is lowered', { kind: 'dial.set', scope: at, dialPpm: 0 }, false],
    ['a rollback', rollback(at), false],
    [
      'a pin to the candidate',
      { kind: 'pin.set', id: 'p', scope: { tenant: tenantOf('acme') }, side: 'candidate' },
      true,
    ],
    ['a pin to the control', { kind: 'pin.set', id: 'p', scope: at, side: 'control' }, false],
    ['retiring it', { kind: 'retire', endpoints: [id('GET /a'), checkout] }, true],
    ['retiring another', { kind: 'retire', endpoints: [id('GET /a')] }, false],
    ['a hold', { kind: 'hold', scope: at }, false],
  ])('%s', (_, command, isRefused) => {
    const applied = applyCommand(locked(at), command, by);
    expect(applied.ok).toBe(!isRefused);
    if (!applied.ok) expect(applied.message).toContain('GET /checkout is locked by the plan (audit until March)');
  });

  test('a rollback or a pin to the control there is not lifted by an order', () => {
    const rolled = order(locked(at), rollback(at)).state;
    expect(applyCommand(rolled, { kind: 'unlatch', scope: at }, by)).toMatchObject({ ok: false, code: 'CONFLICT' });
    const pinned = order(locked(at), { kind: 'pin.set', id: 'p', scope: at, side: 'control' }).state;
    expect(applyCommand(pinned, { kind: 'pin.lift', id: 'p' }, by)).toMatchObject({ ok: false, code: 'CONFLICT' });
  });

  test('is lifted and raised by the file, and by nothing that is applied', () => {
    const state = locked(at);
    expect(told(state, { base: { locked: [] } })).toBeUndefined();
    expect(told(state, { base: { locked: [] }, from: 'apply' })).toMatch(/It lifts a lock: GET \/checkout is locked/);
    const dials = [{ scope: {}, dialPpm: 60_000 }];
    expect(told(state, { base: { dials } })).toBeUndefined();
    expect(told(state, { base: { dials }, from: 'apply' })).toMatch(
      /is locked by the plan .*, and it raises all: the dial/,
    );
    expect(told(state, { base: { dials: [{ scope: {}, dialPpm: 10 }] }, from: 'apply' })).toBeUndefined();
  });

  test('and forces to the control holds nobody else up', () => {
    const [acme] = TENANTS;
    const scope = { tenant: tenantOf('acme') };
    const raise: Command = { kind: 'dial.set', scope: {}, dialPpm: 60_000 };
    expect(applyCommand(locked(scope), raise, by).ok).toBe(false);
    const force = { candidate: NOBODY, control: { tenants: acme === undefined ? [] : [acme], endpoints: [] } };
    expect(applyCommand(locked(scope, { force }), raise, by).ok).toBe(true);
  });
});
