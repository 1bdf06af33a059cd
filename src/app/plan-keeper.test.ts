import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { parseSettings } from '../config/load.ts';
import { tableBase } from '../config/table-base.ts';
import { createController } from '../controller/controller.ts';
import type { EndpointId } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';
import type { Log, Store } from '../core/ports.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { createEvents } from '../telemetry/events.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { carryLatches } from './carry-latches.ts';
import type { LiveSettings } from './live-settings.ts';
import { loadPlans, PlanBook } from './plan-book.ts';
import { PlanKeeper, planHash } from './plan-keeper.ts';
import { settingsIn } from './plan-origin.ts';
import { firstPlan } from './start-plan.ts';

const BASE_DIR = mkdtempSync(join(tmpdir(), 'cutover-plan-'));
const SIDES = 'control: { url: "http://127.0.0.1:3000" }\ncandidate: { url: "http://127.0.0.1:4000" }\n';
const ANN = { actor: 'cli:ann', reason: 'tried it' };
const dial = (share: string, more = ''): string => `${SIDES}defaults: { proof: none, dial: ${share} }\n${more}`;

interface Bench {
  readonly keeper: PlanKeeper;
  readonly store: Store;
  /** The dial of the table in force, parts per million. */
  readonly ppm: () => number;
  readonly live: LiveSettings;
  readonly lines: string[];
  readonly told: () => number;
  readonly controller: ReturnType<typeof createController>;
  readonly clock: ManualClock;
  /** What the file says from now on; undefined: it is gone. */
  write(text: string | undefined): void;
}

async function setUp(
  text: string,
  options: { readonly store?: Store; readonly frozen?: () => string | undefined } = {},
): Promise<Bench> {
  const store = options.store ?? createMemoryStore();
  const clock = new ManualClock();
  const lines: string[] = [];
  const note = (event: string, fields: object = {}): void => void lines.push(`${event} ${JSON.stringify(fields)}`);
  const log: Log = { debug: note, info: note, warn: note, error: note };
  let file: string | undefined = text;
  const origin = {
    file: '/etc/cutover.yaml',
    name: 'cutover.yaml',
    text,
    read: () => (file === undefined ? { problem: 'does not exist' } : { value: file }),
    parse: (plan: { text: string; name: string }) =>
      parseSettings(plan.text, { file: plan.name, env: {}, baseDir: BASE_DIR }),
  };
  const first = await firstPlan(settingsIn(origin), origin, { store, log });
  const controller = createController({
    store,
    base: first.base,
    clock,
    events: createEvents({ log, metrics: createMetrics().metrics, clock }),
    version: '1',
    ...(first.plan === undefined ? {} : { plan: first.plan }),
    onTable: () => undefined,
  });
  await controller.start();
  let told = 0;
  const { live, book } = first;
  const settingsChanged = (): void => {
    told += 1;
  };
  const frozen = () => options.frozen?.();
  const keeper = new PlanKeeper({ origin, live, controller, book, clock, log, frozen, settingsChanged });
  if (first.running !== undefined) await keeper.started(first.running);
  return {
    keeper,
    store,
    live,
    lines,
    clock,
    controller,
    told: () => told,
    ppm: () => controller.table.dialFor('GET /a' as never, undefined).dialPpm,
    write: (next) => {
      file = next;
    },
  };
}

test('a changed file is in force for the table and for the settings, and is a revision of its own', async () => {
  const bench = await setUp(dial('0%'));
  expect(bench.controller.state.plan).toMatchObject({ revision: 1, from: 'file', actor: 'config' });
  bench.write(dial('5%', 'mirror: { perSecond: 7 }\n'));
  expect(await bench.keeper.reload(false)).toEqual({ ok: true, isNew: true, revision: 2 });
  expect(bench.ppm()).toBe(50_000);
  expect(bench.live.current.mirror.perSecond).toBe(7);
  expect(bench.told()).toBe(1);
  expect(bench.keeper.fileState).toBe('inForce');
  expect(bench.keeper.revisions().map(({ revision }) => revision)).toEqual([2, 1]);
});

test('a file that is as before makes no revision and no journal entry, asked for or not', async () => {
  const bench = await setUp(dial('5%'));
  const entries = (await bench.store.journal({ limit: 50 })).items.length;
  expect(await bench.keeper.reload(false)).toEqual({ ok: true, isNew: false, revision: 1 });
  expect(await bench.keeper.reload(true)).toEqual({ ok: true, isNew: false, revision: 1 });
  expect((await bench.store.journal({ limit: 50 })).items).toHaveLength(entries);
  expect(bench.told()).toBe(0);
});

