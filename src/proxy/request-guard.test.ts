import { describe, expect, test } from 'vitest';
import { type GuardRules, guardRequest, type RawRequest, type RequestHead } from './request-guard.ts';

const RULES: GuardRules = { headerCount: 100, targetBytes: 8_192, identityHeaders: new Set(['x-tenant']) };

function guard(request: Partial<RawRequest> = {}): ReturnType<typeof guardRequest> {
  return guardRequest(
    { method: 'GET', target: '/', httpVersion: '1.1', rawHeaders: ['Host', 'a.test'], trusted: false, ...request },
    RULES,
  );
}

function passed(request: Partial<RawRequest>): RequestHead {
  const head = guard(request);
  if (head.kind === 'refusal') throw new Error(`refused: ${head.detail}`);
  return head;
}

const HOST = ['Host', 'a.test'];

describe('the guard refuses', () => {
  test.each<[what: string, status: number, request: Partial<RawRequest>]>([
    ['CONNECT', 405, { method: 'CONNECT', target: 'a.test:443' }],
    ['TRACE', 405, { method: 'TRACE' }],
    ['a target that is too long', 414, { target: `/${'a'.repeat(8_192)}` }],
    ['too many headers', 431, { rawHeaders: [...HOST, ...Array.from({ length: 200 }, () => 'x')] }],
    ['two Host headers', 400, { rawHeaders: [...HOST, 'host', 'a.test'] }],
    ['no Host header', 400, { rawHeaders: [] }],
    ['an empty Host header', 400, { rawHeaders: ['Host', ''] }],
    ['a Host with user info', 400, { rawHeaders: ['Host', 'a@b.test'] }],
    ['a Host with a path', 400, { rawHeaders: ['Host', 'a.test/x'] }],
    ['a Host with a comma', 400, { rawHeaders: ['Host', 'a.test, b.test'] }],
    [
      'length and coding together',
      400,
      { rawHeaders: [...HOST, 'Content-Length', '3', 'Transfer-Encoding', 'chunked'] },
    ],
    [
      'coding and length together',
      400,
      { rawHeaders: [...HOST, 'Transfer-Encoding', 'chunked', 'Content-Length', '3'] },
    ],
    ['two equal lengths', 400, { rawHeaders: [...HOST, 'Content-Length', '3', 'Content-Length', '3'] }],
    ['a list of lengths', 400, { rawHeaders: [...HOST, 'Content-Length', '3, 3'] }],
    ['a signed length', 400, { rawHeaders: [...HOST, 'Content-Length', '+3'] }],
    ['a hexadecimal length', 400, { rawHeaders: [...HOST, 'Content-Length', '0x3'] }],
    ['a length beyond 2^53', 400, { rawHeaders: [...HOST, 'Content-Length', '9'.repeat(16)] }],
    ['another coding', 501, { rawHeaders: [...HOST, 'Transfer-Encoding', 'gzip, chunked'] }],
    ['a coding twice', 501, { rawHeaders: [...HOST, 'Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'] }],
    ['a coding in HTTP/1.0', 400, { httpVersion: '1.0', rawHeaders: [...HOST, 'Transfer-Encoding', 'chunked'] }],
    ['another expectation', 417, { rawHeaders: [...HOST, 'Expect', '200-ok'] }],
    ['a fragment', 400, { target: '/a#b' }],
    ['* for GET', 400, { target: '*' }],
    ['authority-form', 400, { target: 'a.test:80' }],
    ['another scheme', 400, { target: 'ftp://a.test/' }],
    ['absolute-form with user info', 400, { target: 'http://u@a.test/' }],
    ['absolute-form without a host', 400, { target: 'http:///a' }],
    ...['Host', 'Content-Length', 'Cookie', 'Authorization', 'Transfer-Encoding', 'X-Tenant', 'X-Forwarded-For'].map(
      (name): [string, number, Partial<RawRequest>] => [
        `a Connection header that nominates ${name}`,
        400,
        { rawHeaders: [...HOST, 'Connection', `close, ${name}`] },
      ],
    ),
  ])('%s with %i', (_what, status, request) => {
    expect(guard(request)).toMatchObject({ kind: 'refusal', status, code: 'REQUEST_REFUSED' });
  });
});

