import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { type HeaderList, headerValue } from '../core/observation.ts';

/** A body with its content coding undone. */
export type Decoded =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** `tooLarge`: past the limit, or swollen more than a hundredfold beyond a megabyte. `damaged`: not of its coding. */
  | { readonly ok: false; readonly reason: 'tooLarge' | 'damaged' };

const FREE_BYTES = 1024 * 1024;
const MAX_RATIO = 100;

/**
 * Undoes one content coding (RFC 9110 section 8.4): gzip, x-gzip, deflate with or without its zlib wrapper, br, zstd.
 * Several layers and unknown codings are given back as they are: they compare as bytes.
 */
export function decodeBody(headers: HeaderList, body: Uint8Array, maxBytes: number): Decoded {
  const coding = (headerValue(headers, 'content-encoding') ?? '').trim().toLowerCase();
  if (body.length === 0 || coding === '' || coding === 'identity' || coding.includes(',')) {
    return body.length > maxBytes ? { ok: false, reason: 'tooLarge' } : { ok: true, bytes: body };
  }
  const maxOutputLength = Math.max(1, Math.min(maxBytes, Math.max(FREE_BYTES, body.length * MAX_RATIO)));
  try {
    return { ok: true, bytes: undo(coding, body, maxOutputLength) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return { ok: false, reason: code === 'ERR_BUFFER_TOO_LARGE' ? 'tooLarge' : 'damaged' };
  }
}

function undo(coding: string, body: Uint8Array, maxOutputLength: number): Uint8Array {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return gunzipSync(body, { maxOutputLength });
    case 'deflate':
      // The standard says zlib, some servers send it bare; the first byte of zlib's wrapper tells its method 8.
      return ((body[0] ?? 0) & 0x0f) === 8
        ? inflateSync(body, { maxOutputLength })
        : inflateRawSync(body, { maxOutputLength });
    case 'br':
      return brotliDecompressSync(body, { maxOutputLength });
    case 'zstd':
      return zstdDecompressSync(body, { maxOutputLength });
    default:
      return body;
  }
}

/** What a body is, for comparing and showing. */
export type BodyFormat = 'json' | 'html' | 'text' | 'bytes';

/** The format that the content type names, or, where there is none, that the first bytes look like. */
export function bodyFormat(headers: HeaderList, bytes: Uint8Array): BodyFormat {
  const type = (headerValue(headers, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (/^(application|text)\/json$|\+json$/.test(type)) return 'json';
  if (type === 'text/html' || type === 'application/xhtml+xml') return 'html';
  if (
    type.startsWith('text/') ||
    /^application\/(javascript|xml|x-www-form-urlencoded|x-ndjson|graphql|yaml)$|\+xml$/.test(type)
  )
    return 'text';
  if (type !== '' && type !== 'application/octet-stream') return 'bytes';
  return sniff(bytes);
}

function sniff(bytes: Uint8Array): BodyFormat {
  const head = bytes.subarray(0, 512);
  if (head.some((byte) => byte < 9 || (byte > 13 && byte < 32))) return 'bytes';
  const text = new TextDecoder().decode(head).trimStart();
  if (/^[[{"]/.test(text)) return 'json';
  if (/^<(!doctype html|html|head|body)\b/i.test(text)) return 'html';
  return text === '' && bytes.length > 0 ? 'bytes' : 'text';
}

/** Text of decoded bytes: UTF-8 unless the content type names latin1; a byte order mark is dropped. */
export function bodyText(headers: HeaderList, bytes: Uint8Array): string {
  const charset = /charset\s*=\s*"?([\w-]+)/i.exec(headerValue(headers, 'content-type') ?? '')?.[1]?.toLowerCase();
  const isLatin1 =
    charset === 'iso-8859-1' || charset === 'latin1' || charset === 'windows-1252' || charset === 'us-ascii';
  return new TextDecoder(isLatin1 ? 'windows-1252' : 'utf-8').decode(bytes);
}

/** The body as text for people; undefined for binary, damaged or too large ones. */
export function readableText(headers: HeaderList, body: Uint8Array, maxBytes: number): string | undefined {
  const decoded = decodeBody(headers, body, maxBytes);
  if (!decoded.ok || bodyFormat(headers, decoded.bytes) === 'bytes') return undefined;
  return bodyText(headers, decoded.bytes);
}
