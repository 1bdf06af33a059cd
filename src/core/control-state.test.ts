import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CellKey, EndpointId, TenantId } from './cell.ts';
import { CELL_STATES, cellKey } from './cell.ts';
import type { Applied, By, Command, ControlState, TableBase } from './control-state.ts';
import { applyCommand, restoreState, tableOf } from './control-state.ts';
import type { StateItem } from './ports.ts';
import type { EndpointPolicy, Scope, TableData } from './routing.ts';
import { PPM } from './routing.ts';
import { describeScope, scopeContains, scopeKey } from './scope.ts';

const acme = 'acme' as TenantId;
const globex = 'globex' as TenantId;
const a = 'GET /a' as EndpointId;
const defaults: EndpointPolicy = {
  proof: 'none',
  maxPpm: PPM,
  writes: false,
  acts: false,
  sharedValidators: false,
  salt: 's',
  mirrorPpm: 0,
  retired: false,
};
const nobody = { tenants: [], endpoints: [] };
const base: TableBase = {
  force: { control: nobody, candidate: nobody },
  cohorts: { beta: [acme] },
  defaults,
  endpoints: [],
  dials: [{ scope: {}, dialPpm: 100 }],
};
const by: By = { actor: 'cli:eve', reason: 'because', at: 5 };

/** A state together with what a store would hold. */
class Story {
  state: ControlState;
  readonly items = new Map<string, unknown>();

  constructor(start: TableBase = base) {
    this.state = restoreState(new Map(), start);
  }

  /** Applies, stores, and gives the result. */
  try(command: Command, who: By = by) {
    const result = applyCommand(this.state, command, who);
    if (result.ok) {
      this.state = result.state;
      store(this.items, result.items);
    }
    return result;
  }

  do(command: Command, who: By = by): Applied {
    const result = this.try(command, who);
    if (!result.ok) throw new Error(result.message);
    return result;
  }

  get table(): TableData {
    return tableOf(this.state);
  }

  dial(scope: Scope): number | undefined {
    return this.table.dials.find((dial) => scopeKey(dial.scope) === scopeKey(scope))?.dialPpm;
  }

  restarted(): TableData {
    // Through JSON, as any store does it.
    const read = new Map([...this.items].map(([key, value]) => [key, JSON.parse(JSON.stringify(value)) as unknown]));
    return tableOf(restoreState(read, this.state.base));
  }
}

function store(items: Map<string, unknown>, changes: readonly StateItem[]): void {
  for (const { key, value } of changes) {
    if (value === undefined) items.delete(key);
    else items.set(key, value);
  }
}

const withDials = (...dials: TableBase['dials']): TableBase => ({ ...base, dials });

describe('dials', () => {
  test('a person sets one; the journal has before and after', () => {
    const story = new Story();
    const { journal, items } = story.do({ kind: 'dial.set', scope: {}, dialPpm: 500 });
    expect(journal).toEqual({
      at: 5,
      actor: 'cli:eve',
      action: 'dial.set',
      scope: 'all',
      reason: 'because',
      evidence: { before: 100, after: 500 },
      revision: 1,
    });
    expect(items.map((item) => item.key)).toEqual(['dial:all', 'revision']);
    expect(story.table).toMatchObject({ revision: 1, madeAt: 5, dials: [{ scope: {}, dialPpm: 500 }] });
  });

  test('I10: none is raised under a latch that covers it; lowering always works', () => {
    const story = new Story();
    story.do({ kind: 'rollback', scope: { endpoint: a } });
    expect(story.try({ kind: 'dial.set', scope: { endpoint: a }, dialPpm: 101 })).toEqual({
      ok: false,
      code: 'CONFLICT',
      message: 'The dial of GET /a cannot be raised to 101: cli:eve rolled back GET /a (because).',
      hint: 'Lift that rollback first: `cutover unlatch` for GET /a.',
    });
    expect(story.try({ kind: 'dial.set', scope: { tenant: acme, endpoint: a }, dialPpm: 101 }).ok).toBe(false);
    // What is inherited is no raise; what is wider than the latch is not covered by it.
    expect(story.try({ kind: 'dial.set', scope: { endpoint: a }, dialPpm: 100 }).ok).toBe(true);
    expect(story.try({ kind: 'dial.set', scope: { endpoint: a }, dialPpm: 0 }).ok).toBe(true);
    expect(story.try({ kind: 'dial.set', scope: { endpoint: a }, dialPpm: 50 }).ok).toBe(false);
    expect(story.try({ kind: 'dial.set', scope: {}, dialPpm: 900 }).ok).toBe(true);
  });

  test('a new dial counts as a raise where anyone in its scope has less', () => {
    const story = new Story(withDials({ scope: {}, dialPpm: 900 }, { scope: { endpoint: a }, dialPpm: 5 }));
    story.do({ kind: 'rollback', scope: {} });
    expect(story.try({ kind: 'dial.set', scope: { tenant: acme }, dialPpm: 6 }).ok).toBe(false);
    expect(story.try({ kind: 'dial.set', scope: { tenant: acme }, dialPpm: 5 }).ok).toBe(true);
  });

  test.each([-1, 0.5, PPM + 1, Number.NaN])('%d parts per million are refused', (dialPpm) => {
    expect(new Story().try({ kind: 'dial.set', scope: {}, dialPpm })).toMatchObject({
      ok: false,
      code: 'INPUT_INVALID',
    });
  });

  test('a cohort nobody configured is refused', () => {
    const result = new Story().try({ kind: 'dial.set', scope: { cohort: 'constructor' }, dialPpm: 0 });
    expect(result).toMatchObject({ ok: false, code: 'NOT_FOUND', hint: 'Cohorts there are: beta.' });
  });
});

