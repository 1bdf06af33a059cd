import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { EndpointPowerView } from '../../src/api/power-types.ts';
import type { CellView, ProofSheet, Status } from '../../src/api/types.ts';
import { type Running, startCutover } from '../../src/app/start.ts';
import { settingsFromUrls } from '../../src/config/load.ts';
import { MovementView } from '../../src/controller/movement-views.ts';
import type { EndpointId, TenantId } from '../../src/core/cell.ts';
import type { EndpointPower, KnownPower } from '../../src/core/power.ts';
import { World } from '../support/movement-rig.ts';
import { type Origin, startOrigin } from '../support/proxy-rig.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const A = 'GET /a' as EndpointId;
const HOUR = 3_600;
const cell = (tenant: string) => ({ tenant: tenant as TenantId, endpoint: A });

function known(power: number): KnownPower {
  const hidden = { kind: 'rule', name: 'all-of-it', count: 4 } as const;
  const faults = [{ fault: 'f', says: 'it is wrong', planted: 4, found: 0, hiddenBy: [hidden] }];
  const found: EndpointPower = { endpoint: A, answers: 4, power, faults, rules: [], noiseHides: 0 };
  return { at: 1, recorded: 4, found, trouble: '' };
}

test('where power is demanded, nothing opens before it is measured and high enough; then everything that has its proof does', async () => {
  let power: KnownPower | undefined;
  const world = await new World({ evidence: { power: 0.95 }, tenants: ['t0', 't1', 't2'], power: () => power }).start();
  const view = new MovementView(() => world.mover);
  await world.run(HOUR);
  expect(world.openCells).toBe(0);
  expect(view.missingForCell(cell('t0'))).toBe('power is not measured yet');
  power = known(0.5);
  world.mover.powerMeasured();
  await world.run(HOUR);
  expect(world.openCells).toBe(0);
  const sentence = 'power 50 % is below 95 %: rule all-of-it hides 1 of 1 faults';
  expect(view.missingForCell(cell('t0'))).toBe(sentence);
  expect(view.missingForEndpoint(A)).toBe(`GET /a: ${sentence}`);
  power = known(0.96);
  world.mover.powerMeasured();
  await world.run(3);
  expect(world).toMatchObject({ openCells: 3, hurt: 0, unproven: 0 });
});

test('what is open stays open when power falls, also through a new version, and says so; no other cell opens', async () => {
  let power = known(1);
  const tenants = ['t0', 't1', 't2'];
  const world = await new World({ evidence: { power: 0.95 }, tenants, power: () => power }).start();
  const view = new MovementView(() => world.mover);
  await world.run(HOUR, () => world.openCells === 3);
  power = known(0.5);
  world.mover.powerMeasured();
  tenants.push('t3');
  await world.run(HOUR);
  expect(world.openCells).toBe(3);
  expect(world.isOpen('t3')).toBe(false);
  expect(view.missingForCell(cell('t3'))).toBe('power 50 % is below 95 %: rule all-of-it hides 1 of 1 faults');
  const sheet = view.proofSheet(cell('t0'));
  expect(sheet).toMatchObject({ state: 'open', missing: [] });
  expect(sheet?.notes).toEqual([
    'power 50 % is below 95 %: rule all-of-it hides 1 of 1 faults; what is open stays open, nothing else opens at this endpoint',
  ]);
  world.version = 'v2';
  await world.run(2 * HOUR);
  expect(world.isOpen('t0')).toBe(true);
  expect(view.proofSheet(cell('t0'))).toMatchObject({ state: 'open', epoch: { candidateVersion: 'v2' } });
});

async function origin(): Promise<Origin> {
  const made = await startOrigin((request, response) => {
    const number = Number(request.url?.split('/').at(-1));
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        id: number,
        name: `Order number ${number}`,
        total: 19.99 + number,
        paid: number % 2 === 0,
        items: [{ sku: `A-${number}`, count: 2, price: 4.5 }],
      }),
    );
  });
  ends.push(() => made.close());
  return made;
}

