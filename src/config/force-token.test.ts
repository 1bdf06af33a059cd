import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TOKEN_LIFE_MS, signForceToken, verifyForceToken } from './force-token.ts';

const secret = 'a secret of more than thirty-two characters';
const now = 1_800_000_000_000;
const claims = { side: 'candidate', tenant: 'acme', endpoint: 'GET /orders/{id}', expiresAt: now + 60_000 } as const;
const token = signForceToken(secret, claims, now);

const anyClaims = fc.record(
  {
    side: fc.constantFrom('control' as const, 'candidate' as const),
    tenant: fc.string({ minLength: 1, maxLength: 128, unit: 'grapheme' }).filter((text) => text.length <= 128),
    endpoint: fc.string({ minLength: 3, maxLength: 100 }),
    expiresAt: fc.integer({ min: now + 1, max: now + MAX_TOKEN_LIFE_MS }),
  },
  { requiredKeys: ['side', 'expiresAt'] },
);

describe('force tokens', () => {
  test('what was signed is what is read', () => {
    fc.assert(
      fc.property(anyClaims, (given) => {
        expect(verifyForceToken(secret, signForceToken(secret, given, now), now)).toEqual(given);
      }),
    );
  });

  test('a token with any one bit flipped is refused', () => {
    for (let index = 0; index < token.length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = String.fromCharCode(token.charCodeAt(index) ^ (1 << bit));
        const forged = token.slice(0, index) + flipped + token.slice(index + 1);
        expect(verifyForceToken(secret, forged, now), forged).toBeUndefined();
      }
    }
  });

  test('a token of other claims, another key or another shape is refused', () => {
    fc.assert(
      fc.property(anyClaims, fc.string({ minLength: 32, maxLength: 64 }), (given, other) => {
        fc.pre(other !== secret);
        const signed = signForceToken(secret, given, now);
        expect(verifyForceToken(other, signed, now)).toBeUndefined();
        const [, own] = signed.split('.');
        const swapped = [token.split('.')[0], own, token.split('.')[2]].join('.');
        if (swapped !== token) expect(verifyForceToken(secret, swapped, now)).toBeUndefined();
      }),
    );
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => verifyForceToken(secret, text, now) === undefined));
    expect(verifyForceToken(secret, `${token}=`, now)).toBeUndefined();
    expect(verifyForceToken(secret, ` ${token}`, now)).toBeUndefined();
    expect(verifyForceToken(secret, `v1.${'A'.repeat(5_000)}.${'A'.repeat(43)}`, now)).toBeUndefined();
  });

  test('a token counts until the millisecond of its end', () => {
    expect(verifyForceToken(secret, token, claims.expiresAt - 1)).toEqual(claims);
    expect(verifyForceToken(secret, token, claims.expiresAt)).toBeUndefined();
  });

  test('a token that seems to live longer than a day is refused: the clock went back', () => {
    const day = signForceToken(secret, { ...claims, expiresAt: now + MAX_TOKEN_LIFE_MS }, now);
    expect(verifyForceToken(secret, day, now)).toBeDefined();
    expect(verifyForceToken(secret, day, now - 1)).toBeUndefined();
  });

  test.each([
    ['ends in the past', secret, { ...claims, expiresAt: now }],
    ['lives longer than a day', secret, { ...claims, expiresAt: now + MAX_TOKEN_LIFE_MS + 1 }],
    ['ends at no whole millisecond', secret, { ...claims, expiresAt: now + 0.5 }],
    ['has a short key', 'short', claims],
    ['names an empty tenant', secret, { ...claims, tenant: '' }],
  ])('nothing is signed that %s', (_what, key, given) => {
    expect(() => signForceToken(key, given, now)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
