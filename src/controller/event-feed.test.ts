import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cellOf, verifiedExchange } from '../../test/support/traffic.ts';
import { type ControlEvent, EventFeed } from './event-feed.ts';
import { TrafficFeed } from './traffic-feed.ts';

test('a watcher that comes back gets exactly what it missed, in order, or is told that nobody knows', () => {
  fc.assert(
    fc.property(fc.nat({ max: 3_000 }), fc.nat({ max: 3_000 }), (total, seen) => {
      const feed = new EventFeed('run1');
      for (let i = 1; i <= total; i++) feed.publish('journal', i);
      const missed = feed.since(`run1-${seen}`);
      if (missed === undefined) expect(seen > total || total - seen > 1_000).toBe(true);
      else
        expect(missed.map((event) => event.data)).toEqual(Array.from({ length: total - seen }, (_, i) => seen + i + 1));
      if (total - seen <= 1_000 && seen <= total) expect(missed).toBeDefined();
    }),
  );
});

test.each(['', 'run2-1', 'run1', 'run1-', 'run1--1', 'run1-99', 'run1-1e3', '../../x'])(
  'the id %j is not one of this run',
  (id) => {
    const feed = new EventFeed('run1');
    feed.publish('journal', 1);
    expect(feed.since(id)).toBeUndefined();
  },
);

test('a status is told and not kept', () => {
  const feed = new EventFeed('run1');
  const seen: ControlEvent[] = [];
  feed.subscribe((event) => seen.push(event));
  feed.publish('status', { revision: 1 });
  expect(seen).toEqual([{ type: 'status', data: { revision: 1 } }]);
  expect(feed.since('run1-0')).toEqual([]);
});

test('watchers are bounded, and one that throws is dropped without harm to the others', () => {
  const feed = new EventFeed('run1');
  let told = 0;
  feed.subscribe(() => {
    throw new Error('gone');
  });
  while (feed.subscribe(() => (told += 1)) !== undefined);
  expect(feed.watchers).toBe(64);
  feed.publish('journal', 1);
  feed.publish('journal', 2);
  expect(feed.watchers).toBe(63);
  expect(told).toBe(126);
});

test('a flood of mismatches is told at a pace that people can read, changes of health always', () => {
  const clock = new ManualClock();
  const feed = new EventFeed('run1');
  const traffic = new TrafficFeed(feed, clock);
  let mismatches = 0;
  let health = 0;
  feed.subscribe((event) => {
    if (event.type === 'mismatch') mismatches += 1;
    if (event.type === 'health') health += 1;
  });
  for (let i = 0; i < 1_000; i++) traffic.verified(verifiedExchange(cellOf('acme', 'GET /a'), 'mismatch'), []);
  traffic.verified(verifiedExchange(cellOf('acme', 'GET /a'), 'match'), []);
  expect(mismatches).toBe(20);
  clock.advance(1_000);
  for (let i = 0; i < 5; i++) traffic.verified(verifiedExchange(cellOf('acme', 'GET /a'), 'mismatch'), []);
  expect(mismatches).toBe(25);
  for (let i = 0; i < 30; i++) traffic.health({ side: 'control', target: 'http://a', healthy: true, reason: '' });
  expect(health).toBe(30);
});
