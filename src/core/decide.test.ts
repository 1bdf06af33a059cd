import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf } from './bucket.ts';
import type { CellKey, CellState, EndpointId, TenantId } from './cell.ts';
import { CELL_STATES, cellKey, isOpen } from './cell.ts';
import { CellStates } from './cell-states.ts';
import { decide, explain } from './decide.ts';
import type { EndpointPolicy, ListedEndpoint, RequestFacts, Scope, TableData } from './routing.ts';
import { PPM, REASONS } from './routing.ts';
import { compileTable } from './table.ts';

const acme = 'acme' as TenantId;
const globex = 'globex' as TenantId;
const a = 'GET /a' as EndpointId;
const b = 'GET /b' as EndpointId;
const NOW = 1_000_000;

const policy: EndpointPolicy = {
  proof: 'none',
  maxPpm: PPM,
  writes: false,
  acts: false,
  sharedValidators: false,
  salt: 'salt',
  mirrorPpm: 0,
  retired: false,
};
const base: TableData = {
  revision: 7,
  madeAt: 0,
  latches: [],
  force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
  pins: [],
  cohorts: { beta: [acme] },
  dials: [],
  defaults: policy,
  endpoints: [],
  cells: CellStates.EMPTY,
};
const facts: RequestFacts = {
  method: 'GET',
  endpoint: a,
  origin: 'found',
  tenant: acme,
  subject: 'u1',
  hasRange: false,
};
const by = { at: 0, actor: 'test', reason: 'because' };
const pin = (scope: Scope, side: 'control' | 'candidate', until?: number) =>
  ({ scope, side, ...by, ...(until === undefined ? {} : { until }) }) as const;
const listed = (over: Partial<EndpointPolicy>): ListedEndpoint => ({ ...policy, ...over, id: a });

function check(over: Partial<TableData>, asked: Partial<RequestFacts> = {}, now = NOW) {
  return decide({ ...facts, ...asked }, compileTable({ ...base, ...over }), now);
}

/** What each step adds to a request and a table; `side` is what it then demands. */
interface StepCase {
  readonly name: string;
  readonly reason: string;
  readonly side: 'control' | 'candidate';
  readonly facts?: Partial<RequestFacts>;
  readonly table?: (data: TableData) => TableData;
}

const policyOf = (data: TableData): ListedEndpoint => data.endpoints[0] ?? listed({});
const withPolicy = (data: TableData, over: Partial<EndpointPolicy>): TableData => ({
  ...data,
  endpoints: [{ ...policyOf(data), ...over }],
});

/** In the order of the decision. */
const STEPS: readonly StepCase[] = [
  { name: '1 idempotency key', reason: 'idempotency-key', side: 'candidate', facts: { keyedSide: 'candidate' } },
  { name: 'retired', reason: 'retired', side: 'candidate', table: (d) => withPolicy(d, { retired: true }) },
  { name: '2 latch', reason: 'latch', side: 'control', table: (d) => ({ ...d, latches: [{ scope: {}, ...by }] }) },
  { name: '3 excluded', reason: 'excluded', side: 'control', facts: { forced: { side: 'control', by: 'token' } } },
  { name: '4 may not move', reason: 'range', side: 'control', facts: { hasRange: true } },
  {
    name: '5 included',
    reason: 'included',
    side: 'candidate',
    table: (d) => ({ ...d, force: { ...d.force, candidate: { tenants: [acme], endpoints: [] } } }),
  },
  { name: '6 proof', reason: 'no-proof', side: 'control', table: (d) => withPolicy(d, { proof: 'cell' }) },
  { name: '7 dial', reason: 'dial', side: 'candidate', table: (d) => ({ ...d, dials: [{ scope: {}, dialPpm: PPM }] }) },
];