test('I9: a wrong file never replaces a running plan; every problem is told with line and column, until the file is right', async () => {
  const bench = await setUp(dial('5%'));
  bench.write(`${SIDES}defaults: { dial: 7 }\nmiror: { perSecond: 1 }\n`);
  const outcome = await bench.keeper.reload(false);
  expect(outcome).toMatchObject({ ok: false, code: 'CONFIG_INVALID' });
  expect(bench.keeper.fileState).toBe('refused');
  expect(bench.keeper.problems.list.map(({ path, line, column }) => [path, line, column])).toEqual([
    ['defaults.dial', 3, 19],
    ['miror', 4, 1],
  ]);
  expect(bench.ppm()).toBe(50_000);
  expect(bench.lines.filter((line) => line.startsWith('plan.refused'))).toHaveLength(1);
  // Looked at again because of a second sign of the same change: nothing new is said.
  await bench.keeper.reload(false);
  expect(bench.lines.filter((line) => line.startsWith('plan.refused'))).toHaveLength(1);
  bench.write(dial('5%'));
  await bench.keeper.reload(false);
  expect(bench.keeper.fileState).toBe('inForce');
  expect(bench.keeper.problems.list).toEqual([]);
});

test('what needs a restart is refused with its keys, and nothing else of that file is taken', async () => {
  const bench = await setUp(dial('5%'));
  bench.write(`listen: 127.0.0.1:9999\n${dial('50%')}store: { dir: elsewhere }\n`);
  const outcome = await bench.keeper.reload(false);
  expect(outcome).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(outcome.ok ? '' : outcome.message).toContain('listen, api.tokenFile, store');
  expect(bench.keeper.problems.list.map(({ path, line }) => [path, line])).toContainEqual(['listen', 1]);
  expect(bench.ppm()).toBe(50_000);
});

test('a file that is gone is told, and changes nothing', async () => {
  const bench = await setUp(dial('5%'));
  bench.write(undefined);
  expect(await bench.keeper.reload(false)).toMatchObject({ ok: false, code: 'CONFIG_UNREADABLE' });
  expect(bench.keeper.fileState).toBe('refused');
  expect(bench.ppm()).toBe(50_000);
  bench.write(dial('5%'));
  expect(await bench.keeper.reload(false)).toMatchObject({ ok: true, isNew: false });
  expect(bench.keeper.fileState).toBe('inForce');
});

test('a file cannot raise traffic past a latch; lifting it brings back what stood', async () => {
  const bench = await setUp(dial('5%'));
  await bench.controller.rollback({}, ANN);
  bench.write(dial('100%'));
  await bench.keeper.reload(false);
  expect(bench.controller.table.data.latches).toHaveLength(1);
  expect(bench.ppm()).toBe(50_000);
});

test('while the store takes nothing, a changed file waits, is told, and is taken when the store works again', async () => {
  const store = createMemoryStore();
  const bench = await setUp(dial('5%'), { store });
  const commit = store.commit.bind(store);
  store.commit = () => Promise.reject(new CutoverError('STORE_FULL', 'The disk is full.'));
  bench.write(dial('50%'));
  expect(await bench.keeper.reload(false)).toMatchObject({ ok: false, code: 'STORE_FULL' });
  expect(bench.ppm()).toBe(50_000);
  expect(bench.live.current.defaults.dialPpm).toBe(50_000);
  expect(bench.keeper.fileState).toBe('refused');
  // What was kept and never came into force is no revision.
  expect(bench.keeper.revisions().map(({ revision }) => revision)).toEqual([1]);
  store.commit = commit;
  await bench.clock.advance(5_000);
  await bench.keeper.close();
  expect(bench.ppm()).toBe(500_000);
  expect(bench.keeper.fileState).toBe('inForce');
});

test('going back to an earlier revision takes effect at once, keeps the latch and the file, and the next change of the file wins', async () => {
  const bench = await setUp(dial('5%'));
  bench.write(dial('50%'));
  await bench.keeper.reload(false);
  await bench.controller.rollback({ tenant: 'acme' as never }, ANN);
  expect(await bench.keeper.revert(1, ANN)).toEqual({ ok: true, isNew: true, revision: 3 });
  expect(bench.ppm()).toBe(50_000);
  expect(bench.controller.state.plan).toMatchObject({ from: 'revert', of: 1, actor: 'cli:ann', reason: 'tried it' });
  expect(bench.controller.state.latches.size).toBe(1);
  expect(bench.keeper.fileState).toBe('differs');
  const [last] = (await bench.store.journal({ limit: 1 })).items;
  expect(last).toMatchObject({ action: 'plan.reverted', actor: 'cli:ann', reason: 'tried it' });
  // The same file again is no change of it.
  await bench.keeper.reload(false);
  expect(bench.ppm()).toBe(50_000);
  bench.write(dial('60%'));
  await bench.keeper.reload(false);
  expect(bench.ppm()).toBe(600_000);
  expect(bench.keeper.fileState).toBe('inForce');
});