describe('a configuration that is loaded again', () => {
  test("leaves a person's dial while its own value is the same", () => {
    const story = new Story();
    story.do({ kind: 'dial.set', scope: {}, dialPpm: 500 });
    story.do({ kind: 'config.load', base: { ...base, cohorts: {} } });
    expect(story.dial({})).toBe(500);
  });

  test('takes over where its own value changed, and the journal says so', () => {
    const story = new Story();
    story.do({ kind: 'dial.set', scope: {}, dialPpm: 500 });
    const { journal, items } = story.do({ kind: 'config.load', base: withDials({ scope: {}, dialPpm: 200 }) });
    expect(story.dial({})).toBe(200);
    expect(journal.evidence).toMatchObject({ dials: [{ scope: 'all', before: 500, after: 200 }], heldBack: [] });
    expect(items).toContainEqual({ key: 'dial:all', value: undefined });
    // The order is gone for good: the old value in the file does not bring it back.
    story.do({ kind: 'config.load', base });
    expect(story.dial({})).toBe(100);
  });

  test('raises nothing under a latch, until the latch is lifted', () => {
    const story = new Story();
    story.do({ kind: 'rollback', scope: {} });
    const { journal } = story.do({ kind: 'config.load', base: withDials({ scope: {}, dialPpm: 900 }) });
    expect(journal.evidence).toMatchObject({ heldBack: ['all'] });
    expect(story.dial({})).toBe(100);
    expect(story.restarted()).toEqual(story.table);
    const lifted = story.do({ kind: 'unlatch', scope: {} });
    expect(story.dial({})).toBe(900);
    expect(lifted.journal.evidence).toMatchObject({ dials: [{ scope: 'all', before: 100, after: 900 }] });
  });

  test('lowers under a latch', () => {
    const story = new Story();
    story.do({ kind: 'rollback', scope: {} });
    story.do({ kind: 'config.load', base: withDials({ scope: {}, dialPpm: 7 }) });
    expect(story.dial({})).toBe(7);
  });

  test('does not let anyone slip out of a latched cohort', () => {
    const story = new Story();
    story.do({ kind: 'rollback', scope: { cohort: 'beta' } });
    story.do({ kind: 'config.load', base: { ...base, cohorts: { beta: [globex] } } });
    expect(story.table.cohorts).toEqual({ beta: [globex, acme] });
    story.do({ kind: 'config.load', base: { ...base, cohorts: {} } });
    expect(story.table.cohorts).toEqual({ beta: [acme] });
    story.do({ kind: 'unlatch', scope: { cohort: 'beta' } });
    expect(story.table.cohorts).toEqual({});
  });

  test('says which endpoints came, went and changed', () => {
    const story = new Story({ ...base, endpoints: [{ ...defaults, id: a }] });
    const b = 'GET /b' as EndpointId;
    const endpoints = [
      { ...defaults, id: a, maxPpm: 1 },
      { ...defaults, id: b },
    ];
    expect(story.do({ kind: 'config.load', base: { ...base, endpoints } }).journal.evidence).toMatchObject({
      endpoints: { added: [b], removed: [], changed: [a] },
    });
  });

  test('read anew after a restart comes to the same, and an overtaken order is deleted with the next command', () => {
    const story = new Story();
    story.do({ kind: 'dial.set', scope: {}, dialPpm: 500 });
    const changed = withDials({ scope: {}, dialPpm: 200 });
    story.state = restoreState(story.items, changed);
    expect(story.dial({})).toBe(200);
    story.do({ kind: 'rollback', scope: {} });
    expect([...story.items.keys()].sort()).toEqual(['latch:all', 'revision']);
  });
});