describe('each step beats all later ones', () => {
  for (const [first, step] of STEPS.entries()) {
    test(step.name, () => {
      for (let chosen = 0; chosen < 1 << (STEPS.length - first - 1); chosen++) {
        const later = STEPS.slice(first + 1).filter((_, i) => (chosen & (1 << i)) !== 0);
        const present = [step, ...later];
        const data = present.reduce((table, { table: add }) => add?.(table) ?? table, base);
        const asked = Object.assign({ ...facts }, ...present.map((one) => one.facts ?? {})) as RequestFacts;
        expect(decide(asked, compileTable(data), NOW)).toMatchObject({ side: step.side, reason: step.reason });
      }
    });
  }

  test('8 otherwise the control serves, and says which dial it was', () => {
    expect(check({})).toEqual({
      side: 'control',
      reason: 'dial',
      endpoint: a,
      rule: 'no dial',
      bucket: bucketOf('u1', 'salt'),
      dialPpm: 0,
      revision: 7,
    });
  });
});

describe('why a side serves', () => {
  test.each<[string, Partial<TableData>, Partial<RequestFacts>, 'control' | 'candidate', string, string]>([
    [
      'a key stays on its side under a latch',
      { latches: [{ scope: {}, ...by }] },
      { keyedSide: 'candidate' },
      'candidate',
      'idempotency-key',
      'idempotency key',
    ],
    [
      'a latch on a tenant',
      { latches: [{ scope: { tenant: acme }, ...by }] },
      {},
      'control',
      'latch',
      'latch tenant acme',
    ],
    [
      'a latch on a cohort',
      { latches: [{ scope: { cohort: 'beta' }, ...by }] },
      {},
      'control',
      'latch',
      'latch cohort beta',
    ],
    [
      'a latch on a cell',
      { latches: [{ scope: { tenant: acme, endpoint: a }, ...by }] },
      {},
      'control',
      'latch',
      'latch acme GET /a',
    ],
    [
      'a header to the control',
      {},
      { forced: { side: 'control', by: 'network' } },
      'control',
      'excluded',
      'header (network)',
    ],
    [
      'a listed tenant',
      { force: { ...base.force, control: { tenants: [acme], endpoints: [] } } },
      {},
      'control',
      'excluded',
      'force.control.tenants',
    ],
    [
      'a listed endpoint',
      { force: { ...base.force, control: { tenants: [], endpoints: [a] } } },
      {},
      'control',
      'excluded',
      'force.control.endpoints',
    ],
    ['a pin to the control', { pins: [pin({ tenant: acme }, 'control')] }, {}, 'control', 'pinned', 'pin tenant acme'],
    [
      'exclusion beats inclusion',
      { pins: [pin({}, 'control'), pin({ tenant: acme, endpoint: a }, 'candidate')] },
      {},
      'control',
      'pinned',
      'pin all',
    ],
    [
      'an unknown endpoint',
      {},
      { origin: 'unknown', forced: { side: 'candidate', by: 'token' } },
      'control',
      'unknown-endpoint',
      'unknown endpoint',
    ],
    [
      'an unsafe method',
      {},
      { method: 'POST', forced: { side: 'candidate', by: 'token' } },
      'control',
      'write',
      'unsafe method without writes',
    ],
    [
      'an endpoint that acts',
      { endpoints: [listed({ acts: true })] },
      {},
      'control',
      'acts',
      'safe request that acts, without writes',
    ],
    ['a request that acts', {}, { acts: true }, 'control', 'acts', 'safe request that acts, without writes'],
    [
      'no tenant where proof needs one',
      { endpoints: [listed({ proof: 'cell' })] },
      { tenant: undefined as never },
      'control',
      'no-tenant',
      'no tenant',
    ],
    [
      'no tenant where a list asks for one',
      { dials: [{ scope: { tenant: globex }, dialPpm: 0 }] },
      { tenant: undefined as never },
      'control',
      'no-tenant',
      'no tenant',
    ],
    [
      'no subject',
      { dials: [{ scope: {}, dialPpm: PPM }] },
      { subject: undefined as never },
      'control',
      'no-subject',
      'no subject',
    ],
    [
      'a range',
      { dials: [{ scope: {}, dialPpm: PPM }] },
      { hasRange: true },
      'control',
      'range',
      'Range without shared validators',
    ],
    [
      'a header to the candidate, without proof',
      { endpoints: [listed({ proof: 'cell' })] },
      { forced: { side: 'candidate', by: 'token' } },
      'candidate',
      'included',
      'header (token)',
    ],
    [
      'an included endpoint',
      { force: { ...base.force, candidate: { tenants: [], endpoints: [a] } } },
      {},
      'candidate',
      'included',
      'force.candidate.endpoints',
    ],
    [
      'a pin to the candidate, without proof',
      { endpoints: [listed({ proof: 'cell' })], pins: [pin({ cohort: 'beta' }, 'candidate')] },
      {},
      'candidate',
      'pinned',
      'pin cohort beta',
    ],
    [
      'no proof',
      { endpoints: [listed({ proof: 'endpoint' })], dials: [{ scope: {}, dialPpm: PPM }] },
      {},
      'control',
      'no-proof',
      'proof endpoint',
    ],
    [
      'writes that may move',
      { endpoints: [listed({ writes: true, acts: true })], dials: [{ scope: {}, dialPpm: PPM }] },
      { method: 'POST' },
      'candidate',
      'dial',
      'dial all',
    ],
    [
      'a range with shared validators',
      { endpoints: [listed({ sharedValidators: true })], dials: [{ scope: {}, dialPpm: PPM }] },
      { hasRange: true },
      'candidate',
      'dial',
      'dial all',
    ],
    [
      'no tenant where nothing asks for one',
      { dials: [{ scope: {}, dialPpm: PPM }] },
      { tenant: undefined as never },
      'candidate',
      'dial',
      'dial all',
    ],
    [
      'a retired endpoint under the global stop',
      { endpoints: [listed({ retired: true })], latches: [{ scope: {}, ...by }] },
      { method: 'POST', origin: 'listed' },
      'candidate',
      'retired',
      'retired GET /a',
    ],
  ])('%s', (_name, table, asked, side, reason, rule) => {
    expect(check(table, asked)).toMatchObject({ side, reason, rule, revision: 7 });
  });

  test('a pin counts until its time is over', () => {
    const pins = [pin({}, 'candidate', NOW)];
    expect(check({ pins }, {}, NOW - 1).reason).toBe('pinned');
    expect(check({ pins }, {}, NOW).reason).toBe('dial');
  });

  test('of two pins in one place the longer one counts, and a narrower one that is over uncovers the wider', () => {
    expect(check({ pins: [pin({}, 'candidate', 5), pin({}, 'candidate')] }).reason).toBe('pinned');
    expect(check({ pins: [pin({ tenant: acme }, 'candidate', 5), pin({}, 'candidate')] }).rule).toBe('pin all');
  });

  test.each(CELL_STATES)('a cell that is %s', (state) => {
    const table = { endpoints: [listed({ proof: 'cell' })], dials: [{ scope: {}, dialPpm: PPM }] };
    const decision = check({ ...table, cells: CellStates.of([[cellKey(acme, a), state]]) });
    expect(decision.side).toBe(isOpen(state) ? 'candidate' : 'control');
  });
});

