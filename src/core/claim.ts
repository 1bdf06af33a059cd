/** Longest header or cookie value in which a token is looked for: longer ones do not fit beside other headers at most servers. */
const MAX_VALUE = 8_192;
/** Longest claim that counts: that of a tenant. */
const MAX_CLAIM = 128;
/** Three parts (RFC 7519, section 3); the signature may be missing. Encrypted tokens have five. */
const TOKEN = /^[\w-]+\.([\w-]+)\.[\w-]*$/;

/** What is wrong with a token that was sent: it cannot be read, or it lacks the claim. */
export const TOKEN_FAULTS = ['unreadable', 'noClaim'] as const;
export type TokenFault = (typeof TOKEN_FAULTS)[number];

/** Text of base64url without padding (RFC 4648, section 5), whose bytes are UTF-8; undefined where they are not. From outside, because it is an affair of bytes. */
export type DecodeBase64Url = (coded: string) => string | undefined;

/** `absent`: there is no token. `several`: more than one, and nobody can tell which the application takes. */
export type Claim = { readonly name: string } | { readonly fault: TokenFault | 'absent' | 'several' };

/**
 * What the JSON Web Token in a header or cookie says under a claim.
 *
 * The signature is not verified: this tells who a request claims to be, as a plain header would. The application verifies the token.
 * `value` is the whole value, with or without `Bearer` before the token (RFC 6750, section 2.1); another scheme is no token.
 * A claim is a member of that name, or else a way into nested members by dots (`org.id`). It counts as a text, or as a
 * whole number below 2^53 (beyond, two numbers read as one), of 1 to 128 characters. Values longer than 8 KiB are not read.
 */
export function readClaim(value: string, claim: string, decode: DecodeBase64Url): Claim {
  const trimmed = value.trim();
  if (trimmed === '') return ABSENT;
  if (trimmed.includes(',')) return SEVERAL;
  const space = trimmed.indexOf(' ');
  if (space >= 0 && trimmed.slice(0, space).toLowerCase() !== 'bearer') return ABSENT;
  const token = space < 0 ? trimmed : trimmed.slice(space).trimStart();
  const payload = trimmed.length > MAX_VALUE ? undefined : TOKEN.exec(token)?.[1];
  const text = payload === undefined || payload.length % 4 === 1 ? undefined : decode(payload);
  const said = text === undefined ? undefined : parsed(text);
  if (typeof said !== 'object' || said === null) return UNREADABLE;
  const found = memberAt(said, claim);
  const name = typeof found === 'number' && Number.isSafeInteger(found) ? String(found) : found;
  return typeof name === 'string' && name !== '' && name.length <= MAX_CLAIM ? { name } : NO_CLAIM;
}

const ABSENT: Claim = { fault: 'absent' };
const SEVERAL: Claim = { fault: 'several' };
const UNREADABLE: Claim = { fault: 'unreadable' };
const NO_CLAIM: Claim = { fault: 'noClaim' };

function memberAt(payload: object, claim: string): unknown {
  // Names of claims may be addresses with dots in them (RFC 7519, section 4.2).
  const whole = member(payload, claim);
  if (whole !== undefined || !claim.includes('.')) return whole;
  return claim.split('.').reduce<unknown>(member, payload);
}

function member(of: unknown, name: string): unknown {
  if (typeof of !== 'object' || of === null || Array.isArray(of) || !Object.hasOwn(of, name)) return undefined;
  return (of as Readonly<Record<string, unknown>>)[name]; // it has it, as its own
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
