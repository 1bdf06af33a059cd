import { createHash, randomBytes } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Ask,
  ask,
  type Got,
  type Origin,
  type Rig,
  sendRaw,
  startOrigin,
  startRig,
} from '../../support/proxy-rig.ts';

/** What the origin understood of a request. */
interface Understood {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: string[];
  readonly body: string;
  readonly rawTrailers: string[];
}

let understood: Understood | undefined;
let origin: Origin;
let rig: Rig;

const LARGE = randomBytes(1_048_576);

/** Answers by path; tells what it understood of every request. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, name = ''] = /^\/([\w-]*)/.exec(request.url ?? '') ?? [];
  if (name === 'early') return void ANSWERS.early?.(request, response);
  const hash: Buffer[] = [];
  if (request.headers.expect !== undefined && name !== 'refuse') response.writeContinue();
  if (name === 'refuse') {
    response.writeHead(413, { 'content-length': '0' }).end();
    return;
  }
  request.on('data', (chunk: Buffer) => hash.push(chunk));
  request.on('end', () => {
    understood = {
      method: request.method ?? '',
      target: request.url ?? '',
      rawHeaders: request.rawHeaders,
      body: createHash('sha256').update(Buffer.concat(hash)).digest('hex'),
      rawTrailers: request.rawTrailers,
    };
    (ANSWERS[name] ?? ANSWERS.plain)?.(request, response);
  });
}

const ANSWERS: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  plain: (_request, response) => response.end('plain'),
  empty: (_request, response) => response.writeHead(200, { 'content-length': '0' }).end(),
  large: (_request, response) => response.writeHead(200, ['Content-Length', String(LARGE.length)]).end(LARGE),
  chunked: (_request, response) => {
    response.write('one ');
    response.write(LARGE);
    response.end(' two');
  },
  nocontent: (_request, response) => response.writeHead(204, ['X-A', '1']).end(),
  unmodified: (_request, response) => response.writeHead(304, ['ETag', '"a"', 'Content-Length', '17']).end(),
  partial: (_request, response) =>
    response.writeHead(206, ['Content-Range', 'bytes 0-3/9', 'Content-Length', '4']).end('part'),
  headers: (_request, response) =>
    response
      .writeHead(299, 'Very  Odd', [
        ...['Set-Cookie', 'a=1', 'X-Twice', '1', 'set-cookie', 'b=2; Path=/', 'X-Twice', '2', 'x-empty', ''],
        ...['X-Latin', 'gr\xfc\xdf \xe4', 'Vary', 'Accept', 'vary', 'Cookie', 'Content-Length', '2'],
      ])
      .end('ok'),
  nodate: (_request, response) => {
    response.sendDate = false;
    response.end('no date');
  },
  trailers: (request, response) => {
    if (request.method === 'HEAD') return void response.end();
    response.writeHead(200, { Trailer: 'X-Sum, X-Sum2' });
    response.write('body');
    response.addTrailers({ 'X-Sum': '42', 'X-Sum2': 'b' });
    response.end();
  },
  hints: (_request, response) => {
    response.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.js>; rel=preload'], 'x-hint': 'h' });
    response.writeProcessing();
    response.end('hinted');
  },
  redirect: (_request, response) => response.writeHead(302, { location: 'http://other.test/x?y#z' }).end(),
  failure: (_request, response) => response.writeHead(503, { 'retry-after': '7' }).end('down'),
  early: (_request, response) => response.writeHead(401, { 'content-length': '2' }).end('no'),
};

beforeAll(async () => {
  origin = await startOrigin(answer);
  rig = await startRig({ control: origin.url, candidate: origin.url });
});
afterAll(async () => {
  await rig.close();
  await origin.close();
});

const AGENT = { 'x-agent': 'test' };
/** Its own connection's framing differs between two connections by right; everything else may not. */
const HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date']);
const ADDED = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'forwarded',
]);

function endToEnd(raw: readonly string[], drop: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!drop.has(name.toLowerCase()) && !HOP.has(name.toLowerCase())) kept.push(`${name}: ${raw[at + 1]}`);
  }
  return kept;
}

