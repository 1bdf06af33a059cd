import { expect, test } from 'vitest';
import { servedRecord } from '../../test/support/traffic.ts';
import type { Side } from './cell.ts';
import { LimitWatch, type ServiceLimits } from './service-limits.ts';

const LIMITS: ServiceLimits = { errorRate: 0.05, p99Ms: 1_000, withinMs: 60_000 };

interface Answers {
  readonly side?: Side;
  readonly count: number;
  readonly failing?: number;
  readonly slow?: number;
  readonly from?: number;
}

/** What the watch says first, over answers of which every so manieth fails or is slow. */
function said(watch: LimitWatch, { side = 'candidate', count, failing = 0, slow = 0, from = 0 }: Answers) {
  for (let number = 1; number <= count; number++) {
    const isFailed = failing > 0 && number % failing === 0;
    const isSlow = slow > 0 && number % slow === 0;
    const record = servedRecord({ side, at: from + number * 100, upstreamMs: isSlow ? 1_500 : 100 });
    const broken = watch.served(record, isFailed);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

test('a candidate that certainly fails more than the limit breaks it, and the numbers are told', () => {
  expect(said(new LimitWatch(LIMITS), { count: 200, failing: 4 })).toMatch(
    /^\d+ of \d+ of the candidate's requests failed within 60 s: more than 5 %$/,
  );
});

test('few failures of few requests break nothing, nor does a rate at the limit', () => {
  expect(said(new LimitWatch(LIMITS), { count: 20, failing: 10 })).toBeUndefined();
  expect(said(new LimitWatch(LIMITS), { count: 2_000, failing: 20 })).toBeUndefined();
});

test('a candidate of which more than one answer in a hundred is too slow breaks the limit of the 99th percentile', () => {
  expect(said(new LimitWatch(LIMITS), { count: 400, slow: 10 })).toMatch(
    /^\d+ of \d+ of the candidate's requests took longer than 1000 ms within 60 s: more than 1 %$/,
  );
  expect(said(new LimitWatch(LIMITS), { count: 2_000, slow: 100 })).toBeUndefined();
});

test('a limit that the control breaks as much is no reason to go back to it', () => {
  const watch = new LimitWatch(LIMITS);
  expect(said(watch, { side: 'control', count: 100, failing: 2 })).toBeUndefined();
  expect(said(watch, { count: 100, failing: 3 })).toBeUndefined();
});

test('what lies before the window is forgotten', () => {
  const watch = new LimitWatch({ ...LIMITS, withinMs: 1_000 });
  expect(said(watch, { count: 4, failing: 1 })).toBeUndefined();
  expect(said(watch, { count: 4, failing: 1, from: 10_000 })).toBeUndefined();
  expect(said(watch, { count: 1, failing: 1, from: 10_400 })).toMatch(/^5 of 5 /);
});

test('a limit that is not set is not broken', () => {
  const none = { errorRate: undefined, p99Ms: undefined, withinMs: 60_000 };
  expect(said(new LimitWatch(none), { count: 200, failing: 1, slow: 1 })).toBeUndefined();
});
