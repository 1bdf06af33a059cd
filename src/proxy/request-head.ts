import type { UpstreamRequest } from './upstream.ts';

/** What could end a line early, or become a CR or LF when a wider character is cut to latin1 (U+010A, CVE-2018-12116). */
const UNSAFE_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** In a method or target a blank would end it, too. */
const UNSAFE_WORD = /[^\x21-\x7e\x80-\xff]/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Framing and connection fields are ours alone: two of them are the road to request smuggling. */
const OURS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive']);

/** A head ready to be written as latin1, or why it must not be written. */
export type RequestHead =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string };

/**
 * Writes down the head of a request: the given fields as they are, then our own `connection` and framing.
 * The last defence against request splitting: the caller has checked before, here it is checked again.
 * @param host Value for `Host` in place of the given one; undefined keeps what is given.
 */
export function requestHead(request: UpstreamRequest, host: string | undefined): RequestHead {
  if (!TOKEN.test(request.method)) return refuse('method is not a token');
  if (request.target === '' || UNSAFE_WORD.test(request.target)) return refuse('target holds a blank or control byte');
  let text = `${request.method} ${request.target} HTTP/1.1\r\n`;
  if (host !== undefined) text += `host: ${host}\r\n`;
  const raw = request.rawHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    // `i + 1` is within the list.
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const length = name.length;
    if ((length === 10 || length === 14 || length === 17) && OURS.has(name.toLowerCase())) continue;
    if (host !== undefined && length === 4 && name.toLowerCase() === 'host') continue;
    if (!TOKEN.test(name)) return refuse('header name is not a token');
    // Names are tokens and may be logged; values may be secrets.
    if (UNSAFE_VALUE.test(value)) return refuse(`header ${name} holds a control byte or a character beyond latin1`);
    text += `${name}: ${value}\r\n`;
  }
  text += request.upgrade ? 'connection: Upgrade\r\n' : 'connection: keep-alive\r\n';
  if (request.body === 'chunked') text += 'transfer-encoding: chunked\r\n';
  else if (request.body !== 'none') text += `content-length: ${request.body}\r\n`;
  return { ok: true, text: `${text}\r\n` };
}

/** The end of a chunked body with its trailer section (RFC 9112 7.1.2), or why it must not be written. */
export function chunkedEnd(rawTrailers: readonly string[]): RequestHead {
  let text = '0\r\n';
  for (let i = 0; i + 1 < rawTrailers.length; i += 2) {
    const name = rawTrailers[i] as string;
    const value = rawTrailers[i + 1] as string;
    if (!TOKEN.test(name) || OURS.has(name.toLowerCase())) return refuse('trailer name is not allowed');
    if (UNSAFE_VALUE.test(value)) return refuse(`trailer ${name} holds a control byte or a character beyond latin1`);
    text += `${name}: ${value}\r\n`;
  }
  return { ok: true, text: `${text}\r\n` };
}

function refuse(message: string): RequestHead {
  return { ok: false, message: `not sent: ${message}` };
}
