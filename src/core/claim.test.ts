import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64Url } from '../proxy/base64url.ts';
import { type Claim, readClaim } from './claim.ts';
import { ClaimMemory } from './claim-memory.ts';

function tokenOf(payload: string | Uint8Array): string {
  return `eyJhbGciOiJub25lIn0.${Buffer.from(payload).toString('base64url')}.c2ln`;
}

describe('a claim', () => {
  test.each<[what: string, payload: string, claim: string, value: string | undefined]>([
    ['that is a text', '{"tenant":"acme"}', 'tenant', 'acme'],
    ['that is a whole number', '{"sub":417}', 'sub', '417'],
    ['beyond ASCII', '{"tenant":"café ☕"}', 'tenant', 'café ☕'],
    ['that is nested', '{"org":{"id":"acme"}}', 'org.id', 'acme'],
    ['whose name is an address', '{"https://shop.example/tenant":"acme"}', 'https://shop.example/tenant', 'acme'],
    ['whose name has dots, before a nested one', '{"a.b":"whole","a":{"b":"nested"}}', 'a.b', 'whole'],
    ['of 128 characters', `{"sub":"${'a'.repeat(128)}"}`, 'sub', 'a'.repeat(128)],
    ['of 129 characters', `{"sub":"${'a'.repeat(129)}"}`, 'sub', undefined],
    ['that is empty', '{"sub":""}', 'sub', undefined],
    ['that is not there', '{"sub":"a"}', 'tenant', undefined],
    ['that every object has', '{"sub":"a"}', 'constructor.name', undefined],
    ['that is a list', '{"aud":["a"]}', 'aud', undefined],
    ['in a list', '{"aud":["a"]}', 'aud.0', undefined],
    ['that is true', '{"admin":true}', 'admin', undefined],
    ['that is a number like its neighbour', '{"sub":9007199254740993}', 'sub', undefined],
    ['that is a fraction', '{"sub":1.5}', 'sub', undefined],
    ['in a payload that is no object', '"acme"', 'length', undefined],
    ['in damaged JSON', '{"sub":', 'sub', undefined],
  ])('%s', (_, payload, claim, value) => {
    expect(nameOf(readClaim(tokenOf(payload), claim, decodeBase64Url))).toBe(value);
  });

  test.each([
    ['an encrypted token', `${tokenOf('{"sub":"a"}')}.a.b`],
    ['a token in two parts', tokenOf('{"sub":"a"}').split('.').slice(0, 2).join('.')],
    ['a token with padding', 'e30.eyJzdWIiOiJhIn0=.a'],
    ['bytes that are no UTF-8', tokenOf(Buffer.from('{"sub":"caf\u00e9"}', 'latin1'))],
    ['a token of more than 8 KiB', tokenOf(`{"sub":"a","pad":"${'x'.repeat(6_200)}"}`)],
    ['an opaque token', 'b4d9f1e2'],
  ])('of %s says nothing', (_, token) => {
    expect(readClaim(token, 'sub', decodeBase64Url)).toEqual({ fault: 'unreadable' });
  });

  test('is what was signed, whatever text it is', () => {
    const texts = fc.string({ minLength: 1, maxLength: 128 });
    fc.assert(
      fc.property(texts, (text) => {
        expect(readClaim(tokenOf(JSON.stringify({ a: text })), 'a', decodeBase64Url)).toEqual({ name: text });
      }),
    );
  });

  test('random bytes say something or nothing, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), fc.json(), (bytes, text, json) => {
        for (const token of [
          tokenOf(bytes),
          tokenOf(text),
          tokenOf(json),
          text,
          Buffer.from(bytes).toString('latin1'),
        ]) {
          const name = nameOf(readClaim(token, text, decodeBase64Url));
          expect(name === undefined || (name.length > 0 && name.length <= 128)).toBe(true);
        }
      }),
    );
  });
});

const ACME = tokenOf('{"sub":"acme"}');

test.each<[value: string, claim: Claim]>([
  [ACME, { name: 'acme' }],
  [` ${ACME} `, { name: 'acme' }],
  [`Bearer ${ACME}`, { name: 'acme' }],
  [`bearer   ${ACME} `, { name: 'acme' }],
  ['', { fault: 'absent' }],
  ['Basic YTpi', { fault: 'absent' }],
  ['Bearer', { fault: 'unreadable' }],
  ['Bearer a b', { fault: 'unreadable' }],
  [tokenOf('{"aud":"x"}'), { fault: 'noClaim' }],
  [`Bearer ${ACME}, Bearer ${ACME}`, { fault: 'several' }],
])('the value %j holds %j', (value, claim) => {
  expect(readClaim(value, 'sub', decodeBase64Url)).toEqual(claim);
});

describe('the memory of claims', () => {
  test('says what reading would, first and again, for one claim after another', () => {
    const memory = new ClaimMemory({ decode: decodeBase64Url, onFault: () => undefined });
    const token = tokenOf('{"sub":"ann","tenant":"acme"}');
    for (let turn = 0; turn < 3; turn += 1) {
      expect(memory.claimOf(token, 'sub')).toBe('ann');
      expect(memory.claimOf(token, 'tenant')).toBe('acme');
      expect(memory.claimOf(`Bearer ${token}`, 'tenant')).toBe('acme');
      expect(memory.claimOf(token, 'org')).toBeUndefined();
      expect(memory.claimOf(`${token},${token}`, 'sub')).toBeNull();
    }
  });

  test('tells of each request with a token that says nothing, and of none without a token', () => {
    const faults: string[] = [];
    const memory = new ClaimMemory({ decode: decodeBase64Url, onFault: (fault) => faults.push(fault) });
    for (const value of ['opaque', 'opaque', tokenOf('{}'), '', 'Basic YTpi', tokenOf('{"sub":"ann"}')])
      memory.claimOf(value, 'sub');
    expect(faults).toEqual(['unreadable', 'unreadable', 'noClaim']);
  });

  test('keeps what is in use and no more than twice its bound, however many tokens come', () => {
    const memory = new ClaimMemory({
      decode: decodeBase64Url,
      onFault: () => undefined,
      values: 10,
      characters: 10_000,
    });
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 300 }), (users) => {
        for (const user of users) {
          expect(memory.claimOf(tokenOf(JSON.stringify({ sub: `user-${user}` })), 'sub')).toBe(`user-${user}`);
          expect(memory.size).toBeLessThanOrEqual(20);
        }
      }),
    );
  });

  test('long values count by their characters', () => {
    const memory = new ClaimMemory({
      decode: decodeBase64Url,
      onFault: () => undefined,
      values: 1_000,
      characters: 10_000,
    });
    for (let user = 0; user < 50; user += 1)
      memory.claimOf(tokenOf(JSON.stringify({ sub: `user-${user}`, pad: 'x'.repeat(3_000) })), 'sub');
    expect(memory.size).toBeLessThanOrEqual(4);
  });
});

function nameOf(claim: Claim): string | undefined {
  return 'name' in claim ? claim.name : undefined;
}
