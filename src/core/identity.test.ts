import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64Url } from '../proxy/base64url.ts';
import { ClaimMemory } from './claim-memory.ts';
import type { RequestNames, Source } from './identity.ts';
import { asTenant, cookieValue, hostName, identify } from './identity.ts';

function names(
  over: Partial<{ host: string; path: string; address: string; headers: object; cookies: string }>,
): RequestNames {
  const headers = new Map(Object.entries(over.headers ?? {}));
  return {
    host: over.host ?? 'shop.example',
    path: over.path ?? '/',
    address: over.address ?? '192.0.2.1',
    header: (name) => headers.get(name),
    cookie: (name) => cookieValue(over.cookies, name),
    claim: (value, claim) =>
      new ClaimMemory({ decode: decodeBase64Url, onFault: () => undefined }).claimOf(value, claim),
  };
}
const header: Source = { from: 'header', name: 'X-Tenant' };
const address: Source = { from: 'address' };

describe('identify', () => {
  test.each<[string, Source, Parameters<typeof names>[0], string | undefined]>([
    ['a host loses case, port and trailing dot', { from: 'host' }, { host: 'Shop.Example.:8080' }, 'shop.example'],
    ['a header keeps its case and loses white space', header, { headers: { 'x-tenant': '  Acme ' } }, 'Acme'],
    ['a header with several values names nobody', header, { headers: { 'x-tenant': 'a, b' } }, undefined],
    ['a header that says it has several values names nobody', header, { headers: { 'x-tenant': null } }, undefined],
    ['an empty header names nobody', header, { headers: { 'x-tenant': '' } }, undefined],
    ['bytes of UTF-8 are read as such', header, { headers: { 'x-tenant': 'caf\u00c3\u00a9' } }, 'café'],
    ['bytes that are no UTF-8 stay latin1', header, { headers: { 'x-tenant': 'caf\u00e9' } }, 'café'],
    ['percent signs in headers are not decoded', header, { headers: { 'x-tenant': '%41\u00c3\u00a9' } }, '%41é'],
    ['a name of 256 characters counts', header, { headers: { 'x-tenant': 'a'.repeat(256) } }, 'a'.repeat(256)],
    ['a longer one does not', header, { headers: { 'x-tenant': 'a'.repeat(257) } }, undefined],
    ['the first path segment is number 1', { from: 'pathSegment', index: 1 }, { path: '/acme/x?y=/z' }, 'acme'],
    ['a path segment is decoded', { from: 'pathSegment', index: 2 }, { path: '/t/a%20b' }, 'a b'],
    ['the query is no path', { from: 'pathSegment', index: 2 }, { path: '/t?/b' }, undefined],
    ['a hidden slash names nobody', { from: 'pathSegment', index: 1 }, { path: '/a%2fb' }, undefined],
    ['a broken encoding names nobody', { from: 'pathSegment', index: 1 }, { path: '/a%2' }, undefined],
    ['a cookie is found by its exact name', { from: 'cookie', name: 'tid' }, { cookies: 'TID=x; tid=acme' }, 'acme'],
    ['an address over both stacks is one', address, { address: '::FFFF:192.0.2.7' }, '192.0.2.7'],
    ['a constant is what it is', { from: 'constant', value: 'one' }, {}, 'one'],
  ])('%s', (_what, source, request, expected) => {
    expect(identify([source], names(request))).toBe(expected);
  });

  describe('a claim', () => {
    const token = `e30.${Buffer.from('{"org":{"id":"acme"}}').toString('base64url')}.`;
    const bearer: Source = { from: 'claim', claim: 'org.id', header: 'Authorization' };
    const own: Source = { from: 'claim', claim: 'org.id', header: 'X-Id-Token' };
    const cookie: Source = { from: 'claim', claim: 'org.id', cookie: 'session' };

    test.each<[string, Source, Parameters<typeof names>[0], string | undefined]>([
      ['is read from the bearer token', bearer, { headers: { authorization: `Bearer ${token}` } }, 'acme'],
      ['is read from another header', own, { headers: { 'x-id-token': token } }, 'acme'],
      ['is read from a cookie', cookie, { cookies: `a=b; session=${token}` }, 'acme'],
      ['of another scheme is passed over', bearer, { headers: { authorization: 'Basic YTpi' } }, '192.0.2.1'],
      ['of an opaque token is passed over', bearer, { headers: { authorization: 'Bearer f00' } }, '192.0.2.1'],
      ['that is not there is passed over', bearer, {}, '192.0.2.1'],
      ['of two tokens names nobody', bearer, { headers: { authorization: `Bearer ${token}, Bearer x` } }, undefined],
      ['of two differing cookies names nobody', cookie, { cookies: `session=${token}; session=x` }, undefined],
    ])('%s', (_what, source, request, expected) => {
      expect(identify([source, address], names(request))).toBe(expected);
    });
  });

  test('the first source that holds a value counts', () => {
    expect(identify([header, address], names({ headers: { 'x-tenant': 'acme' } }))).toBe('acme');
    expect(identify([header, address], names({}))).toBe('192.0.2.1');
  });

  test('a source that cannot be trusted is not passed over for the next one', () => {
    expect(identify([header, address], names({ headers: { 'x-tenant': 'a,b' } }))).toBeUndefined();
    expect(identify([{ from: 'cookie', name: 'a' }, address], names({ cookies: 'a=1; a=2' }))).toBeUndefined();
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (text, other) => {
        const request = names({ host: text, path: text, address: text, headers: { 'x-tenant': text }, cookies: other });
        for (const from of ['host', 'address'] as const) identify([{ from }], request);
        identify([header], request);
        identify([{ from: 'pathSegment', index: 1 }], request);
        identify([{ from: 'cookie', name: 'a' }], request);
        asTenant(text);
      }),
    );
  });
});

