/** Decoded text is looked at up to here; what is longer is decoded in part, which is enough to find a name. */
const DECODE_CHARS = 65_536;

const BASE64 = new Map<string, number>();
for (const [index, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  BASE64.set(char, index);
}
BASE64.set('-', 62).set('_', 63); // base64url, RFC 4648 section 5

/**
 * The text that `run` spells in hex or base64, or undefined if it spells none: bytes, or text that is not printable.
 * Random identifiers decode to bytes, so almost everything is refused within a few characters.
 */
export function spelledText(run: string): string | undefined {
  return (isHex(run) ? printable(hexBytes(run)) : undefined) ?? printable(base64Bytes(run));
}

function isHex(run: string): boolean {
  return run.length % 2 === 0 && /^[0-9A-Fa-f]+$/.test(run);
}

function* hexBytes(run: string): Generator<number> {
  const end = Math.min(run.length, DECODE_CHARS);
  for (let i = 0; i + 1 < end; i += 2) yield Number.parseInt(run.slice(i, i + 2), 16);
}

function* base64Bytes(run: string): Generator<number> {
  const end = Math.min(run.length, DECODE_CHARS);
  let bits = 0;
  let held = 0;
  for (let i = 0; i < end; i += 1) {
    const value = BASE64.get(run.charAt(i));
    if (value === undefined) return;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      yield (bits >> held) & 0xff;
    }
  }
}

/** UTF-8 bytes as text; undefined at the first byte that no text holds. */
function printable(bytes: Iterable<number>): string | undefined {
  let escaped = '';
  for (const byte of bytes) {
    if (byte === 0x7f || (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)) return undefined;
    escaped += byte < 0x80 && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`;
    if (byte > 0xf7) return undefined;
  }
  // The last character may be cut in the middle; up to three of its bytes are then left over.
  for (let left = 0; left <= 3 && escaped !== ''; left += 1) {
    const text = percentDecoded(escaped, true);
    if (text !== undefined) return text;
    escaped = escaped.slice(0, -3);
  }
  return undefined;
}

/** Percent-decoding that leaves `+` alone; the text itself where it is not well formed, or undefined if `strict`. */
function percentDecoded(text: string, strict: boolean): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return strict ? undefined : text;
  }
}

/** Percent-decoding for reading a name or value; text that is not well formed stays as it is. */
export function decodePercent(text: string): string {
  return text.includes('%') ? (percentDecoded(text, false) ?? text) : text;
}

/** The ways a value is commonly spelled elsewhere: as it is, percent-encoded, base64 (both alphabets) and hex. */
export function spellings(value: string): string[] {
  const bytes = utf8Bytes(value);
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const base64 = encodeBase64(bytes);
  const all = [
    value,
    encodeSafely(value),
    hex,
    hex.toUpperCase(),
    base64,
    base64.replace(/\+/g, '-').replace(/\//g, '_'),
  ];
  return [...new Set(all)];
}

/** `encodeURIComponent` that does not throw on a lone surrogate. */
export function encodeSafely(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value;
  }
}

function utf8Bytes(text: string): number[] {
  const bytes: number[] = [];
  const escaped = encodeSafely(text);
  for (let i = 0; i < escaped.length; i += 1) {
    const isEscape = escaped.charAt(i) === '%';
    bytes.push(isEscape ? Number.parseInt(escaped.slice(i + 1, i + 3), 16) : escaped.charCodeAt(i) & 0xff);
    if (isEscape) i += 2;
  }
  return bytes;
}

/** Without padding: a longer text that holds the value in base64 has no padding at that place either. */
function encodeBase64(bytes: readonly number[]): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b, c] = [bytes[i], bytes[i + 1], bytes[i + 2]];
    text += alphabet.charAt(a >> 2) + alphabet.charAt(((a & 3) << 4) | ((b ?? 0) >> 4));
    if (b !== undefined) text += alphabet.charAt(((b & 15) << 2) | ((c ?? 0) >> 6));
    if (c !== undefined) text += alphabet.charAt(c & 63);
  }
  return text;
}
