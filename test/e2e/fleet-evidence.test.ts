import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/cutover-process.ts';
import { FleetProcesses, type FleetProxy } from '../support/fleet-processes.ts';
import { askOnce } from '../support/load.ts';
import { type Origin, startOrigin } from '../support/proxy-rig.ts';

/** Comparisons in which a mismatch rate of 10 % is excluded at 95 %, all clean. */
const NEEDED = 32;
/** Looks after which another one is asked for. */
const ASK_AGAIN = 50;

/** Both sides answer the same. */
async function side(): Promise<Origin> {
  const origin = await startOrigin((request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ path: request.url }));
  });
  onTestFinished(() => origin.close());
  return origin;
}

/** What a proof of the cell rests on. */
interface Sheet {
  readonly state?: string;
  readonly verdicts?: { readonly match: number };
}

test('a cell opens by the sum of what three proxies compared, none of which saw enough for a proof', async () => {
  const [control, candidate] = [await side(), await side()];
  const fleet = await FleetProcesses.start();
  const config = {
    control: { url: control.url },
    candidate: { url: candidate.url },
    identity: { tenant: { constant: 'acme' }, subject: { header: 'x-user' } },
    defaults: { dial: '100%', mirror: '100%', proof: 'cell' },
    endpoints: [{ match: 'GET /orders/{id}' }],
    evidence: { cellLimit: '10%', minSpan: '0ms', minRequests: 10 },
    mirror: { perSecond: 1_000, repeats: { share: '0%' } },
    compare: { workers: 1 },
    log: { level: 'error' },
  };
  const controller = await fleet.controller('east', config);
  const proxies: FleetProxy[] = [];
  for (const name of ['p1', 'p2', 'p3']) proxies.push(await fleet.proxy(name, config, [controller.fleetUrl]));
  const look = async (): Promise<Sheet> => {
    const { body } = await controller.api('GET', 'cells?limit=200');
    const { items } = body as { items: readonly (Sheet & { tenant: string; endpoint: string })[] };
    return items.find(({ tenant, endpoint }) => tenant === 'acme' && endpoint === 'GET /orders/{id}') ?? {};
  };
  // One after the other, so that nobody is asked more often than is needed.
  const asked = new Map(proxies.map(({ name }) => [name, 0]));
  let number = 0;
  for (let turn = 0; (await look()).state !== 'open'; turn += 1) {
    const proxy = proxies[turn % proxies.length];
    if (proxy === undefined) throw new Error('There is no proxy.');
    const before = (await look()).verdicts?.match ?? 0;
    // What is not drawn for comparison is no evidence: then somebody else comes.
    let wait = 0;
    await eventually('one more is compared, or the cell opens', async () => {
      if (wait === 0) {
        number += 1;
        asked.set(proxy.name, (asked.get(proxy.name) ?? 0) + 1);
        const headers = { 'x-user': `u${number}` };
        expect(await askOnce({ port: proxy.port, path: `/orders/${number}`, headers })).toMatchObject({ status: 200 });
      }
      wait = (wait + 1) % ASK_AGAIN;
      const { state, verdicts } = await look();
      return state === 'open' || (verdicts?.match ?? 0) > before;
    });
  }
  expect((await look()).verdicts?.match).toBeGreaterThanOrEqual(NEEDED);
  for (const requests of asked.values()) expect(requests).toBeLessThan(NEEDED);
  // All of them serve by it.
  for (const { port } of proxies)
    await eventually('the candidate serves', async () => {
      const before = candidate.requests.filter(({ url }) => url === '/orders/last').length;
      await askOnce({ port, path: '/orders/last', headers: { 'x-user': 'u1' } });
      return candidate.requests.filter(({ url }) => url === '/orders/last').length > before;
    });
}, 300_000);
