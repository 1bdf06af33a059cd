import { describe, expect, test } from 'vitest';
import type { CredentialMapping, CredentialName } from '../config/settings.ts';
import { withClientCookies } from './credentials.ts';
import { answerHeaders, headersForMirror, headersForSide, losesCredentials, passingTrailers } from './headers.ts';

const SHARED = ['Host', 'a.test', 'Cookie', 's=1', 'If-None-Match', '"x"', 'Accept', '*/*', 'Authorization', 'Basic x'];
const BOTH = { conditional: true, credentials: true, sharedValidators: false };

describe('the header block for a side', () => {
  test('is the shared one where nothing has to change', () => {
    const policy = { side: 'control', hostHeader: 'preserve', credentials: 'forward', credentialMap: [] } as const;
    expect(headersForSide(SHARED, policy, BOTH)).toBe(SHARED);
  });

  test('keeps validators from the candidate unless they are shared', () => {
    const policy = { side: 'candidate', hostHeader: 'preserve', credentials: 'forward', credentialMap: [] } as const;
    expect(headersForSide(SHARED, policy, BOTH)).not.toContain('If-None-Match');
    expect(headersForSide(SHARED, policy, { ...BOTH, sharedValidators: true })).toContain('If-None-Match');
  });

  test('leaves out the Host and credentials where told', () => {
    const policy = { side: 'candidate', hostHeader: 'upstream', credentials: 'strip', credentialMap: [] } as const;
    expect(headersForSide(SHARED, policy, BOTH)).toEqual(['Accept', '*/*']);
  });
});

/** `cookie:sid > cookie:session`. */
function mapOf(...entries: readonly string[]): readonly CredentialMapping[] {
  const named = (text = ''): CredentialName => {
    const [kind, name = ''] = text.split(':');
    return { kind: kind === 'cookie' ? 'cookie' : 'header', name };
  };
  return entries.map((entry) => {
    const [from, to] = entry.split(' > ');
    return { from: named(from), to: named(to) };
  });
}

const MAP = mapOf(
  'cookie:sid > cookie:session',
  'header:authorization > header:authorization',
  'cookie:token > header:x-session',
  'cookie:theme > cookie:theme',
  'header:x-key > header:x-api-key',
  'header:x-pass > cookie:pass',
);

describe('credentials under the names of the candidate', () => {
  const policyOf = (credentialMap: readonly CredentialMapping[]) =>
    ({ side: 'candidate', hostHeader: 'preserve', credentials: 'map', credentialMap }) as const;
  // `credentials` is what the guard sees: Authorization and Cookie. A map may name others as well.
  const plain = { conditional: false, credentials: false, sharedValidators: false };

  test.each<[what: string, shared: readonly string[], sent: readonly string[], isWhole: boolean]>([
    ['no credential', ['Host', 'a', 'X-A', '1'], ['Host', 'a', 'X-A', '1'], true],
    ['a cookie', ['cookie', 'sid=1', 'X-A', '1'], ['Cookie', 'session=1', 'X-A', '1'], true],
    ['a cookie that keeps its name', ['Cookie', 'theme=dark'], ['Cookie', 'theme=dark'], true],
    ['a header that keeps its name', ['AUTHORIZATION', 'Basic x'], ['AUTHORIZATION', 'Basic x'], true],
    ['a header', ['X-Key', 'k', 'X-Key', 'l'], ['x-api-key', 'k', 'x-api-key', 'l'], true],
    [
      'a cookie that becomes a header',
      ['Cookie', 'sid=1; token=t=='],
      ['Cookie', 'session=1', 'x-session', 't=='],
      true,
    ],
    [
      'a header that becomes a cookie',
      ['X-Pass', 'Bearer p', 'X-A', '1'],
      ['X-A', '1', 'Cookie', 'pass=Bearer p'],
      true,
    ],
    [
      'cookies in the order of the client',
      ['Cookie', 'theme=a;sid=1 ;  theme=b;'],
      ['Cookie', 'theme=a; session=1; theme=b'],
      true,
    ],
    [
      'several Cookie headers',
      ['Cookie', 'sid=1', 'X-A', '1', 'Cookie', 'theme=a'],
      ['Cookie', 'session=1; theme=a', 'X-A', '1'],
      true,
    ],
    ['an empty cookie', ['Cookie', 'sid='], ['Cookie', 'session='], true],
    ['a cookie of another name', ['Cookie', 'sid=1; _ga=2'], ['Cookie', 'session=1'], false],
    ['a cookie of another case', ['Cookie', 'SID=1', 'X-A', '1'], ['X-A', '1'], false],
    ['a cookie named as the candidate names it', ['Cookie', 'session=forged; sid=1'], ['Cookie', 'session=1'], false],
    ['a cookie without name', ['Cookie', '=1; sid'], [], false],
    [
      'a header named as the candidate names it',
      ['X-Session', 'forged', 'Cookie', 'token=t'],
      ['x-session', 't'],
      false,
    ],
    ['such a header with another dash', ['X_Session', 'forged', 'X-API_KEY', 'forged'], [], false],
    ['two values for one header', ['Cookie', 'token=a; token=b'], ['x-session', 'a'], false],
    ['one value for one header, twice', ['Cookie', 'token=a; token=a'], ['x-session', 'a'], true],
    ['a header that would add cookies', ['X-Pass', 'p; session=forged'], [], false],
    ['a header that would add cookies by a comma', ['X-Pass', 'p, session=forged'], [], false],
  ])('%s', (_what, shared, sent, isWhole) => {
    expect(headersForSide(shared, policyOf(MAP), plain)).toEqual(sent);
    expect(losesCredentials({ headers: shared, credentials: false }, policyOf(MAP))).toBe(!isWhole);
  });

  test('Authorization that is not in the map goes no further', () => {
    const policy = policyOf(mapOf('cookie:sid > cookie:session'));
    expect(headersForSide(['Authorization', 'Basic x', 'X-A', '1'], policy, plain)).toEqual(['X-A', '1']);
    expect(losesCredentials({ headers: ['Authorization', 'Basic x'], credentials: true }, policy)).toBe(true);
  });

  test('two names change places', () => {
    const map = mapOf('cookie:a > cookie:b', 'cookie:b > cookie:a', 'header:x > header:y', 'header:y > header:x');
    expect(headersForSide(['Cookie', 'a=1; b=2', 'X', '1', 'Y', '2'], policyOf(map), plain)).toEqual([
      ...['Cookie', 'b=1; a=2', 'y', '1', 'x', '2'],
    ]);
    expect(withClientCookies(['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'], map)).toEqual([
      ...['Set-Cookie', 'b=1', 'Set-Cookie', 'a=2'],
    ]);
  });

  test('hostHeader and validators are kept as without a map', () => {
    const shared = ['Host', 'a', 'If-Match', '"x"', 'Cookie', 'sid=1'];
    const policy = { ...policyOf(MAP), hostHeader: 'upstream' } as const;
    expect(headersForSide(shared, policy, { ...plain, conditional: true })).toEqual(['Cookie', 'session=1']);
  });

  test.each<[sent: string, got: string]>([
    ['session=1; Path=/; HttpOnly', 'sid=1; Path=/; HttpOnly'],
    [' session =a=b', 'sid=a=b'],
    ['session=; Max-Age=0', 'sid=; Max-Age=0'],
    ['theme=a', 'theme=a'],
    ['SESSION=1', 'SESSION=1'],
    ['other=session=1', 'other=session=1'],
    ['session; x=1', 'session; x=1'],
    // A header of the client: there is no cookie to name it after.
    ['pass=1', 'pass=1'],
  ])('Set-Cookie: %s becomes %s', (sent, got) => {
    const headers = ['X-A', 'session=1', 'set-cookie', sent, 'Set-Cookie', 'last=1'];
    expect(withClientCookies(headers, MAP)).toEqual(['X-A', 'session=1', 'set-cookie', got, 'Set-Cookie', 'last=1']);
  });

  test('an answer without such a cookie is the same list', () => {
    const headers = ['Set-Cookie', 'other=1'];
    expect(withClientCookies(headers, MAP)).toBe(headers);
  });
});

