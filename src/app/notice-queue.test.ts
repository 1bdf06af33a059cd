import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { NotifyTarget } from '../config/settings.ts';
import { makeNotice, type NoticeKind } from '../core/notice.ts';
import { NoticeQueue } from './notice-queue.ts';
import type { Sent } from './send-notice.ts';

const TAKEN: Sent = { ok: true, status: 200, answer: '', mayRetry: false };
const DOWN: Sent = { ok: false, status: 503, answer: 'later', mayRetry: true };
const REFUSED: Sent = { ok: false, status: 404, answer: 'no such channel', mayRetry: false };
const SECOND = 1_000;
const HOUR = 3_600_000;

const target: NotifyTarget = {
  name: 'chat',
  url: 'http://127.0.0.1:1/',
  format: 'webhook',
  on: ['step', 'hold'],
  secret: undefined,
};

/** A queue whose tries end as `answer` says, with what was tried and when. */
function setUp(answer: (nth: number) => Sent | Promise<Sent>) {
  const clock = new ManualClock(0);
  const tries: { readonly title: string; readonly id: string; readonly at: number }[] = [];
  const outcomes: string[] = [];
  const failing: string[] = [];
  let ids = 0;
  const queue = new NoticeQueue({
    target,
    clock,
    newId: () => 'sum',
    send: async ({ id, notice }) => {
      tries.push({ title: notice.title, id, at: clock.now() / SECOND });
      return answer(tries.length);
    },
    events: {
      noticeEnded: (_, outcome) => outcomes.push(outcome),
      noticesFailing: (_, problem) => failing.push(problem),
      noticesWork: () => failing.push('works'),
    },
  });
  const offer = (title: string, kind: NoticeKind = 'step'): void => {
    ids += 1;
    queue.offer({ id: `n${ids}`, notice: makeNotice({ kind, at: clock.now(), title }) });
  };
  /** Lets time pass second by second, and what was begun end. */
  const pass = async (ms: number, step = SECOND): Promise<void> => {
    await settle();
    for (let passed = 0; passed < ms; passed += step) {
      clock.advance(step);
      await settle();
    }
  };
  return { clock, queue, tries, outcomes, failing, offer, pass };
}

/** Every promise that can be kept without time passing. */
async function settle(): Promise<void> {
  for (let i = 0; i < 100; i += 1) await Promise.resolve();
}

test('notices go one at a time, in order, and only those that are wanted', async () => {
  const answers: ((sent: Sent) => void)[] = [];
  const { queue, tries, outcomes, offer } = setUp(() => new Promise((resolve) => answers.push(resolve)));
  offer('a');
  offer('not wanted', 'deploy');
  offer('b', 'hold');
  await settle();
  expect(tries.map(({ title }) => title)).toEqual(['a']);
  expect(queue.waiting).toBe(2);
  answers[0]?.(TAKEN);
  await settle();
  expect(tries.map(({ title }) => title)).toEqual(['a', 'b']);
  answers[1]?.(TAKEN);
  await settle();
  expect(outcomes).toEqual(['sent', 'sent']);
  expect(queue).toMatchObject({ sent: 2, waiting: 0, trouble: '' });
});

test('a receiver that is down is tried after 1, 2, 4 seconds and so on, with the same id, and told of once', async () => {
  const { queue, tries, failing, outcomes, offer, pass } = setUp((nth) => (nth <= 4 ? DOWN : TAKEN));
  offer('a');
  offer('b');
  await pass(20 * SECOND);
  expect(tries.map(({ title, at }) => [title, at])).toEqual([
    ['a', 0],
    ['a', 1],
    ['a', 3],
    ['a', 7],
    ['a', 15],
    ['b', 15],
  ]);
  expect(new Set(tries.slice(0, 5).map(({ id }) => id)).size).toBe(1);
  expect(failing).toEqual(['answered 503: later', 'works']);
  expect(outcomes).toEqual(['retried', 'retried', 'retried', 'retried', 'sent', 'sent']);
  expect(queue.lastSentAt).toBe(15 * SECOND);
});

test('waits are never longer than five minutes, and after an hour a notice is given up', async () => {
  const { queue, tries, failing, offer, pass } = setUp(() => DOWN);
  offer('a');
  await pass(HOUR + 300 * SECOND, 10 * SECOND);
  const waits = tries.slice(1).map(({ at }, index) => at - (tries[index]?.at ?? 0));
  expect(Math.max(...waits)).toBeLessThanOrEqual(310);
  expect(tries.length).toBeGreaterThan(15);
  expect(queue).toMatchObject({ failed: 1, waiting: 0, trouble: 'answered 503: later' });
  expect(failing).toHaveLength(1);
});

test('what is refused for good is not tried again and does not hold up the next', async () => {
  const { queue, tries, offer } = setUp((nth) => (nth === 1 ? REFUSED : TAKEN));
  offer('a');
  offer('b');
  await settle();
  expect(tries.map(({ title, at }) => [title, at])).toEqual([
    ['a', 0],
    ['b', 0],
  ]);
  expect(queue).toMatchObject({ failed: 1, sent: 1 });
});

test('a receiver that asks for a minute gets it', async () => {
  const { tries, offer, pass } = setUp((nth) => (nth === 1 ? { ...DOWN, retryAfterMs: 60_000 } : TAKEN));
  offer('a');
  await pass(70 * SECOND);
  expect(tries.map(({ at }) => at)).toEqual([0, 60]);
});

test('a thousand wait at most; the oldest give way and are counted', async () => {
  const { queue, outcomes, offer, pass, clock } = setUp(() => DOWN);
  for (let i = 0; i < 1_200; i += 1) {
    offer(`n${i}`);
    // Within the rate of thirty a minute.
    clock.advance(2_001);
  }
  await pass(SECOND);
  expect(queue.waiting).toBe(1_001);
  expect(queue.dropped).toBe(199);
  expect(outcomes.filter((outcome) => outcome === 'dropped')).toHaveLength(199);
});

test('the notices of a minute beyond thirty are summed up in one when it is over', async () => {
  const { queue, tries, outcomes, offer, pass } = setUp(() => TAKEN);
  for (let i = 0; i < 43; i += 1) offer(`n${i}`);
  for (let i = 0; i < 10; i += 1) await settle();
  expect(tries).toHaveLength(30);
  expect(queue.isHolding).toBe(true);
  await pass(60 * SECOND);
  queue.tick();
  await settle();
  expect(tries.at(-1)).toMatchObject({ title: 'And 13 more: 13 step', id: 'sum', at: 60 });
  expect(outcomes.filter((outcome) => outcome === 'limited')).toHaveLength(13);
});

test('at the end each that waits is tried once more, in order, until one fails', async () => {
  const { queue, tries, offer, clock } = setUp((nth) => (nth === 1 || nth === 4 ? DOWN : TAKEN));
  for (const title of ['a', 'b', 'c', 'd']) offer(title);
  await settle();
  expect(tries.map(({ title }) => title)).toEqual(['a']);
  await queue.close(new AbortController().signal);
  expect(tries.map(({ title }) => title)).toEqual(['a', 'a', 'b', 'c']);
  expect(queue).toMatchObject({ sent: 2, dropped: 2, waiting: 0 });
  expect(clock.timers).toBe(0);
});

test('the end waits no longer than it is allowed to', async () => {
  const { queue, offer } = setUp(() => TAKEN);
  offer('a');
  offer('b');
  await queue.close(AbortSignal.abort());
  expect(queue.sent + queue.dropped).toBe(2);
  expect(queue.dropped).toBeGreaterThanOrEqual(1);
});
