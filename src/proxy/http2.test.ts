import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as dial, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { makeChain } from '../../test/support/certificates.ts';
import {
  type Handler,
  type Origin,
  type Rig,
  type RigOptions,
  startOrigin,
  startRig,
  until,
} from '../../test/support/proxy-rig.ts';
import { asRequest, MAX_STREAMS } from './http2-door.ts';

const { authority, server } = makeChain('shop.test');
const folder = mkdtempSync(join(tmpdir(), 'cutover-http2-'));
const certificate = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
writeFileSync(certificate.certFile, server.cert);
writeFileSync(certificate.keyFile, server.key);
const tls = {
  certificates: [certificate],
  minVersion: 'TLSv1.2',
  http2: true,
  clientCertificates: 'none',
} as const;
const cleanups: (() => unknown)[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(
  handler: Handler,
  options: Partial<RigOptions> = {},
): Promise<{ rig: Rig; origin: Origin; client: ClientHttp2Session }> {
  const origin = await startOrigin(handler);
  cleanups.push(() => origin.close());
  const { settings, ...more } = options;
  const rig = await startRig({ control: origin.url, candidate: origin.url, settings: { tls, ...settings }, ...more });
  cleanups.push(() => rig.close());
  return { rig, origin, client: connect(rig) };
}

function connect(rig: Rig): ClientHttp2Session {
  const client = http2.connect(`https://shop.test:${rig.port}`, {
    host: '127.0.0.1',
    ca: authority.cert,
    servername: 'shop.test',
  });
  client.on('error', () => undefined);
  cleanups.push(() => client.destroy());
  return client;
}

interface Got {
  readonly status: number;
  readonly raw: readonly string[];
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly interim: number[];
}

function got(stream: ClientHttp2Stream): Promise<Got> {
  return new Promise((resolve, reject) => {
    let headers: Record<string, unknown> = {};
    let raw: readonly string[] = [];
    let trailers: Record<string, unknown> = {};
    const interim: number[] = [];
    const pieces: Buffer[] = [];
    stream.on('headers', (more) => interim.push(Number(more[':status'])));
    stream.on('response', (fields, _flags, rawFields) => {
      headers = fields;
      raw = rawFields;
    });
    stream.on('trailers', (fields) => {
      trailers = fields;
    });
    stream.on('data', (chunk: Buffer) => pieces.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      if (stream.rstCode !== 0) reject(new Error(`reset ${stream.rstCode}`));
      else
        resolve({ status: Number(headers[':status']), raw, headers, body: Buffer.concat(pieces), trailers, interim });
    });
  });
}

function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, body?: Buffer): Promise<Got> {
  const stream = client.request(headers, { endStream: body === undefined });
  const answer = got(stream);
  if (body !== undefined) stream.end(body);
  return answer;
}

const echo: Handler = (request, response) => {
  response.sendDate = false;
  response.writeHead(200, [
    ...['x-seen', JSON.stringify(request.rawHeaders), 'set-cookie', 'a=1', 'set-cookie', 'b=2'],
    ...[
      'connection',
      'keep-alive, x-hop',
      'x-hop',
      '1',
      'keep-alive',
      'timeout=5',
      'x-line',
      `${request.method} ${request.url}`,
    ],
  ]);
  request.pipe(response);
};

function seen(answer: Got): [name: string, value: string][] {
  const flat: string[] = JSON.parse(String(answer.headers['x-seen']));
  return flat.flatMap((name, at) =>
    at % 2 === 0 ? [[name.toLowerCase(), flat[at + 1] ?? ''] as [string, string]] : [],
  );
}

