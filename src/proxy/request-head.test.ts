import { describe, expect, test } from 'vitest';
import { chunkedEnd, requestHead } from './request-head.ts';
import type { UpstreamRequest } from './upstream.ts';

const plain: UpstreamRequest = {
  method: 'GET',
  target: '/a?b=c',
  rawHeaders: ['Host', 'shop.example', 'x-ü', '1'],
  body: 'none',
  upgrade: false,
  retryable: true,
};
const request = (change: Partial<UpstreamRequest>): UpstreamRequest => ({
  ...plain,
  rawHeaders: ['Host', 'a'],
  ...change,
});

test.each<[string, UpstreamRequest, string | undefined, string]>([
  ['no body', request({}), undefined, 'GET /a?b=c HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\n\r\n'],
  [
    'a length',
    request({ method: 'POST', body: 5 }),
    undefined,
    'POST /a?b=c HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\n',
  ],
  [
    'an empty body that is announced',
    request({ method: 'POST', body: 0 }),
    undefined,
    'POST /a?b=c HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    'chunks',
    request({ method: 'POST', body: 'chunked' }),
    undefined,
    'POST /a?b=c HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n',
  ],
  [
    'an upgrade',
    request({ upgrade: true, rawHeaders: ['Host', 'a', 'Upgrade', 'websocket'] }),
    undefined,
    'GET /a?b=c HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nconnection: Upgrade\r\n\r\n',
  ],
  ['the host of the target', request({}), 't:1', 'GET /a?b=c HTTP/1.1\r\nhost: t:1\r\nconnection: keep-alive\r\n\r\n'],
  [
    'bytes beyond ASCII and repeated fields, as they are',
    request({ rawHeaders: ['A', '\xe9', 'a', '', 'A', '\t'] }),
    undefined,
    'GET /a?b=c HTTP/1.1\r\nA: \xe9\r\na: \r\nA: \t\r\nconnection: keep-alive\r\n\r\n',
  ],
  [
    'framing of others is left out',
    request({ rawHeaders: ['Content-Length', '9', 'TRANSFER-ENCODING', 'x', 'connection', 'close', 'A', '1'] }),
    undefined,
    'GET /a?b=c HTTP/1.1\r\nA: 1\r\nconnection: keep-alive\r\n\r\n',
  ],
])('writes %s', (_name, given, host, text) => {
  expect(requestHead(given, host)).toEqual({ ok: true, text });
});

describe('request splitting', () => {
  test.each<[string, Partial<UpstreamRequest>]>([
    ['CR in a value', { rawHeaders: ['a', 'x\ry'] }],
    ['LF in a value', { rawHeaders: ['a', 'x\ny'] }],
    ['NUL in a value', { rawHeaders: ['a', 'x\0y'] }],
    ['a character whose low byte is LF', { rawHeaders: ['a', 'x\u010ay'] }],
    ['a name that is no token', { rawHeaders: ['a: b\r\nc', 'x'] }],
    ['an empty name', { rawHeaders: ['', 'x'] }],
    ['a blank in the target', { target: '/a HTTP/1.1' }],
    ['a line end in the target', { target: '/a\r\nx: y' }],
    ['an empty target', { target: '' }],
    ['a blank in the method', { method: 'GET /' }],
  ])('%s is refused, and no value is told', (_name, change) => {
    const head = requestHead(request(change), undefined);
    expect(head.ok).toBe(false);
    expect(JSON.stringify(head)).not.toContain('x');
  });

  test('trailers are checked like headers', () => {
    expect(chunkedEnd([])).toEqual({ ok: true, text: '0\r\n\r\n' });
    expect(chunkedEnd(['X-Sum', '1'])).toEqual({ ok: true, text: '0\r\nX-Sum: 1\r\n\r\n' });
    for (const bad of [
      ['a', '1\r\n'],
      ['a b', '1'],
      ['Content-Length', '1'],
    ])
      expect(chunkedEnd(bad).ok).toBe(false);
  });
});
