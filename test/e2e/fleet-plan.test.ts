import { writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/cutover-process.ts';
import { type FleetController, FleetProcesses, type FleetProxy } from '../support/fleet-processes.ts';
import { type Asked, askOnce } from '../support/load.ts';
import { startOrigin } from '../support/proxy-rig.ts';

/** A side that says who it is. */
async function side(name: string): Promise<string> {
  const origin = await startOrigin((_, response) => response.setHeader('x-side', name).end('same'));
  onTestFinished(() => origin.close());
  return origin.url;
}

async function who({ port }: FleetProxy, tenant: string): Promise<string> {
  const answer = await askOnce({ port, path: '/', headers: { 'x-tenant': tenant } });
  return typeof answer === 'string' ? answer : (answer satisfies Asked).side;
}

const planTroubles = async (controller: FleetController): Promise<readonly string[]> => {
  const { members } = (await controller.api('GET', 'fleet')).body as { members: readonly { planTrouble: string }[] };
  return members.map(({ planTrouble }) => planTrouble);
};

test('the plan of a fleet is that of its leader: applied, changed, taken over, and kept by a proxy that is alone', async () => {
  const [control, candidate] = [await side('control'), await side('candidate')];
  const fleet = await FleetProcesses.start();
  const plan = (more: object): Record<string, unknown> => ({
    control: { url: control },
    candidate: { url: candidate },
    defaults: { mirror: '0%' },
    compare: { workers: 1 },
    log: { level: 'error' },
    ...more,
  });
  // What a tenant is, proxies know from the plan alone; who is forced where comes with the table.
  const tenants = { identity: { tenant: { header: 'x-tenant' } } };
  const forced = (...names: string[]) => ({ ...tenants, force: { candidate: { tenants: names } } });

  const east = await fleet.controller('east', plan({}));
  // A file of its own that says something else, also about what only a restart can change.
  const other = plan({ ...forced('gamma'), limits: { cells: 500 } });
  const p1 = await fleet.proxy('p1', plan(forced('gamma')), [east.fleetUrl]);
  const p2 = await fleet.proxy('p2', other, [east.fleetUrl]);
  await eventually('p1 goes by the plan of the leader', async () => (await who(p1, 'gamma')) === 'control');
  await eventually('p2 says what keeps it from that', async () =>
    (await planTroubles(east)).some((trouble) => trouble.includes('limits')),
  );
  await p2.end('SIGTERM');
  const again = await fleet.proxy('p2', other, [east.fleetUrl]);
  await eventually('a restart is all it needed', async () => {
    const troubles = await planTroubles(east);
    return troubles.length === 2 && troubles.every((trouble) => trouble === '');
  });

  const text = JSON.stringify(plan(forced('beta')));
  expect(await east.api('POST', 'plan', { text, name: 'beta.yaml', reason: 'to try' })).toMatchObject({ status: 200 });
  for (const proxy of [p1, again]) {
    await eventually('what was applied reaches all', async () => (await who(proxy, 'beta')) === 'candidate');
    expect(await who(proxy, 'gamma')).toBe('control');
  }

  // The other controller has the file that everybody began with: nobody replaced it, and it replaces nothing.
  const west = await fleet.controller('west', plan({}));
  await east.end('SIGKILL');
  const p3 = await fleet.proxy('p3', plan({}), [west.fleetUrl]);
  await eventually('west leads', () =>
    west.api('GET', 'fleet').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
  await eventually('and goes on with what was applied', async () => (await who(p3, 'beta')) === 'candidate');

  writeFileSync(west.file, JSON.stringify(plan(forced('gamma'))));
  await eventually('a file that changes counts', async () => (await who(p3, 'gamma')) === 'candidate');
  expect(await who(p3, 'beta')).toBe('control');

  await west.end('SIGKILL');
  await p3.end('SIGKILL');
  const alone = await fleet.proxy('p3', plan({}), [west.fleetUrl]);
  expect([await who(alone, 'gamma'), await who(alone, 'beta')]).toEqual(['candidate', 'control']);
  const rollback = await alone.door('POST', 'rollback', { reason: 'nobody answers' });
  expect(rollback).toMatchObject({ status: 200, body: { journaledMs: null } });
  expect(await who(alone, 'gamma')).toBe('control');
  await alone.end('SIGKILL');
  const still = await fleet.proxy('p3', plan({}), [west.fleetUrl]);
  expect(await who(still, 'gamma')).toBe('control');
}, 400_000);