function start(dir: string, sides: { readonly control: Origin; readonly candidate: Origin }, rules: object[]) {
  const settings = settingsFromUrls({
    control: [sides.control.url],
    candidate: [sides.candidate.url],
    listen: '127.0.0.1:0',
    apiListen: '127.0.0.1:0',
    dir,
    logLevel: 'error',
    more: {
      identity: { tenant: 'host', subject: { header: 'x-user' } },
      defaults: { dial: '100%', mirror: '100%' },
      endpoints: [{ match: 'GET /orders/{id}' }],
      mirror: { perSecond: 1_000, concurrency: 64 },
      evidence: {
        ...{ pooledLimit: '10%', cellLimit: '10%', minSpan: '0ms', minTenants: 2, minRequests: 5 },
        power: '80%',
      },
      compare: { rules },
    },
  });
  return startCutover(settings);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
function ask(running: Running, number: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { host: number % 2 === 0 ? 'acme.example' : 'globex.example', 'x-user': `u${number}` };
    const { port } = running.proxy;
    http
      .get({ agent, port, path: `/orders/${number}`, headers }, (response) => {
        response.resume().on('end', () => resolve());
      })
      .on('error', reject);
  });
}

async function get<T>(running: Running, path: string): Promise<T> {
  const headers = { authorization: `Bearer ${running.token}` };
  const response = await fetch(`${running.apiUrl}/api/v1/${path}`, { headers });
  return (await response.json()) as T; // the server checks its answers against the same types
}

/** Traffic until a condition holds. */
async function trafficUntil(running: Running, isDone: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 40_000;
  for (let number = 0; performance.now() < end; number += 4) {
    await Promise.all([0, 1, 2, 3].map((more) => ask(running, number + more)));
    if (number % 40 === 0 && (await isDone())) return;
  }
  throw new Error(JSON.stringify((await running.look()).status));
}

test('a rule that hides too much keeps an endpoint closed, with the reason; without the rule it opens', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'cutover-power-'));
  ends.push(() => rmSync(dir, { recursive: true, force: true }));
  const sides = { control: await origin(), candidate: await origin() };
  const rule = { name: 'all-of-it', ignore: 'body/**', reason: 'it was quick' };
  const first = await start(dir, sides, [rule]);
  ends.push(() => first.close());
  const reason = /^power [\d.]+ % is below 80 %: rule all-of-it hides \d+ of \d+ faults$/;
  const cells = async () => (await get<{ items: CellView[] }>(first, 'cells')).items;
  // Everything else is there: the reason is all that is missing.
  await trafficUntil(first, async () => {
    const found = await cells();
    return found.length === 2 && found.every(({ missing }) => reason.test(missing));
  });
  expect((await cells()).map(({ state }) => state)).toEqual(['observing', 'observing']);
  const sheet = await get<ProofSheet>(first, `proofs/acme.example/${encodeURIComponent('GET /orders/{id}')}`);
  expect(sheet).toMatchObject({
    state: 'observing',
    pooled: { kind: 'pass' },
    missing: [expect.stringMatching(reason)],
  });
  const status = await get<Status>(first, 'status');
  expect(status.missing[0]).toMatch(/^GET \/orders\/\{id\}: power /);
  const [power] = (await get<{ items: EndpointPowerView[] }>(first, 'power')).items;
  expect(power).toMatchObject({ endpoint: 'GET /orders/{id}', demanded: 0.8, missing: expect.stringMatching(reason) });
  expect(power?.rules[0]?.rule).toBe('all-of-it');
  expect(power?.rules[0]?.faults.length).toBeGreaterThan(5);
  await first.close();

  const second = await start(dir, sides, []);
  ends.push(() => second.close());
  await trafficUntil(second, async () => (await second.look()).status.cells['open'] === 2);
  expect((await get<{ items: EndpointPowerView[] }>(second, 'power')).items[0]?.power).toBeGreaterThan(0.8);
}, 120_000);