describe('hostName', () => {
  test.each([
    ['EXAMPLE.com', 'example.com'],
    ['example.com:443', 'example.com'],
    ['example.com:', 'example.com'],
    ['[2001:DB8::1]:8080', '[2001:db8::1]'],
    ['[::1]', '[::1]'],
    ['', ''],
  ])('%j is %j', (host, expected) => expect(hostName(host)).toBe(expected));
});

describe('asTenant', () => {
  test.each([
    ['acme', 'acme'],
    [' acme ', 'acme'],
    ['Acme', 'Acme'],
    ['cafe\u0301', 'café'],
    ['a'.repeat(128), 'a'.repeat(128)],
    ['a'.repeat(129), undefined],
    ['', undefined],
    ['  ', undefined],
    ['a b', undefined],
    ['a\u00a0b', undefined],
    ['a\nb', undefined],
    ['a\u0000', undefined],
    ['a\u202eb', undefined],
    ['a\ud800', undefined],
    [undefined, undefined],
  ])('%j is %j', (value, expected) => expect(asTenant(value)).toBe(expected));

  test('is stable: a tenant is its own canonical name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const tenant = asTenant(text);
        if (tenant !== undefined) expect(asTenant(tenant)).toBe(tenant);
      }),
    );
  });
});

describe('cookieValue', () => {
  test.each([
    ['a=1; b=2', 'b', '2'],
    ['a=1;b=2', 'b', '2'],
    ['a="1"', 'a', '1'],
    ['a=x=y', 'a', 'x=y'],
    ['a=1; a=1', 'a', '1'],
    ['a=1; a=2', 'a', null],
    ['a', 'a', undefined],
    ['', 'a', undefined],
    [undefined, 'a', undefined],
    ['__proto__=1', '__proto__', '1'],
  ])('%j gives %s = %j', (cookies, name, expected) => expect(cookieValue(cookies, name)).toBe(expected));
});
