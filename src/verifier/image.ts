/** What an image's first bytes tell. */
export interface ImageFacts {
  readonly format: 'png' | 'gif' | 'jpeg' | 'webp' | 'avif';
  readonly width: number;
  readonly height: number;
}

/** Bytes that are searched for the size: it stands in the first ones, but behind embedded profiles and previews. */
const SEARCHED = 512 * 1024;

/** Format and size in pixels of PNG, GIF, JPEG, WebP and AVIF; undefined for anything else. */
export function imageFacts(bytes: Uint8Array): ImageFacts | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, SEARCHED));
  if (view.length < 16) return undefined;
  const begins = (text: string, at = 0): boolean => view.toString('latin1', at, at + text.length) === text;
  if (begins('\x89PNG\r\n\x1a\n') && view.length >= 24)
    return { format: 'png', width: view.readUInt32BE(16), height: view.readUInt32BE(20) };
  if (begins('GIF8')) return { format: 'gif', width: view.readUInt16LE(6), height: view.readUInt16LE(8) };
  if (view[0] === 0xff && view[1] === 0xd8) return jpeg(view);
  if (begins('RIFF') && begins('WEBP', 8) && view.length >= 30) return webp(view);
  if (begins('ftypavi', 4)) return avif(view);
  return undefined;
}

/** The frame header (ITU-T T.81, B.2.2): a marker from C0 to CF that is no table. */
function jpeg(view: Buffer): ImageFacts | undefined {
  let at = 2;
  while (at + 9 < view.length) {
    if (view[at] !== 0xff) return undefined;
    const marker = view[at + 1] as number; // below the length
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { format: 'jpeg', width: view.readUInt16BE(at + 7), height: view.readUInt16BE(at + 5) };
    at += 2 + view.readUInt16BE(at + 2);
  }
  return undefined;
}

/** The first chunk (RFC 9649 section 2): lossy, lossless or extended. */
function webp(view: Buffer): ImageFacts | undefined {
  const chunk = view.toString('latin1', 12, 16);
  if (chunk === 'VP8 ')
    return { format: 'webp', width: view.readUInt16LE(26) & 0x3fff, height: view.readUInt16LE(28) & 0x3fff };
  if (chunk === 'VP8L') {
    const bits = view.readUInt32LE(21);
    return { format: 'webp', width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (chunk === 'VP8X')
    return { format: 'webp', width: view.readUIntLE(24, 3) + 1, height: view.readUIntLE(27, 3) + 1 };
  return undefined;
}

/** The first `ispe` property (ISO/IEC 23008-12, 6.5.3). */
function avif(view: Buffer): ImageFacts | undefined {
  const at = view.indexOf('ispe', 0, 'latin1');
  if (at < 0 || at + 16 > view.length) return undefined;
  return { format: 'avif', width: view.readUInt32BE(at + 8), height: view.readUInt32BE(at + 12) };
}
