import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import {
  type Handler,
  type Rig,
  type RigOptions,
  sendRaw,
  startOrigin,
  startRig,
  until,
} from '../../../test/support/proxy-rig.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function rigBefore(handler: Handler, settings: RigOptions['settings'] = {}): Promise<Rig> {
  const origin = await startOrigin(handler);
  cleanups.push(() => origin.close());
  const rig = await startRig({
    control: origin.url,
    candidate: origin.url,
    settings: { ...settings, proxy: { fastLane: true } },
  });
  cleanups.push(() => rig.close());
  return rig;
}

const GET = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: h.test\r\n\r\n`;
const echo: Handler = (request, response) => void request.resume().on('end', () => response.end(`<${request.url}>`));

test('a connection that was handed over keeps the time limit for heads', async () => {
  const rig = await rigBefore(echo, { limits: { headTimeoutMs: 300 } });
  const { text, ended } = await sendRaw(rig.port, `${GET('/a')}OPTIONS / HTTP/1.1\r\nHost:`, { untilQuietMs: 8_000 });
  expect(ended).toBe(true);
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['200', '408']);
});

test('a second head that stalls is cut with 408, a connection that says nothing as well', async () => {
  const rig = await rigBefore(echo, { limits: { headTimeoutMs: 300 } });
  const [second, nothing] = await Promise.all([
    sendRaw(rig.port, `${GET('/a')}GET /b`, { untilQuietMs: 8_000 }),
    sendRaw(rig.port, '', { untilQuietMs: 8_000 }),
  ]);
  expect(second.text).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 408 /);
  expect(nothing.text).toMatch(/^HTTP\/1\.1 408 /);
});

test('an idle connection is closed without a word after its time', async () => {
  const rig = await rigBefore(echo, { limits: { keepAliveTimeoutMs: 200 } });
  const { text, ended } = await sendRaw(rig.port, GET('/a'), { untilQuietMs: 10_000 });
  expect(ended).toBe(true);
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['200']);
});

test('hundreds of kilobytes of pipelined requests are answered in order, the client held back meanwhile', async () => {
  const rig = await rigBefore(echo);
  const count = 1_500;
  const padding = 'p'.repeat(300);
  const requests = Array.from({ length: count }, (_, n) => GET(`/${n}?${padding}`)).join('');
  const { text } = await sendRaw(rig.port, `${requests}GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  const order = [...text.matchAll(/<\/(\w+)/g)].map((match) => match[1]);
  expect(order).toEqual([...Array.from({ length: count }, (_, n) => String(n)), 'last']);
});

test('requests and bodies in pieces of any size are put together, then the next request is read', async () => {
  const rig = await rigBefore((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.end(`<${request.url} ${Buffer.concat(chunks)}>`));
  });
  const bytes = `POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello${GET('/b')}PUT /c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz`;
  for (const size of [1, 2, 7, 40, 61, 200]) {
    const text = await new Promise<string>((resolve) => {
      let got = '';
      const socket = net.connect({ port: rig.port, host: '127.0.0.1', noDelay: true });
      const send = (at: number): void => {
        if (at < bytes.length) socket.write(bytes.slice(at, at + size), () => setImmediate(send, at + size));
      };
      socket.on('connect', () => send(0));
      socket.on('data', (chunk) => {
        got += chunk;
      });
      socket.on('close', () => resolve(got));
    });
    expect([...text.matchAll(/<([^>]*)>/g)].map((match) => match[1])).toEqual(['/a hello', '/b ', '/c xyz']);
  }
});

test('long answers to clients that read slowly do not mix', async () => {
  const rig = await rigBefore(
    (request, response) => void response.end((request.url ?? '').charAt(1).repeat(3_000_000)),
  );
  const got = await Promise.all(
    [...'abcdefgh'].map(
      (letter) =>
        new Promise<string>((resolve) => {
          let text = '';
          const socket = net.connect(rig.port, '127.0.0.1');
          socket.write(`GET /${letter} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
          // A turn of the event loop between pieces lets the proxy run into full buffers.
          socket.on('data', (chunk: Buffer) => {
            text += chunk.toString('latin1');
            socket.pause();
            setImmediate(() => socket.resume());
          });
          socket.on('close', () => resolve(text.slice(text.indexOf('\r\n\r\n') + 4)));
        }),
    ),
  );
  for (const [at, body] of got.entries()) {
    expect(body.length).toBe(3_000_000);
    expect(body).toBe('abcdefgh'.charAt(at).repeat(3_000_000));
  }
});

test('the upstream’s answer may come before the body has, and the next request is read behind it', async () => {
  const rig = await rigBefore((request, response) => {
    if (request.url === '/early') response.end('<early>');
    else request.resume().on('end', () => response.end('<next>'));
  });
  const socket = net.connect(rig.port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.write('POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc');
  await until(() => text.includes('<early>'), 'the early answer');
  socket.write('x'.repeat(99_997));
  socket.write(GET('/next'));
  await until(() => text.includes('<next>'), 'the next answer');
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['200', '200']);
});

test('an answer of our own to a HEAD has no body, and the next request is answered', async () => {
  const rig = await startRig({ control: 'http://127.0.0.1:9', candidate: 'http://127.0.0.1:9' });
  cleanups.push(() => rig.close());
  const close = 'HEAD /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const { text, ended } = await sendRaw(rig.port, `HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n${close}`);
  expect(ended).toBe(true);
  expect(text).toMatch(/^HTTP\/1\.1 502 [^{]*\r\n\r\nHTTP\/1\.1 502 [^{]*\r\n\r\n$/);
});
