import { expect, test } from 'vitest';
import { cellOf, verifiedExchange } from '../../test/support/traffic.ts';
import type { Notice } from './notice.ts';
import { ParityWatch } from './parity-watch.ts';
import type { Cluster } from './ports.ts';

const MINUTE = 60_000;
/** 00:00 UTC. */
const START = Date.UTC(2027, 0, 15);

const clusterAt = (firstSeen: number): Cluster => ({
  id: 'c1',
  endpoint: cellOf('acme', 'GET /orders/{id}').endpoint,
  endpoints: [],
  pathPattern: 'body/total',
  kind: 'value',
  transition: '',
  count: 1,
  firstSeen,
  lastSeen: firstSeen,
  firstVersion: 'v2',
  lastVersion: 'v2',
  tenants: 1,
  example: 'x',
  difference: { path: 'body/total', kind: 'value' },
});

interface Hours {
  /** Comparisons a minute, and the parity of each hour, from 0 to 1. */
  readonly perMinute: number;
  readonly parities: readonly number[];
  /** Minute from which mismatches show the cluster. */
  readonly clusterFrom?: number;
}

/** Lets hours pass minute by minute; gives what was told and at which minute. */
function live({ perMinute, parities, clusterFrom }: Hours): { readonly minute: number; readonly notice: Notice }[] {
  const watch = new ParityWatch();
  const told: { minute: number; notice: Notice }[] = [];
  for (let minute = 0; minute < parities.length * 60; minute += 1) {
    const now = START + minute * MINUTE;
    const parity = parities[Math.floor(minute / 60)] ?? 0;
    for (let i = 0; i < perMinute; i += 1) {
      // Evenly spread: every minute has the parity of its hour.
      const isMatch = (minute * perMinute + i + 1) * parity - Math.floor((minute * perMinute + i) * parity) >= 1;
      const clusters =
        isMatch || clusterFrom === undefined || minute < clusterFrom ? [] : [clusterAt(START + clusterFrom * MINUTE)];
      const cell = cellOf(['acme', 'globex', 'initech'][i % 3] ?? 'acme', 'GET /orders/{id}');
      watch.verified(verifiedExchange(cell, isMatch ? 'match' : 'mismatch'), clusters, now);
    }
    const notice = watch.look(now + MINUTE - 1);
    if (notice !== undefined) told.push({ minute, notice });
  }
  return told;
}

test('a fall overnight is told with the cluster that is new, when it was first seen and whom it touches', () => {
  const told = live({ perMinute: 30, parities: [0.9, 0.9, 0.4], clusterFrom: 130 });
  expect(told).toHaveLength(1);
  const { notice, minute } = told[0] ?? { notice: undefined, minute: 0 };
  expect(minute).toBeGreaterThanOrEqual(130 - 10);
  expect(notice).toMatchObject({ kind: 'parity' });
  expect(notice?.title).toMatch(/^Parity fell: 9\d% → \d\d%$/);
});

test('the cluster and its tenants are named', () => {
  const watch = new ParityWatch();
  const at = START + 130 * MINUTE;
  for (let i = 0; i < 400; i += 1)
    watch.verified(
      verifiedExchange(cellOf('acme', 'GET /a'), i % 100 < 37 ? 'match' : 'mismatch'),
      [],
      START + 80 * MINUTE,
    );
  for (let i = 0; i < 400; i += 1) {
    const cell = cellOf(`t${i % 7}`, 'GET /orders/{id}');
    const isMatch = i % 100 < 17;
    watch.verified(
      verifiedExchange(cell, isMatch ? 'match' : 'mismatch'),
      isMatch ? [] : [clusterAt(at)],
      at + 15 * MINUTE,
    );
  }
  const notice = watch.look(START + 146 * MINUTE);
  expect(notice?.title).toBe('Parity fell: 37% → 17%');
  expect(notice?.text).toMatch(
    /^One new cluster: body\/total \(value\) at GET \/orders\/\{id\}, first seen 02:10 UTC, tenants t3, .* and 2 more\. Of 400 comparisons of the last hour, 400 of the hour before\./,
  );
  expect(notice?.evidence).toMatchObject({
    before: { parity: 0.37, comparisons: 400 },
    clusters: [{ id: 'c1', count: 332 }],
  });
});

test('a fall without a new cluster says so', () => {
  expect(live({ perMinute: 20, parities: [0.9, 0.9, 0.5] })[0]?.notice.text).toContain('No cluster is new');
});

test.each<readonly [string, Hours]>([
  ['a parity that stands still', { perMinute: 20, parities: [0.8, 0.8, 0.8, 0.8] }],
  ['a rise', { perMinute: 20, parities: [0.2, 0.2, 0.9, 0.9] }],
  ['a fall of four points', { perMinute: 100, parities: [0.9, 0.9, 0.86, 0.86] }],
  ['fewer than a hundred comparisons an hour', { perMinute: 1, parities: [1, 1, 0, 0] }],
  ['a fall of five points that chance makes', { perMinute: 2, parities: [0.5, 0.5, 0.44, 0.44] }],
])('%s is not told', (_, hours) => {
  expect(live(hours)).toEqual([]);
});

test('a fall that goes on is told at most once an hour', () => {
  const minutes = live({ perMinute: 50, parities: [1, 1, 0.8, 0.6, 0.4, 0.2] }).map(({ minute }) => minute);
  expect(minutes.length).toBeGreaterThanOrEqual(3);
  for (const [index, minute] of minutes.slice(1).entries())
    expect(minute - (minutes[index] ?? 0)).toBeGreaterThanOrEqual(60);
});