describe('the dial', () => {
  test('the most specific counts: cell, tenant, cohort, endpoint, default', () => {
    const dials = [
      { scope: { tenant: acme, endpoint: a }, dialPpm: 1 },
      { scope: { tenant: acme }, dialPpm: 2 },
      { scope: { cohort: 'beta', endpoint: a }, dialPpm: 3 },
      { scope: { cohort: 'beta' }, dialPpm: 4 },
      { scope: { endpoint: a }, dialPpm: 5 },
      { scope: {}, dialPpm: 6 },
    ];
    for (let i = 0; i < dials.length; i++) expect(check({ dials: dials.slice(i).reverse() }).dialPpm).toBe(i + 1);
    expect(check({ dials }, { tenant: globex, endpoint: b })).toMatchObject({ dialPpm: 6, rule: 'dial all' });
    expect(check({ dials }, { tenant: globex })).toMatchObject({ dialPpm: 5, rule: 'dial GET /a' });
  });

  test('a tenant in two cohorts has the lower dial', () => {
    const cohorts = { one: [acme], two: [acme] };
    const dials = [
      { scope: { cohort: 'one' }, dialPpm: 500 },
      { scope: { cohort: 'two' }, dialPpm: 300 },
    ];
    expect(check({ cohorts, dials }).dialPpm).toBe(300);
    expect(check({ cohorts, dials: dials.toReversed() }).dialPpm).toBe(300);
  });

  test("is capped by the endpoint's max", () => {
    const decision = check({ endpoints: [listed({ maxPpm: 250_000 })], dials: [{ scope: {}, dialPpm: PPM }] });
    expect(decision.dialPpm).toBe(250_000);
  });

  test('endpoints of one journey, sharing a salt, move the same people', () => {
    const endpoints = [listed({ salt: 'journey' }), { ...listed({ salt: 'journey' }), id: b }];
    for (let i = 0; i < 200; i++) {
      const table = { endpoints, dials: [{ scope: {}, dialPpm: 500_000 }] };
      expect(check(table, { subject: `u${i}` }).side).toBe(check(table, { subject: `u${i}`, endpoint: b }).side);
    }
  });
});

