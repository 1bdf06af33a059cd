import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { exchangeOf, jsonAnswer } from '../../test/support/trial-verifier.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { Exchange } from '../core/observation.ts';
import { RECORDED_PER_ENDPOINT, RecordPlan } from './record-plan.ts';

const good = jsonAnswer({ a: 1 });

function exchange(endpoint = 'GET /a', more: Partial<Exchange> = {}): Exchange {
  return exchangeOf(good, good, { cell: { tenant: 'acme' as TenantId, endpoint: endpoint as EndpointId }, ...more });
}

/** How many of `requests` are recorded when one comes every `everyMs`. */
function recorded(plan: RecordPlan, clock: ManualClock, requests: readonly string[], everyMs: number): number {
  let count = 0;
  for (const request of requests) {
    if (plan.wants(exchange(), request)) count += 1;
    clock.advance(everyMs);
  }
  return count;
}

test('the first distinct requests of an endpoint are recorded within seconds, then one in thirty seconds takes the place of the oldest', () => {
  const clock = new ManualClock();
  const plan = new RecordPlan(clock);
  const distinct = Array.from({ length: 400 }, (_, n) => `h${n}`);
  expect(recorded(plan, clock, distinct.slice(0, RECORDED_PER_ENDPOINT), 1_000)).toBe(RECORDED_PER_ENDPOINT);
  expect(recorded(plan, clock, distinct.slice(100, 400), 1_000)).toBe(10);
});

test('the same request is recorded anew after ten minutes, one of another tenant at once', () => {
  const clock = new ManualClock();
  const plan = new RecordPlan(clock);
  expect(recorded(plan, clock, Array(601).fill('h'), 1_000)).toBe(2);
  clock.advance(1_000);
  const other = exchange('GET /a', { cell: { tenant: 'other' as TenantId, endpoint: 'GET /a' as EndpointId } });
  expect(plan.wants(other, 'h')).toBe(true);
});

test('all endpoints together record two a second', () => {
  const clock = new ManualClock();
  const plan = new RecordPlan(clock);
  let count = 0;
  for (let n = 0; n < 1_000; n += 1) {
    if (plan.wants(exchange(`GET /e${n}`), 'h')) count += 1;
    clock.advance(10);
  }
  expect(count).toBe(20);
});

test('what may not be asked again, failures of the control and long bodies are not recorded', () => {
  const refused: Exchange[] = [
    exchange('POST /a', { request: { method: 'POST', target: '/a', headers: [] } }),
    exchange('GET /logout', { request: { method: 'GET', target: '/logout', headers: [] } }),
    exchange('GET /a', { control: { kind: 'failure', failure: 'reset', durationMs: 1 } }),
    exchange('GET /a', { control: jsonAnswer({}, { status: 503 }) }),
    exchange('GET /a', { control: jsonAnswer({}, { bodyBytes: 300_000 }) }),
    exchange('GET /a', { candidate: jsonAnswer({}, { bodyBytes: 300_000 }) }),
  ];
  for (const one of refused) expect(new RecordPlan(new ManualClock()).wants(one, 'h')).toBe(false);
  const failed = exchange('GET /a', { candidate: { kind: 'failure', failure: 'refused', durationMs: 1 } });
  expect(new RecordPlan(new ManualClock()).wants(failed, 'h')).toBe(true);
});