test('a restart keeps what a person put in force over the file, and a file that changed meanwhile counts instead', async () => {
  const store = createMemoryStore();
  const bench = await setUp(dial('5%'), { store });
  await bench.keeper.apply({ text: dial('20%'), name: 'more.yaml' }, ANN);
  expect(bench.ppm()).toBe(200_000);
  const again = await setUp(dial('5%'), { store });
  expect(again.ppm()).toBe(200_000);
  expect(again.controller.state.plan).toMatchObject({ revision: 2, from: 'apply', actor: 'cli:ann' });
  expect(again.keeper.fileState).toBe('differs');
  const changed = await setUp(dial('6%'), { store });
  expect(changed.ppm()).toBe(60_000);
  expect(changed.controller.state.plan).toMatchObject({ revision: 3, from: 'file' });
});

test('a plan that was made for another revision is refused', async () => {
  const bench = await setUp(dial('5%'));
  expect(await bench.keeper.apply({ text: dial('9%'), name: 'a.yaml' }, ANN, 1)).toMatchObject({
    ok: true,
    revision: 2,
  });
  const late = await bench.keeper.apply({ text: dial('8%'), name: 'b.yaml' }, ANN, 1);
  expect(late).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(late.ok ? '' : late.message).toContain('revision 2, of cli:ann (tried it), not 1');
  expect(bench.ppm()).toBe(90_000);
});

test('I8: addresses of notices that may be secrets are not kept, and a revision without them cannot come back', async () => {
  const url = 'https://hooks.example/T0/B1/s3cret-s3cret';
  const notify = `notify: [{ name: chat, url: "${url}" }, { name: local, url: "http://127.0.0.1:9/" }]\n`;
  const bench = await setUp(dial('5%', notify));
  bench.write(dial('6%'));
  await bench.keeper.reload(false);
  const { documents } = await loadPlans(bench.store);
  expect(JSON.stringify([...documents])).not.toContain('s3cret');
  expect(bench.keeper.revisions()[1]?.text).toContain('http://127.0.0.1:9/');
  const outcome = await bench.keeper.revert(1, ANN);
  expect(outcome).toMatchObject({ ok: false, code: 'CONFIG_INVALID' });
  expect(bench.ppm()).toBe(60_000);
});

test('the newest two hundred plans are kept, also over a restart', async () => {
  const store = createMemoryStore();
  const book = new PlanBook(store, new Map());
  const plan = {
    hash: planHash(''),
    from: 'file',
    fileHash: '',
    at: 1,
    actor: 'config',
    reason: '',
    name: 'c',
    text: 'x',
  } as const;
  for (let revision = 1; revision <= 205; revision += 1) await book.keep({ ...plan, revision });
  const again = new PlanBook(store, (await loadPlans(store)).documents);
  for (const kept of [book, again]) {
    expect(kept.list()).toHaveLength(200);
    expect(kept.list()[0]?.revision).toBe(205);
    expect(kept.find(5)).toBeUndefined();
    expect(kept.before(7)?.revision).toBe(6);
  }
});

test('sixteen million characters of plans are kept, the newest in any case', async () => {
  const store = createMemoryStore();
  const book = new PlanBook(store, new Map());
  const text = 'x'.repeat(1_000_000);
  const plan = { hash: '', from: 'file', fileHash: '', at: 1, actor: 'config', reason: '', name: 'c', text } as const;
  for (let revision = 1; revision <= 20; revision += 1) await book.keep({ ...plan, revision });
  expect(book.list().map(({ revision }) => revision)).toEqual([
    20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5,
  ]);
});

test('settings in force make the table base that a start by them would make', async () => {
  const bench = await setUp(dial('5%'));
  bench.write(dial('6%', 'endpoints: [{ match: "GET /orders/{id}", dial: 1% }]\ncohorts: { beta: [acme] }\n'));
  await bench.keeper.reload(false);
  expect(bench.controller.state.base).toEqual(tableBase(bench.live.current));
});

