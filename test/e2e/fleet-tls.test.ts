import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeChain } from '../support/certificates.ts';
import { eventually, runCutover } from '../support/cutover-process.ts';
import { FleetProcesses } from '../support/fleet-processes.ts';
import { type Origin, startOrigin } from '../support/proxy-rig.ts';

test('proxies join a controller over TLS, and one that cannot trust it serves alone', async () => {
  const origins: Origin[] = [];
  for (let n = 0; n < 2; n += 1) origins.push(await startOrigin((_, response) => response.end('same')));
  onTestFinished(async () => {
    for (const origin of origins) await origin.close();
  });
  const fleet = await FleetProcesses.start();
  const config = {
    control: { url: origins[0]?.url },
    candidate: { url: origins[1]?.url },
    compare: { workers: 1 },
    log: { level: 'error' },
  };
  const { authority, server } = makeChain('127.0.0.1');
  const file = (name: string, text: string): string => {
    const path = join(fleet.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const [cert, key, ca] = [file('cert.pem', server.cert), file('key.pem', server.key), file('ca.pem', authority.cert)];
  const east = await fleet.controller('east', config, ['--fleet-cert', cert, '--fleet-key', key]);
  expect(east.fleetUrl).toMatch(/^https:/);
  await fleet.proxy('p1', config, [east.fleetUrl], ['--controller-ca', ca]);
  const alone = await fleet.proxy('p2', config, [east.fleetUrl]);
  await eventually('p1 obeys', async () => {
    const { members } = (await east.api('GET', 'fleet')).body as { members: readonly { name: string }[] };
    return members.length > 0 && members.every(({ name }) => name === 'p1');
  });
  expect((await alone.door('GET', 'fleet')).body).toMatchObject({ leader: null });

  const wrong = file('wrong.pem', makeChain('127.0.0.1').server.key);
  const refused = await runCutover([
    ...['controller', '-c', east.file, '--store', fleet.store, '--dir', join(fleet.folder, 'west')],
    ...['--fleet-listen', '127.0.0.1:0', '--api-listen', '127.0.0.1:0', '--fleet-cert', cert, '--fleet-key', wrong],
  ]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('is not the key of') });
}, 200_000);
