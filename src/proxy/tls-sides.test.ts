import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, expect, test } from 'vitest';
import { makeChain } from '../../test/support/certificates.ts';
import {
  ask,
  listenAnywhere,
  type Rig,
  type RigOptions,
  sendRaw,
  startRig,
  until,
} from '../../test/support/proxy-rig.ts';

const { authority, server } = makeChain('shop.test', '127.0.0.1');
const folder = mkdtempSync(join(tmpdir(), 'cutover-tls-sides-'));
const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, authority.cert);
const cleanups: (() => unknown)[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function side(name: string): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const open = new Set<Duplex>();
  const origin = https.createServer(server, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    request.on('end', () => response.end(name));
  });
  origin.on('connection', (socket) => open.add(socket));
  origin.on('upgrade', (_request, socket) => {
    socket.write(`HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${name}`);
    socket.pipe(socket);
  });
  const port = await listenAnywhere(origin);
  cleanups.push(() => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => origin.close(resolve));
  });
  return { url: `https://127.0.0.1:${port}`, asked };
}

async function rigOf(more: Partial<RigOptions> = {}): Promise<{ rig: Rig; control: string[]; candidate: string[] }> {
  const [control, candidate] = [await side('control'), await side('candidate')];
  const tls = { caFile, minVersion: 'TLSv1.2', insecure: false } as const;
  const rig = await startRig({
    control: control.url,
    candidate: candidate.url,
    settings: { control: { tls }, candidate: { tls } },
    ...more,
  });
  cleanups.push(() => rig.close());
  return { rig, control: control.asked, candidate: candidate.asked };
}

test('requests, mirrors and repeats go to https targets', async () => {
  const { rig, control, candidate } = await rigOf({ policy: { mirrorPpm: 1_000_000 } });
  expect((await ask(rig.port, { target: '/a' })).body.toString()).toBe('control');
  await until(() => rig.sink.exchanges.length === 1, 'the pair');
  expect(candidate).toEqual(['GET /a']);
  expect(rig.sink.exchanges[0]?.candidate).toMatchObject({ kind: 'answer', status: 200 });
  const repeated = await rig.proxy.askAgain.ask('control', {
    method: 'GET',
    target: '/a',
    headers: [['host', 'h']],
  });
  expect(repeated).toMatchObject({ kind: 'answer', status: 200 });
  expect(control).toEqual(['GET /a', 'GET /a']);
  expect((await ask(rig.port, { method: 'POST', target: '/b', body: 'x'.repeat(300_000) })).status).toBe(200);
});

test('a WebSocket is tunnelled to an https target', async () => {
  const { rig } = await rigOf();
  const { text } = await sendRaw(
    rig.port,
    'GET /live HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\nping',
    { untilQuietMs: 300 },
  );
  expect(text).toMatch(/^HTTP\/1\.1 101 /);
  expect(text).toMatch(/\r\n\r\ncontrolping$/);
});

test('a candidate whose certificate is not trusted falls back to the control and is told as unhealthy', async () => {
  const health = { path: '/up', intervalMs: 60_000, timeoutMs: 5_000, unhealthyAfter: 1, healthyAfter: 1 };
  const tls = { minVersion: 'TLSv1.2', insecure: false } as const;
  const { rig } = await rigOf({
    dialPpm: 1_000_000,
    settings: { control: { tls: { ...tls, caFile } }, candidate: { tls, health } },
  });
  expect((await ask(rig.port)).body.toString()).toBe('control');
  await until(() => rig.sink.changes.length > 0, 'the check');
  expect(rig.proxy.targets().candidate[0]?.reason).toContain('give the authority');
});
