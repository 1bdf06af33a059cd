import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { ScriptedStore } from '../../test/support/scripted-store.ts';
import { cellOf, endpointPolicy } from '../../test/support/traffic.ts';
import type { TenantId } from '../core/cell.ts';
import type { TableBase } from '../core/control-state.ts';
import { CutoverError } from '../core/errors.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { TableData } from '../core/routing.ts';
import { compileTable } from '../core/table.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createEvents } from '../telemetry/events.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { type Controller, createController } from './controller.ts';

const ANN = { actor: 'cli:ann', reason: 'wrong totals' };
const BASE: TableBase = {
  force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
  cohorts: { beta: ['acme' as TenantId] },
  defaults: endpointPolicy({ proof: 'none' }),
  endpoints: [],
  dials: [{ scope: {}, dialPpm: 100_000 }],
};
const CELL = cellOf('acme', 'GET /a');

interface Bench {
  readonly store: ScriptedStore;
  readonly controller: Controller;
  readonly tables: TableData[];
  readonly lines: string[];
  /** Whether the table in force holds the cell under a latch. */
  isLatched(): boolean;
  dial(): number;
}

function setUp(
  options: { store?: ScriptedStore; clock?: Clock; last?: TableData; onTable?: (table: TableData) => void } = {},
): Bench {
  const { store = new ScriptedStore(), clock = systemClock } = options;
  const tables: TableData[] = [];
  const lines: string[] = [];
  const note = (event: string): void => void lines.push(event);
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const controller = createController({
    store,
    base: BASE,
    clock,
    events: createEvents({ log, metrics: createMetrics().metrics, clock }),
    version: '1.2.3',
    ...(options.last === undefined ? {} : { last: options.last }),
    onTable: (table) => {
      options.onTable?.(table);
      tables.push(table);
    },
  });
  const last = (): ReturnType<typeof compileTable> => compileTable(tables.at(-1) ?? expect.fail('no table yet'));
  return {
    store,
    controller,
    tables,
    lines,
    isLatched: () => last().latches.find(CELL.endpoint, CELL.tenant, 0) !== undefined,
    dial: () => last().dialFor(CELL.endpoint, CELL.tenant).dialPpm,
  };
}

test('a start journals that it started and what it loaded, then puts the table in force', async () => {
  const bench = setUp();
  bench.store.onCommit = () => expect(bench.tables).toEqual([]);
  await bench.controller.start();
  expect(bench.store.entries.map((entry) => [entry.actor, entry.action])).toEqual([
    ['controller', 'started'],
    ['config', 'config.loaded'],
  ]);
  expect(bench.tables).toHaveLength(1);
  expect(bench.dial()).toBe(100_000);
});

test('I5: a change is in the journal before it takes effect', async () => {
  const bench = setUp();
  await bench.controller.start();
  bench.store.onCommit = () => expect(bench.dial()).toBe(100_000);
  const changed = await bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: 500_000 }, ANN);
  expect(changed).toMatchObject({ ok: true, entry: { action: 'dial.set', ...ANN, sequence: 3 } });
  expect(bench.dial()).toBe(500_000);
});

test('I5: a rollback takes effect before its journal entry is written, which follows at once', async () => {
  const bench = setUp();
  await bench.controller.start();
  bench.store.onCommit = () => expect(bench.isLatched()).toBe(true);
  const result = await bench.controller.rollback({}, ANN);
  expect(result).toMatchObject({ ok: true, journaledMs: expect.any(Number), scope: {} });
  expect(bench.store.entries.at(-1)).toMatchObject({ action: 'rollback', ...ANN });
  expect([...bench.store.items.keys()]).toContain('latch:all');
});

test('I6: while the store fails nothing is promoted, and the command says why', async () => {
  const bench = setUp();
  await bench.controller.start();
  bench.store.fail();
  const before = bench.tables.length;
  const commands = [
    { kind: 'dial.set', scope: {}, dialPpm: 900_000 },
    { kind: 'pin.set', id: 'p', scope: {}, side: 'candidate' },
    { kind: 'config.load', base: BASE },
  ] as const;
  for (const command of commands) {
    expect(await bench.controller.command(command, ANN)).toMatchObject({
      ok: false,
      code: 'STORE_FULL',
      hint: 'Make room.',
    });
  }
  expect(bench.tables).toHaveLength(before);
  bench.store.failure = undefined;
  expect(await bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: 200_000 }, ANN)).toMatchObject({
    ok: true,
  });
  expect(bench.tables.map((table) => table.revision)).toEqual([1, 2]);
  expect(bench.lines).toContain('store.failed');
  expect(bench.lines).toContain('store.recovered');
});

