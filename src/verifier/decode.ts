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
  const options = { maxOutputLength, chunkSize: pieceBytes(coding, body, maxOutputLength) };
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return gunzipSync(body, options);
    case 'deflate':
      // The standard says zlib, some servers send it bare; the first byte of zlib's wrapper tells its method 8.
      return ((body[0] ?? 0) & 0x0f) === 8 ? inflateSync(body, options) : inflateRawSync(body, options);
    case 'br':
      return brotliDecompressSync(body, options);
    case 'zstd':
      return zstdDecompressSync(body, options);
    default:
      return body;
  }
}

/** Bytes that are decoded into one piece, at least and, where nothing tells more, for each byte of the body. */
const LEAST_PIECE = 16 * 1024;
const PIECE_RATIO = 4;

/**
 * How large a piece is decoded into: all of it at once if possible. Many small ones and the whole they are then copied into
 * are twice the memory, and their holes stay with the thread.
 */
function pieceBytes(coding: string, body: Uint8Array, maxOutputLength: number): number {
  // The last four bytes tell the size (RFC 1952 section 2.3.1); a body that lies gets no more than it may have anyway.
  const told = coding.endsWith('gzip') && body.length >= 18 ? Buffer.from(body.subarray(-4)).readUInt32LE() : 0;
  const expected = told > body.length / 2 ? told + 1 : body.length * PIECE_RATIO;
  return Math.max(LEAST_PIECE, Math.min(maxOutputLength, expected));
}

/** What a body is, for comparing and showing. `code` is text in which white space is layout. */
export type BodyFormat =
  | 'json'
  | 'ndjson'
  | 'events'
  | 'html'
  | 'xml'
  | 'form'
  | 'multipart'
  | 'csv'
  | 'tsv'
  | 'code'
  | 'text'
  | 'bytes';

/** By media type; the first pattern that fits. */
const FORMATS: readonly (readonly [pattern: RegExp, format: BodyFormat])[] = [
  [/^(application|text)\/json$|\+json$/, 'json'],
  [/^(application|text)\/(x-)?(ndjson|jsonl|jsonlines|json-lines|json-seq)$/, 'ndjson'],
  [/^text\/event-stream$/, 'events'],
  [/^text\/html$|^application\/xhtml\+xml$/, 'html'],
  [/^(application|text)\/xml$|\+xml$/, 'xml'],
  [/^application\/x-www-form-urlencoded$/, 'form'],
  [/^multipart\//, 'multipart'],
  [/^(text|application)\/(x-)?(csv|comma-separated-values)$/, 'csv'],
  [/^(text|application)\/(x-)?tab-separated-values$/, 'tsv'],
  [/^(application|text)\/((x-)?(javascript|ecmascript)|css)$/, 'code'],
  [/^text\/|^application\/(graphql|(x-)?yaml|toml|sql)$/, 'text'],
];

/** The format that the content type names, or, where there is none, that the first bytes look like. */
export function bodyFormat(headers: HeaderList, bytes: Uint8Array): BodyFormat {
  const type = (headerValue(headers, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const named = FORMATS.find(([pattern]) => pattern.test(type))?.[1];
  if (named !== undefined) return named;
  if (type !== '' && type !== 'application/octet-stream') return 'bytes';
  return sniff(bytes);
}

function sniff(bytes: Uint8Array): BodyFormat {
  const head = bytes.subarray(0, 512);
  if (head.some((byte) => byte < 9 || (byte > 13 && byte < 32))) return 'bytes';
  const text = new TextDecoder().decode(head).trimStart();
  if (/^[[{"]/.test(text)) return 'json';
  if (/^<(!doctype html|html|head|body)\b/i.test(text)) return 'html';
  if (/^<\?xml\s/.test(text)) return 'xml';
  return text === '' && bytes.length > 0 ? 'bytes' : 'text';
}

/** Characters of a document that are searched for the charset it names itself (HTML Living Standard, 13.2.3.2). */
const CHARSET_BYTES = 1024;

/**
 * Text of decoded bytes, without byte order mark: in the charset of the mark, else of the content type, else of the
 * document's own declaration, else UTF-8. A charset nobody knows is read as UTF-8.
 */
export function bodyText(headers: HeaderList, bytes: Uint8Array): string {
  try {
    return new TextDecoder(charsetOf(headers, bytes)).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

/** Whether a body begins with the byte order mark of UTF-8. */
export function hasMark(bytes: Uint8Array): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

function charsetOf(headers: HeaderList, bytes: Uint8Array): string {
  if (hasMark(bytes)) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const type = headerValue(headers, 'content-type') ?? '';
  const named = /charset\s*=\s*"?([\w:.-]+)/i.exec(type)?.[1];
  if (named !== undefined) return named;
  if (!/html|xml/i.test(type)) return 'utf-8';
  const head = Buffer.from(bytes.subarray(0, CHARSET_BYTES)).toString('latin1');
  const declared =
    /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)/.exec(head) ?? /<meta[^>]+charset\s*=\s*["']?([\w.-]+)/i.exec(head);
  // A declaration that was read as single bytes cannot be in UTF-16.
  return declared?.[1] === undefined || /^utf-?16/i.test(declared[1]) ? 'utf-8' : declared[1];
}

/** Formats that are shown to nobody as text. */
const UNREADABLE: ReadonlySet<BodyFormat> = new Set(['bytes', 'multipart']);

/** The body as text for people; undefined for binary, damaged or too large ones. */
export function readableText(headers: HeaderList, body: Uint8Array, maxBytes: number): string | undefined {
  const decoded = decodeBody(headers, body, maxBytes);
  if (!decoded.ok || UNREADABLE.has(bodyFormat(headers, decoded.bytes))) return undefined;
  return bodyText(headers, decoded.bytes);
}