describe('RFC 9113: requests over HTTP/2', () => {
  test('are asked of the service over HTTP/1.1, and answered with end-to-end fields alone', async () => {
    const { rig, client } = await start(echo);
    const answer = await ask(client, { ':path': '/a?b=c', cookie: ['x=1', 'y=2'], 'x-two': ['1', '2'] });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'x-line': 'GET /a?b=c', 'set-cookie': ['a=1', 'b=2'] });
    const names = answer.raw.filter((_, at) => at % 2 === 0);
    expect(names).toEqual(names.map((name) => name.toLowerCase()));
    for (const gone of ['connection', 'keep-alive', 'x-hop', 'transfer-encoding', 'date'])
      expect(names).not.toContain(gone);
    const fields = seen(answer);
    const saidIn = (name: string) => fields.filter(([one]) => one === name).map(([, value]) => value);
    expect(saidIn('host')).toEqual([`shop.test:${rig.port}`]);
    expect(saidIn('cookie')).toEqual(['x=1; y=2']);
    expect(saidIn('x-forwarded-proto')).toEqual(['https']);
    expect(fields.some(([name]) => name.startsWith(':'))).toBe(false);
    expect(rig.sink.records.map(({ method, status, clientAborted }) => [method, status, clientAborted])).toEqual([
      ['GET', 200, false],
    ]);
  });

  test('bodies of known and unknown length pass both ways, also large ones', async () => {
    const { client } = await start(echo);
    const body = Buffer.alloc(3_000_000, 'abcdefg');
    for (const headers of [{}, { 'content-length': String(body.length) }]) {
      const answer = await ask(client, { ':method': 'POST', ...headers }, body);
      expect(answer.body.equals(body)).toBe(true);
      const framing = seen(answer).filter(([name]) => name === 'content-length' || name === 'transfer-encoding');
      expect(framing).toEqual(
        'content-length' in headers ? [['content-length', '3000000']] : [['transfer-encoding', 'chunked']],
      );
    }
  });

  test('trailers pass both ways, and interim answers reach the client', async () => {
    const { client } = await start((request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      request.resume();
      request.on('end', () => {
        response.writeHead(200, { trailer: 'x-sum' });
        response.write(JSON.stringify(request.trailers));
        response.addTrailers({ 'x-sum': '42' });
        response.end();
      });
    });
    const stream = client.request({ ':method': 'POST' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-from': 'client' }));
    const answer = got(stream);
    stream.end('body');
    expect(await answer).toMatchObject({ interim: [103], trailers: { 'x-sum': '42' } });
    expect((await answer).body.toString()).toBe('{"x-from":"client"}');
  });

  test.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('%s with status %i has no body', async (method, status) => {
    const { client } = await start((_request, response) => response.writeHead(status, { etag: '"a"' }).end());
    expect(await ask(client, { ':method': method })).toMatchObject({ status, headers: { etag: '"a"' } });
  });

  test('many go at once over one connection, and a slow one keeps none back', async () => {
    const held: (() => void)[] = [];
    const { client } = await start((request, response) => {
      if (request.url === '/slow') held.push(() => response.end('slow'));
      else response.end(request.url);
    });
    const slow = ask(client, { ':path': '/slow' });
    const bodies = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => (await ask(client, { ':path': `/${n}` })).body.toString()),
    );
    expect(bodies).toEqual(Array.from({ length: 60 }, (_, n) => `/${n}`));
    held[0]?.();
    expect((await slow).body.toString()).toBe('slow');
  });

  test('what the guard refuses over HTTP/1.1 it refuses here', async () => {
    const { client, origin } = await start(echo);
    expect((await ask(client, { ':path': `/${'x'.repeat(9_000)}` })).status).toBe(414);
    await expect(ask(client, { ':path': 'http://evil.test/' })).rejects.toThrow('PROTOCOL_ERROR');
    expect((await ask(client, { ':authority': 'shop.test', host: 'other.test' })).status).toBe(400);
    expect((await ask(client, { ':method': 'TRACE' })).status).toBe(405);
    expect(origin.requests).toHaveLength(0);
  });

  test('a header list over the limit is refused, and the connection goes on', async () => {
    const { client, origin } = await start(echo, { settings: { limits: { headBytes: 4_096 } } });
    await new Promise((resolve) => client.once('remoteSettings', resolve));
    const many = Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`x-${n}`, 'y'.repeat(100)]));
    await expect(ask(client, many)).rejects.toThrow();
    expect((await ask(client)).status).toBe(200);
    expect(origin.requests).toHaveLength(1);
  });

  test('an answer that breaks off resets its stream and no other', async () => {
    const { client } = await start((request, response) => {
      if (request.url === '/whole') return void response.end('whole');
      response.write('half');
      setImmediate(() => response.destroy());
    });
    await expect(ask(client, { ':path': '/broken' })).rejects.toThrow();
    expect((await ask(client, { ':path': '/whole' })).body.toString()).toBe('whole');
  });

  test('a client that gives a stream up ends the request upstream', async () => {
    let closed = 0;
    const { client, rig } = await start((_request, response) => {
      response.write('begin');
      response.on('close', () => {
        closed += 1;
      });
    });
    const stream = client.request({ ':path': '/endless' });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('data', resolve));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await until(() => closed === 1, 'the upstream to be told');
    await until(() => rig.sink.records.length === 1, 'the record');
    expect(rig.sink.records[0]).toMatchObject({ clientAborted: true });
  });

  test.each([0, 8])('an upload that is given up with code %i is not taken for a whole one', async (code) => {
    const bodies: string[] = [];
    const { rig, origin } = await start((request, response) => {
      let body = '';
      request.setEncoding('latin1');
      request.on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(body);
        response.end();
      });
      request.on('error', () => bodies.push('broken'));
    });
    // Node's client ends a stream properly before it resets it.
    const socket = await raw(rig);
    const fields = Buffer.from([0x83, 0x87, 0x84, 0x41, 0x01, 0x61]);
    const half = frame(0, { stream: 1, payload: Buffer.from('half of it') });
    socket.write(Buffer.concat([PREFACE, frame(4), frame(1, { flags: 0x04, stream: 1, payload: fields }), half]));
    await until(() => origin.requests.length === 1, 'the request');
    socket.write(frame(3, { stream: 1, payload: Buffer.from([0, 0, 0, code]) }));
    await until(() => bodies.length === 1, 'the upload to end');
    expect(bodies).toEqual(['broken']);
  });

  test('who speaks HTTP/1.1 is served over HTTP/1.1', async () => {
    const { rig } = await start((_request, response) => response.end('one'));
    const status = await new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: rig.port, servername: 'shop.test', ca: authority.cert, agent: false };
      https.get(options, (response) => resolve([response.httpVersion, response.statusCode])).on('error', reject);
    });
    expect(status).toEqual(['1.1', 200]);
  });
});

