import net, { type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import {
  deadPort,
  listenAnywhere,
  type Rig,
  type RigOptions,
  sendRaw,
  startOrigin,
  startRig,
  until,
} from '../../test/support/proxy-rig.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Accepts every handshake and echoes what comes, each byte once; `heads` keeps what it was asked. */
async function echoSockets(protocol = 'websocket'): Promise<{ url: string; heads: string[]; open: Set<Socket> }> {
  const heads: string[] = [];
  const open = new Set<Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      const end = first.indexOf('\r\n\r\n') + 4;
      heads.push(first.subarray(0, end).toString('latin1'));
      socket.write(
        `HTTP/1.1 101 Switching\r\nUpgrade: ${protocol}\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a\r\n\r\nhello`,
      );
      if (first.length > end) socket.write(first.subarray(end));
      socket.on('data', (chunk: Buffer) => socket.write(chunk));
      socket.on('end', () => socket.end());
    });
  });
  const port = await listenAnywhere(server);
  cleanups.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${port}`, heads, open };
}

async function rigOf(options: RigOptions): Promise<Rig> {
  const rig = await startRig(options);
  cleanups.push(() => rig.close());
  return rig;
}

const SHAKE =
  'GET /live HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n';

/** A client that keeps what it gets. */
function talk(port: number, first: string): { socket: Socket; text: () => string; closed: () => boolean } {
  let text = '';
  let closed = false;
  const socket = net.connect(port, '127.0.0.1', () => socket.write(first, 'latin1'));
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  cleanups.push(() => socket.destroy());
  return { socket, text: () => text, closed: () => closed };
}

describe('RFC 6455: a WebSocket', () => {
  test('is tunnelled both ways after the upstream’s 101', async () => {
    const upstream = await echoSockets();
    const rig = await rigOf({ control: upstream.url, candidate: upstream.url });
    const client = talk(rig.port, `${SHAKE}early`);
    await until(() => client.text().endsWith('helloearly'), 'greeting and early bytes');
    expect(client.text()).toMatch(
      /^HTTP\/1\.1 101 Switching\r\nSec-WebSocket-Accept: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n/,
    );
    client.socket.write('x'.repeat(1_000_000));
    await until(() => client.text().length > 1_000_000, 'the echo of a million bytes');
    expect(upstream.heads[0]).toMatch(/^GET \/live HTTP\/1\.1\r\n/);
    expect(upstream.heads[0]).toMatch(/connection: upgrade\r\n/i);
    expect(upstream.heads[0]).toMatch(/upgrade: websocket\r\n/i);
    expect(upstream.heads[0]).toContain('Sec-WebSocket-Key: k\r\n');
    expect(rig.sink.records).toMatchObject([{ status: 101, servedBy: 'control' }]);
    client.socket.destroy();
    await until(() => upstream.open.size === 0, 'the upstream’s end is closed too');
  });

  test('ends for the client when the upstream ends it', async () => {
    const upstream = await echoSockets();
    const rig = await rigOf({ control: upstream.url, candidate: upstream.url });
    const client = talk(rig.port, SHAKE);
    await until(() => client.text().endsWith('hello'), 'greeting');
    for (const socket of upstream.open) socket.destroy();
    await until(client.closed, 'the client notices');
  });

  test.each([
    ['none', 'candidate'],
    ['cell', 'control'],
  ] as const)('with proof %s is served by the %s', async (proof, side) => {
    const control = await echoSockets();
    const candidate = await echoSockets();
    const options = { control: control.url, candidate: candidate.url, dialPpm: 1_000_000 };
    const rig = await rigOf({ ...options, policy: { proof } });
    const client = talk(rig.port, SHAKE);
    await until(() => client.text().endsWith('hello'), 'greeting');
    expect([control.heads.length, candidate.heads.length]).toEqual(side === 'control' ? [1, 0] : [0, 1]);
  });

  test('I3: the control takes it when the candidate refuses or fails', async () => {
    const control = await echoSockets();
    const failing = await startOrigin((_request, response) => response.writeHead(503).end('no'));
    cleanups.push(() => failing.close());
    for (const candidate of [`http://127.0.0.1:${await deadPort()}`, failing.url]) {
      const rig = await rigOf({ control: control.url, candidate, dialPpm: 1_000_000 });
      const client = talk(rig.port, SHAKE);
      await until(() => client.text().endsWith('hello'), 'greeting');
      expect(rig.sink.records).toMatchObject([{ status: 101, servedBy: 'control', failedOver: true }]);
    }
  });

  test('that is not accepted gets the upstream’s answer', async () => {
    const plain = await startOrigin((_request, response) =>
      response.writeHead(403, { 'x-why': 'no' }).end('forbidden'),
    );
    cleanups.push(() => plain.close());
    const rig = await rigOf({ control: plain.url, candidate: plain.url });
    const { text, ended } = await sendRaw(rig.port, SHAKE);
    expect(ended).toBe(true);
    expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(text).toContain('x-why: no\r\n');
    expect(text).toMatch(/\r\n\r\nforbidden$/);
    expect(rig.sink.records).toMatchObject([{ status: 403 }]);
  });

  test('is not tunnelled where the upstream switches to something else', async () => {
    const other = await echoSockets('chat');
    const rig = await rigOf({ control: other.url, candidate: other.url });
    const { text } = await sendRaw(rig.port, SHAKE);
    expect(text).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('whose head breaks a rule is refused', async () => {
    const upstream = await echoSockets();
    const rig = await rigOf({ control: upstream.url, candidate: upstream.url });
    const { text } = await sendRaw(rig.port, SHAKE.replace('Host: h', 'Host: h\r\nHost: i'));
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(upstream.heads).toEqual([]);
  });

  test('that is open is counted by a drain, and ended when its time is over', async () => {
    const upstream = await echoSockets();
    const rig = await rigOf({ control: upstream.url, candidate: upstream.url });
    const client = talk(rig.port, SHAKE);
    await until(() => client.text().endsWith('hello'), 'greeting');
    expect(await rig.proxy.drain(100)).toEqual({ finished: false, cut: 1 });
    await until(client.closed, 'the client notices');
  });
});

