import { existsSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCutover, tempFolder, writeConfig } from '../support/cutover-process.ts';
import { listening } from '../support/raw-server.ts';

test('I9: a wrong configuration ends with 2 and all its problems, and nothing ever listens', async () => {
  const folder = tempFolder();
  // Whoever listened on this port would be answered by; it must stay free all the time.
  const probe = net.createServer();
  const port = await listening(probe);
  await new Promise((resolve) => probe.close(resolve));
  const file = join(folder, 'cutover.yaml');
  writeFileSync(
    file,
    [
      `listen: 127.0.0.1:${port}`,
      'control: { url: "ftp://127.0.0.1:1" }',
      'candidate: { url: "http://127.0.0.1:2", hostHeader: sometimes }',
      'defaults: { dial: 140% }',
      'mirorr: { perSecond: 1 }',
      'store: { dir: state }',
    ].join('\n'),
  );
  let connected = 0;
  let stopped = false;
  const knock = async (): Promise<void> => {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => {
          connected += 1;
          socket.destroy();
          resolve();
        });
        socket.on('error', () => setTimeout(resolve, 5));
      });
    }
  };
  const knocking = knock();
  const ended = await runCutover(['run', '-c', file]);
  stopped = true;
  await knocking;
  expect(ended.code).toBe(2);
  for (const place of [':2:', ':3:', ':4:', ':5:']) expect(ended.stderr).toContain(`cutover.yaml${place}`);
  expect(ended.stderr).toContain('Nothing was started or changed.');
  expect(connected).toBe(0);
  expect(existsSync(join(folder, 'state'))).toBe(false);
});

test.each([
  ['listen', 'the port of the proxy'],
  ['api', 'the port of the control API'],
])('a taken port (%s) ends with 1 and says what to do', async (which) => {
  const folder = tempFolder();
  const other = net.createServer();
  const port = await listening(other);
  const taken = `127.0.0.1:${port}`;
  const file = writeConfig(
    folder,
    { control: 'http://127.0.0.1:1', candidate: 'http://127.0.0.1:2' },
    which === 'listen' ? { listen: taken } : { api: { listen: taken } },
  );
  const ended = await runCutover(['run', '-c', file]);
  await new Promise((resolve) => other.close(resolve));
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain(String(port));
  expect(ended.stderr).toMatch(/in use|taken|already/i);
  // A hint of its own line, and no stack.
  expect(ended.stderr.trim().split('\n').length).toBeGreaterThanOrEqual(2);
  expect(ended.stderr).not.toMatch(/\n\s+at /);
});
