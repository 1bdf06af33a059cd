import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeChain } from '../../test/support/certificates.ts';
import { listening, until } from '../../test/support/raw-server.ts';
import { ask, bodyOf, trialUpstream } from '../../test/support/upstream-trial.ts';
import type { UpstreamTlsSettings } from '../config/settings.ts';
import { targetAddress } from './upstream-dialer.ts';

let folder = '';
let certificate: ServerOptions = {};
let caFile = '';
const cleanups: (() => unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-tls-'));
  caFile = join(folder, 'ca.pem');
  const { authority, server } = makeChain('shop.test', '127.0.0.1');
  writeFileSync(caFile, authority.cert);
  certificate = server;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function tlsServer() {
  const seen: { servername: unknown; alpn: unknown; reused: boolean }[] = [];
  const server = createServer({ ...certificate, ALPNProtocols: ['h2', 'http/1.1'] }, (request, response) => {
    // Behind an https server the socket is a TLS socket.
    const socket = request.socket as TLSSocket;
    seen.push({ servername: socket.servername, alpn: socket.alpnProtocol, reused: socket.isSessionReused() });
    if (request.url === '/close') response.setHeader('connection', 'close');
    request.pipe(response);
  });
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n');
    socket.pipe(socket);
  });
  const port = await listening(server);
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `https://127.0.0.1:${port}`, seen };
}

function open(url: string, tls: Partial<UpstreamTlsSettings> = {}) {
  const upstream = trialUpstream([url], { tls: { minVersion: 'TLSv1.2', insecure: false, ...tls } });
  cleanups.push(() => upstream.close());
  return upstream;
}

test('a target with a known authority is reached over HTTP/1.1, and connections are kept', async () => {
  const { url, seen } = await tlsServer();
  const upstream = open(url, { caFile });
  const body = Buffer.alloc(3_000_000, 'x');
  for (let i = 0; i < 2; i += 1) {
    const asked = ask(
      upstream,
      { method: 'POST', body: body.length, retryable: false },
      {
        onData: () => {
          setImmediate(() => asked.call.resume());
          return false;
        },
      },
    );
    asked.call.write(body);
    asked.call.end();
    expect(Buffer.concat((await asked.over).pieces).equals(body)).toBe(true);
  }
  expect(seen.map((one) => one.alpn)).toEqual(['http/1.1', 'http/1.1']);
  expect(upstream.targets()[0]?.connections).toBe(1);
});

test('the server name is sent and checked, and sessions are used again', async () => {
  const { url, seen } = await tlsServer();
  const upstream = open(url, { caFile, serverName: 'shop.test' });
  for (let i = 0; i < 3; i += 1) {
    await ask(upstream, { target: '/close' }).over;
    await until(() => upstream.targets()[0]?.connections === 0);
  }
  expect(seen.map((one) => one.servername)).toEqual(['shop.test', 'shop.test', 'shop.test']);
  expect(seen.at(-1)?.reused).toBe(true);
  const wrong = open(url, { caFile, serverName: 'other.test' });
  expect((await ask(wrong).over).failure).toMatchObject({ kind: 'refused', unsent: true });
});

test('an unknown authority is refused, unless the side is said to be insecure', async () => {
  const { url, seen } = await tlsServer();
  const { failure } = await ask(open(url)).over;
  expect(failure).toMatchObject({ kind: 'refused', unsent: true });
  expect(failure?.message).toContain('signed by nobody we trust');
  expect(seen).toEqual([]);
  expect((await ask(open(url, { insecure: true })).over).head?.status).toBe(200);
});

test('an upgrade over TLS hands over the decrypted connection', async () => {
  const { url } = await tlsServer();
  const { upgraded } = await ask(open(url, { insecure: true }), {
    upgrade: true,
    rawHeaders: ['host', 'a', 'upgrade', 'x'],
  }).over;
  const echoed = new Promise((resolve) => upgraded?.socket.once('data', (chunk) => resolve(chunk.toString())));
  upgraded?.socket.resume();
  upgraded?.socket.write('hello');
  expect(await echoed).toBe('hello');
  upgraded?.socket.destroy();
});

test('names and IPv6 addresses are reached', async () => {
  const server = createHttpServer((request, response) => response.end(request.socket.remoteFamily));
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  // A TCP server's address is an AddressInfo.
  const { port } = server.address() as AddressInfo;
  for (const host of ['[::1]', 'localhost']) {
    const outcome = await ask(open(`http://${host}:${port}`)).over;
    expect(outcome.failure).toBeUndefined();
    expect(bodyOf(outcome)).toContain('IPv6');
  }
  const nobody = await ask(open('http://nobody.invalid:80')).over;
  expect(nobody.failure).toMatchObject({ kind: 'refused', unsent: true });
});

test('a Unix socket is reached, whatever is asked for', async () => {
  const path = join(folder, 'app.sock');
  const server = createHttpServer((request, response) =>
    request.pipe(response.writeHead(200, { 'x-host': String(request.headers.host) })),
  );
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const health = { path: '/up', intervalMs: 20, timeoutMs: 1_000, unhealthyAfter: 1, healthyAfter: 1 };
  const upstream = trialUpstream([`unix:${path}`], { hostHeader: 'upstream', health });
  cleanups.push(() => upstream.close());
  const body = Buffer.alloc(300_000, 'x');
  const asked = ask(upstream, { method: 'POST', body: body.length, retryable: false });
  asked.call.write(body);
  asked.call.end();
  const outcome = await asked.over;
  expect(Buffer.concat(outcome.pieces).equals(body)).toBe(true);
  expect(outcome.head?.rawHeaders).toContain('localhost');
  const { upgraded } = await ask(upstream, { upgrade: true, rawHeaders: ['host', 'a', 'upgrade', 'x'] }).over;
  upgraded?.socket.destroy();
  expect(upgraded).toBeDefined();
  expect(upstream.targets()).toMatchObject([{ target: `unix:${path}`, healthy: true }]);
  expect(upstream.changes).toEqual([]);
  const gone = trialUpstream(['unix:/nowhere/app.sock']);
  cleanups.push(() => gone.close());
  expect((await ask(gone).over).failure).toMatchObject({ kind: 'refused', unsent: true });
});

test.each([
  ['http://a:81', { tls: false, host: 'a', port: 81, authority: 'a:81' }],
  ['http://a', { tls: false, host: 'a', port: 80, authority: 'a' }],
  ['https://a.b', { tls: true, host: 'a.b', port: 443, authority: 'a.b' }],
  ['http://[::1]:81', { tls: false, host: '::1', port: 81, authority: '[::1]:81' }],
])('%s is read', (url, expected) => {
  expect(targetAddress(url)).toEqual({ name: url, ...expected });
});

test.each(['', 'a:80', 'ftp://a', 'http://'])('%j is no target', (url) => {
  expect(() => targetAddress(url)).toThrow('not of the form');
});

test('a CA file that cannot be read is told at the start', () => {
  expect(() => open('https://a', { caFile: join(folder, 'none.pem') })).toThrow(
    'The files of candidate.tls cannot be used: ENOENT',
  );
});
