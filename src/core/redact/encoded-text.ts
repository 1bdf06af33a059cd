/** Decoded text is looked at up to here; what is longer is decoded in part, which is enough to find a name. */
const DECODE_CHARS = 65_536;

/** For each character of ASCII its six bits in either alphabet of RFC 4648, sections 4 and 5; 255 where it is in none. */
const BASE64 = sixBits();

function sixBits(): Uint8Array {
  const table = new Uint8Array(128).fill(255);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  for (let i = 0; i < alphabet.length; i += 1) table[alphabet.charCodeAt(i)] = i;
  [table[45], table[95]] = [62, 63]; // - and _ of base64url
  return table;
}

/**
 * The text that `run` spells in hex or base64, or undefined if it spells none: bytes, or text that is not printable.
 * Random identifiers decode to bytes, so almost everything is refused within a few characters.
 */
export function spelledText(run: string): string | undefined {
  return (isHex(run) ? hexText(run) : undefined) ?? base64Text(run);
}

function isHex(run: string): boolean {
  return run.length % 2 === 0 && /^[0-9A-Fa-f]+$/.test(run);
}

function hexText(run: string): string | undefined {
  const text = new SpelledText();
  const end = Math.min(run.length, DECODE_CHARS);
  for (let i = 0; i + 1 < end; i += 2) {
    if (!text.take(Number.parseInt(run.slice(i, i + 2), 16))) return undefined;
  }
  return text.read();
}

function base64Text(run: string): string | undefined {
  const text = new SpelledText();
  const end = Math.min(run.length, DECODE_CHARS);
  let bits = 0;
  let held = 0;
  for (let i = 0; i < end; i += 1) {
    const value = BASE64[run.charCodeAt(i)] ?? 255;
    if (value === 255) break;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    if (!text.take((bits >> held) & 0xff)) return undefined;
  }
  return text.read();
}

/** As many characters of escaped text as the cut last character may cost. */
const RAGGED = 9;

/** UTF-8 bytes that become text, as long as they may: they end at the first byte that no text holds. */
class SpelledText {
  #escaped = '';
  /** Whether percent-decoding is needed. */
  #isEscaped = false;
  /** Bytes that the character begun still needs, and between what the next of them must be. */
  #missing = 0;
  #least = 0x80;
  #most = 0xbf;
  /** Where in the escaped text the first sequence begins that is no character (Unicode 15, table 3-7). */
  #bad = Number.POSITIVE_INFINITY;
  #begun = 0;

  /** False where no text can come of it any more. */
  take(byte: number): boolean {
    if (byte === 0x7f || (byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13) || byte > 0xf7) return false;
    this.#follow(byte);
    if (byte < 0x80 && byte !== 0x25) {
      this.#escaped += String.fromCharCode(byte);
    } else {
      this.#escaped += `%${byte.toString(16).padStart(2, '0')}`;
      this.#isEscaped = true;
    }
    return this.#escaped.length - RAGGED <= this.#bad;
  }

  #follow(byte: number): void {
    if (this.#missing > 0) {
      if (byte >= this.#least && byte <= this.#most) {
        this.#missing -= 1;
        [this.#least, this.#most] = [0x80, 0xbf];
        return;
      }
      this.#bad = Math.min(this.#bad, this.#begun);
      this.#missing = 0;
    }
    if (byte < 0x80) return;
    this.#begun = this.#escaped.length;
    if (byte < 0xc2 || byte > 0xf4) this.#bad = Math.min(this.#bad, this.#begun);
    else this.#missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    this.#least = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    this.#most = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
  }

  read(): string | undefined {
    let escaped = this.#escaped;
    if (!this.#isEscaped) return escaped === '' ? undefined : escaped;
    // The last character may be cut in the middle; up to three of its bytes are then left over.
    for (let left = 0; left <= RAGGED && escaped !== ''; left += 3) {
      const text = percentDecoded(escaped, true);
      if (text !== undefined) return text;
      escaped = escaped.slice(0, -3);
    }
    return undefined;
  }
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
