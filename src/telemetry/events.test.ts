import { expect, test } from 'vitest';
import { parsePrometheusText } from '../../test/support/prometheus-text.ts';
import type { EndpointId, TenantId } from '../core/cell.ts';
import type { Log, ServedRecord } from '../core/ports.ts';
import { systemClock } from './clock.ts';
import { createEvents, type Events } from './events.ts';
import { createMetrics } from './metrics.ts';

const ENDPOINT = 'GET /a' as EndpointId;
const TENANT = 'acme' as TenantId;

interface Line {
  readonly level: string;
  readonly event: string;
  readonly fields: unknown;
}

function setUp(): { events: Events; lines: Line[]; value: (name: string, labels?: Record<string, string>) => number } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (event: string, fields?: unknown): void => {
      lines.push({ level, event, fields });
    };
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const { registry, metrics } = createMetrics();
  const value = (name: string, labels: Record<string, string> = {}): number => {
    const samples = [...parsePrometheusText(registry.render()).values()].flatMap((family) => family.samples);
    const fits = samples.filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
    );
    return fits.reduce((sum, sample) => sum + sample.value, 0);
  };
  return { events: createEvents({ log, metrics, clock: systemClock }), lines, value };
}

function served(more: Partial<ServedRecord> = {}): ServedRecord {
  return {
    at: 1_000,
    tenant: TENANT,
    endpoint: ENDPOINT,
    origin: 'listed',
    decision: {
      side: 'candidate',
      reason: 'dial',
      endpoint: ENDPOINT,
      rule: 'dial all',
      bucket: 5,
      dialPpm: 10,
      revision: 1,
    },
    servedBy: 'candidate',
    method: 'GET',
    status: 200,
    failedOver: false,
    failure: undefined,
    durationMs: 30,
    upstreamMs: 20,
    overheadMs: 0.3,
    clientAborted: false,
    ...more,
  };
}

test('a served request is counted under the side that answered, and never logged', () => {
  const { events, lines, value } = setUp();
  events.requestServed(served());
  events.requestServed(served({ servedBy: 'control', failedOver: true, failure: 'refused' }));
  events.requestServed(served({ servedBy: undefined, status: 503 }));
  const requests = 'cutover_requests_total';
  expect(value(requests, { side: 'candidate', status_class: '2xx', decision: 'dial', endpoint: ENDPOINT })).toBe(1);
  expect(value(requests, { side: 'control', status_class: '2xx' })).toBe(1);
  expect(value(requests, { side: 'candidate', status_class: '5xx' })).toBe(1);
  expect(value('cutover_failovers_total')).toBe(1);
  expect(value('cutover_upstream_failures_total', { side: 'candidate', failure: 'refused' })).toBe(1);
  expect(value('cutover_request_duration_seconds_count')).toBe(3);
  expect(value('cutover_proxy_overhead_seconds_count')).toBe(2);
  expect(lines).toEqual([]);
});

test('a request without a subject is counted as missing its key', () => {
  const { events, value } = setUp();
  const { decision } = served();
  events.requestServed(served({ decision: { ...decision, side: 'control', reason: 'no-subject' } }));
  expect(value('cutover_missing_key_total', { endpoint: ENDPOINT })).toBe(1);
});

test('a change of health is logged and shown', () => {
  const { events, lines, value } = setUp();
  events.targetHealthChanged({ side: 'candidate', target: 'http://a:1', healthy: false, reason: 'refused' });
  expect(value('cutover_target_healthy', { side: 'candidate', target: 'http://a:1' })).toBe(0);
  events.targetHealthChanged({ side: 'candidate', target: 'http://a:1', healthy: true, reason: 'check passed' });
  expect(value('cutover_target_healthy', { target: 'http://a:1' })).toBe(1);
  expect(lines.map((line) => `${line.level} ${line.event}`)).toEqual(['warn target.unhealthy', 'info target.healthy']);
});

test('a token that names nobody is counted by what is wrong with it, and never logged', () => {
  const { events, lines, value } = setUp();
  events.tokenUnread('noClaim');
  events.tokenUnread('unreadable');
  events.tokenUnread('unreadable');
  expect(value('cutover_tokens_unread_total', { fault: 'unreadable' })).toBe(2);
  expect(value('cutover_tokens_unread_total', { fault: 'noClaim' })).toBe(1);
  expect(lines).toEqual([]);
});

test('a breaker that opens or closes is logged and shown', () => {
  const { events, lines, value } = setUp();
  events.breakerChanged({ scope: 'endpoint', isOpen: true, endpoint: ENDPOINT, openEndpoints: 1 });
  events.breakerChanged({ scope: 'candidate', isOpen: true, endpoint: ENDPOINT, openEndpoints: 0 });
  expect(value('cutover_breakers_open', { scope: 'candidate' })).toBe(1);
  expect(value('cutover_breakers_open', { scope: 'endpoint' })).toBe(0);
  events.breakerChanged({ scope: 'candidate', isOpen: false, endpoint: ENDPOINT, openEndpoints: 0 });
  expect(value('cutover_breakers_open', { scope: 'candidate' })).toBe(0);
  expect(value('cutover_breaker_changes_total', { scope: 'candidate', state: 'closed' })).toBe(1);
  expect(lines.map((line) => `${line.level} ${line.event}`)).toEqual([
    'warn breaker.open',
    'warn breaker.open',
    'info breaker.closed',
  ]);
});

test.each([
  ['cli:ann', 'manual'],
  ['dashboard', 'manual'],
  ['api', 'api'],
  ['tripwire:candidate-failures', 'tripwire'],
  ['controller', 'tripwire'],
])('a rollback by %s counts as %s', (actor, trigger) => {
  const { events, lines, value } = setUp();
  events.rolledBack({ scope: 'all', actor, reason: 'wrong totals', revision: 4, effectiveMs: 0.2 });
  expect(value('cutover_rollbacks_total', { trigger })).toBe(1);
  expect(value('cutover_rollback_duration_seconds_count')).toBe(1);
  expect(lines[0]).toMatchObject({
    level: 'warn',
    event: 'rollback.effective',
    fields: { actor, reason: 'wrong totals' },
  });
});

test('a store that fails and works again is logged once each, and shown', () => {
  const { events, lines, value } = setUp();
  events.storeWorked();
  events.storeFailed('journal', new Error('ENOSPC'));
  expect(value('cutover_store_up')).toBe(0);
  events.storeWorked();
  events.storeWorked();
  expect(value('cutover_store_up')).toBe(1);
  expect(lines.map((line) => line.event)).toEqual(['store.failed', 'store.recovered']);
});

test('problems of strangers fill the log to a bound only, faults always reach it', () => {
  const { events, lines } = setUp();
  for (let i = 0; i < 1_000; i++)
    events.apiProblem({ id: String(i), method: 'GET', path: '/x', status: 401, code: 'UNAUTHORIZED' });
  events.apiProblem({ id: 'f', method: 'GET', path: '/x', status: 500, code: 'FAULT', error: new Error('boom') });
  // The minute may turn while this runs; then there are two bounds' worth.
  expect(lines.filter((line) => line.level === 'info').length).toBeLessThanOrEqual(240);
  expect(lines.at(-1)).toMatchObject({ level: 'error', event: 'api.problem', fields: { id: 'f' } });
});
