import { expect, test } from 'vitest';
import { eventually, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { quantile, startLoad } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

const ROUNDS = 20;
const PROMISED_MS = 50;
/** So many times as long may it take where others have the processors. */
const BUSY = 5;

test('I5: a rollback under load is acknowledged within 50 ms, and nothing that arrives later reaches the candidate', async () => {
  const [control, candidate] = [await TestUpstream.start('control'), await TestUpstream.start('candidate')];
  const file = writeConfig(
    tempFolder(),
    { control: control.url, candidate: candidate.url },
    { defaults: { proof: 'none', mirror: '0%' } },
  );
  const cutover = await startCutover(file);
  expect((await cutover.api('PUT', '/api/v1/dials', { dialPpm: 1_000_000, reason: 'all' })).status).toBe(200);
  const load = startLoad({ port: () => cutover.proxyPort, workers: 4, pauseMs: 3 });
  const tookMs: number[] = [];
  const effectiveMs: number[] = [];
  const late: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const since = candidate.seen.length;
    await eventually('the candidate serves', () => candidate.seen.length > since + 10);
    const askedAt = performance.now();
    const rolledBack = await cutover.api('POST', '/api/v1/rollback', { reason: `round ${round}` });
    const ackAt = performance.now();
    tookMs.push(ackAt - askedAt);
    expect(rolledBack.status).toBe(200);
    effectiveMs.push(Number(rolledBack.body['effectiveMs']));
    expect(rolledBack.body['journaledMs'] === null || Number(rolledBack.body['journaledMs']) >= 0).toBe(true);
    // Everything that clients send from now on is new to the proxy.
    const answered = load.answered.length;
    await eventually('the load goes on', () => load.answered.length > answered + 30);
    const sentAfter = new Set(load.answered.filter(({ sentAt }) => sentAt > ackAt).map(({ id }) => id));
    expect(sentAfter.size).toBeGreaterThan(10);
    for (const { id } of candidate.seen) if (sentAfter.has(id)) late.push(`${round}: ${id}`);
    const lifted = await cutover.api('DELETE', '/api/v1/latch', { reason: 'again' });
    expect(lifted.status).toBe(200);
  }
  const report = await load.stop();
  expect(late).toEqual([]);
  expect(report.failures).toEqual([]);
  const median = quantile(tookMs, 0.5);
  process.stderr.write(
    `rollback acknowledged: median ${median.toFixed(1)} ms, worst ${Math.max(...tookMs).toFixed(1)} ms\n`,
  );
  expect(median).toBeLessThanOrEqual(BUSY * PROMISED_MS);
  // In force long before: the answer also waits a little for the journal.
  expect(quantile(effectiveMs, 0.5)).toBeLessThan(BUSY * 10);
  const { items } = (await cutover.api('GET', '/api/v1/journal?action=rollback&limit=200')).body;
  expect(items).toHaveLength(ROUNDS);
  expect(await cutover.stop()).toMatchObject({ code: 0 });
});
