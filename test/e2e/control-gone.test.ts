import { expect, test } from 'vitest';
import { problem } from '../../src/api/types.ts';
import { eventually, startCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { askOnce, startLoad } from '../support/load.ts';
import { TestUpstream } from '../support/test-upstream.ts';

/** "At once": nobody waits for a connection that is refused. */
const AT_ONCE_MS = 5_000;

test('without the control clients get 502 at once, pinned endpoints go on, and it recovers by itself', async () => {
  const [control, candidate] = [await TestUpstream.start('control'), await TestUpstream.start('candidate')];
  const file = writeConfig(
    tempFolder(),
    { control: control.url, candidate: candidate.url },
    {
      control: { health: { interval: '200ms' } },
      defaults: { mirror: '0%' },
      endpoints: [{ match: 'GET /pinned' }],
    },
  );
  const cutover = await startCutover(file);
  const pinned = await cutover.api('POST', '/api/v1/pins', {
    scope: { endpoint: 'GET /pinned' },
    side: 'candidate',
    reason: 'it must not depend on the control',
  });
  expect(pinned.status).toBe(201);
  expect((await cutover.api('GET', '/readyz')).status).toBe(200);
  const onCandidate = startLoad({
    port: () => cutover.proxyPort,
    workers: 2,
    pauseMs: 2,
    path: () => '/pinned',
    name: 'p',
  });
  expect(await askOnce({ port: cutover.proxyPort })).toMatchObject({ status: 200, side: 'control' });

  const onControl = startLoad({ port: () => cutover.proxyPort, workers: 2, pauseMs: 2, name: 'c' });
  await eventually('the load reaches the control', () => onControl.answered.length > 20);
  await control.vanish();
  const goneAt = performance.now();
  await eventually('it is not ready', async () => (await cutover.api('GET', '/readyz')).status === 503);
  await eventually('more refusals', () => onControl.answered.filter(({ status }) => status === 502).length > 50);
  const { reasons } = (await cutover.api('GET', '/readyz')).body;
  expect(reasons).toEqual(['no target of the control is healthy']);
  const refusal = await askOnce({ port: cutover.proxyPort });
  if (typeof refusal === 'string') throw new Error(refusal);
  expect(refusal.status).toBe(502);
  expect(refusal.headers['content-type']).toBe('application/problem+json');
  expect(problem.partial({ id: true }).parse(JSON.parse(refusal.text))).toMatchObject({ code: 'CONTROL_UNREACHABLE' });

  await control.comeBack();
  const backAt = performance.now();
  await eventually('it is ready again', async () => (await cutover.api('GET', '/readyz')).status === 200);
  const readyAt = performance.now();
  await eventually('it serves again', () =>
    onControl.answered.some(({ sentAt, status }) => sentAt > readyAt && status === 200),
  );
  const whole = await onControl.stop();
  const answered = await onCandidate.stop();
  expect(answered.failures).toEqual([]);
  expect(answered.answered.every(({ side }) => side === 'candidate')).toBe(true);
  // Every client got an answer, quickly, and only 200 and 502.
  expect(whole.answered.length).toBe(whole.sent.size);
  expect([...new Set(whole.answered.map(({ status }) => status))].sort()).toEqual([200, 502]);
  expect(Math.max(...whole.answered.map(({ sentAt, endedAt }) => endedAt - sentAt))).toBeLessThan(AT_ONCE_MS);
  const early = whole.answered.filter(({ endedAt }) => endedAt < goneAt - 50);
  expect(early.every(({ status }) => status === 200)).toBe(true);
  const late = whole.answered.filter(({ sentAt }) => sentAt > readyAt);
  expect(late.filter(({ status }) => status !== 200)).toEqual([]);
  expect(readyAt - backAt).toBeLessThan(40_000);
  expect(await cutover.stop()).toMatchObject({ code: 0 });
});