test('I6: a rollback works while the store fails, stays in force, and is journaled when the store is back', async () => {
  const clock = new ManualClock();
  const bench = setUp({ clock });
  await bench.controller.start();
  bench.store.fail();
  const result = await bench.controller.rollback({}, ANN);
  expect(result).toMatchObject({ ok: true, journaledMs: null });
  expect(bench.isLatched()).toBe(true);
  expect(bench.controller.unjournaled).toBe(1);
  clock.advance(10_000);
  await bench.controller.rollback({ tenant: CELL.tenant }, ANN);
  expect(bench.controller.unjournaled).toBe(2);
  bench.store.failure = undefined;
  clock.advance(60_000);
  await expect.poll(() => bench.controller.unjournaled).toBe(0);
  expect(bench.store.entries.slice(2).map((entry) => [entry.action, entry.scope])).toEqual([
    ['rollback', 'all'],
    ['rollback', 'tenant acme'],
  ]);
  const again = setUp({ store: bench.store });
  await again.controller.start();
  expect(again.isLatched()).toBe(true);
});

test('a rollback is answered while the store hangs, and while a command waits for it', async () => {
  const bench = setUp();
  await bench.controller.start();
  bench.store.hold();
  const begun = bench.store.nextCommit();
  const slow = bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: 900_000 }, ANN);
  await begun;
  const begin = performance.now();
  const result = await bench.controller.rollback({}, ANN);
  expect(performance.now() - begin).toBeLessThan(1_000);
  expect(result).toMatchObject({ ok: true, journaledMs: null });
  expect(bench.isLatched()).toBe(true);
  bench.store.release();
  expect(await slow).toMatchObject({ ok: true });
  // The dial is in force now, and the latch still is.
  expect(bench.dial()).toBe(900_000);
  expect(bench.isLatched()).toBe(true);
  await expect.poll(() => bench.controller.unjournaled).toBe(0);
  expect(bench.store.entries.map((entry) => entry.action).slice(2)).toEqual(['dial.set', 'rollback']);
  const revisions = bench.tables.map((table) => table.revision);
  expect(new Set(revisions).size).toBe(revisions.length);
});

test('a rollback that comes while its latch is being lifted holds', async () => {
  const bench = setUp();
  await bench.controller.start();
  await bench.controller.rollback({}, ANN);
  bench.store.hold();
  const begun = bench.store.nextCommit();
  const lifting = bench.controller.command({ kind: 'unlatch', scope: {} }, ANN);
  await begun;
  const again = bench.controller.rollback({}, ANN);
  bench.store.release();
  await Promise.all([lifting, again]);
  await expect.poll(() => bench.controller.unjournaled).toBe(0);
  expect(bench.isLatched()).toBe(true);
  expect(bench.store.items.has('latch:all')).toBe(true);
});

test('a rollback for a cohort survives a configuration without the cohort that was on its way', async () => {
  const bench = setUp();
  await bench.controller.start();
  bench.store.hold();
  const begun = bench.store.nextCommit();
  const loading = bench.controller.command({ kind: 'config.load', base: { ...BASE, cohorts: {} } }, ANN);
  await begun;
  const result = await bench.controller.rollback({ cohort: 'beta' }, ANN);
  expect(result).toMatchObject({ ok: true });
  bench.store.release();
  await loading;
  await expect.poll(() => bench.controller.unjournaled).toBe(0);
  expect(bench.isLatched()).toBe(true);
});

test('what the state does not allow is rejected and not journaled', async () => {
  const bench = setUp();
  await bench.controller.start();
  await bench.controller.rollback({}, ANN);
  const entries = bench.store.entries.length;
  const raised = await bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: 1_000_000 }, ANN);
  expect(raised).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(await bench.controller.rollback({ cohort: 'nobody' }, ANN)).toMatchObject({ ok: false, code: 'NOT_FOUND' });
  expect(bench.store.entries).toHaveLength(entries);
  expect(bench.lines.filter((line) => line === 'command.rejected')).toHaveLength(2);
});

