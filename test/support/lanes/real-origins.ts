import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadPort, listenAnywhere } from '../proxy-rig.ts';
import type { Recorded } from './recording-origin.ts';

/** A real server that answers each request with its method and target. */
interface RealOrigin {
  readonly name: string;
  readonly port: number;
  stop(): Promise<void>;
}

const END = 'GET /behind-all HTTP/1.1\r\nHost: end.test\r\nConnection: close\r\n\r\n';
const PATIENCE_MS = 10_000;

/** What was forwarded goes once more over one connection to servers of other makes: each must see the same requests in it. */
export class RealOrigins {
  readonly #origins: readonly RealOrigin[];
  /** Requests that a server refused by itself; nothing was misunderstood then. */
  refused = 0;
  /** Requests that a server understood. */
  understood = 0;

  private constructor(origins: readonly RealOrigin[]) {
    this.#origins = origins;
  }

  /** Node, and nginx and HAProxy where they are installed. */
  static async start(): Promise<RealOrigins> {
    const origins = [await startNode()];
    if (isInstalled('nginx', ['-v'])) origins.push(await startNginx());
    if (isInstalled('haproxy', ['-v'])) origins.push(await startHaproxy());
    return new RealOrigins(origins);
  }

  get names(): readonly string[] {
    return this.#origins.map(({ name }) => name);
  }

  /** Gives what a server understood otherwise, or undefined. */
  async look(requests: readonly Recorded[]): Promise<string | undefined> {
    const expected = [...requests.map(({ head }) => head.slice(0, head.indexOf(' HTTP/'))), 'GET /behind-all'];
    // Node writes its 100 into an answer that is under way; nobody who waits for a 100 pipelines.
    const all = requests.map(({ raw }) => raw.replace(/\r\nExpect: 100-continue(?=\r\n)/, ''));
    const bytes = Buffer.from(all.join('') + END, 'latin1');
    const found = await Promise.all(this.#origins.map((origin) => this.#lookAt(origin, bytes, expected)));
    return found.find((difference) => difference !== undefined);
  }

  async #lookAt(origin: RealOrigin, bytes: Buffer, expected: readonly string[]): Promise<string | undefined> {
    const answers = splitAnswers(await converse(origin.port, bytes), expected);
    for (const [at, line] of expected.entries()) {
      const answer = answers[at];
      if (answer !== undefined && answer.status >= 400) {
        this.refused += 1;
        return undefined;
      }
      const isSame = answer !== undefined && (answer.body === line || (line.startsWith('HEAD ') && answer.body === ''));
      if (!isSame)
        return `${origin.name} saw ${JSON.stringify(answers)} in ${JSON.stringify(bytes.toString('latin1'))}`;
      this.understood += 1;
    }
    return undefined;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#origins.map((origin) => origin.stop()));
  }
}

function isInstalled(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** All that comes until the server ends the connection. */
function converse(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect({ port, host: '127.0.0.1' }, () => socket.write(bytes));
    const limit = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(limit);
      resolve(text);
    });
  });
}

/** Final answers of known length, one after the other; interim ones are left out. */
function splitAnswers(text: string, expected: readonly string[]): { readonly status: number; readonly body: string }[] {
  const answers: { status: number; body: string }[] = [];
  let at = 0;
  while (at < text.length) {
    const head = text.indexOf('\r\n\r\n', at);
    if (head < 0) break;
    const fields = text.slice(at, head + 2);
    const status = Number(fields.slice(9, 12));
    at = head + 4;
    if (status < 200) continue;
    const isHead = expected[answers.length]?.startsWith('HEAD ') === true;
    const length = isHead ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(fields)?.[1] ?? 0);
    answers.push({ status, body: text.slice(at, at + length) });
    at += length;
  }
  return answers;
}

async function startNode(): Promise<RealOrigin> {
  const answer = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    request.resume().on('end', () => {
      const body = Buffer.from(`${request.method} ${request.url}`, 'latin1');
      response.writeHead(200, { 'content-length': body.length }).end(body);
    });
  };
  const server = http.createServer(answer);
  const port = await listenAnywhere(server);
  return {
    name: 'node',
    port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function startNginx(): Promise<RealOrigin> {
  const folder = mkdtempSync(join(tmpdir(), 'lanes-nginx-'));
  const port = await deadPort();
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'temp'));
  chmodSync(join(folder, 'temp'), 0o777);
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temp = kinds.map((kind) => `${kind}_temp_path ${folder}/temp/${kind};`).join(' ');
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit;
events { worker_connections 1024; }
http { access_log off; ${temp} large_client_header_buffers 8 32k; default_type text/plain;
  server { listen 127.0.0.1:${port}; location / { return 200 "$request_method $request_uri"; } } }\n`,
  );
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  return standing('nginx', { child, port, folder });
}

async function startHaproxy(): Promise<RealOrigin> {
  const folder = mkdtempSync(join(tmpdir(), 'lanes-haproxy-'));
  const port = await deadPort();
  writeFileSync(
    join(folder, 'haproxy.cfg'),
    `global
  nbthread 1
  tune.bufsize 65536
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend front
  bind 127.0.0.1:${port}
  http-request return status 200 content-type text/plain lf-string "%[method] %[url]"\n`,
  );
  const child = spawn('haproxy', ['-f', join(folder, 'haproxy.cfg')], { stdio: 'ignore' });
  return standing('haproxy', { child, port, folder });
}

async function standing(
  name: string,
  started: { readonly child: ChildProcess; readonly port: number; readonly folder: string },
): Promise<RealOrigin> {
  const { child, port, folder } = started;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const deadline = performance.now() + PATIENCE_MS;
  while ((await converse(port, Buffer.from(END))) === '') {
    if (performance.now() > deadline) throw new Error(`${name} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    name,
    port,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
