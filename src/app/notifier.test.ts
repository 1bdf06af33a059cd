import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { parsePrometheusText } from '../../test/support/prometheus-text.ts';
import { cellOf, verifiedExchange } from '../../test/support/traffic.ts';
import type { NotifyTarget } from '../config/settings.ts';
import { NOTICE_KINDS } from '../core/notice.ts';
import type { JournalEntry } from '../core/ports.ts';
import { createEvents, type Events } from '../telemetry/events.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { Notifier } from './notifier.ts';
import type { Sent } from './send-notice.ts';

const SECOND = 1_000;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function setUp(answer: (target: string) => Promise<Sent> = async () => TAKEN, names: readonly string[] = ['chat']) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = createLog({ level: 'info', write: (line) => lines.push(line) });
  const { registry, metrics } = createMetrics();
  const plain = createEvents({ log, metrics, clock });
  const told: { readonly target: string; readonly title: string; readonly id: string }[] = [];
  const targets = names.map((name): NotifyTarget => {
    return {
      name,
      url: `https://chat.example/secret-of-${name}`,
      format: 'webhook',
      on: NOTICE_KINDS,
      secret: undefined,
    };
  });
  const notifier = new Notifier({
    targets,
    clock,
    log,
    events: plain,
    send: async (target, { id, notice }) => {
      told.push({ target: target.name, title: notice.title, id });
      return answer(target.name);
    },
  });
  ends.push(() => notifier.close());
  const count = (outcome: string): number =>
    [...parsePrometheusText(registry.render()).values()]
      .flatMap(({ samples }) => samples)
      .filter(({ name, labels }) => name === 'cutover_notices_total' && labels['outcome'] === outcome)
      .reduce((sum, { value }) => sum + value, 0);
  return { clock, notifier, events: notifier.listening(plain), plain, told, lines, count };
}

const TAKEN: Sent = { ok: true, status: 200, answer: '', mayRetry: false };

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

function opened(name: string): JournalEntry {
  const scope = `${name} GET /a`;
  const evidence = { before: 'observing', after: 'open' };
  return {
    sequence: 1,
    hash: '',
    at: 5,
    actor: 'controller',
    action: 'cell.opened',
    scope,
    reason: 'proof',
    evidence,
    revision: 2,
  };
}

function rollBack(events: Events): void {
  events.rolledBack({ scope: 'all', actor: 'cli:ann', reason: 'wrong', revision: 3, effectiveMs: 1 });
}

test('a rollback is told at once, while cells that open are gathered for a minute', async () => {
  const { clock, events, told, count } = setUp();
  for (let i = 0; i < 12; i += 1) events.changeJournaled(opened(`t${i}`));
  rollBack(events);
  await settle();
  expect(told.map(({ title }) => title)).toEqual(['Rolled back: everything is served by the control']);
  clock.advance(59 * SECOND);
  await settle();
  expect(told).toHaveLength(1);
  clock.advance(2 * SECOND);
  await settle();
  expect(told[1]?.title).toBe('12 cells opened');
  expect(count('sent')).toBe(2);
  expect(clock.timers).toBe(1);
});

test('every target gets the same notice under the same id, and one that hangs holds up no other', async () => {
  const { events, told, notifier } = setUp(
    (target) => (target === 'hung' ? new Promise(() => undefined) : Promise.resolve(TAKEN)),
    ['hung', 'chat'],
  );
  ends.length = 0;
  rollBack(events);
  rollBack(events);
  await settle();
  expect(told.map(({ target }) => target)).toEqual(['hung', 'chat', 'chat']);
  expect(told[0]?.id).toBe(told[1]?.id);
  expect(told[2]?.id).not.toBe(told[1]?.id);
  expect(notifier.targets()).toMatchObject([
    { name: 'hung', waiting: 2, sent: 0, address: 'https://chat.example' },
    { name: 'chat', waiting: 0, sent: 2 },
  ]);
  expect(JSON.stringify(notifier.targets())).not.toContain('secret-of');
});

test('a store that fails is told once, and once more when it works again', async () => {
  const { events, told } = setUp();
  events.storeWorked();
  for (let i = 0; i < 5; i += 1) events.storeFailed('write', new Error('no room'));
  events.storeWorked();
  events.storeWorked();
  await settle();
  expect(told.map(({ title }) => title)).toEqual(['The store takes nothing', 'The store works again']);
});

test('an entry that cannot be told is a fault in the log, and harms nothing', async () => {
  const { events, told, lines } = setUp();
  const broken = { ...opened('a'), reason: undefined as unknown as string };
  expect(() => events.changeJournaled({ ...broken, action: 'hold' })).not.toThrow();
  rollBack(events);
  await settle();
  expect(lines.some((line) => line.includes('notice.fault'))).toBe(true);
  expect(told).toHaveLength(1);
});

test('without a target no time is spent', () => {
  const { clock, events, notifier } = setUp(undefined, []);
  events.changeJournaled(opened('a'));
  expect(clock.timers).toBe(0);
  notifier.verified(verifiedExchange(cellOf('acme', 'GET /a'), 'match'), []);
});

test('parity that fell is told within the minute in which it shows', async () => {
  const { clock, notifier, told } = setUp();
  for (let minute = 0; minute < 130; minute += 1) {
    for (let i = 0; i < 20; i += 1)
      notifier.verified(verifiedExchange(cellOf('acme', 'GET /a'), minute >= 70 && i < 15 ? 'mismatch' : 'match'), []);
    clock.advance(60 * SECOND);
    await settle();
  }
  expect(told.map(({ title }) => title)).toEqual([expect.stringMatching(/^Parity fell: \d+% → \d+%$/)]);
});

test('other targets are told from then on; one that stays keeps its counts, one that goes tells what waits', async () => {
  const { clock, notifier, told, events } = setUp(undefined, ['chat', 'pager']);
  const [chat, pager] = ['chat', 'pager'].map((name): NotifyTarget => {
    return {
      name,
      url: `https://chat.example/secret-of-${name}`,
      format: 'webhook',
      on: NOTICE_KINDS,
      secret: undefined,
    };
  });
  events.changeJournaled(opened('a'));
  clock.advance(60 * SECOND);
  await settle();
  expect(told.map(({ target }) => target)).toEqual(['chat', 'pager']);
  const other = { ...pager, name: 'phone' } as NotifyTarget;
  notifier.follow([chat as NotifyTarget, other]);
  expect(notifier.targets().map(({ name, sent }) => [name, sent])).toEqual([
    ['chat', 1],
    ['phone', 0],
  ]);
  events.changeJournaled(opened('b'));
  clock.advance(60 * SECOND);
  await settle();
  expect(told.map(({ target }) => target)).toEqual(['chat', 'pager', 'chat', 'phone']);
});

test('what was gathered is told at the end', async () => {
  const { events, notifier, told } = setUp();
  events.changeJournaled(opened('a'));
  events.changeJournaled(opened('b'));
  await notifier.close();
  expect(told.map(({ title }) => title)).toEqual(['2 cells opened']);
});
