import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Running, start } from './process.ts';

/** Ports of the server behind everyone, and of a second one for those that want two sides. */
export interface Origin {
  readonly port: number;
  readonly second: number;
}

/** Something that stands between the load and the origin. */
export interface Contender {
  readonly name: string;
  /** Why it cannot run here; undefined where it can. */
  missing(): string | undefined;
  /** Starts it before an origin; `pid` is the process whose CPU is counted (0: none). */
  start(origin: Origin, cpu: number): Promise<{ readonly port: number; readonly pid: number; stop(): Promise<void> }>;
}

/** A port nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function answering(port: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/bench/ready`, { signal: AbortSignal.timeout(1_000) });
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const direct: Contender = {
  name: 'direct',
  missing: () => undefined,
  start: async (origin) => ({ port: origin.port, pid: 0, stop: async () => undefined }),
};

const nginx: Contender = {
  name: 'nginx',
  missing: () =>
    spawnSync('nginx', ['-v'], { stdio: 'ignore' }).status === 0
      ? undefined
      : 'nginx is not installed (Debian: apt-get install nginx-light)',
  start: async (origin, cpu) => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-nginx-'));
    const port = await freePort();
    mkdirSync(join(folder, 'temp'));
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `${kind}_temp_path ${folder}/temp/${kind};`)
      .join('\n');
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 2048; }
http {
  access_log off; keepalive_requests 100000000; ${temp}
  upstream origin { server 127.0.0.1:${origin.port}; keepalive 128; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${port}; location / {
    proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; } }
}\n`,
    );
    const running = start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], cpu);
    return finish(running, port, folder);
  },
};

function npmProxy(name: string): Contender {
  return {
    name,
    missing: () => undefined,
    start: async (origin, cpu) => {
      const running = start(
        process.execPath,
        [join(import.meta.dirname, 'npm-proxy.ts'), name, String(origin.port)],
        cpu,
      );
      const port = Number((await running.line(/listening (\d+)/))[1]);
      return finish(running, port, undefined);
    },
  };
}

function cutover(name: string, mirror: string): Contender {
  return {
    name,
    missing: () => undefined,
    start: async (origin, cpu) => {
      const folder = mkdtempSync(join(tmpdir(), 'bench-cutover-'));
      const port = await freePort();
      const file = join(folder, 'cutover.yaml');
      writeFileSync(
        file,
        `listen: 127.0.0.1:${port}
api: { listen: 127.0.0.1:0 }
control: { url: "http://127.0.0.1:${origin.port}" }
candidate: { url: "http://127.0.0.1:${origin.second}" }
defaults: { mirror: ${mirror} }
store: { dir: ${join(folder, 'state')} }
log: { level: warn }\n`,
      );
      const running = start(
        process.execPath,
        [join(import.meta.dirname, '..', '..', 'bin', 'cutover.cjs'), 'run', '-c', file],
        cpu,
      );
      return finish(running, port, folder);
    },
  };
}

async function finish(
  running: Running,
  port: number,
  folder: string | undefined,
): Promise<{ port: number; pid: number; stop(): Promise<void> }> {
  const stop = async (): Promise<void> => {
    await running.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    await answering(port);
  } catch (error) {
    await stop();
    throw new Error(`no answer on port ${port}: ${await running.output()}`, { cause: error });
  }
  return { port, pid: running.pid, stop };
}

/** Everyone who is measured in one run. `cutover` mirrors by default (10 %, at most 20 a second). */
export const CONTENDERS: readonly Contender[] = [
  direct,
  nginx,
  npmProxy('http-proxy'),
  npmProxy('http-proxy-3'),
  cutover('cutover', '10%'),
  cutover('cutover, no mirror', '0%'),
];
