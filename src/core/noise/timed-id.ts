/** Milliseconds since the epoch of ids that begin with their time, by the name of their form. */
interface TimedId {
  readonly form: string;
  readonly ms: number;
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** ksuid counts seconds from 2014-05-13. */
const KSUID_EPOCH_S = 1_400_000_000;
/** Version 1 of a uuid counts 100 ns from 1582-10-15 (RFC 9562 section 5.1). */
const GREGORIAN_MS = -12_219_292_800_000;

/** An id is of the present if its time is within this of the request; others are stored, or not made of time. */
const PRESENT_MS = 86_400_000;

/**
 * Reads the time out of a ulid (48 bits in Crockford's base 32), an object id (32 bits of seconds in hex), a ksuid
 * (32 bits of seconds in base 62) and uuids of version 1, 6 and 7 (RFC 9562). Undefined where it is far from `near`:
 * any 24 hex digits read as some time.
 */
export function readTimedId(text: string, near: number): TimedId | undefined {
  const found = timeIn(text);
  return found === undefined || Math.abs(found.ms - near) > PRESENT_MS ? undefined : found;
}

function timeIn(text: string): TimedId | undefined {
  switch (text.length) {
    case 24:
      return /^[\da-f]{24}$/.test(text)
        ? { form: 'object id', ms: Number.parseInt(text.slice(0, 8), 16) * 1000 }
        : undefined;
    case 26:
      return /^[0-7][\dA-HJKMNP-TV-Z]{25}$/.test(text)
        ? { form: 'ulid', ms: digits(text.slice(0, 10), CROCKFORD) }
        : undefined;
    case 27:
      // The first 32 of 160 bits: those above 2^128.
      return /^[\dA-Za-z]{27}$/.test(text)
        ? { form: 'ksuid', ms: (digits(text, BASE62) / 2 ** 128 + KSUID_EPOCH_S) * 1000 }
        : undefined;
    case 36:
      return timeInUuid(text);
    default:
      return undefined;
  }
}

function timeInUuid(text: string): TimedId | undefined {
  const hex = text.replaceAll('-', '');
  switch (text.charAt(14)) {
    case '1':
      return { form: 'uuid', ms: ticks(hex.slice(13, 16) + hex.slice(8, 12) + hex.slice(0, 8)) };
    case '6':
      return { form: 'uuid', ms: ticks(hex.slice(0, 12) + hex.slice(13, 16)) };
    case '7':
      return { form: 'uuid', ms: Number.parseInt(hex.slice(0, 12), 16) };
    default:
      return undefined;
  }
}

function ticks(hex: string): number {
  return Number.parseInt(hex, 16) / 10_000 + GREGORIAN_MS;
}

function digits(text: string, alphabet: string): number {
  let value = 0;
  for (const character of text) value = value * alphabet.length + alphabet.indexOf(character);
  return value;
}
