import { expect, test } from 'vitest';
import { clusterSample, endpointSample, statusSample } from '../../test/support/api-samples.ts';
import { progressLines } from './progress.ts';

test('progress tells sums, endpoints, noise, clusters and what is missing', () => {
  const noise = [{ path: 'body/at', class: 'time', envelope: 'near the present', samples: 12 }];
  expect(progressLines(statusSample, [{ ...endpointSample, noise }], [clusterSample])).toEqual([
    '12,345 requests, candidate serves 2.8%, 1,003 compared, parity 99%, 8.1% of requests verified',
    '  GET /orders/{id}  100 compared, parity 95%, noise on 1 path',
    '  noise learned: time at body/at',
    '  cluster 3f9a1c0be412  10 × GET /orders/{id} body/total value (number → number); cutover show m3k2a9x01',
    '  missing for a proof: GET /orders/{id} lacks 31 matches',
  ]);
});

test('warnings and rollbacks come before everything else that is found', () => {
  const latches = [{ scope: {}, at: 1, actor: 'cli:ann', reason: '' }];
  const lines = progressLines({ ...statusSample, warnings: ['store full'], latches }, [], []);
  expect(lines.slice(1, 3)).toEqual(['  ! store full', '  ! rolled back: no reason given (cli:ann)']);
});

test('a parity just below one is never shown as 100%, and none as a dash', () => {
  expect(progressLines({ ...statusSample, parity: 0.999_999 }, [], [])[0]).toContain('parity >99.99%');
  expect(progressLines({ ...statusSample, parity: 1 }, [], [])[0]).toContain('parity 100%');
  expect(progressLines({ ...statusSample, parity: null }, [], [])[0]).toContain('parity –');
});

test('the busiest endpoints are told, and never more than fits a screen', () => {
  const endpoints = Array.from({ length: 100 }, (_, n) => ({
    ...endpointSample,
    endpoint: `GET /${n}`,
    verdicts: { match: n, ignored: 0, mismatch: 0, inconclusive: 0 },
    noise: [{ path: `body/${n}`, class: 'uuid', envelope: '', samples: 10 }],
  }));
  const latch = { scope: {}, at: 1, actor: 'api', reason: 'x' };
  const lines = progressLines(
    { ...statusSample, warnings: Array(50).fill('w'), latches: Array(50).fill(latch), missing: Array(50).fill('m') },
    endpoints,
    Array(50).fill(clusterSample),
  );
  expect(lines.length).toBeLessThanOrEqual(25);
  expect(lines).toContain('  GET /99  99 compared, parity 95%, noise on 1 path');
  expect(lines.join('\n')).not.toContain('GET /0 ');
  expect(lines.find((line) => line.includes('noise learned'))).toMatch(/; …$/);
});
