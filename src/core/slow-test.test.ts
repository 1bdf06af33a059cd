import { describe, expect, test } from 'vitest';
import { servedRecord } from '../../test/support/traffic.ts';
import type { Side } from './cell.ts';
import { SlowTest } from './slow-test.ts';

const DIAL = 200_000;
const SECOND = 1_000;

/** Numbers from 0 to below 1, always the same for the same seed (mulberry32). */
function lots(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Traffic {
  readonly seconds: number;
  /** Milliseconds that an answer takes. */
  ms(side: Side, bucket: number, lot: () => number): number;
  readonly people?: number;
  readonly warmUpMs?: number;
  readonly dialPpm?: number;
}

/** The second in which the test speaks against the candidate, at 20 requests a second; undefined: it never does. */
function noticed(traffic: Traffic, seed = 1): number | undefined {
  const { seconds, ms, people = 5_000, warmUpMs = 0, dialPpm = DIAL } = traffic;
  const lot = lots(seed);
  const slow = new SlowTest(warmUpMs);
  for (let request = 0; request < seconds * 20; request++) {
    const bucket = Math.floor((Math.floor(lot() * people) / people) * 1_000_000);
    const side: Side = bucket < dialPpm ? 'candidate' : 'control';
    const record = servedRecord({ side, at: request * 50, upstreamMs: ms(side, bucket, lot) });
    slow.served({ ...record, decision: { ...record.decision, bucket, dialPpm } });
    if (slow.verdict(5) !== undefined) return request / 20;
  }
  return undefined;
}

/** A heavy tail: one answer in twenty takes more than 20 times the least. */
const heavy = (lot: () => number): number => 10 / Math.max(1e-6, lot());

describe('the latency test', () => {
  test('of 100 candidates that are as fast as the control, with a heavy tail, one at most is called slow', () => {
    const called = Array.from({ length: 100 }, (_, seed) =>
      noticed({ seconds: 900, ms: (_side, _bucket, lot) => heavy(lot) }, seed),
    ).filter((at) => at !== undefined);
    expect(called.length).toBeLessThanOrEqual(1);
  });

  test('a candidate that takes twice as long is noticed within minutes, and the reason tells the numbers', () => {
    const at = noticed({ seconds: 3_600, ms: (side, _bucket, lot) => heavy(lot) * (side === 'candidate' ? 4 : 1) });
    expect(at).toBeGreaterThan(25);
    expect(at).toBeLessThan(900);
    const slow = new SlowTest(0);
    for (let i = 0; i < 512; i++) slow.served(servedRecord({ upstreamMs: 20 }));
    for (let person = 0; person < 20; person++) {
      const record = servedRecord({ side: 'candidate', at: person * 5 * SECOND, upstreamMs: 50 });
      slow.served({ ...record, decision: { ...record.decision, bucket: person, dialPpm: DIAL } });
    }
    expect(slow.verdict(5)).toMatch(
      /^\d+ of \d+ people with answers slower than 20 ms, the control's 9[59] %, were served by the candidate, which serves 20 %: chance 1 in \d+$/,
    );
  });

  test('a few people to whom everything is slow do not count again and again', () => {
    const slowPeople = (bucket: number): boolean => bucket < 3_000;
    const at = noticed({
      seconds: 7_200,
      ms: (_side, bucket, lot) => (slowPeople(bucket) ? 10_000 : 20 + lot()),
    });
    expect(at).toBeUndefined();
  });

  test('a candidate that stands still for five seconds once is not called slow', () => {
    let request = 0;
    const at = noticed({
      seconds: 1_200,
      ms: (side, _bucket, lot) => {
        request += 1;
        const isStalled = request > 12_000 && request <= 12_100 && side === 'candidate';
        return isStalled ? 5_000 : heavy(lot);
      },
    });
    expect(at).toBeUndefined();
  });

  test('what is slow while it warms up does not count', () => {
    const cold = { seconds: 600, ms: (side: Side) => (side === 'candidate' ? 500 : 20) };
    expect(noticed(cold)).toBeLessThan(200);
    expect(noticed({ ...cold, warmUpMs: 600 * SECOND })).toBeUndefined();
  });

  test('at a dial of nothing or everything there is nobody to compare with', () => {
    for (const dialPpm of [0, 1_000_000]) {
      expect(noticed({ seconds: 600, dialPpm, ms: () => 500 })).toBeUndefined();
    }
  });

  test('failures and failovers say nothing about how fast the candidate is', () => {
    const slow = new SlowTest(0);
    for (let i = 0; i < 512; i++) slow.served(servedRecord({ upstreamMs: 20 }));
    for (let person = 0; person < 60; person++) {
      const record = servedRecord({ side: 'candidate', at: person * 5 * SECOND, upstreamMs: 9_000 });
      const decision = { ...record.decision, bucket: person, dialPpm: DIAL };
      slow.served({ ...record, decision, failure: 'status', status: 500 });
      slow.served({ ...record, decision, failedOver: true, servedBy: 'control' });
    }
    expect(slow.verdict(1)).toBeUndefined();
  });
});