describe('latches', () => {
  test('a rollback stays until exactly it is lifted', () => {
    const story = new Story();
    const { journal } = story.do({ kind: 'rollback', scope: { tenant: acme } });
    expect(journal).toMatchObject({ action: 'rollback', scope: 'tenant acme', evidence: { before: null } });
    expect(story.table.latches).toEqual([{ scope: { tenant: acme }, ...by }]);
    expect(story.try({ kind: 'unlatch', scope: {} })).toEqual({
      ok: false,
      code: 'NOT_FOUND',
      message: 'There is no latch on all.',
      hint: 'Latches there are: tenant acme.',
    });
    story.do({ kind: 'unlatch', scope: { tenant: acme } });
    expect(story.table.latches).toEqual([]);
    expect(story.try({ kind: 'unlatch', scope: { tenant: acme } })).toMatchObject({
      hint: 'There is no latch at all.',
    });
  });

  test('a second rollback of the same scope keeps the first latch and is journaled', () => {
    const story = new Story();
    story.do({ kind: 'rollback', scope: {} });
    const again = story.do({ kind: 'rollback', scope: {} }, { actor: 'bob', reason: 'me too', at: 9 });
    expect(story.table.latches).toEqual([{ scope: {}, ...by }]);
    expect(again.journal).toMatchObject({ actor: 'bob', revision: 2 });
  });

  test('what else the caller knows is not stored', () => {
    const story = new Story();
    story.do({ kind: 'rollback', scope: {} }, { ...by, token: 'secret' } as By);
    expect(JSON.stringify([...story.items])).not.toContain('secret');
  });
});

describe('pins', () => {
  const pin = (id: string, side: 'control' | 'candidate', until?: number): Command => ({
    kind: 'pin.set',
    id,
    scope: { tenant: acme },
    side,
    ...(until === undefined ? {} : { until }),
  });

  test('are set and lifted by id', () => {
    const story = new Story();
    story.do(pin('p1', 'candidate', 100));
    expect(story.table.pins).toEqual([{ scope: { tenant: acme }, side: 'candidate', until: 100, ...by }]);
    expect(story.try(pin('p1', 'control'))).toMatchObject({ ok: false, code: 'CONFLICT' });
    expect(story.do({ kind: 'pin.lift', id: 'p1' }).journal).toMatchObject({
      action: 'pin.lifted',
      scope: 'tenant acme',
    });
    expect(story.try({ kind: 'pin.lift', id: 'p1' })).toMatchObject({ ok: false, code: 'NOT_FOUND' });
  });

  test('to the control are allowed under a latch, to the candidate not', () => {
    const story = new Story();
    story.do({ kind: 'rollback', scope: {} });
    expect(story.try(pin('p1', 'candidate'))).toMatchObject({ ok: false, code: 'CONFLICT' });
    expect(story.try(pin('p1', 'control')).ok).toBe(true);
  });

  test('that are over go away, and their id is free again', () => {
    const story = new Story();
    story.do(pin('p1', 'candidate', 10));
    expect(story.try({ kind: 'pins.end', ids: ['p1'] }, { ...by, at: 9 })).toMatchObject({ ok: false });
    story.do({ kind: 'pins.end', ids: ['p1'] }, { ...by, at: 10 });
    story.do(pin('p1', 'control'), { ...by, at: 10 });
    expect(story.table.pins).toHaveLength(1);
    story.do(pin('p2', 'control', 20), { ...by, at: 11 });
    story.do({ kind: 'pins.end', ids: ['p1', 'p2'] }, { ...by, at: 20 });
    story.do({ kind: 'rollback', scope: {} }, { ...by, at: 20 });
    expect([...story.items.keys()].sort()).toEqual(['latch:all', 'pin:p1', 'revision']);
  });

  test.each([
    ['without an id', pin('', 'control')],
    ['over before it begins', pin('p', 'control', 5)],
  ])('%s are refused', (_what, command) => {
    expect(new Story().try(command)).toMatchObject({ ok: false, code: 'INPUT_INVALID' });
  });
});

