import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type MadeCertificate, makeCertificate, makeChain } from '../../test/support/certificates.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { type Handler, type Rig, type RigOptions, startOrigin, startRig } from '../../test/support/proxy-rig.ts';
import type { ServerTlsSettings } from '../config/settings.ts';
import { systemClock } from '../telemetry/clock.ts';
import { LOOK_MS } from './followed-files.ts';

const authority = makeCertificate({ commonName: 'the authority' });
const shop = makeCertificate({ names: ['shop.test'], by: authority });
const wild = makeCertificate({ names: ['*.wild.test', 'wild.test'], by: authority });
const clients = makeChain('client.test');
const folder = mkdtempSync(join(tmpdir(), 'cutover-entrance-'));
const cleanups: (() => unknown)[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let files = 0;
function file(text: string): string {
  files += 1;
  const path = join(folder, `${files}.pem`);
  writeFileSync(path, text);
  return path;
}

function pair({ cert, key }: MadeCertificate): { certFile: string; keyFile: string } {
  return { certFile: file(cert), keyFile: file(key) };
}

function tlsOf(change: Partial<ServerTlsSettings> = {}): ServerTlsSettings {
  return {
    certificates: [pair(shop), pair(wild)],
    minVersion: 'TLSv1.2',
    http2: false,
    clientCertificates: 'none',
    ...change,
  };
}

/** Tells the client what came of its forwarding headers. */
const tells: Handler = (request, response) => {
  const said = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-port', 'forwarded'].map(
    (name) => request.headers[name],
  );
  request.resume();
  request.on('end', () => response.end(said.join(' | ')));
};

async function rigOf(
  settings: NonNullable<RigOptions['settings']>,
  options: Partial<RigOptions> = {},
  handler = tells,
): Promise<Rig> {
  const origin = await startOrigin(handler);
  cleanups.push(() => origin.close());
  const rig = await startRig({ control: origin.url, candidate: origin.url, settings, ...options });
  cleanups.push(() => rig.close());
  return rig;
}

interface Reached {
  readonly status: number;
  readonly body: string;
  readonly socket: tls.TLSSocket;
}

function get(port: number, options: https.RequestOptions = {}): Promise<Reached> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      { host: '127.0.0.1', port, servername: 'shop.test', ca: authority.cert, agent: false, ...options },
      (response) => {
        let body = '';
        // Over https the socket is a TLS socket.
        const socket = response.socket as tls.TLSSocket;
        response.setEncoding('latin1');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body, socket }));
      },
    );
    request.on('error', reject);
    request.end();
  });
}

function connect(port: number, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'shop.test', ca: authority.cert, ...options });
    cleanups.push(() => socket.destroy());
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

/** Writes, and gives all that comes until the end of the connection or `enough` of it. */
function talk(socket: Socket, text: string | Buffer, enough: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString('latin1');
      if (enough.test(got)) resolve(got);
    });
    socket.on('error', () => resolve(got));
    socket.on('close', () => resolve(got));
    socket.write(text);
  });
}

function plain(port: number): Socket {
  const socket = net.connect({ port, host: '127.0.0.1' });
  cleanups.push(() => socket.destroy());
  return socket;
}

