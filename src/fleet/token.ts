import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Whether an `Authorization` header holds the token; in constant time. */
export function hasToken(authorization: string | undefined, token: string): boolean {
  const [, given = ''] = /^bearer +([\x21-\x7e]{1,512})$/i.exec(authorization ?? '') ?? [];
  return timingSafeEqual(sha256(given), sha256(token));
}

/**
 * A key that every member of a fleet makes of the token they share: marks of equal secrets are equal whoever made them,
 * and it lies in no database.
 */
export function sharedKey(token: string, purpose: string): Buffer {
  return createHmac('sha256', token).update(`cutover fleet ${purpose}`).digest();
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