describe('cells', () => {
  test('keep their states; observing is forgotten', () => {
    const story = new Story();
    const one = story.do({ kind: 'cells.set', cells: [[cellKey(acme, a), 'open']] });
    expect(one.journal).toMatchObject({
      action: 'cell.opened',
      scope: 'acme GET /a',
      evidence: { before: 'observing', after: 'open' },
    });
    const many = story.do({
      kind: 'cells.set',
      cells: [
        [cellKey(acme, a), 'observing'],
        [cellKey(globex, a), 'held'],
      ],
    });
    expect(many.journal).toMatchObject({ action: 'cells.set', scope: '2 cells', evidence: { count: 2 } });
    expect([...story.table.cells]).toEqual([[cellKey(globex, a), 'held']]);
    expect(many.items).toContainEqual({ key: `cell:${cellKey(acme, a)}`, value: undefined });
  });
});

describe('stored items', () => {
  test.each<[string, unknown]>([
    ['latch:all', null],
    ['latch:all', { scope: {}, at: 1, actor: 'x' }],
    ['latch:all', { scope: { tenant: 'acme' }, at: 1, actor: 'x', reason: '' }],
    ['latch:all', { scope: {}, at: 1, actor: 'x', reason: '', members: [1] }],
    ['pin:p', { scope: {}, at: 1, actor: 'x', reason: '', side: 'left' }],
    ['pin:p', { scope: {}, at: 1, actor: 'x', reason: '', side: 'control', until: 'x' }],
    ['dial:all', { scope: {}, at: 1, actor: 'x', reason: '', dialPpm: PPM + 1, configPpm: null }],
    ['dial:all', { scope: {}, at: 1, actor: 'x', reason: '', dialPpm: 1 }],
    ['cell:acme GET /a', 'ajar'],
    ['revision', 3],
    ['revision', { revision: -1, madeAt: 0 }],
  ])('a damaged %s is not passed over', (key, value) => {
    expect(() => restoreState(new Map([[key, value]]), base)).toThrow(
      expect.objectContaining({ code: 'STORE_CORRUPT' }),
    );
  });

  test('of others are left alone', () => {
    expect(restoreState(new Map<string, unknown>([['deploy:candidate', 'v1']]), base).revision).toBe(0);
  });
});

// Few, so that they meet: each kind once, and pairs that contain or overlap each other.
const scopes = fc.constantFrom<Scope>(
  {},
  { tenant: acme },
  { endpoint: a },
  { tenant: acme, endpoint: a },
  { cohort: 'beta' },
  { cohort: 'all', endpoint: a },
  { tenant: globex },
);
const ppm = fc.integer({ min: 0, max: 10 });
const bases: fc.Arbitrary<TableBase> = fc
  .tuple(
    fc.uniqueArray(fc.record({ scope: scopes, dialPpm: ppm }), {
      selector: (dial) => scopeKey(dial.scope),
      maxLength: 4,
    }),
    fc.constantFrom<TableBase['cohorts']>({ beta: [acme], all: [acme, globex] }, { beta: [] }, {}),
  )
  .map(([dials, cohorts]) => ({ ...base, dials, cohorts }));
const ids = fc.constantFrom('p1', 'p2', 'p3');
const commands: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant('dial.set'), scope: scopes, dialPpm: ppm }),
  fc.record({ kind: fc.constant('rollback'), scope: scopes }),
  fc.record({ kind: fc.constant('unlatch'), scope: scopes }),
  fc.record(
    {
      kind: fc.constant('pin.set'),
      id: ids,
      scope: scopes,
      side: fc.constantFrom('control', 'candidate'),
      until: fc.integer({ min: 0, max: 60 }),
    },
    { requiredKeys: ['kind', 'id', 'scope', 'side'] },
  ),
  fc.record({ kind: fc.constant('pin.lift'), id: ids }),
  fc.record({ kind: fc.constant('config.load'), base: bases }),
  fc.record({
    kind: fc.constant('cells.set'),
    cells: fc.array(
      fc.tuple(fc.constantFrom<CellKey>(cellKey(acme, a), cellKey(globex, a)), fc.constantFrom(...CELL_STATES)),
      { maxLength: 3 },
    ),
  }),
) as fc.Arbitrary<Command>;
const histories = fc.array(commands, { maxLength: 40 });