async function observe(port: number, options: Ask): Promise<{ got: unknown; seen: unknown }> {
  understood = undefined;
  const got: Got = await ask(port, options);
  const seen = understood as Understood | undefined; // written by the origin meanwhile
  return {
    got: {
      status: got.status,
      headers: endToEnd(got.rawHeaders, new Set()),
      hasDate: got.headers.date !== undefined,
      body: createHash('sha256').update(got.body).digest('hex'),
      trailers: got.rawTrailers,
      informational: got.informational.map(({ status, headers }) => [status, headers]),
    },
    seen: seen && {
      ...seen,
      // Where the proxy's framing headers stand in the list is its own business; their values are not.
      rawHeaders: endToEnd(seen.rawHeaders, new Set([...ADDED, 'host', 'content-length', 'te', 'expect'])),
      length: headerOf(seen.rawHeaders, 'content-length'),
      te: headerOf(seen.rawHeaders, 'te'),
    },
  };
}

function headerOf(raw: readonly string[], name: string): string | undefined {
  const at = raw.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name);
  return at < 0 ? undefined : raw[at + 1];
}

describe('an exchange through the proxy is the exchange without it', () => {
  const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'];
  const cases: [rule: string, options: Ask][] = [
    ...methods.map((method): [string, Ask] => [`RFC 9110 section 9: ${method}`, { method, target: '/plain?q=1' }]),
    ...Object.keys(ANSWERS)
      .filter((name) => name !== 'early')
      .flatMap((name): [string, Ask][] => [
        [`RFC 9110 section 15: GET /${name}`, { target: `/${name}` }],
        [`RFC 9110 section 9.3.2: HEAD /${name}`, { method: 'HEAD', target: `/${name}` }],
      ]),
    ['RFC 9112 section 6.2: a body of known length', { method: 'POST', target: '/plain', body: LARGE }],
    ['RFC 9112 section 6.2: an empty body', { method: 'POST', target: '/plain', headers: { 'content-length': '0' } }],
    [
      'RFC 9112 section 7.1: a chunked body',
      { method: 'PUT', target: '/large', headers: { 'transfer-encoding': 'chunked' }, body: LARGE },
    ],
    ['RFC 9110 section 9.3.1: GET with a body', { target: '/plain', headers: { 'content-length': '3' }, body: 'abc' }],
    ['RFC 9112 section 3.2: a target with unusual characters', { target: "/plain/%2F/..//;p?a=%zz&b[]='|" }],
    [
      'RFC 9110 section 5.3: repeated headers',
      { headers: ['Host', 'h', 'X-A', '1', 'x-b', '2', 'X-A', '3', 'X-E', ''] },
    ],
    ['RFC 9110 section 5.5: obs-text', { headers: ['Host', 'h', 'X-Latin', 'gr\xfc\xdf'] }],
    ['RFC 9110 section 10.1.4: TE trailers', { target: '/trailers', headers: { te: 'trailers', connection: 'te' } }],
    [
      'RFC 9110 section 10.1.1: 100-continue',
      { method: 'POST', target: '/plain', headers: { expect: '100-continue', 'content-length': '3' }, body: 'abc' },
    ],
    [
      'RFC 9110 section 10.1.1: 100-continue refused',
      { method: 'POST', target: '/refuse', headers: { expect: '100-continue', 'content-length': '3' } },
    ],
  ];

  test.each(cases)('%s', async (_rule, options) => {
    const request = { ...options, headers: options.headers ?? AGENT };
    const direct = await observe(origin.port, request);
    const through = await observe(rig.port, request);
    expect(through).toEqual(direct);
  });
});

