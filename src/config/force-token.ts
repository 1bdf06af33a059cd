import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Side } from '../core/cell.ts';
import { SIDES } from '../core/cell.ts';
import { CutoverError } from '../core/errors.ts';

/** What a force token allows: one side, for one tenant or endpoint where given, until it expires. */
export interface ForceClaims {
  readonly side: Side;
  readonly tenant?: string;
  readonly endpoint?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Longest life of a token. It cannot be called back, so it must not outlive the day it was needed. */
export const MAX_TOKEN_LIFE_MS = 24 * 3_600_000;
/** Shortest key, as the configuration demands. */
const MIN_SECRET = 32;
/** Longest token that is looked at: hashing is work an outsider could ask for. */
const MAX_TOKEN = 2_048;

const claimsSchema = z.strictObject({
  side: z.enum(SIDES),
  tenant: z.string().min(1).max(128).exactOptional(),
  endpoint: z.string().min(3).max(512).exactOptional(),
  expiresAt: z.int().positive(),
});

/**
 * A token `v1.<claims>.<mac>`: base64url JSON, and its HMAC-SHA256 (RFC 2104) over everything before the last dot,
 * so that neither the claims nor the version can be exchanged.
 * @param now Milliseconds since the epoch; the present by default.
 * @throws CutoverError USAGE where the key is short, a claim is not of its form, or the token would have expired or live longer than 24 hours.
 */
export function signForceToken(secret: string, claims: ForceClaims, now: number = Date.now()): string {
  if (secret.length < MIN_SECRET) {
    const hint = 'For example: openssl rand -base64 32';
    throw new CutoverError('USAGE', `The key of force tokens has less than ${MIN_SECRET} characters.`, { hint });
  }
  const checked = claimsSchema.safeParse(claims);
  if (!checked.success) {
    throw new CutoverError(
      'USAGE',
      'A force token names a side, optionally a tenant and an endpoint, and when it expires.',
    );
  }
  const lifeMs = checked.data.expiresAt - now;
  if (lifeMs <= 0 || lifeMs > MAX_TOKEN_LIFE_MS) {
    throw new CutoverError('USAGE', `A force token would live ${Math.round(lifeMs / 1_000)} s.`, {
      hint: 'Give an expiry within the next 24 hours.',
    });
  }
  const signed = `v1.${Buffer.from(JSON.stringify(checked.data)).toString('base64url')}`;
  return `${signed}.${mac(secret, signed).toString('base64url')}`;
}

/**
 * The claims of a token made with this key and not expired at `now`; undefined for anything else, without saying why:
 * whoever guesses learns nothing.
 */
export function verifyForceToken(secret: string, token: string, now: number): ForceClaims | undefined {
  if (token.length > MAX_TOKEN) return undefined;
  const match = /^(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})$/.exec(token);
  const [, signed, claims, given] = match ?? [];
  if (signed === undefined || claims === undefined || given === undefined) return undefined;
  // The text of the mac is compared, not its bytes: base64url has several spellings of one value, and only ours is valid.
  const expected = mac(secret, signed).toString('base64url');
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(given))) return undefined;
  return readClaims(claims, now);
}

function mac(secret: string, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}

function readClaims(encoded: string, now: number): ForceClaims | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  const checked = claimsSchema.safeParse(json);
  if (!checked.success) return undefined;
  const lifeMs = checked.data.expiresAt - now;
  // A longer life than may be signed is a clock gone wrong or a key used elsewhere; neither is to be trusted.
  return lifeMs > 0 && lifeMs <= MAX_TOKEN_LIFE_MS ? checked.data : undefined;
}