const tenantIds = fc.constantFrom(acme, globex, '__proto__' as TenantId);
const endpointIds = fc.constantFrom(a, b, 'POST /a' as EndpointId);
const anyScope: fc.Arbitrary<Scope> = fc.record(
  { tenant: tenantIds, endpoint: endpointIds, cohort: fc.constantFrom('beta', 'gone', '__proto__') },
  { requiredKeys: [] },
);
const ppm = fc.integer({ min: 0, max: PPM });
const anyPolicy: fc.Arbitrary<EndpointPolicy> = fc.record({
  proof: fc.constantFrom('none', 'endpoint', 'cell'),
  maxPpm: fc.oneof(ppm, fc.constant(PPM)),
  writes: fc.boolean(),
  acts: fc.boolean(),
  sharedValidators: fc.boolean(),
  salt: fc.string(),
  mirrorPpm: ppm,
  retired: fc.boolean(),
});
const forceList = fc.record({
  tenants: fc.array(tenantIds, { maxLength: 1 }),
  endpoints: fc.array(endpointIds, { maxLength: 1 }),
});
const order = fc.constant(by);
const anyTable: fc.Arbitrary<TableData> = fc.record({
  revision: fc.nat(),
  madeAt: fc.nat(),
  latches: fc.array(
    fc.tuple(anyScope, order).map(([scope, rest]) => ({ scope, ...rest })),
    { maxLength: 2 },
  ),
  force: fc.record({ control: forceList, candidate: forceList }),
  pins: fc.array(
    fc
      .tuple(
        anyScope,
        fc.constantFrom('control', 'candidate'),
        fc.option(fc.constantFrom(1, NOW + 1), { nil: undefined }),
      )
      .map(([scope, side, until]) => pin(scope, side, until)),
    { maxLength: 3 },
  ),
  cohorts: fc.constant({ beta: [acme] }),
  dials: fc.array(fc.record({ scope: anyScope, dialPpm: ppm }), { maxLength: 5 }),
  defaults: anyPolicy,
  endpoints: fc.array(
    fc.tuple(endpointIds, anyPolicy).map(([id, rest]) => ({ ...rest, id })),
    { maxLength: 3 },
  ),
  cells: fc
    .array(
      fc.tuple(
        fc.tuple(tenantIds, endpointIds).map(([tenant, endpoint]): CellKey => cellKey(tenant, endpoint)),
        fc.constantFrom<CellState>(...CELL_STATES),
      ),
      { maxLength: 5 },
    )
    .map((cells) => CellStates.of(cells)),
});
const anyFacts = fc.record(
  {
    method: fc.constantFrom('GET', 'HEAD', 'POST', ''),
    endpoint: endpointIds,
    origin: fc.constantFrom('listed', 'found', 'unknown'),
    hasRange: fc.boolean(),
    tenant: tenantIds,
    subject: fc.string({ unit: 'binary' }),
    keyedSide: fc.constantFrom('control', 'candidate'),
    forced: fc.record({ side: fc.constantFrom('control', 'candidate'), by: fc.constantFrom('token', 'network') }),
    acts: fc.boolean(),
  },
  { requiredKeys: ['method', 'endpoint', 'origin', 'hasRange'] },
) as fc.Arbitrary<RequestFacts>;
const many = { numRuns: 500 };