test('a file that takes requests from under a rollback is refused with the way out, and taken once that is lifted', async () => {
  const named = (tenant: string): string => dial('100%', `identity: { tenant: { header: ${tenant} } }\n`);
  const bench = await setUp(named('x-shop'));
  await bench.controller.rollback({ tenant: 'acme' as never }, ANN);
  bench.write(named('x-customer'));
  const outcome = await bench.keeper.reload(false);
  expect(outcome).toMatchObject({ ok: false, code: 'CONFLICT', hint: expect.stringContaining('cutover unlatch') });
  expect(bench.keeper.problems.list[0]?.what).toMatch(
    /^cutover\.yaml was refused\. It would take requests from under a rollback: cli:ann rolled back tenant acme \(tried it\), and identity\.tenant/,
  );
  expect(bench.controller.state.plan?.revision).toBe(1);
  expect(bench.keeper.revisions()).toHaveLength(1);
  const lifted = await bench.controller.command({ kind: 'unlatch', scope: { tenant: 'acme' as never } }, ANN);
  expect(lifted.ok).toBe(true);
  bench.clock.advance(6_000);
  await bench.keeper.close();
  expect(bench.keeper.fileState).toBe('inForce');
  expect(bench.controller.state.plan?.revision).toBe(2);
});

test('a freeze binds the file, apply and revert: nothing is raised, lowering counts at once, and the file counts when it ends', async () => {
  let frozen: string | undefined;
  const bench = await setUp(dial('5%'), { frozen: () => frozen });
  await bench.keeper.apply({ text: dial('4%'), name: 'lower.yaml' }, ANN);
  frozen = 'frozen until Monday (sale)';
  const raise = await bench.keeper.apply({ text: dial('6%'), name: 'more.yaml' }, ANN);
  expect(raise).toMatchObject({ ok: false, code: 'CONFLICT' });
  if (!raise.ok)
    expect(raise.message).toMatch(
      /^more\.yaml was refused\. It raises traffic while frozen until Monday \(sale\): all: the dial from 4% to 6%\./,
    );
  expect(await bench.keeper.revert(1, ANN)).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(await bench.keeper.apply({ text: dial('3%'), name: 'lower.yaml' }, ANN)).toMatchObject({ ok: true });
  bench.write(dial('7%'));
  expect(await bench.keeper.reload(false)).toMatchObject({ ok: false, code: 'CONFLICT' });
  expect(bench.ppm()).toBe(30_000);
  expect(bench.lines.filter((line) => line.startsWith('plan.refused'))).toHaveLength(1);
  frozen = undefined;
  bench.clock.advance(6_000);
  await bench.keeper.close();
  expect(bench.ppm()).toBe(70_000);
});

test('a start whose file takes requests from under a rollback rolls everything back before it serves', async () => {
  const named = (tenant: string): string => dial('100%', `identity: { tenant: { header: ${tenant} } }\n`);
  const before = await setUp(named('x-shop'));
  await before.controller.rollback({ tenant: 'acme' as never }, ANN);
  const origin = (text: string) => ({
    file: '/etc/cutover.yaml',
    name: 'cutover.yaml',
    text,
    read: () => ({ value: text }),
    parse: (plan: { text: string; name: string }) =>
      parseSettings(plan.text, { file: plan.name, env: {}, baseDir: BASE_DIR }),
  });
  const { store } = before;
  const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const same = await firstPlan(settingsIn(origin(named('x-shop'))), origin(named('x-shop')), { store, log });
  expect(same.slip).toBeUndefined();
  const other = await firstPlan(settingsIn(origin(named('x-customer'))), origin(named('x-customer')), { store, log });
  expect(other.slip).toMatch(/cli:ann rolled back tenant acme .*identity\.tenant/);
});

test('what is rolled back stays so when its requests get another name while it runs', async () => {
  const bench = await setUp(dial('100%'));
  const [old, found] = ['GET /orders/7', 'GET /orders/{id}'] as readonly string[] as readonly EndpointId[]; // well formed
  if (old === undefined || found === undefined) throw new Error('both are there');
  await bench.controller.rollback({ endpoint: old, tenant: 'acme' as never }, ANN);
  const log: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  carryLatches({ controller: bench.controller, log }, [old, 'GET /orders/8' as EndpointId], found);
  // In force at once, before the next request is decided.
  const { latches } = bench.controller.table;
  expect(latches.find(found, 'acme' as never, 0)?.rule).toContain('acme GET /orders/{id}');
  expect(latches.find(found, 'beta' as never, 0)).toBeUndefined();
  expect([...bench.controller.state.latches.values()].at(-1)).toMatchObject({
    actor: 'controller',
    reason: 'GET /orders/7 is called GET /orders/{id} now; cli:ann had rolled it back: tried it',
  });
});
