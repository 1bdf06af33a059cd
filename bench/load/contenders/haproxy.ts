import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contender, freePort, isInstalled, standing } from '../contender.ts';
import { start } from '../process.ts';

/** One thread, kept connections. */
export const haproxy: Contender = {
  name: 'haproxy',
  missing: () =>
    isInstalled('haproxy', ['-v']) ? undefined : 'haproxy is not installed (Debian: apt-get install haproxy)',
  start: async (origin, cpu) => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-haproxy-'));
    const port = await freePort();
    writeFileSync(
      join(folder, 'haproxy.cfg'),
      `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port}
  http-request set-header X-Forwarded-Proto http
  default_backend back
backend back
  http-reuse always
  server origin 127.0.0.1:${origin.port}\n`,
    );
    return standing(start('haproxy', ['-f', join(folder, 'haproxy.cfg')], cpu), port, folder);
  },
};
