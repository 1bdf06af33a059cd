import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { PowerThread } from './power-thread.ts';
import type { PowerTask } from './power-worker.ts';

const threads: PowerThread[] = [];
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close();
});
function threadOf(clock: ManualClock, url?: URL): PowerThread {
  const thread = new PowerThread(clock, url);
  threads.push(thread);
  return thread;
}
const script = (text: string): URL => new URL(`data:text/javascript,${encodeURIComponent(text)}`);

function task(body: string): PowerTask {
  const request = { method: 'GET', target: '/a', headers: [], secrets: [] };
  const control = { status: 200, headers: [['content-type', 'application/json'] as [string, string]], body };
  return {
    recordings: [
      {
        id: 'r1',
        at: 1_700_000_000_000,
        tenant: 'acme',
        endpoint: 'GET /a',
        direction: 'forward',
        verdict: 'match',
        clusters: [],
        request,
        control,
        candidate: {},
        versions: { control: 'v1', candidate: 'v2' },
      },
    ],
    standard: {
      options: {
        policy: { rules: [], headers: ['content-type'], keyOrder: false },
        limits: { maxDecodedBytes: 1_000_000, timeoutMs: 1_000 },
      },
      noise: new Map(),
    },
  };
}

test('measures in a thread, one endpoint after the other', async () => {
  const thread = threadOf(new ManualClock());
  const first = await thread.measure(task('{"id":7,"name":"A chair","price":19.99}'));
  expect(first).toMatchObject({ found: { endpoint: 'GET /a', answers: 1 } });
  expect('found' in first && (first.found.power ?? 0)).toBeGreaterThan(0.9);
  expect(await thread.measure(task('{"list":[1,2,3]}'))).toMatchObject({ found: { answers: 1 } });
});

test('a measurement that does not end is given up, and the next one gets a thread of its own', async () => {
  const clock = new ManualClock();
  const thread = threadOf(
    clock,
    script('import{parentPort as p}from"node:worker_threads";p.on("message",()=>{for(;;);})'),
  );
  const measuring = thread.measure(task('{}'));
  clock.advance(60_000);
  expect(await measuring).toEqual({ trouble: 'measuring took longer than 60 s', isLong: true });
  const again = thread.measure(task('{}'));
  clock.advance(60_000);
  expect(await again).toMatchObject({ isLong: true });
});

test('a thread that falls over is told without what it said', async () => {
  const clock = new ManualClock();
  const thread = threadOf(
    clock,
    script('import{parentPort as p}from"node:worker_threads";p.on("message",()=>{throw new TypeError("secret")})'),
  );
  expect(await thread.measure(task('{}'))).toEqual({ trouble: 'its thread ended (TypeError)', isLong: false });
  expect(await thread.measure(task('{}'))).toEqual({ trouble: 'its thread ended (TypeError)', isLong: false });
});
