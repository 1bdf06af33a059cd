import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Running, startCutover } from '../../src/app/start.ts';
import { settingsFromUrls } from '../../src/config/load.ts';
import { type Origin, startOrigin } from '../support/proxy-rig.ts';

/** What was started, ended after each test, the last first. */
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const LIMIT_MS = 20_000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

async function origin(total: () => number, version: () => string): Promise<Origin> {
  const made = await startOrigin((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.setHeader('x-version', version());
    response.end(JSON.stringify({ path: request.url, total: total() }));
  });
  ends.push(() => made.close());
  return made;
}

async function start(dir: string, control: Origin, candidate: Origin, more: object = {}): Promise<Running> {
  const settings = settingsFromUrls({
    control: [control.url],
    candidate: [candidate.url],
    listen: '127.0.0.1:0',
    apiListen: '127.0.0.1:0',
    dir,
    logLevel: 'error',
    more: {
      control: { versionHeader: 'x-version' },
      candidate: { versionHeader: 'x-version' },
      identity: { tenant: 'host', subject: { header: 'x-user' } },
      defaults: { dial: '100%', mirror: '100%' },
      endpoints: [{ match: 'GET /orders/{id}' }],
      mirror: { perSecond: 1_000, concurrency: 64, repeats: { share: '100%', perSecond: 1_000 } },
      evidence: { pooledLimit: '10%', cellLimit: '10%', minSpan: '0ms', minTenants: 2, minRequests: 5, coolDown: '1h' },
      ...more,
    },
  });
  return startCutover(settings);
}

/** One client's request; gives the total it was told. */
function ask(running: Running, number: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      {
        agent,
        port: running.proxy.port,
        path: `/orders/${number}`,
        headers: { host: number % 2 === 0 ? 'acme.example' : 'globex.example', 'x-user': `u${number}` },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve((JSON.parse(text) as { total: number }).total)); // as both servers write it
      },
    );
    request.on('error', reject);
  });
}

/** Traffic until a condition holds; gives the answers. */
async function trafficUntil(running: Running, isDone: () => Promise<boolean>): Promise<number[]> {
  const totals: number[] = [];
  const end = performance.now() + LIMIT_MS;
  for (let number = 0; performance.now() < end; number += 4) {
    totals.push(...(await Promise.all([0, 1, 2, 3].map((more) => ask(running, number + more)))));
    if (number % 20 === 0 && (await isDone())) return totals;
  }
  throw new Error(`not within ${LIMIT_MS} ms: ${JSON.stringify((await running.look()).status)}`);
}

const statesOf = async (running: Running) => (await running.look()).status.cells;

test('I4: an endpoint opens by itself, outlives a restart by its recorded proof, and is taken back when its candidate turns wrong', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'cutover-moves-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  let candidateTotal = 10;
  const control = await origin(
    () => 10,
    () => 'c1',
  );
  const candidate = await origin(
    () => candidateTotal,
    () => 'v1',
  );
  const first = await start(dir, control, candidate);
  ends.push(() => first.close());
  const before = await trafficUntil(first, async () => (await statesOf(first))['open'] === 2);
  expect(new Set(before)).toEqual(new Set([10]));
  await first.close();

  const second = await start(dir, control, candidate);
  ends.push(() => second.close());
  expect((await statesOf(second))['open']).toBe(2);
  const served = candidate.requests.length;
  await ask(second, 1);
  expect(candidate.requests.length).toBe(served + 1);

  candidateTotal = 11;
  const totals = await trafficUntil(second, async () => (await statesOf(second))['closed'] === 2);
  const wrong = totals.filter((total) => total === 11).length;
  expect(wrong).toBeGreaterThan(0);
  const after = await Promise.all(Array.from({ length: 40 }, (_, number) => ask(second, number)));
  expect(new Set(after)).toEqual(new Set([10]));
}, 60_000);
