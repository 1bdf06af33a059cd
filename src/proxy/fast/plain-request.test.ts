import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPlainRequest } from './plain-request.ts';

const LIMITS = { headBytes: 1_024, headerCount: 10, targetBytes: 100 };

function read(text: string, limits: typeof LIMITS = LIMITS) {
  const bytes = Buffer.from(text, 'latin1');
  return readPlainRequest(bytes, 0, bytes.length, limits);
}

const GET = 'GET /a?b=%20c HTTP/1.1\r\nHost: x.test\r\nX-Empty:\r\nX-Tab: a\tb\r\n\r\n';

describe('a plain request', () => {
  test('is read with its fields as they were sent', () => {
    expect(read(GET)).toEqual({
      method: 'GET',
      target: '/a?b=%20c',
      rawHeaders: ['Host', 'x.test', 'X-Empty', '', 'X-Tab', 'a\tb'],
      length: undefined,
      close: false,
      next: GET.length,
    });
  });

  test('may announce a body, ask for the end of the connection, and be followed by others', () => {
    const head = 'POST / HTTP/1.1\r\nhost:x\r\nCONTENT-LENGTH: 3\r\nconnection: Close\r\n\r\n';
    expect(read(`${head}abcGET /`)).toMatchObject({ method: 'POST', length: 3, close: true, next: head.length });
  });

  test('is incomplete at every place before its end, and never anything else', () => {
    for (let end = 0; end < GET.length; end += 1) expect(read(GET.slice(0, end))).toBe('incomplete');
  });
});

test.each([
  ['a method nobody knows', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a lower-case method', 'get / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['absolute form', 'GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['asterisk form', 'GET * HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a backslash in the target', 'GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a high byte in the target', 'GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['two blanks behind the method', 'GET  / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a blank behind the version', 'GET / HTTP/1.1 \r\nHost: x\r\n\r\n'],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: x\r\n\r\n'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['an empty line before it', '\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a bare LF', 'GET / HTTP/1.1\nHost: x\r\n\r\n'],
  ['a bare LF in the fields', 'GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n'],
  ['a bare CR in a value', 'GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n'],
  ['a folded line', 'GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n'],
  ['a blank before the colon', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n'],
  ['a line without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nfoo\r\n\r\n'],
  ['a blank behind a value', 'GET / HTTP/1.1\r\nHost: x \r\n\r\n'],
  ['two blanks before a value', 'GET / HTTP/1.1\r\nHost:  x\r\n\r\n'],
  ['a NUL', 'GET / HTTP/1.1\r\nHost: x\0\r\n\r\n'],
  ['a high byte in a value', 'GET / HTTP/1.1\r\nHost: x\r\nA: \xe4\r\n\r\n'],
  ['no Host', 'GET / HTTP/1.1\r\nA: b\r\n\r\n'],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n'],
  ['Transfer-Encoding', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['Transfer_Encoding', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer_Encoding: chunked\r\n\r\n'],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n'],
  ['a signed length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n'],
  ['a list of lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n'],
  ['a length with a leading zero', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 01\r\n\r\n'],
  ['an empty length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n'],
  ['a length beyond exact numbers', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000000\r\n\r\n'],
  ['a GET with a body', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n'],
  ['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n'],
  ['an expectation', 'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n'],
  ['TE', 'GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n'],
  ['Proxy-Connection', 'GET / HTTP/1.1\r\nHost: x\r\nProxy-Connection: close\r\n\r\n'],
  ['a nominated field', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close, x-a\r\n\r\n'],
  ['two Connections', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: close\r\n\r\n'],
  ['too many fields', `GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(10)}\r\n`],
  ['a target that is too long', `GET /${'a'.repeat(100)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a head that is too long', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(1_024)}\r\n\r\n`],
  ['a head that is too long and incomplete', `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(1_024)}`],
])('%s is for the other lane', (_what, text) => {
  expect(read(text)).toBe('other');
});

test('what is read can be written down again as the same bytes, but for the blank behind colons', () => {
  const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
  const value = fc.stringMatching(/^[\x21-\x7e](?:[\t\x20-\x7e]{0,12}[\x21-\x7e])?$/);
  const field = fc.tuple(token, value);
  fc.assert(
    fc.property(fc.constantFrom('GET', 'POST', 'PUT'), fc.array(field, { maxLength: 6 }), (method, fields) => {
      const lines = [['Host', 'x.test'] as const, ...fields].map(([name, text]) => `${name}: ${text}\r\n`).join('');
      const request = read(`${method} /p HTTP/1.1\r\n${lines}\r\n`);
      if (typeof request === 'string') return;
      const pairs = request.rawHeaders.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
      expect(`${request.method} ${request.target} HTTP/1.1\r\n${pairs}\r\n`).toBe(
        `${method} /p HTTP/1.1\r\n${lines}\r\n`,
      );
    }),
  );
});

test('any bytes are plain, incomplete or for the other lane, and a longer beginning never takes back what was said', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(200), (noise, at) => {
      const text = GET.slice(0, at) + noise + GET.slice(at);
      let before = 'incomplete';
      for (let end = 0; end <= text.length; end += 1) {
        const now = read(text.slice(0, end));
        if (before !== 'incomplete') expect(typeof now === 'string' ? now : 'plain').toBe(before);
        before = typeof now === 'string' ? now : 'plain';
      }
    }),
  );
});
