import { expect, test } from 'vitest';
import { TRACES } from '../../examples/storefront/releases.ts';
import type { DemoSummary } from '../../src/app/demo.ts';
import { runCutover } from '../support/cutover-process.ts';

/** What the two engines of the storefront do differently in pages: links in the header, headings, tags, counts. */
const ENGINES = [/\/header\b.*\/nav\b/, /\/article\b.*\/h2\b/, /\/p\.tags\b/, /\/main\b[^/]*\/p\b[^/]*\/text\(\)$/];

/** Whether a cluster is a mistake that a release of the rewrite makes. */
function isMistake({ endpoint, path }: DemoSummary['clusters'][number]): boolean {
  return Object.values(TRACES).some((trace) => trace.endpoints.includes(endpoint) && trace.path.test(path));
}

/** What differs with every request, on one side as on two: seen here, it would be noise taken for a difference. */
const NOISE = /time|csrf|nonce|section|picks|visit/i;

test('the demo shows real differences and hardly any noise, and no visitor notices anything', async () => {
  const ended = await runCutover(['demo', '--duration', '30s', '--headless', '--output', 'json']);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const summary = JSON.parse(ended.stdout) as DemoSummary; // printed by the demo in this shape
  expect(summary.clientErrors).toBe(0);
  expect(summary.requests).toBeGreaterThan(200);
  expect(summary.compared.match).toBeGreaterThan(0);
  expect(summary.clusters.length).toBeGreaterThanOrEqual(3);
  const noisy = summary.clusters.filter(({ path }) => NOISE.test(path));
  // What the control shows twice by chance, before its noise is known, is taken for steady: once in fifty times at most.
  const compared = summary.compared.match + summary.compared.mismatch;
  const mistaken = noisy.reduce((sum, { count }) => sum + count, 0);
  expect(mistaken, JSON.stringify(noisy)).toBeLessThanOrEqual(Math.max(3, compared / 50));
  const unknown = summary.clusters.filter(
    (one) => !noisy.includes(one) && !isMistake(one) && !ENGINES.some((engine) => engine.test(one.path)),
  );
  expect(unknown).toEqual([]);
});
