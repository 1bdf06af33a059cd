const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COLON = 58;

/** 1 for bytes of a token (RFC 9110 5.6.2). */
const TOKEN = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) && byte < 128 ? 1 : 0,
);

/** 1 for bytes of a field value or reason phrase: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5, RFC 9112 4). */
const TEXT = Uint8Array.from({ length: 256 }, (_, byte) => (byte === HTAB || (byte >= SP && byte !== 127) ? 1 : 0));

/** `HTTP/1.` */
const PREFIX = [72, 84, 84, 80, 47, 49, 46] as const;

/** The section is not complete, and nothing is wrong with it so far. */
export const NEED_MORE: unique symbol = Symbol('need more');

/** A complete head or trailer section, or what is wrong with it. */
export interface FieldBlock {
  /** Place behind the section's last byte. */
  readonly next: number;
  /** Not empty: the section is refused. */
  readonly failure: string;
  /** 0 in trailer sections. */
  readonly status: number;
  readonly statusMessage: string;
  /** Of the version: HTTP/1.0 or 1.1. */
  readonly minor: 0 | 1;
  /** Flat name, value list; latin1. */
  readonly rawHeaders: string[];
}

// Places of names and values in the section being scanned; scanning is synchronous, so one list serves all.
const marks: number[] = [];
let failure = '';

function wrong(message: string): FieldBlock {
  return { next: 0, failure: message, status: 0, statusMessage: '', minor: 1, rawHeaders: [] };
}

/**
 * Scans `bytes[start, end)` for a section: status line (heads only), field lines, empty line.
 * One pass over the bytes, one string for the whole section, of which names and values are slices.
 */
export function scanFieldBlock(
  bytes: Buffer,
  start: number,
  end: number,
  kind: 'head' | 'trailers',
  maxFields: number,
): FieldBlock | typeof NEED_MORE {
  failure = '';
  let fieldsAt = start;
  if (kind === 'head') {
    fieldsAt = scanStatusLine(bytes, start, end);
    if (fieldsAt < 0) return failure === '' ? NEED_MORE : wrong(failure);
  }
  const next = scanFields(bytes, fieldsAt, end, maxFields);
  if (next < 0) return failure === '' ? NEED_MORE : wrong(failure);
  const rawHeaders: string[] = [];
  if (marks.length > 0) {
    const text = bytes.toString('latin1', fieldsAt, next);
    for (let i = 0; i < marks.length; i += 4) {
      // `marks` holds whole groups of four.
      rawHeaders.push(
        text.slice((marks[i] as number) - fieldsAt, (marks[i + 1] as number) - fieldsAt),
        text.slice((marks[i + 2] as number) - fieldsAt, (marks[i + 3] as number) - fieldsAt),
      );
    }
  }
  if (kind === 'trailers') return { next, failure: '', status: 0, statusMessage: '', minor: 1, rawHeaders };
  return {
    next,
    failure: '',
    status: Number(bytes.toString('latin1', start + 9, start + 12)),
    // `HTTP/1.1 200 OK\r\n`; the space before an empty phrase may be missing.
    statusMessage: bytes.toString('latin1', Math.min(start + 13, fieldsAt - 2), fieldsAt - 2),
    minor: bytes[start + 7] === 48 ? 0 : 1,
    rawHeaders,
  };
}

/** Place behind the status line; -1: incomplete, or `failure` is set. */
function scanStatusLine(bytes: Buffer, start: number, end: number): number {
  for (let i = 0; i < PREFIX.length; i += 1) {
    if (start + i >= end) return -1;
    if (bytes[start + i] !== PREFIX[i]) return fail('answer does not begin with HTTP/1');
  }
  let at = start + PREFIX.length;
  if (end - at < 6) return -1;
  if (bytes[at] !== 48 && bytes[at] !== 49) return fail('version other than HTTP/1.0 and HTTP/1.1');
  if (bytes[at + 1] !== SP || !isDigit(bytes[at + 2]) || bytes[at + 2] === 48) return fail('bad status line');
  if (!isDigit(bytes[at + 3]) || !isDigit(bytes[at + 4])) return fail('bad status line');
  at += 5;
  if (bytes[at] !== SP && bytes[at] !== CR) return fail('bad status line');
  while (at < end && TEXT[bytes[at] as number] === 1) at += 1;
  return lineEnd(bytes, at, end, 'bad byte in the reason phrase');
}

/** Place behind the empty line; -1: incomplete, or `failure` is set. Fills `marks`. */
function scanFields(bytes: Buffer, start: number, end: number, maxFields: number): number {
  marks.length = 0;
  let at = start;
  while (at < end) {
    if (bytes[at] === CR) return lineEnd(bytes, at, end, '');
    if (marks.length >= maxFields * 4) return fail(`more than ${maxFields} header fields`);
    const nameAt = at;
    // `at < end` before each access, so the bytes exist.
    while (at < end && TOKEN[bytes[at] as number] === 1) at += 1;
    if (at === end) return -1;
    if (at === nameAt) return fail(isBlank(bytes[at]) ? 'folded header line' : 'bad byte in a header name');
    const nameEnd = at;
    // RFC 9112 5.1: a proxy takes out blanks between name and colon of an answer.
    while (at < end && isBlank(bytes[at])) at += 1;
    if (at === end) return -1;
    if (bytes[at] !== COLON) return fail('header line without colon, or bad byte in its name');
    at += 1;
    while (at < end && isBlank(bytes[at])) at += 1;
    const valueAt = at;
    while (at < end && TEXT[bytes[at] as number] === 1) at += 1;
    let valueEnd = at;
    while (valueEnd > valueAt && isBlank(bytes[valueEnd - 1])) valueEnd -= 1;
    at = lineEnd(bytes, at, end, 'control byte in a header value');
    if (at < 0) return -1;
    marks.push(nameAt, nameEnd, valueAt, valueEnd);
  }
  return -1;
}

/** Place behind CRLF at `at`; a bare CR or LF is refused. */
function lineEnd(bytes: Buffer, at: number, end: number, message: string): number {
  if (at >= end) return -1;
  if (bytes[at] !== CR) return fail(bytes[at] === LF ? 'line ends in a bare LF' : message);
  if (at + 1 >= end) return -1;
  if (bytes[at + 1] !== LF) return fail('bare CR');
  return at + 2;
}

function fail(message: string): -1 {
  failure = message;
  return -1;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}