test('RFC 9110 section 10.1.1: the body is sent only after the upstream asked for it', async () => {
  const request = http.request({
    port: rig.port,
    method: 'POST',
    path: '/plain',
    headers: { expect: '100-continue', 'content-length': '5' },
  });
  const order: string[] = [];
  const finished = new Promise<void>((resolve, reject) => {
    request.on('error', reject);
    request.on('continue', () => {
      order.push('continue');
      request.end('12345');
    });
    request.on('response', (response) => {
      order.push(String(response.statusCode));
      response.resume().on('end', resolve);
    });
  });
  request.flushHeaders();
  await finished;
  expect(order).toEqual(['continue', '200']);
  expect(understood?.body).toBe(createHash('sha256').update('12345').digest('hex'));
});

test('RFC 9112 section 7.1.2: request trailers arrive', async () => {
  const bytes =
    'POST /plain HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: close\r\n\r\n' +
    '3;ext=1\r\nabc\r\n0\r\nX-Sum: 9\r\nSet-Cookie: a=1\r\n\r\n';
  await sendRaw(rig.port, bytes);
  expect(understood?.rawTrailers).toEqual(['X-Sum', '9']);
  expect(understood?.body).toBe(createHash('sha256').update('abc').digest('hex'));
});

test('RFC 9112 section 9.3: an HTTP/1.0 client gets an answer it can read', async () => {
  const { text, ended } = await sendRaw(rig.port, 'GET /chunked HTTP/1.0\r\n\r\n');
  expect(ended).toBe(true);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).not.toMatch(/transfer-encoding/i);
  expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toHaveLength(LARGE.length + 8);
});

test('RFC 9112 section 9.3.2: pipelined requests are answered in order, one at a time', async () => {
  const seen: string[] = [];
  let running = 0;
  let most = 0;
  const slow = await startOrigin((request, response) => {
    running += 1;
    most = Math.max(most, running);
    seen.push(request.url ?? '');
    setTimeout(() => {
      running -= 1;
      response.end(request.url);
    }, 10);
  });
  const own = await startRig({ control: slow.url, candidate: slow.url });
  const all = Array.from({ length: 20 }, (_, n) => `/n${n}`);
  const last = 'GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const bytes = all.map((path) => `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok`).join('') + last;
  const { text } = await sendRaw(own.port, bytes);
  expect(seen).toEqual([...all, '/last']);
  expect(most).toBe(1);
  expect([...text.matchAll(/\r\n\r\n(\/[a-z0-9]+)/g)].map((match) => match[1])).toEqual([...all, '/last']);
  await own.close();
  await slow.close();
});

test('an answer before the end of the upload reaches the client, and the connection stays usable', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const got = await ask(rig.port, { method: 'POST', target: '/early', body: LARGE, agent });
  expect([got.status, got.body.toString()]).toEqual([401, 'no']);
  expect((await ask(rig.port, { target: '/plain', agent })).body.toString()).toBe('plain');
  agent.destroy();
});

test('a slow stream arrives piece by piece, its head before its first piece', async () => {
  const stages: (() => void)[] = [];
  const stream = await startOrigin((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    stages.push(
      () => response.write('data: 1\n\n'),
      () => response.end('data: 2\n\n'),
    );
  });
  const own = await startRig({ control: stream.url, candidate: stream.url });
  const response = await new Promise<IncomingMessage>((resolve) => http.get(own.url, resolve));
  const pieces = response[Symbol.asyncIterator]();
  stages[0]?.();
  expect(String((await pieces.next()).value)).toBe('data: 1\n\n');
  stages[1]?.();
  expect(String((await pieces.next()).value)).toBe('data: 2\n\n');
  expect((await pieces.next()).done).toBe(true);
  await own.close();
  await stream.close();
});

test('a truncated answer breaks the connection, so that the client notices', async () => {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo; // a TCP server that listens has one
  const own = await startRig({ control: `http://127.0.0.1:${port}`, candidate: origin.url });
  const { text, ended } = await sendRaw(own.port, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  expect(ended).toBe(true);
  expect(text).toMatch(/only this$/);
  await expect(ask(own.port)).rejects.toThrow();
  expect(own.sink.records.at(-1)).toMatchObject({ status: 200, failure: 'truncated', clientAborted: false });
  await own.close();
  server.close();
});