describe('the guard passes', () => {
  test('headers in order, with case and repetitions', () => {
    const rawHeaders = ['X-B', '1', 'hOsT', 'a.test:80', 'x-a', '2', 'X-B', '\xe4 3'];
    expect(passed({ rawHeaders }).headers).toEqual(rawHeaders);
  });

  test.each<[target: string, method: string, sent: string, host: string]>([
    ['http://b.test/x?y', 'GET', '/x?y', 'b.test'],
    ['http://b.test', 'GET', '/', 'b.test'],
    ['HTTPS://b.test:8443?q=1', 'GET', '/?q=1', 'b.test:8443'],
    ['http://b.test', 'OPTIONS', '*', 'b.test'],
    ['http://[::1]:80/', 'GET', '/', '[::1]:80'],
    ['//b.test/x', 'GET', '//b.test/x', 'a.test'],
    ['/%2e/../;p?a=http://c.test/#'.slice(0, -1), 'GET', '/%2e/../;p?a=http://c.test/', 'a.test'],
    ['*', 'OPTIONS', '*', 'a.test'],
  ])('%s %s as %s for %s', (target, method, sent, host) => {
    const head = passed({ target, method });
    expect([head.target, head.host, head.headers]).toEqual([sent, host, ['Host', host]]);
  });

  test('an HTTP/1.0 request without Host', () => {
    expect(passed({ httpVersion: '1.0', rawHeaders: [] })).toMatchObject({ host: '', body: 'none' });
  });

  test.each<[body: RequestHead['body'], rawHeaders: string[]]>([
    ['none', []],
    [0, ['Content-Length', '0']],
    [42, ['Content-Length', '42']],
    ['chunked', ['Transfer-Encoding', 'Chunked']],
  ])('a body of kind %s without its framing headers', (body, rawHeaders) => {
    const head = passed({ method: 'POST', rawHeaders: [...HOST, ...rawHeaders] });
    expect([head.body, head.headers]).toEqual([body, HOST]);
  });
});

describe('the guard takes out', () => {
  test('hop-by-hop headers, and those that Connection nominates', () => {
    const head = passed({
      rawHeaders: [
        ...HOST,
        ...[
          'Connection',
          'keep-alive, X-Hop',
          'X-Hop',
          '1',
          'Keep-Alive',
          '5',
          'Proxy-Connection',
          'x',
          'Trailer',
          'a',
        ],
        ...['Upgrade', 'h2c', 'HTTP2-Settings', 'AAA', 'Proxy-Authorization', 'x', 'TE', 'gzip', 'X-End', '2'],
      ],
    });
    expect(head.headers).toEqual([...HOST, 'X-End', '2']);
    expect(head.webSocket).toBe(false);
  });

  test('every word of TE but trailers', () => {
    const head = passed({ rawHeaders: [...HOST, 'TE', 'gzip, trailers;q=1'.replace(';q=1', '')] });
    expect(head.headers).toEqual([...HOST, 'TE', 'trailers']);
  });

  test('internal headers of strangers, and their disguises with underscores', () => {
    const rawHeaders = ['X-Cutover-Side', 'candidate', 'x-cutover-note', 'n', 'Cutover-Mirror', 'forward'];
    const disguised = [
      'X_Cutover_Side',
      'candidate',
      'X_Forwarded_For',
      '1.1.1.1',
      'x_tenant',
      'b',
      'Content_Length',
      '1',
    ];
    const head = passed({ rawHeaders: [...HOST, ...rawHeaders, ...disguised, 'x_other', 'stays'] });
    expect(head.headers).toEqual([...HOST, 'x_other', 'stays']);
  });

  test('force headers even from a trusted peer, whose other internal headers pass', () => {
    const rawHeaders = [...HOST, 'x-cutover-side', 'candidate', 'x-cutover-token', 't', 'cutover-mirror', 'forward'];
    const head = passed({ rawHeaders, trusted: true });
    expect(head).toMatchObject({ forceSide: 'candidate', forceToken: 't' });
    expect(head.headers).toEqual([...HOST, 'cutover-mirror', 'forward']);
  });
});

test('a WebSocket handshake is GET, without body, with Upgrade nominated', () => {
  const shake = ['Connection', 'keep-alive, Upgrade', 'Upgrade', 'WebSocket'];
  expect(passed({ rawHeaders: [...HOST, ...shake] }).webSocket).toBe(true);
  expect(passed({ method: 'POST', rawHeaders: [...HOST, ...shake] }).webSocket).toBe(false);
  expect(passed({ rawHeaders: [...HOST, ...shake, 'Content-Length', '2'] }).webSocket).toBe(false);
  expect(passed({ rawHeaders: [...HOST, 'Upgrade', 'websocket'] }).webSocket).toBe(false);
  expect(passed({ rawHeaders: [...HOST, 'Connection', 'upgrade', 'Upgrade', 'h2c'] }).webSocket).toBe(false);
});
