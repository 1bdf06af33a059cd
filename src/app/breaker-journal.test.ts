import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { ScriptedStore } from '../../test/support/scripted-store.ts';
import { endpointPolicy } from '../../test/support/traffic.ts';
import { createController } from '../controller/controller.ts';
import { createEvents } from '../telemetry/events.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { BreakerJournal } from './breaker-journal.ts';

async function setUp() {
  const clock = new ManualClock();
  const store = new ScriptedStore();
  const nobody = { tenants: [], endpoints: [] };
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const controller = createController({
    store,
    base: {
      force: { control: nobody, candidate: nobody },
      cohorts: {},
      defaults: endpointPolicy(),
      endpoints: [],
      dials: [],
    },
    clock,
    events: createEvents({ log, metrics: createMetrics().metrics, clock }),
    version: '1.2.3',
    onTable: () => undefined,
  });
  await controller.start();
  let open: readonly string[] = [];
  const journal = new BreakerJournal({ controller, clock, open: () => open });
  const look = async (names: readonly string[], afterMs = 10_000): Promise<void> => {
    open = names;
    clock.advance(afterMs);
    await journal.look();
  };
  const told = () =>
    store.entries
      .filter(({ action }) => action.startsWith('breaker'))
      .map(({ action, scope, actor, evidence }) => [action, scope, actor, (evidence as { open: number }).open]);
  return { store, look, told, controller };
}

test('what opened and what closed is journaled once, with how many are open', async () => {
  const { look, told, controller } = await setUp();
  const before = controller.state.cells;
  await look(['GET /a']);
  await look(['GET /a']);
  await look(['GET /a', 'candidate', 'proxy-2: GET /b']);
  await look(['GET /c']);
  await look([]);
  expect(told()).toEqual([
    ['breaker.opened', 'GET /a', 'breaker', 1],
    ['breaker.opened', '2 breakers', 'breaker', 3],
    ['breakers.changed', '4 breakers', 'breaker', 1],
    ['breaker.closed', 'GET /c', 'breaker', 0],
  ]);
  expect(controller.state.cells).toBe(before);
});

test('a breaker that flaps is told every ten seconds at most, and what it is by then', async () => {
  const { look, told } = await setUp();
  for (let second = 0; second < 60; second++) await look(second % 2 === 0 ? ['GET /a'] : [], 1_000);
  expect(told().length).toBeLessThanOrEqual(6);
  expect(told()[0]).toEqual(['breaker.opened', 'GET /a', 'breaker', 1]);
});

test('what the store did not take is told when it works again', async () => {
  const { store, look, told } = await setUp();
  store.fail();
  await look(['GET /a']);
  expect(told()).toEqual([]);
  store.failure = undefined;
  await look(['GET /a'], 1_000);
  expect(told()).toEqual([['breaker.opened', 'GET /a', 'breaker', 1]]);
});