describe('TLS towards clients', () => {
  test('requests over TLS are served, and the service is told', async () => {
    const rig = await rigOf({ tls: tlsOf() });
    const { body, socket } = await get(rig.port);
    expect(body).toBe(`127.0.0.1 | https | ${rig.port} | for=127.0.0.1;host="127.0.0.1:${rig.port}";proto=https`);
    expect(socket.getProtocol()).toBe('TLSv1.3');
  });

  test('the application protocol is HTTP/1.1, and who knows only another is refused', async () => {
    const rig = await rigOf({ tls: tlsOf() });
    expect((await connect(rig.port, { ALPNProtocols: ['h3', 'http/1.1'] })).alpnProtocol).toBe('http/1.1');
    expect((await connect(rig.port)).alpnProtocol).toBe(false);
    await expect(connect(rig.port, { ALPNProtocols: ['h3'] })).rejects.toThrow(/application.protocol/);
  });

  test.each([
    ['shop.test', 'shop.test'],
    ['wild.test', 'wild.test'],
    ['a.wild.test', 'wild.test'],
    ['A.WILD.test', 'wild.test'],
    ['a.b.wild.test', 'shop.test'],
    ['other.test', 'shop.test'],
    ['', 'shop.test'],
  ])('who asks for %j is shown the certificate of %s', async (servername, expected) => {
    const rig = await rigOf({ tls: tlsOf() });
    const socket = await connect(rig.port, { servername, checkServerIdentity: () => undefined });
    expect(socket.getPeerCertificate().subjectaltname).toContain(`DNS:${expected}`);
  });

  test('a version that is too old is refused', async () => {
    const rig = await rigOf({ tls: tlsOf({ minVersion: 'TLSv1.3' }) });
    await expect(connect(rig.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/);
    expect((await get(rig.port)).status).toBe(200);
  });

  test('a session is resumed', async () => {
    const rig = await rigOf({ tls: tlsOf() });
    const first = await connect(rig.port);
    const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
    const second = await connect(rig.port, { session });
    expect(second.isSessionReused()).toBe(true);
  });

  test('what is pipelined is answered in order, and an answer that breaks off is noticed', async () => {
    const rig = await rigOf({ tls: tlsOf() }, {}, (request, response) => {
      if (request.url !== '/broken') return tells(request, response);
      response.write('the beginning');
      setImmediate(() => response.destroy());
    });
    const socket = await connect(rig.port);
    const one = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
    const both = await talk(socket, one + one, /proto=https.*proto=https/s);
    expect(both.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    await expect(get(rig.port, { path: '/broken' })).rejects.toThrow();
    expect((await get(rig.port)).status).toBe(200);
  });

  test('a WebSocket is tunnelled', async () => {
    const origin = await startOrigin(tells);
    origin.server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello ');
      socket.pipe(socket);
      cleanups.push(() => socket.destroy());
    });
    cleanups.push(() => origin.close());
    const rig = await startRig({ control: origin.url, candidate: origin.url, settings: { tls: tlsOf() } });
    cleanups.push(() => rig.close());
    const socket = await connect(rig.port);
    const shake = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
    const text = await talk(socket, `${shake}Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\nyou`, /you$/);
    expect(text).toMatch(/^HTTP\/1\.1 101 .*hello you$/s);
  });

  test('who does not shake hands in time, or speaks plain HTTP, is cut', async () => {
    const rig = await rigOf({ tls: tlsOf(), limits: { headTimeoutMs: 150 } });
    expect(await talk(plain(rig.port), 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', /^.*HTTP/)).toBe('');
    expect(await talk(plain(rig.port), '', /./)).toBe('');
    const late = await connect(rig.port);
    expect(await talk(late, 'GET / HT', /408/)).toMatch(/^HTTP\/1\.1 408 /);
  });
});

describe('client certificates', () => {
  const known = clients.server;
  const stranger = makeChain('stranger.test').server;
  const modes = (mode: ServerTlsSettings['clientCertificates']) => ({
    tls: tlsOf({ clientCertificates: mode, clientCaFile: file(clients.authority.cert) }),
  });

  test.each<[ServerTlsSettings['clientCertificates'], string, MadeCertificate | undefined, boolean]>([
    ['none', 'no', undefined, true],
    ['none', 'an unknown', stranger, true],
    ['request', 'no', undefined, true],
    ['request', 'a known', known, true],
    ['request', 'an unknown', stranger, false],
    ['require', 'no', undefined, false],
    ['require', 'a known', known, true],
    ['require', 'an unknown', stranger, false],
  ])('%s: who shows %s certificate', async (mode, _, certificate, isServed) => {
    const rig = await rigOf(mode === 'none' ? { tls: tlsOf() } : modes(mode));
    for (const servername of ['shop.test', 'wild.test']) {
      const shown = certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key };
      const asked = get(rig.port, { ...shown, servername });
      if (isServed) expect((await asked).status).toBe(200);
      else await expect(asked).rejects.toThrow();
    }
    expect(rig.sink.records).toHaveLength(isServed ? 2 : 0);
  });
});

describe('renewed certificates', () => {
  test('are shown to who comes next, while connections that stand go on', async () => {
    const certificate = pair(shop);
    // The rest of the proxy waits by the machine's time; only what looks at the files by the test's.
    const looking = new ManualClock();
    const clock = {
      ...systemClock,
      after: (ms: number, run: () => void) => (ms === LOOK_MS ? looking.after(ms, run) : systemClock.after(ms, run)),
    };
    const rig = await rigOf({ tls: tlsOf({ certificates: [certificate] }) }, { deps: { clock } });
    const before = await connect(rig.port);
    const session = new Promise<Buffer>((resolve) => before.once('session', resolve));
    const ask = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
    expect(await talk(before, ask, /proto=https/)).toContain(' 200 ');
    const next = makeCertificate({ names: ['shop.test'], by: authority });
    writeFileSync(certificate.certFile, next.cert);
    for (let i = 0; i < 3; i += 1) looking.advance(LOOK_MS);
    expect((await connect(rig.port)).getPeerCertificate().serialNumber).toBe(before.getPeerCertificate().serialNumber);
    writeFileSync(certificate.keyFile, next.key);
    for (let i = 0; i < 3; i += 1) looking.advance(LOOK_MS);
    const after = await connect(rig.port, { session: await session });
    expect(after.isSessionReused()).toBe(false);
    expect(after.getPeerCertificate().serialNumber).not.toBe(before.getPeerCertificate().serialNumber);
    expect(await talk(before, ask, /proto=https/)).toContain(' 200 ');
  });
});

test('a drain waits for a handshake that is under way, and closing ends it', async () => {
  const rig = await rigOf({ tls: tlsOf() });
  const silent = plain(rig.port);
  await new Promise<void>((resolve) => silent.once('connect', () => resolve()));
  expect((await rig.proxy.drain(50)).finished).toBe(true);
  const closed = new Promise((resolve) => silent.once('close', resolve));
  silent.resume();
  silent.once('end', () => silent.end());
  silent.on('error', () => undefined);
  await rig.proxy.close();
  await closed;
});

function v2(source: string, port: number): Buffer {
  const head = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c', 'latin1');
  const rest = Buffer.alloc(12);
  rest.set(source.split('.').map(Number), 0);
  rest.writeUInt16BE(port, 8);
  rest.writeUInt16BE(443, 10);
  return Buffer.concat([head, rest]);
}

describe('PROXY headers', () => {
  const ask = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n';
  const believed = { networks: ['127.0.0.0/8'], proxyProtocol: true };
  const V1 = 'PROXY TCP4 203.0.113.7 10.0.0.1 50000 8443\r\n';

  test.each<[string, Buffer | string, RegExp]>([
    ['version 1', V1, /203\.0\.113\.7 \| http \| 8443 \|/],
    ['version 2', v2('203.0.113.7', 50_000), /203\.0\.113\.7 \| http \| 443 \|/],
    ['UNKNOWN', 'PROXY UNKNOWN\r\n', /9\.9\.9\.9, 127\.0\.0\.1 \| http \|/],
    [
      'an address that is trusted itself',
      'PROXY TCP4 127.0.0.9 10.0.0.1 1 80\r\n',
      /9\.9\.9\.9, 127\.0\.0\.9 \| http \| 80/,
    ],
  ])('%s: the address is the client’s, in one piece with the request or byte by byte', async (_, header, expected) => {
    const rig = await rigOf({ trust: believed });
    const bytes = Buffer.concat([Buffer.from(header as string, 'latin1'), Buffer.from(ask)]);
    expect(await talk(plain(rig.port), bytes, /never/)).toMatch(expected);
    const slow = plain(rig.port);
    slow.setNoDelay(true);
    const answer = talk(slow, '', /never/);
    for (const byte of bytes) {
      slow.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await answer).toMatch(expected);
  });

  test('come before the handshake where clients speak TLS', async () => {
    const rig = await rigOf({ trust: believed, tls: tlsOf() });
    for (let i = 0; i < 2; i += 1) {
      const socket = plain(rig.port);
      socket.write(v2('203.0.113.7', 50_000));
      const secure = await connect(rig.port, { socket });
      expect(await talk(secure, ask, /never/)).toMatch(/203\.0\.113\.7 \| https \| 443 \|/);
    }
  });

  test('a trusted peer without one, or with a wrong one, is closed without an answer', async () => {
    const rig = await rigOf({ trust: believed, limits: { headTimeoutMs: 200 } });
    for (const text of [ask, `PROXY TCP4 1.2.3.4\r\n${ask}`, 'PROX', '']) {
      expect(await talk(plain(rig.port), text, /never/)).toBe('');
    }
    expect(rig.sink.records).toEqual([]);
  });

  test('from anybody else is no header but a bad request, and leaves the address what it is', async () => {
    const rig = await rigOf({ trust: { networks: ['10.0.0.0/8'], proxyProtocol: true } });
    expect(await talk(plain(rig.port), `${V1}${ask}`, /never/)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await talk(plain(rig.port), ask, /never/)).toMatch(/\r\n127\.0\.0\.1 \| http \|/);
  });

  test('an upgrade and a keep-alive connection behind one are served', async () => {
    const rig = await rigOf({ trust: believed });
    const socket = plain(rig.port);
    const again = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
    expect(await talk(socket, `${V1}${again}`, /proto=http$/)).toContain('203.0.113.7');
    expect(await talk(socket, again, /proto=http$/)).toContain('203.0.113.7');
  });
});
