/** The text that UTF-8 bytes spell; undefined where they are not UTF-8. A byte order mark stays a character. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  const parts: string[] = [];
  let units: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number; // below the length
    const size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first >= 0x80 && (first < 0xc2 || first > 0xf4)) return undefined;
    if (at + size > bytes.length) return undefined;
    let point = size === 1 ? first : first & (0xff >> (size + 1));
    for (let i = 1; i < size; i++) {
      const next = bytes[at + i] as number; // checked above
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if (!isScalar(point, size)) return undefined;
    if (point > 0xffff) units.push(0xd7c0 + (point >> 10), 0xdc00 + (point & 0x3ff));
    else units.push(point);
    at += size;
    if (units.length > 4_000) {
      parts.push(String.fromCharCode(...units));
      units = [];
    }
  }
  return parts.join('') + String.fromCharCode(...units);
}

/** Neither spelled longer than needed, nor half of a pair, nor beyond Unicode (RFC 3629 section 3). */
function isScalar(point: number, size: number): boolean {
  const least = [0, 0, 0x80, 0x800, 0x10000][size] ?? 0;
  return point >= least && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/** UTF-8 of a text; half of a pair becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let point = character.codePointAt(0) as number; // a character has one
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 0x3f));
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else
      bytes.push(
        0xf0 | (point >> 18),
        0x80 | ((point >> 12) & 0x3f),
        0x80 | ((point >> 6) & 0x3f),
        0x80 | (point & 0x3f),
      );
  }
  return Uint8Array.from(bytes);
}