describe('for any facts and any table', () => {
  test('a decision is made, the same each time, and explained by exactly one step', () => {
    fc.assert(
      fc.property(anyFacts, anyTable, (asked, data) => {
        const table = compileTable(data);
        const decision = decide(asked, table, NOW);
        expect(decide(asked, table, NOW)).toEqual(decision);
        expect(REASONS).toContain(decision.reason);
        expect(decision.rule).not.toBe('');
        const told = explain(asked, table, NOW);
        expect(told.decision).toEqual(decision);
        expect(told.chain).toHaveLength(9);
        expect(told.chain.filter((step) => step.applies).map((step) => step.step)).toEqual([stepOf(decision)]);
        for (const step of told.chain) expect(step.detail).toMatch(/\.$/);
      }),
      many,
    );
  });

  test('a latch on everything leaves the candidate only recorded keys and retired endpoints', () => {
    fc.assert(
      fc.property(anyFacts, anyTable, (asked, data) => {
        const table = compileTable({ ...data, latches: [{ scope: {}, ...by }] });
        const decision = decide(asked, table, NOW);
        if (decision.side === 'candidate') expect(['idempotency-key', 'retired']).toContain(decision.reason);
      }),
      many,
    );
  });

  test('exclusion beats inclusion', () => {
    fc.assert(
      fc.property(anyFacts, anyTable, (asked, data) => {
        const force = { ...data.force, control: { tenants: [], endpoints: [asked.endpoint] } };
        const decision = decide(asked, compileTable({ ...data, force }), NOW);
        if (decision.side === 'candidate') expect(['idempotency-key', 'retired']).toContain(decision.reason);
      }),
      many,
    );
  });

  test('I4: where proof is demanded the candidate serves only an open cell, or by a pin or an inclusion', () => {
    const proving = fc.tuple(anyTable, anyPolicy, fc.constantFrom('cell', 'endpoint')).map(
      ([data, some, proof]): TableData => ({
        ...data,
        latches: [],
        force: base.force,
        endpoints: [{ ...some, proof, retired: false, acts: false, maxPpm: PPM, id: a }],
        dials: [{ scope: {}, dialPpm: PPM }],
      }),
    );
    let served = 0;
    fc.assert(
      fc.property(proving, fc.string(), (data, subject) => {
        const decision = decide({ ...facts, subject }, compileTable(data), NOW);
        const open = isOpen(data.cells.stateOf(a, acme));
        if (decision.reason === 'pinned') return;
        expect(decision.side).toBe(open ? 'candidate' : 'control');
        if (open) served += 1;
      }),
      many,
    );
    expect(served).toBeGreaterThan(0);
  });

  test('I10: raising a dial moves nobody back, lowering it moves nobody forward', () => {
    fc.assert(
      fc.property(
        anyFacts,
        anyTable,
        fc.array(anyScope, { minLength: 1, maxLength: 4 }),
        ppm,
        ppm,
        (asked, data, scopes, one, two) => {
          const [low, high] = one < two ? [one, two] : [two, one];
          const at = (dialPpm: number): string => {
            const [moved, ...rest] = scopes;
            const dials = [
              ...data.dials,
              ...rest.map((scope) => ({ scope, dialPpm: 400_000 })),
              { scope: moved ?? {}, dialPpm },
            ];
            return decide(asked, compileTable({ ...data, dials }), NOW).side;
          };
          if (at(low) === 'candidate') expect(at(high)).toBe('candidate');
          if (at(high) === 'control') expect(at(low)).toBe('control');
        },
      ),
      many,
    );
  });
});

