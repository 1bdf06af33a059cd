import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contender, freePort, isInstalled, standing } from '../contender.ts';
import { start } from '../process.ts';

/** One worker, kept connections, the usual forwarding headers. */
export const nginx: Contender = {
  name: 'nginx',
  missing: () =>
    isInstalled('nginx', ['-v']) ? undefined : 'nginx is not installed (Debian: apt-get install nginx-light)',
  start: async (origin, cpu) => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-nginx-'));
    const port = await freePort();
    // Started by root, its worker is somebody else, who keeps long bodies there.
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'temp'));
    chmodSync(join(folder, 'temp'), 0o777);
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${folder}/temp/${kind};`)
      .join('\n');
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 2048; }
http {
  access_log off; keepalive_requests 100000000; client_max_body_size 10m; ${temp}
  upstream origin { server 127.0.0.1:${origin.port}; keepalive 128; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${port}; location / {
    proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; } }
}\n`,
    );
    return standing(start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], cpu), port, folder);
  },
};
