import { decodePercent, encodeSafely } from './encoded-text.ts';
import { MARKS, type Marks } from './marks.ts';

export interface FieldScan {
  readonly marks: Marks;
  readonly where: string;
  /** Looks inside a decoded text that is no secret by name. */
  readonly inside: (text: string) => string;
}

/**
 * A query or form body (`a=1&b=2`) with the values of secret names replaced, and what detectors find in the rest.
 * Untouched fields stay byte for byte. A `+` is not taken for a space: international phone numbers begin with one.
 */
export function redactFields(text: string, scan: FieldScan): string {
  return text
    .split(/([&;])/)
    .map((field, index) => (index % 2 === 1 ? field : redactField(field, scan)))
    .join('');
}

function redactField(field: string, scan: FieldScan): string {
  const equals = field.indexOf('=');
  if (equals === -1) return redactEncoded(field, scan);
  const name = decodePercent(field.slice(0, equals));
  const raw = field.slice(equals + 1);
  const value = decodePercent(raw);
  if (scan.marks.names.isSecretParameter(name, value)) {
    return `${field.slice(0, equals)}=${scan.marks.mark(name, value, `${scan.where}:${name}`)}`;
  }
  return `${redactEncoded(field.slice(0, equals), scan)}=${redactEncoded(raw, scan)}`;
}

/** A path as in a request target: each segment decoded and looked at; also what follows a segment such as `token`. */
export function redactPath(path: string, scan: FieldScan): string {
  const segments = path.split('/');
  return segments
    .map((segment, index) => {
      const before = segments[index - 1] ?? '';
      const value = decodePercent(segment);
      const isSecret = value.length >= 16 && /\d/.test(value) && followsSecretWord(before, scan.marks);
      return isSecret ? scan.marks.mark(before, value, `${scan.where}:${before}`) : redactEncoded(segment, scan);
    })
    .join('/');
}

/** `token`, `reset-password`, `verify_email_token`; `session` and the like name collections, whose ids are credentials too. */
function followsSecretWord(segment: string, marks: Marks): boolean {
  return (
    marks.names.isSecret(segment) || /^(?:reset|activate|confirm|verify|invite|magic|unsubscribe)\b/i.test(segment)
  );
}

function redactEncoded(raw: string, scan: FieldScan): string {
  const value = decodePercent(raw);
  const redacted = scan.inside(value);
  return redacted === value ? raw : encodeAroundMarks(redacted);
}

/** Percent-encodes what stands between marks; the marks stay readable. */
function encodeAroundMarks(text: string): string {
  let out = '';
  let copied = 0;
  for (const mark of text.matchAll(MARKS)) {
    out += encodeSafely(text.slice(copied, mark.index)) + mark[0];
    copied = mark.index + mark[0].length;
  }
  return out + encodeSafely(text.slice(copied));
}

/** `a=1; b=2` of a Cookie header: every value is a secret, the names are not. */
export function redactCookies(header: string, marks: Marks): string {
  return header
    .split(';')
    .map((part) => redactCookie(part, marks))
    .join(';');
}

/** Set-Cookie: the value is a secret, the attributes (RFC 6265, section 4.1.1) stay comparable. */
export function redactSetCookie(header: string, marks: Marks): string {
  const end = header.indexOf(';');
  return end === -1 ? redactCookie(header, marks) : redactCookie(header.slice(0, end), marks) + header.slice(end);
}

function redactCookie(part: string, marks: Marks): string {
  const equals = part.indexOf('=');
  if (equals === -1) {
    const value = part.trim();
    return part.replace(value, () => marks.mark('cookie', value, 'cookie:'));
  }
  const name = part.slice(0, equals).trim();
  const raw = part.slice(equals + 1).trim();
  const value = decodePercent(raw.replace(/^"(.*)"$/, '$1'));
  return `${part.slice(0, equals)}=${marks.mark(name, value, `cookie:${name}`)}`;
}

/** `multipart/form-data` (RFC 7578): each part by its name, its own type, and detectors. */
export function redactMultipart(
  text: string,
  boundary: string,
  options: { marks: Marks; where: string; body: (text: string, contentType: string) => string },
): string {
  return text
    .split(`--${boundary}`)
    .map((part) => redactPart(part, options))
    .join(`--${boundary}`);
}

function redactPart(
  part: string,
  options: { marks: Marks; where: string; body: (text: string, contentType: string) => string },
): string {
  const gap = /\r?\n\r?\n/.exec(part);
  if (gap === null) return part;
  const head = part.slice(0, gap.index);
  const start = gap.index + gap[0].length;
  const end = part.endsWith('\r\n') ? part.length - 2 : part.endsWith('\n') ? part.length - 1 : part.length;
  const value = part.slice(start, Math.max(start, end));
  const name = /\bname="([^"\r\n]{0,256})"/i.exec(head)?.[1] ?? '';
  const type = /^content-type:[ \t]*([^\r\n]{1,256})/im.exec(head)?.[1] ?? '';
  const redacted = options.marks.names.isSecret(name)
    ? options.marks.mark(name, value, `${options.where}:${name}`)
    : options.body(value, type);
  return part.slice(0, start) + redacted + part.slice(Math.max(start, end));
}
