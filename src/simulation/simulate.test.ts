import { describe, expect, test } from 'vitest';
import { happen } from '../../test/support/scenario.ts';

/** Cells open after some minutes and not hours. */
const QUICK = `plan:
  defaults: {dial: 100%, mirror: 100%}
  evidence: {cellLimit: 5%, pooledLimit: 2%, minSpan: 30s, coolDown: 1m, renewWithin: 10m}
`;
const TRAFFIC = 'traffic: {rps: 20, tenants: 4, endpoints: [GET /a, GET /b]}\n';

describe('a simulated world', () => {
  test('opens every cell of a healthy rewrite and hurts nobody', async () => {
    const result = await happen(`duration: 20m\n${TRAFFIC}${QUICK}`);
    expect(result.cells).toEqual({ total: 8, opened: 8, openAtEnd: 8 });
    expect(result).toMatchObject({
      falsePromotions: 0,
      rollbacks: 0,
      falseRollbacks: 0,
      violations: [],
      finalShare: 1,
    });
    expect(result.clientsHurt).toEqual({ requests: 0, subjects: 0 });
    expect(result.timeToOpenMs.min).toBeGreaterThanOrEqual(30_000);
    expect(result.requests.total).toBeGreaterThan(23_000);
    expect(result.requests.total).toBeLessThan(25_000);
    expect(result.share).toHaveLength(120);
    expect(Object.values(result.invariants.checks).every((count) => count >= 0)).toBe(true);
    expect(result.invariants.checks.I4).toBeGreaterThan(10_000);
  });

  test('comes to the same bytes with the same seed, and to others with another', async () => {
    const text = `duration: 5m\n${TRAFFIC}candidate: {errorRate: 1%}\ncontrol: {latencyMs: {p50: 20, p99: 200}}\n${QUICK}`;
    const [one, again, other] = [await happen(text, 7), await happen(text, 7), await happen(text, 8)];
    expect(JSON.stringify(again)).toBe(JSON.stringify(one));
    expect(other.requests.total).not.toBe(one.requests.total);
  });

  test('keeps an endpoint on the control that answers wrongly, and opens the others', async () => {
    const result = await happen(
      `duration: 20m\n${TRAFFIC}candidate: {differences: [{endpoint: GET /a, share: 10%}]}\n${QUICK}`,
    );
    expect(result.cells).toMatchObject({ opened: 4, openAtEnd: 4 });
    expect(result).toMatchObject({ clientsHurt: { requests: 0 }, falsePromotions: 0, violations: [] });
    expect(result.detections).toMatchObject([
      { endpoint: 'GET /a', flaw: 'answers', exposedAt: null, detectedAt: null },
    ]);
  });

  test('finds a flaw of a new version that serves already, and says how long that took and whom it hurt', async () => {
    const result =
      await happen(`duration: 30m\n${TRAFFIC}candidate: {differences: [{endpoint: GET /b, share: 20%, version: v2}]}
events: [{at: 20m, kind: deploy, version: v2}]
${QUICK}`);
    const [found] = result.detections;
    expect(found).toMatchObject({ endpoint: 'GET /b', flaw: 'answers', from: 1_200_000 });
    expect(found?.detectedAt).toBeGreaterThan(1_200_000);
    expect(result.timeToDetectMs.max).toBeLessThan(120_000);
    expect(result.clientsHurt.requests).toBeGreaterThan(0);
    expect(result).toMatchObject({ undetected: 0, falseRollbacks: 0, violations: [] });
    expect(result.changes.some(({ kind, endpoints }) => kind === 'rollback' && endpoints?.includes('GET /b'))).toBe(
      true,
    );
  });

  test('takes a candidate back that is down, while clients get the control’s answers', async () => {
    const result = await happen(
      `duration: 20m\n${TRAFFIC}events: [{at: 10m, kind: candidate-down, for: 2m}]\n${QUICK}`,
    );
    expect(result.rollbacksBy).toMatchObject({ 'hard-down': expect.any(Number) });
    expect(result).toMatchObject({ clientsHurt: { requests: 0 }, falseRollbacks: 0, violations: [] });
    expect(result.requests.failedOver).toBeGreaterThan(0);
  });

  test('a world without a request ends, and nothing happens in it', async () => {
    const result = await happen('duration: 1h\ntraffic: { rps: 0 }\n');
    expect(result).toMatchObject({ requests: { total: 0 }, promotions: 0, rollbacks: 0, violations: [] });
    expect(result.timeToOpenMs).toMatchObject({ count: 0, p50: null });
  });

  test('obeys people, and says what it refused them', async () => {
    const result = await happen(`duration: 20m\n${TRAFFIC}events:
  - {at: 10m, kind: rollback, endpoint: GET /a}
  - {at: 11m, kind: dial, dial: 50%, endpoint: GET /a}
  - {at: 12m, kind: unlatch}
  - {at: 15m, kind: unlatch, endpoint: GET /a}
${QUICK}`);
    expect(result.refusedOrders.map(({ what }) => what)).toEqual([expect.stringContaining('unlatch all')]);
    expect(result.changes.find(({ actor }) => actor === 'cli:scenario')).toMatchObject({
      kind: 'order',
      endpoints: ['GET /a'],
      reason: 'rollback GET /a, as the scenario says',
    });
    expect(result).toMatchObject({ rollbacks: 0, violations: [] });
  });
});

describe('faults of our own parts', () => {
  test('a store that is gone promotes nobody and takes nobody back', async () => {
    for (const how of ['fails', 'silent']) {
      const result = await happen(
        `duration: 20m\n${TRAFFIC}events: [{at: 20s, kind: store-outage, how: ${how}, for: 10m}]\n${QUICK}`,
      );
      expect(result.timeToOpenMs.min, how).toBeGreaterThan(590_000);
      expect(result, how).toMatchObject({ rollbacks: 0, violations: [], cells: { openAtEnd: 8 } });
    }
  });

  test('I6: a flaw that is deployed while the store is gone is found and taken back meanwhile', async () => {
    const result = await happen(`
duration: 80m
traffic: { rps: 20, tenants: 4, endpoints: [GET /a] }
candidate: { differences: [{ endpoint: GET /a, share: 10%, version: v2 }] }
events:
  - { at: 50m, kind: store-outage, for: 25m }
  - { at: 55m, kind: deploy, version: v2 }
plan: { defaults: { mirror: 100%, proof: none, dial: 50% } }
`);
    expect(result).toMatchObject({ undetected: 0, falseRollbacks: 0, violations: [] });
    expect(result.timeToDetectMs.max).toBeLessThan(60_000);
  });

  test('a controller that dies leaves clients where they were, and goes on from what is recorded', async () => {
    const result = await happen(`duration: 20m\n${TRAFFIC}proxies: 2
events:
  - {at: 30s, kind: controller-crash, for: 20s}
  - {at: 12m, kind: controller-crash, for: 1m}
  - {at: 14m, kind: partition, proxy: 2, for: 1m}
  - {at: 14m, kind: rollback}
  - {at: 16m, kind: proxy-crash, proxy: 1, for: 20s}
  - {at: 17m, kind: clock-jump, by: -1h}
${QUICK}`);
    expect(result).toMatchObject({ rollbacks: 0, violations: [] });
    expect(result.cells.opened).toBe(8);
    expect(result.requests.unserved).toBe(0);
    const at = (ms: number) => result.share.findLast((one) => one.at <= ms)?.share;
    expect(at(750_000)).toBe(1);
    expect(at(870_000)).toBeCloseTo(0.5, 1);
    expect(result.finalShare).toBe(0);
  });
});
