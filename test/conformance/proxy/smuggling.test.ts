import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listenAnywhere, type Rig, sendRaw, startRig } from '../../support/proxy-rig.ts';

/** Everything the origin got, byte by byte. */
let received = '';
let server: net.Server;
let rig: Rig;

beforeAll(async () => {
  server = net.createServer((socket) => {
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      received += text;
      if (/\r\n\r\n/.test(text)) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const url = `http://127.0.0.1:${await listenAnywhere(server)}`;
  rig = await startRig({ control: url, candidate: url });
});
afterAll(async () => {
  await rig.close();
  server.close();
});

const END = 'Host: h\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: h\r\n';

test.each<[rule: string, status: number, bytes: string]>([
  [
    'RFC 9112 section 6.1: length and coding',
    400,
    `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
  ],
  ['RFC 9112 section 6.1: coding in HTTP/1.0', 400, `POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n${END}0\r\n\r\n`],
  ['RFC 9112 section 6.3: differing lengths', 400, `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
  ['RFC 9112 section 6.3: equal lengths', 400, `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\nab`],
  ['RFC 9112 section 6.3: negative length', 400, `${POST}Content-Length: -1\r\n\r\n`],
  [
    'RFC 9112 section 6.1: a coding that is not chunked',
    501,
    `${POST}Transfer-Encoding: deflate, chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['RFC 9112 section 6.1: an unknown coding', 501, `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  [
    'RFC 9112 section 6.1: chunked is not the last coding',
    400,
    `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  ],
  ['RFC 9112 section 5.1: blank before the colon', 400, `${POST}Content-Length : 1\r\n\r\na`],
  ['RFC 9112 section 5.1: a line that is no field', 400, `GET / HTTP/1.1\r\nnonsense\r\n${END}`],
  ['RFC 9112 section 2.2: a bare CR', 400, `GET / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\n${END}`],
  ['RFC 9112 section 2.2: a bare LF', 400, `GET / HTTP/1.1\nHost: h\n\n`],
  ['RFC 9110 section 5.5: a NUL in a value', 400, `GET / HTTP/1.1\r\nX: a\0b\r\n${END}`],
  ['RFC 9112 section 3: a blank in the target', 400, `GET /a b HTTP/1.1\r\n${END}`],
  ['RFC 9112 section 3: an unknown method', 400, `GE7 / HTTP/1.1\r\n${END}`],
  ['RFC 9112 section 2.3: HTTP/2 preface', 400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['RFC 9112 section 3.2: two hosts', 400, `GET / HTTP/1.1\r\nHost: a\r\n${END}`],
  ['RFC 9112 section 3.2: no host', 400, 'GET / HTTP/1.1\r\n\r\n'],
  ['RFC 9112 section 3.2.3: authority-form', 400, `GET h:80 HTTP/1.1\r\n${END}`],
  ['RFC 9110 section 9.3.6: CONNECT', 405, `CONNECT h:80 HTTP/1.1\r\n${END}`],
  ['RFC 9110 section 9.3.8: TRACE', 405, `TRACE / HTTP/1.1\r\n${END}`],
  ['RFC 9110 section 4.2.5: a fragment', 400, `GET /a#b HTTP/1.1\r\n${END}`],
  [
    'RFC 9110 section 7.6.1: Connection nominates Cookie',
    400,
    `GET / HTTP/1.1\r\nConnection: Cookie\r\nCookie: a\r\n${END}`,
  ],
  ['RFC 9110 section 10.1.1: another expectation', 417, `${POST}Expect: 200-maybe\r\nContent-Length: 1\r\n\r\na`],
  ['RFC 9110 section 15.5.15: a long target', 414, `GET /${'a'.repeat(9_000)} HTTP/1.1\r\n${END}`],
  ['RFC 6585 section 5: a large head', 431, `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n${END}`],
  ['RFC 6585 section 5: many headers', 431, `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(150)}${END}`],
])('%s: refused with %i, nothing is forwarded', async (_rule, status, bytes) => {
  received = '';
  const { text, ended } = await sendRaw(rig.port, bytes);
  expect(ended).toBe(true);
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(text).toContain('"code":"REQUEST_REFUSED"');
  expect(text.match(/^HTTP\/1\.1/gm)).toHaveLength(1);
  expect(received).toBe('');
});

test.each<[rule: string, bytes: string]>([
  [
    'RFC 9112 section 7.1: a chunk size that is no number',
    `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n`,
  ],
  [
    'RFC 9112 section 7.1: a chunk longer than it says',
    `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n`,
  ],
  ['RFC 9112 section 7.1: an overflowing size', `${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na`],
])('%s: the upload ends, nothing more is read from that connection', async (_rule, bytes) => {
  const { text, ended } = await sendRaw(rig.port, `${bytes}GET /smuggled HTTP/1.1\r\n${END}`);
  expect(ended).toBe(true);
  expect(text.match(/^HTTP\/1\.1/gm)?.length ?? 0).toBeLessThanOrEqual(1);
  expect(received).not.toContain('/smuggled');
});

test('RFC 9112 section 5.2: a folded line never goes further as two lines', async () => {
  received = '';
  await sendRaw(rig.port, `GET / HTTP/1.1\r\nX: a\r\n Transfer-Encoding: chunked\r\nConnection: close\r\n${END}`);
  expect(received).not.toMatch(/^\s*Transfer-Encoding/im);
});

test.each<[what: string, bytes: string]>([
  ['a request without a Host', 'GET /refused HTTP/1.1\r\n\r\n'],
  ['two Hosts', `GET /refused HTTP/1.1\r\nHost: a\r\n${END}`],
  ['a coding nobody knows', `${POST}Transfer-Encoding: deflate, chunked\r\n\r\n0\r\n\r\n`],
])('%s is refused, and what is pipelined behind it is not forwarded', async (_what, bytes) => {
  received = '';
  const { text, ended } = await sendRaw(
    rig.port,
    `GET /first HTTP/1.1\r\n${END}${bytes}GET /behind HTTP/1.1\r\n${END}`,
  );
  expect(ended).toBe(true);
  expect([...text.matchAll(/HTTP\/1\.1 (\d)/g)].map((match) => match[1])).toHaveLength(2);
  expect(received).toContain('GET /first');
  expect(received).not.toContain('/refused');
  expect(received).not.toContain('/behind');
});

test('a pipelined upload that breaks before its turn is refused', async () => {
  const broken = `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n`;
  const { text, ended } = await sendRaw(rig.port, `GET / HTTP/1.1\r\n${END}${broken}`);
  expect(ended).toBe(true);
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['200', '400']);
});

test('F3: garbage behind a request waits until that request has its answer', async () => {
  const { text } = await sendRaw(rig.port, `POST / HTTP/1.1\r\nContent-Length: 2\r\n${END}ok\x01\x02garbage\r\n\r\n`);
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['200', '400']);
});

test('RFC 9112 section 3.2.2: absolute-form decides the host, and leaves as origin-form', async () => {
  received = '';
  await sendRaw(rig.port, `GET http://real.test/x HTTP/1.1\r\nConnection: close\r\nHost: fake.test\r\n\r\n`);
  expect(received).toMatch(/^GET \/x HTTP\/1\.1\r\nHost: real\.test\r\n/);
  expect(received).not.toContain('fake.test');
});

test('a slow head is cut with 408', async () => {
  const own = await startRig({
    control: 'http://127.0.0.1:9',
    candidate: 'http://127.0.0.1:9',
    settings: { limits: { headTimeoutMs: 300 } },
  });
  const { text, ended } = await sendRaw(own.port, 'GET / HTTP/1.1\r\nHost:', { untilQuietMs: 6_000 });
  expect([ended, text.slice(0, 12)]).toEqual([true, 'HTTP/1.1 408']);
  await own.close();
});