test('I10: over ten thousand subjects, a dial that climbs only adds to those the candidate serves', () => {
  let before = new Set<string>();
  for (const dialPpm of [0, 1, 10_000, 50_000, 500_000, 999_999, PPM]) {
    const table = compileTable({ ...base, dials: [{ scope: {}, dialPpm }] });
    const served = new Set<string>();
    for (let i = 0; i < 10_000; i++) {
      if (decide({ ...facts, subject: `u${i}` }, table, NOW).side === 'candidate') served.add(`u${i}`);
    }
    expect([...before].filter((subject) => !served.has(subject))).toEqual([]);
    // Five standard deviations of a binomial share.
    const expected = dialPpm / 100;
    expect(Math.abs(served.size - expected)).toBeLessThanOrEqual(5 * Math.sqrt(expected * (1 - dialPpm / PPM)) + 1);
    before = served;
  }
  expect(before.size).toBe(10_000);
});

function stepOf(decision: { reason: string; side: string; rule: string }): string {
  if (decision.reason === 'dial') return decision.side === 'candidate' ? 'dial' : 'otherwise';
  if (decision.reason === 'pinned') return decision.side === 'control' ? 'excluded' : 'included';
  const steps: Record<string, string> = { 'no-proof': 'proof' };
  for (const reason of ['write', 'acts', 'range', 'unknown-endpoint', 'no-tenant', 'no-subject'])
    steps[reason] = 'may-move';
  return steps[decision.reason] ?? decision.reason;
}

describe('explain', () => {
  test('says for every step what it saw, in plain sentences', () => {
    const subject = 'u1';
    const bucket = bucketOf(subject, 'salt')
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, ',');
    const data = { ...base, dials: [{ scope: { endpoint: a }, dialPpm: 50_000 }], endpoints: [listed({ maxPpm: 10 })] };
    expect(explain({ ...facts, subject }, compileTable(data), NOW).chain).toEqual([
      { step: 'idempotency-key', applies: false, detail: 'No idempotency key is recorded for this request.' },
      { step: 'retired', applies: false, detail: 'GET /a is not retired.' },
      { step: 'latch', applies: false, detail: 'No rollback is latched here.' },
      { step: 'excluded', applies: false, detail: 'Nothing forces the control.' },
      { step: 'may-move', applies: false, detail: 'This request may move.' },
      { step: 'included', applies: false, detail: 'Nothing forces the candidate.' },
      { step: 'proof', applies: false, detail: 'GET /a demands no proof.' },
      {
        step: 'dial',
        applies: false,
        detail: `The dial of GET /a is 5 % capped at 0.001 % by the endpoint's max; bucket ${bucket} is not below 10.`,
      },
      { step: 'otherwise', applies: true, detail: 'Nothing above applies, so the control serves.' },
    ]);
  });

  test('goes on after the step that decided, and says so', () => {
    const data = { ...base, latches: [{ scope: {}, ...by }], endpoints: [listed({ proof: 'cell' })] };
    const { chain } = explain(facts, compileTable(data), NOW);
    expect(chain[2]).toMatchObject({
      applies: true,
      detail: 'A rollback holds everything here on the control (latch all).',
    });
    expect(chain[6]).toMatchObject({
      applies: false,
      detail: 'Not reached: GET /a demands proof per cell, and the cell acme GET /a is observing.',
    });
    expect(chain[3]?.detail).toBe('Not reached: nothing forces the control.');
  });
});
