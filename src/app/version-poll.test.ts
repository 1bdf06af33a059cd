import type { ServerResponse } from 'node:http';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { deadPort, startOrigin } from '../../test/support/proxy-rig.ts';
import { ScriptedStore } from '../../test/support/scripted-store.ts';
import { endpointPolicy } from '../../test/support/traffic.ts';
import { parseSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { type Controller, createController } from '../controller/controller.ts';
import type { Side } from '../core/cell.ts';
import type { Log, Timer } from '../core/ports.ts';
import { createEvents } from '../telemetry/events.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { VersionPoll } from './version-poll.ts';

interface Bench {
  readonly store: ScriptedStore;
  readonly controller: Controller;
  readonly settings: Settings;
  readonly poll: VersionPoll;
  readonly deployed: string[];
  readonly warnings: unknown[];
  readonly told: Record<Side, boolean>;
  readonly healthy: Set<string>;
  /** Asks the candidate `times` more, each after the time between two polls. */
  again(times: number): Promise<void>;
}

/** Counts the polls that are over: each sets the timer for the next. */
class PollClock extends ManualClock {
  polls = 0;

  override after(ms: number, run: () => void): Timer {
    if (ms === 30_000) this.polls += 1;
    return super.after(ms, run);
  }
}

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

async function setUp(candidate: string, targets: readonly string[], store = new ScriptedStore()): Promise<Bench> {
  const control = `http://127.0.0.1:${await deadPort()}`;
  const text = `control: {url: '${control}'}\ncandidate: {targets: [${targets.map((one) => `'${one}'`).join(', ')}], ${candidate}}\n`;
  const parsed = parseSettings(text, { file: 'cutover.yaml', baseDir: '/', env: {}, now: 0 });
  if (!parsed.ok) return expect.fail(JSON.stringify(parsed.problems));
  const { settings } = parsed;
  const clock = new PollClock();
  const controller = createController({
    store,
    base: {
      force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
      cohorts: {},
      defaults: endpointPolicy(),
      endpoints: [],
      dials: [],
    },
    clock,
    events: createEvents({ log: quiet, metrics: createMetrics().metrics, clock }),
    version: '1.2.3',
    onTable: () => undefined,
  });
  await controller.start();
  onTestFinished(() => controller.close());
  const warnings: unknown[] = [];
  const deployed: string[] = [];
  const told = { control: false, candidate: false };
  const healthy = new Set(targets);
  const poll = new VersionPoll({
    settings,
    controller,
    targets: (side) => settings.sides[side].targets.map((target) => ({ target, healthy: healthy.has(target) })),
    isToldByAnswers: (side) => told[side],
    deployed: (side, version) => deployed.push(`${side} ${version}`),
    clock,
    log: { ...quiet, warn: (event, fields) => warnings.push([event, fields?.['problem']]) },
  });
  onTestFinished(() => poll.close());
  let polls = 0;
  const settled = async (): Promise<void> => {
    polls += 1;
    await vi.waitFor(() => expect(clock.polls).toBe(polls), { timeout: 20_000, interval: 2 });
  };
  poll.start();
  await settled();
  const again = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time++) {
      clock.advance(30_000);
      await settled();
    }
  };
  return { store, controller, settings, poll, deployed, warnings, told, healthy, again };
}

/** A candidate that answers as `answer` does by now. */
async function versionPage(): Promise<{ url: string; asked: () => string[]; answer: (to: ServerResponse) => void }> {
  const page = {
    url: '',
    asked: (): string[] => [],
    answer: (to: ServerResponse): void => void to.end('1.0\n'),
  };
  const origin = await startOrigin((_, response) => page.answer(response));
  onTestFinished(() => origin.close());
  page.url = origin.url;
  page.asked = () => origin.requests.map(({ method, url }) => `${method} ${url}`);
  return page;
}

const entries = ({ store }: Bench): unknown[] =>
  store.entries
    .filter(({ action }) => action === 'deployed')
    .map(({ actor, scope, evidence }) => [actor, scope, evidence]);

test('a version that two polls in a row told is journaled and announced, once', async () => {
  const page = await versionPage();
  const bench = await setUp('version: {path: /version}', [page.url]);
  expect(bench.deployed).toEqual([]);
  await bench.again(2);
  expect(bench.deployed).toEqual(['candidate 1.0']);
  page.answer = (to) => void to.setHeader('content-type', 'text/plain').end('2.0');
  await bench.again(1);
  expect(bench.deployed).toEqual(['candidate 1.0']);
  await bench.again(2);
  expect(bench.deployed).toEqual(['candidate 1.0', 'candidate 2.0']);
  expect(entries(bench)).toEqual([
    ['version-poll', 'candidate', { side: 'candidate', before: null, after: '1.0' }],
    ['version-poll', 'candidate', { side: 'candidate', before: '1.0', after: '2.0' }],
  ]);
  expect(page.asked()).toEqual(Array(6).fill('GET /version'));
  expect(bench.warnings).toEqual([]);
});