describe('any history of commands', () => {
  test('after a restart makes the same table, and each accepted command raises the revision by one', () => {
    fc.assert(
      fc.property(bases, histories, (start, history) => {
        const story = new Story(start);
        for (const [at, command] of history.entries()) {
          const before = story.state;
          const result = story.try(command, { ...by, at });
          expect(story.state.revision).toBe(before.revision + (result.ok ? 1 : 0));
          if (!result.ok) continue;
          expect(result.journal.revision).toBe(story.state.revision);
          expect(result.journal.evidence).toBeDefined();
          expect(sorted(story.restarted())).toEqual(sorted(story.table));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('never raises a dial under a latch, and lifts no latch but the one named', () => {
    fc.assert(
      fc.property(bases, histories, (start, history) => {
        const story = new Story(start);
        for (const [at, command] of history.entries()) {
          const before = story.table;
          const latched = new Set(story.state.latches.keys());
          if (!story.try(command, { ...by, at }).ok) continue;
          for (const key of latched) {
            const named = command.kind === 'unlatch' && scopeKey(command.scope) === key;
            expect(story.state.latches.has(key)).toBe(!named);
          }
          expect(raisedUnderLatch(before, story.table)).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** Scopes whose own dial went up although a latch covers them. */
function raisedUnderLatch(before: TableData, after: TableData): string[] {
  const olds = new Map(before.dials.map((dial) => [scopeKey(dial.scope), dial.dialPpm]));
  return after.dials
    .filter((dial) => dial.dialPpm > (olds.get(scopeKey(dial.scope)) ?? PPM))
    .filter((dial) => after.latches.some((latch) => scopeContains(latch.scope, dial.scope, after.cohorts)))
    .map((dial) => describeScope(dial.scope));
}

/** Order of entries means nothing to the table. */
function sorted(table: TableData): unknown {
  const order = (items: readonly unknown[]): string[] => items.map((item) => JSON.stringify(item, keyOrder)).sort();
  const members = Object.entries(table.cohorts)
    .map(([name, tenants]) => [name, ...tenants.toSorted()].join())
    .sort();
  return {
    ...table,
    latches: order(table.latches),
    pins: order(table.pins),
    dials: order(table.dials),
    cells: order([...table.cells]),
    cohorts: members,
  };
}

function keyOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}

describe('holds, versions and cells', () => {
  test('a hold stays until exactly it is resumed, also after a restart', () => {
    const story = new Story();
    story.do({ kind: 'hold', scope: { endpoint: a } });
    expect(story.try({ kind: 'resume', scope: {} })).toMatchObject({
      ok: false,
      code: 'NOT_FOUND',
      hint: 'Holds there are: GET /a.',
    });
    expect(restoreState(story.items, base).holds.get(scopeKey({ endpoint: a }))).toMatchObject({ actor: 'cli:eve' });
    expect(story.do({ kind: 'resume', scope: { endpoint: a } }).journal).toMatchObject({
      action: 'resume',
      scope: 'GET /a',
    });
    expect(restoreState(story.items, base).holds.size).toBe(0);
    expect(story.try({ kind: 'hold', scope: { cohort: 'gamma' } })).toMatchObject({ ok: false, code: 'NOT_FOUND' });
  });

  test('a purge is journaled and changes nothing else', () => {
    const story = new Story();
    const before = story.state;
    expect(story.do({ kind: 'purge', tenant: 'acme' as TenantId }).journal).toMatchObject({
      action: 'purged',
      scope: 'tenant acme',
    });
    expect({ ...story.state, revision: 0, madeAt: 0 }).toEqual({ ...before, revision: 0, madeAt: 0 });
  });

  test('a deployment is journaled and remembered; what is no version is refused', () => {
    const story = new Story();
    expect(story.do({ kind: 'deploy', side: 'candidate', version: 'v2' }).journal).toMatchObject({
      action: 'deployed',
      evidence: { side: 'candidate', before: null, after: 'v2' },
    });
    expect(restoreState(story.items, base).versions.get('candidate')?.version).toBe('v2');
    expect(story.try({ kind: 'deploy', side: 'candidate', version: 'a b' })).toMatchObject({ code: 'INPUT_INVALID' });
  });

  test('cells close and a dial falls in one command, with what decided it', () => {
    const story = new Story();
    const key = cellKey(acme, a);
    story.do({ kind: 'cells.set', cells: [[key, 'open']], evidence: { proofs: 1 } });
    story.do({ kind: 'dial.set', scope: { endpoint: a }, dialPpm: 700 });
    const { journal } = story.do({
      kind: 'cells.set',
      cells: [[key, 'closed']],
      dials: [{ scope: { endpoint: a }, dialPpm: 0 }],
      evidence: { tripwire: 'hard-down' },
    });
    expect(journal.evidence).toMatchObject({
      after: 'closed',
      tripwire: 'hard-down',
      dials: [{ before: 700, after: 0 }],
    });
    expect(story.dial({ endpoint: a })).toBe(0);
    expect([...story.restarted().cells]).toEqual([[key, 'closed']]);
  });
});