describe.each([
  ['by the server’s own callback', true],
  ['by giving the head back to the parser', false],
])('F2: an Upgrade that is no WebSocket is a plain request, %s:', (_how, upgradeCallback) => {
  const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n';

  test.each<[what: string, bytes: string, target: string]>([
    ['GET', `GET /a HTTP/1.1\r\nHost: h\r\n${upgrade}\r\n`, '/a'],
    [
      'POST with a body',
      `POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n${upgrade}\r\n${'x'.repeat(300_000)}`,
      '/b',
    ],
  ])('%s, and the next on the same connection', async (_what, bytes, target) => {
    const origin = await startOrigin((request, response) => request.resume().on('end', () => response.end('fine')));
    cleanups.push(() => origin.close());
    const rig = await rigOf({ control: origin.url, candidate: origin.url, deps: { upgradeCallback } });
    const client = talk(rig.port, bytes);
    await until(() => client.text().endsWith('fine'), 'the first answer');
    client.socket.write('GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    await until(client.closed, 'the second answer');
    expect(client.text().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(origin.requests.map((request) => request.url)).toEqual([target, '/next']);
    expect(origin.requests[0]?.headers.upgrade).toBeUndefined();
  });
});

test.each([true, false])('what came in one piece with such a request is read, fast lane: %s', async (fastLane) => {
  const origin = await startOrigin((request, response) => request.resume().on('end', () => response.end('fine')));
  cleanups.push(() => origin.close());
  const rig = await rigOf({ control: origin.url, candidate: origin.url, settings: { proxy: { fastLane } } });
  const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n';
  const next = 'GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const client = talk(rig.port, `GET /a HTTP/1.1\r\nHost: h\r\n${upgrade}\r\n${next}`);
  await until(client.closed, 'the second answer');
  expect(client.text().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  expect(origin.requests.map((request) => request.url)).toEqual(['/a', '/next']);
});

test('a WebSocket works by the fallback, too', async () => {
  const upstream = await echoSockets();
  const rig = await rigOf({ control: upstream.url, candidate: upstream.url, deps: { upgradeCallback: false } });
  const client = talk(rig.port, SHAKE);
  await until(() => client.text().endsWith('hello'), 'greeting');
});