test('a start without a store puts nothing in force; a rollback then covers everything, and a later start keeps it', async () => {
  const bench = setUp();
  bench.store.fail();
  await expect(bench.controller.start()).rejects.toMatchObject({ code: 'STORE_FULL' });
  expect(bench.tables).toEqual([]);
  expect(await bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: 1 }, ANN)).toMatchObject({ ok: false });
  const result = await bench.controller.rollback({ tenant: 'other' as TenantId }, ANN);
  expect(result).toMatchObject({ ok: true, scope: {}, journaledMs: null });
  expect(bench.isLatched()).toBe(true);
  bench.store.failure = undefined;
  await bench.controller.start();
  expect(bench.isLatched()).toBe(true);
  expect(bench.store.entries.map((entry) => entry.action).sort()).toEqual(['config.loaded', 'rollback', 'started']);
});

test('a rollback that only the table on the disk remembers is in force and journaled after the next start', async () => {
  // Its clock stands still: it never tries again.
  const before = setUp({ clock: new ManualClock() });
  await before.controller.start();
  before.store.fail();
  expect(await before.controller.rollback({}, ANN)).toMatchObject({ ok: true, journaledMs: null });
  before.store.failure = undefined;
  // The process dies here: the store never hears of it, the last table is on the disk.
  const last = before.tables.at(-1) ?? expect.fail('no table');
  const after = setUp({ store: before.store, last });
  await after.controller.start();
  expect(after.isLatched()).toBe(true);
  expect(after.store.entries.filter(({ action }) => action === 'rollback')).toMatchObject([{ ...ANN, scope: 'all' }]);
  await after.controller.command({ kind: 'unlatch', scope: {} }, ANN);
  // The table of before is older than the store now, and brings nothing back.
  const again = setUp({ store: before.store, last });
  await again.controller.start();
  expect(again.isLatched()).toBe(false);
});

test('a rollback is not forgotten where a process dies after its start was stored and before it had made a table', async () => {
  const before = setUp({ clock: new ManualClock() });
  await before.controller.start();
  const { store } = before;
  store.fail();
  await before.controller.rollback({}, ANN);
  const last = before.tables.at(-1) ?? expect.fail('no table');
  store.failure = undefined;
  // The first commit of its start is the last that this process makes; the table on the disk is older than that.
  store.onCommit = () => {
    store.onCommit = () => {
      throw new CutoverError('STORE_FULL', 'The process is dead.');
    };
  };
  await setUp({ store, last, clock: new ManualClock() }).controller.start();
  store.onCommit = () => {};
  const after = setUp({ store, last });
  await after.controller.start();
  expect(after.isLatched()).toBe(true);
  expect(store.entries.filter(({ action }) => action === 'rollback')).toMatchObject([{ ...ANN, scope: 'all' }]);
});

test('a rollback before the start keeps what the last table sent to the control', async () => {
  const before = setUp({ clock: new ManualClock() });
  await before.controller.start();
  before.store.fail();
  await before.controller.rollback({ tenant: CELL.tenant }, ANN);
  const last = before.tables.at(-1) ?? expect.fail('no table');
  const dying = setUp({ store: before.store, last, clock: new ManualClock() });
  await dying.controller.start().catch(() => {});
  await dying.controller.rollback({}, ANN);
  // It dies too; a person lifts the latch over everything, not that of the tenant.
  before.store.failure = undefined;
  const after = setUp({ store: before.store, last: dying.tables.at(-1) ?? expect.fail('no table') });
  await after.controller.start();
  await after.controller.command({ kind: 'unlatch', scope: {} }, ANN);
  expect(after.isLatched()).toBe(true);
});

test('a command before the start is refused with what is wrong with the store', async () => {
  const bench = setUp();
  bench.store.fail();
  await expect(bench.controller.start()).rejects.toMatchObject({ code: 'STORE_FULL' });
  const refused = await bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: 1 }, ANN);
  expect(refused).toMatchObject({ ok: false, code: 'STORE_FULL' });
});

test('a proxy that does not take the table is said to be a fault, and the latch is stored all the same', async () => {
  let broken = false;
  const bench = setUp({
    onTable: () => {
      if (broken) throw new Error('no memory');
    },
  });
  await bench.controller.start();
  broken = true;
  expect(await bench.controller.rollback({}, ANN)).toMatchObject({ ok: false, code: 'FAULT' });
  await expect.poll(() => bench.store.items.has('latch:all')).toBe(true);
  expect(bench.lines).toContain('table.failed');
});