test.each([
  ['forward', true, false],
  ['strip', true, true],
  ['strip', false, false],
] as const)('credentials: %s with credentials %s loses them: %s', (credentials, has, loses) => {
  expect(losesCredentials({ headers: SHARED, credentials: has }, { credentials, credentialMap: [] })).toBe(loses);
});

describe('a mirror', () => {
  test('has a span of its own in the same trace', () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = headersForMirror(['traceparent', trace, 'tracestate', 'a=b'], 'forward', {
      sharedValidators: false,
    });
    const sent = headers[headers.indexOf('traceparent') + 1] ?? '';
    expect(sent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    expect(sent).not.toBe(trace);
    expect(headers).toContain('tracestate');
  });

  test('is marked, and carries no key, condition, expectation or internal header', () => {
    const shared = ['Idempotency-Key', 'k', 'If-Match', 'x', 'Range', 'bytes=0-1', 'Expect', '100-continue'];
    const headers = headersForMirror([...shared, 'X-Cutover-Note', 'n', 'Accept-Encoding', 'br'], 'reverse', {
      sharedValidators: false,
    });
    expect(headers).toEqual(['Accept-Encoding', 'br', 'Cutover-Mirror', 'reverse']);
  });
});

describe('an answer to the client', () => {
  const plain = { status: 200, chunked: false, close: false };

  test('loses hop-by-hop headers and what Connection nominates, and keeps the rest as it is', () => {
    const raw = [
      'Set-Cookie',
      'a=1',
      'connection',
      'X-Hop, close',
      'X-HOP',
      '1',
      'set-cookie',
      'b=2',
      'Keep-Alive',
      'x',
    ];
    expect(answerHeaders([...raw, 'Transfer-Encoding', 'chunked', 'Upgrade', 'h2c'], plain)).toEqual([
      ...['Set-Cookie', 'a=1', 'set-cookie', 'b=2'],
    ]);
  });

  test('keeps framing and cookies though a broken upstream nominates them', () => {
    const raw = ['Connection', 'Set-Cookie, Content-Length', 'Set-Cookie', 'a=1', 'Content-Length', '1'];
    expect(answerHeaders(raw, plain)).toEqual(['Set-Cookie', 'a=1', 'Content-Length', '1']);
  });

  test('has one Content-Length, none in a 204, and Trailer only where it is chunked', () => {
    const raw = ['Content-Length', '1', 'Content-Length', '1', 'Trailer', 'x'];
    expect(answerHeaders(raw, plain)).toEqual(['Content-Length', '1']);
    expect(answerHeaders(raw, { ...plain, status: 204 })).toEqual([]);
    expect(answerHeaders(['Trailer', 'x'], { ...plain, chunked: true })).toEqual(['Trailer', 'x']);
  });
});

test('RFC 9110 section 6.5.1: trailers never carry framing, routing or credentials', () => {
  const raw = [
    'X-Sum',
    '1',
    'Content-Length',
    '5',
    'Set-Cookie',
    'a',
    'Host',
    'b',
    'x-forwarded-for',
    'c',
    'X-Sum',
    '2',
  ];
  expect(passingTrailers(raw)).toEqual([
    ['X-Sum', '1'],
    ['X-Sum', '2'],
  ]);
});