describe('a drain', () => {
  test('finishes the streams there are and then ends the connection', async () => {
    const held: (() => void)[] = [];
    const { client, rig } = await start((_request, response) => held.push(() => response.end('slow')));
    const slow = [ask(client), ask(client)];
    await until(() => held.length === 2, 'the requests');
    const told = new Promise((resolve) => client.once('goaway', (code) => resolve(code)));
    const drained = rig.proxy.drain(20_000);
    expect(await told).toBe(0);
    for (const answer of held) answer();
    for (const one of slow) expect((await one).body.toString()).toBe('slow');
    expect(await drained).toEqual({ finished: true, cut: 0 });
    expect(client.closed).toBe(true);
  });

  test('tells a request that came too late that nothing of it was done, so that clients send it again', async () => {
    const { client, rig, origin } = await start((_request, response) => response.end());
    await ask(client);
    const late = ask(client).then(
      () => 'answered',
      (error: Error) => error.message,
    );
    await rig.proxy.drain(20_000);
    const outcome = await late;
    expect(outcome).toMatch(/^answered$|REFUSED_STREAM/);
    expect(origin.requests).toHaveLength(outcome === 'answered' ? 2 : 1);
  });

  test('that runs out counts every stream that was cut', async () => {
    const { client, rig } = await start(() => undefined);
    const asked = [ask(client), ask(client), ask(client)].map((one) => one.catch((error: unknown) => error));
    await until(() => rig.proxy.outstanding('control') === 3, 'the requests');
    expect(await rig.proxy.drain(50)).toEqual({ finished: false, cut: 3 });
    for (const one of asked) expect(await one).toBeInstanceOf(Error);
  });
});

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame (RFC 9113 section 4.1); type 1 is HEADERS, 3 RST_STREAM, 4 SETTINGS. */
function frame(type: number, { flags = 0, stream = 0, payload = Buffer.alloc(0) } = {}): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function raw(rig: Rig): Promise<TLSSocket> {
  const options = { servername: 'shop.test', ca: authority.cert, ALPNProtocols: ['h2'] };
  const socket = dial({ host: '127.0.0.1', port: rig.port, ...options });
  cleanups.push(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  return new Promise((resolve) => socket.once('secureConnect', () => resolve(socket)));
}

describe('floods', () => {
  test('no more requests at once than the connection was told', async () => {
    const { client, origin } = await start(() => undefined);
    await new Promise((resolve) => client.once('remoteSettings', resolve));
    expect(client.remoteSettings.maxConcurrentStreams).toBe(MAX_STREAMS);
    for (let n = 0; n < MAX_STREAMS + 20; n += 1) client.request().on('error', () => undefined);
    await until(() => origin.requests.length === MAX_STREAMS, 'the requests');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(origin.requests).toHaveLength(MAX_STREAMS);
  });

  test('CVE-2023-44487: a client that opens and resets without end is let go', async () => {
    const { rig, origin } = await start(() => undefined);
    const socket = await raw(rig);
    // `:method: GET`, `:scheme: https`, `:path: /` of the static table, and `:authority: a`.
    const fields = Buffer.from([0x82, 0x87, 0x84, 0x41, 0x01, 0x61]);
    const pairs = Array.from({ length: 2_000 }, (_, n) => [
      frame(1, { flags: 0x05, stream: 2 * n + 1, payload: fields }),
      frame(3, { stream: 2 * n + 1, payload: Buffer.from([0, 0, 0, 8]) }),
    ]);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(Buffer.concat([PREFACE, frame(4), ...pairs.flat()]));
    await closed;
    expect(origin.requests.length).toBeLessThan(1_000);
  });

  test('a client that asks for acknowledgements without reading them is let go', async () => {
    const { rig } = await start(() => undefined);
    const socket = await raw(rig);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.pause();
    const settings = Buffer.concat(Array.from({ length: 5_000 }, () => frame(4)));
    socket.write(Buffer.concat([PREFACE, settings]));
    for (let n = 0; n < 20; n += 1) socket.write(settings);
    setTimeout(() => socket.resume(), 300);
    await closed;
  });

  test('bytes that are no HTTP/2 end the connection', async () => {
    const { rig, client } = await start(echo);
    const socket = await raw(rig);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await closed;
    expect((await ask(client)).status).toBe(200);
  });
});

describe('a request said as HTTP/1.1', () => {
  const fields = [':method', 'GET', ':scheme', 'https', ':authority', 'a', ':path', '/'];

  test.each<[string, string[]]>([
    ['no path', [':method', 'GET', ':authority', 'a']],
    ['no host', [':method', 'GET', ':path', '/']],
    ['two hosts', [...fields, 'host', 'b']],
    ['a host twice', [...fields, 'host', 'a', 'host', 'a']],
    ['an absolute target', [...fields.slice(0, 6), ':path', 'https://a/']],
    ['a target without slash', [...fields.slice(0, 6), ':path', 'x']],
  ])('is refused with %s', (_, raw) => {
    expect(asRequest(raw, false)).toBeUndefined();
  });

  test('takes the host of either field', () => {
    expect(asRequest(fields, false)?.rawHeaders).toEqual(['host', 'a']);
    expect(asRequest([...fields, 'host', 'A'], false)?.rawHeaders).toEqual(['host', 'a']);
    expect(asRequest([':method', 'GET', ':path', '*', 'host', 'b'], true)?.rawHeaders).toEqual([
      ...['host', 'b', 'transfer-encoding', 'chunked'],
    ]);
  });
});