test('a deployment that rolls, and so tells two versions by turns, is not announced until it is over', async () => {
  const page = await versionPage();
  const bench = await setUp("version: {path: '/info?short', pointer: /build/id}", [page.url]);
  let count = 0;
  page.answer = (to) => void to.end(JSON.stringify({ build: { id: count++ % 2 === 0 ? 'b' : 'a' } }));
  await bench.again(5);
  expect(bench.deployed).toEqual([]);
  page.answer = (to) => void to.end('{"build":{"id":"b"}}');
  await bench.again(2);
  expect(bench.deployed).toEqual(['candidate b']);
});

test('what is no version or fails changes nothing, and is told once until it works again', async () => {
  const page = await versionPage();
  const bench = await setUp('version: {path: /version}', [page.url]);
  await bench.again(1);
  page.answer = (to) => void to.setHeader('content-type', 'text/html').end('<html>');
  await bench.again(2);
  page.answer = (to) => void to.writeHead(503).end('2.0');
  await bench.again(2);
  page.answer = (to) => void to.destroy();
  await bench.again(1);
  page.answer = (to) => void to.end(`${'9'.repeat(10)}\n${' '.repeat(70_000)}`);
  await bench.again(2);
  expect(bench.warnings).toEqual([['version.unknown', 'is a page in HTML']]);
  page.answer = (to) => void to.end('1.0');
  await bench.again(1);
  page.answer = (to) => void to.writeHead(404).end();
  await bench.again(1);
  expect(bench.warnings.slice(1)).toEqual([['version.unknown', 'has status 404']]);
  expect(bench.deployed).toEqual(['candidate 1.0']);
});

test('the first healthy target is asked, and none where none is', async () => {
  const [first, second] = [await versionPage(), await versionPage()];
  const bench = await setUp('version: {path: /version}', [first.url, second.url]);
  bench.healthy.delete(first.url);
  await bench.again(1);
  bench.healthy.delete(second.url);
  await bench.again(2);
  expect([first.asked().length, second.asked().length]).toEqual([1, 1]);
  expect(bench.warnings).toEqual([['version.unknown', 'no target is healthy']]);
});

test('while answers tell the version of a side it is not asked', async () => {
  const page = await versionPage();
  const bench = await setUp('version: {path: /version}', [page.url]);
  bench.told.candidate = true;
  await bench.again(3);
  expect(page.asked()).toHaveLength(1);
  expect(bench.deployed).toEqual([]);
});

test('what a person said is in force until the page tells another version than before', async () => {
  const page = await versionPage();
  const bench = await setUp('version: {path: /version}', [page.url]);
  await bench.again(1);
  await bench.controller.command(
    { kind: 'deploy', side: 'candidate', version: 'hotfix' },
    { actor: 'cli:ann', reason: '' },
  );
  await bench.again(3);
  expect(bench.controller.state.versions.get('candidate')?.version).toBe('hotfix');
});

test('an announcement that the store did not take is tried again', async () => {
  const page = await versionPage();
  const bench = await setUp('version: {path: /version}', [page.url]);
  bench.store.fail();
  await bench.again(2);
  expect(bench.deployed).toEqual([]);
  bench.store.failure = undefined;
  await bench.again(1);
  expect(bench.deployed).toEqual(['candidate 1.0']);
});

test('a restart takes what the page told all along for no deployment, and what it tells anew for one', async () => {
  const page = await versionPage();
  const before = await setUp('version: {path: /version}', [page.url]);
  await before.again(1);
  await before.controller.command(
    { kind: 'deploy', side: 'candidate', version: 'hotfix' },
    { actor: 'cli:ann', reason: '' },
  );
  await before.again(2);
  before.poll.close();
  const entries = await before.store.journal({ limit: 10, action: 'version.polled' });
  expect(entries.items.map(({ evidence }) => evidence)).toEqual([
    { side: 'candidate', announced: 'hotfix', before: null, after: '1.0' },
  ]);
  const after = await setUp('version: {path: /version}', [page.url], before.store);
  await after.again(3);
  expect(after.deployed).toEqual([]);
  expect(after.controller.state.versions.get('candidate')?.version).toBe('hotfix');
  page.answer = (to) => void to.end('1.1');
  await after.again(2);
  expect(after.deployed).toEqual(['candidate 1.1']);
  expect(after.controller.state.versions.get('candidate')?.polled).toBeUndefined();
});