test('commands that wait for the store are bounded, and answered when it stays silent', async () => {
  const clock = new ManualClock();
  const bench = setUp({ clock });
  await bench.controller.start();
  bench.store.hold();
  const answers = Array.from({ length: 100 }, (_, n) =>
    bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: n }, ANN),
  );
  clock.advance(11_000);
  const codes = (await Promise.all(answers)).map((answer) => (answer.ok ? 'ok' : answer.code));
  expect(codes.filter((code) => code === 'STORE_BUSY')).toHaveLength(64);
  expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(36);
  bench.store.release();
  await bench.controller.close();
  expect(bench.store.entries).toHaveLength(66);
  expect(bench.dial()).toBe(63);
});

test('each journal entry reaches the watchers, with an id to continue from', async () => {
  const bench = setUp();
  const seen: string[] = [];
  bench.controller.feed.subscribe((event) =>
    seen.push(`${event.type} ${(event.data as { action?: string }).action ?? ''}`),
  );
  await bench.controller.start();
  await bench.controller.rollback({}, ANN);
  expect(seen.filter((line) => line.startsWith('journal'))).toEqual([
    'journal started',
    'journal config.loaded',
    'journal rollback',
  ]);
});

describe('whatever order commands, rollbacks and failures of the store come in', () => {
  const step = fc.oneof(
    fc.constant('fail' as const),
    fc.constant('work' as const),
    fc.constant('hold' as const),
    fc.constant('release' as const),
    fc.constant('rollback' as const),
    fc.constant('unlatch' as const),
    fc.nat({ max: 1_000_000 }),
  );

  test('revisions only grow, the journal is complete, and the store ends with what is in force', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const clock = new ManualClock();
        const bench = setUp({ clock });
        await bench.controller.start();
        const answers: Promise<{ ok: boolean }>[] = [];
        for (const it of steps) {
          if (it === 'fail') bench.store.fail();
          else if (it === 'work') bench.store.failure = undefined;
          else if (it === 'hold') bench.store.hold();
          else if (it === 'release') bench.store.release();
          else if (it === 'rollback') answers.push(bench.controller.rollback({}, ANN));
          else if (it === 'unlatch') answers.push(bench.controller.command({ kind: 'unlatch', scope: {} }, ANN));
          else answers.push(bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: it }, ANN));
          if (it === 'rollback') expect(bench.isLatched()).toBe(true);
          for (let turn = 0; turn < 8; turn++) await Promise.resolve();
        }
        bench.store.failure = undefined;
        bench.store.release();
        await Promise.all(answers);
        await bench.controller.close();
        expect(bench.controller.unjournaled).toBe(0);
        expect(bench.store.items.has('latch:all')).toBe(bench.isLatched());
        const rollbacks = steps.filter((it) => it === 'rollback').length;
        expect(bench.store.entries.filter((entry) => entry.action === 'rollback')).toHaveLength(rollbacks);
        const revisions = bench.tables.map((table) => table.revision);
        for (const [index, revision] of revisions.entries())
          expect(revision).toBeGreaterThan(revisions[index - 1] ?? 0);
      }),
      { numRuns: 60 },
    );
  });

  test('a restart brings back exactly the latches and dials that were in force', async () => {
    const order = fc.oneof(
      fc.constant('rollback' as const),
      fc.constant('unlatch' as const),
      fc.nat({ max: 1_000_000 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(order, { maxLength: 20 }), async (orders) => {
        const bench = setUp();
        await bench.controller.start();
        const answers = orders.map((it) => {
          if (it === 'rollback') return bench.controller.rollback({}, ANN);
          if (it === 'unlatch') return bench.controller.command({ kind: 'unlatch', scope: {} }, ANN);
          return bench.controller.command({ kind: 'dial.set', scope: {}, dialPpm: it }, ANN);
        });
        await Promise.all(answers);
        await bench.controller.close();
        const again = setUp({ store: bench.store });
        await again.controller.start();
        expect(again.isLatched()).toBe(bench.isLatched());
        expect(again.dial()).toBe(bench.dial());
        expect(again.controller.state.revision).toBeGreaterThan(bench.controller.state.revision);
        const rollbacks = orders.filter((it) => it === 'rollback').length;
        expect(bench.store.entries.filter((entry) => entry.action === 'rollback')).toHaveLength(rollbacks);
      }),
      { numRuns: 60 },
    );
  });
});
