/** A request that two readers cannot understand in two ways; everything else is for `node:http`. */
export interface PlainRequest {
  readonly method: string;
  readonly target: string;
  /** Name, value, name, value …, as sent. */
  readonly rawHeaders: string[];
  /** Bytes of the announced body; undefined where none was announced. */
  readonly length: number | undefined;
  /** The client said `Connection: close`. */
  readonly close: boolean;
  /** Place behind the head. */
  readonly next: number;
}

export interface PlainLimits {
  /** Of a head, line ends included; the other lane judges longer ones. */
  readonly headBytes: number;
  readonly headerCount: number;
  readonly targetBytes: number;
}

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COLON = 58;

function table(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (byte < 128 && pattern.test(String.fromCharCode(byte)) ? 1 : 0));
}

/** A token (RFC 9110 section 5.6.2). */
const TOKEN = table(/[!#$%&'*+\-.^_`|~0-9A-Za-z]/);
/** Path and query of RFC 3986 sections 3.3 and 3.4; no fragment, and none of the bytes that servers read in several ways. */
const TARGET = table(/[A-Za-z0-9\-._~%!$&'()*+,;=:@/?[\]]/);
/** Visible ASCII, space and tab; obs-text goes the other way. */
const VALUE = table(/[\t\x20-\x7e]/);

/** ` HTTP/1.1` and the line's end. */
const VERSION = Buffer.from(' HTTP/1.1\r\n');

const METHODS: readonly (readonly [text: string, bytes: Buffer])[] = [
  'GET',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'PATCH',
].map((method) => [method, Buffer.from(`${method} `)]);
/** Methods whose requests may have a body here. On the others one means nothing, and is where servers disagree (RFC 9110 section 9.3.1). */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** Fields that ask for more than a plain request, and disguises of framing ones: the other lane knows what to do. */
const OTHER_FIELDS: ReadonlySet<string> = new Set([
  ...['te', 'expect', 'upgrade', 'trailer', 'transfer-encoding', 'proxy-connection', 'http2-settings'],
  ...['content_length', 'transfer_encoding'],
]);
/** 1 for the lengths of those names: most fields cost one comparison. */
const OTHER_SIZES = Uint8Array.from({ length: 32 }, (_, size) =>
  [...OTHER_FIELDS].some((name) => name.length === size) ? 1 : 0,
);

/** Places of names and values in the head being read: reading is synchronous, so one list serves all. */
const marks: number[] = [];

/**
 * Reads the head of one request from `bytes[start, end)`.
 * `incomplete`: so far it is plain, and more must come. `other`: it is not plain, or not HTTP; the bytes are untouched.
 *
 * Strict on purpose: RFC 9112 without its options. Line ends are CRLF, no folding, no blanks before a colon or behind a
 * value, one space after the method and before the version, origin-form, exactly one Host, at most one Content-Length.
 */
export function readPlainRequest(
  bytes: Buffer,
  start: number,
  end: number,
  limits: PlainLimits,
): PlainRequest | 'incomplete' | 'other' {
  const method = readMethod(bytes, start, end);
  if (typeof method === 'string') return method;
  const targetAt = start + method[1].length;
  if (targetAt >= end) return 'incomplete';
  if (bytes[targetAt] !== 0x2f) return 'other';
  let at = targetAt;
  // `at < end` before each access, so the bytes exist.
  while (at < end && TARGET[bytes[at] as number] === 1) at += 1;
  if (at - targetAt > limits.targetBytes) return 'other';
  const targetEnd = at;
  for (let i = 0; i < VERSION.length; i += 1, at += 1) {
    if (at >= end) return 'incomplete';
    if (bytes[at] !== VERSION[i]) return 'other';
  }
  const fieldsAt = at;
  const next = scanFields(bytes, fieldsAt, end, limits.headerCount);
  if (next < 0) return next === INCOMPLETE && end - start <= limits.headBytes ? 'incomplete' : 'other';
  if (next - start > limits.headBytes) return 'other';
  const target = bytes.toString('latin1', targetAt, targetEnd);
  return takeFields(bytes, fieldsAt, next, { method: method[0], target });
}

function readMethod(bytes: Buffer, start: number, end: number): (typeof METHODS)[number] | 'incomplete' | 'other' {
  let isPrefix = false;
  for (const method of METHODS) {
    const word = method[1];
    let i = 0;
    while (i < word.length && start + i < end && bytes[start + i] === word[i]) i += 1;
    if (i === word.length) return method;
    if (start + i === end) isPrefix = true;
  }
  return isPrefix ? 'incomplete' : 'other';
}

const INCOMPLETE = -1;
const OTHER = -2;

/** Place behind the empty line, or INCOMPLETE, or OTHER. Fills `marks`. */
function scanFields(bytes: Buffer, start: number, end: number, maxFields: number): number {
  marks.length = 0;
  let at = start;
  for (;;) {
    if (at >= end) return INCOMPLETE;
    if (bytes[at] === CR) {
      if (at + 1 >= end) return INCOMPLETE;
      return bytes[at + 1] === LF ? at + 2 : OTHER;
    }
    if (marks.length >= maxFields * 4) return OTHER;
    const nameAt = at;
    while (at < end && TOKEN[bytes[at] as number] === 1) at += 1;
    if (at >= end) return INCOMPLETE;
    const nameEnd = at;
    if (bytes[at] !== COLON || nameEnd === nameAt) return OTHER;
    at += 1;
    if (at < end && bytes[at] === SP) at += 1;
    const valueAt = at;
    while (at < end && VALUE[bytes[at] as number] === 1) at += 1;
    if (at >= end) return INCOMPLETE;
    if (bytes[at] !== CR) return OTHER;
    if (at > valueAt && (isBlank(bytes[valueAt]) || isBlank(bytes[at - 1]))) return OTHER;
    if (at + 1 >= end) return INCOMPLETE;
    if (bytes[at + 1] !== LF) return OTHER;
    marks.push(nameAt, nameEnd, valueAt, at);
    at += 2;
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

/** Cuts the fields out of one string, and judges those that frame the request. */
function takeFields(
  bytes: Buffer,
  start: number,
  next: number,
  line: { readonly method: string; readonly target: string },
): PlainRequest | 'other' {
  const rawHeaders: string[] = [];
  const text = bytes.toString('latin1', start, next);
  let hosts = 0;
  let length: number | undefined;
  let connection = '';
  for (let i = 0; i < marks.length; i += 4) {
    // `marks` holds whole groups of four.
    const nameAt = marks[i] as number;
    const nameEnd = marks[i + 1] as number;
    const valueAt = marks[i + 2] as number;
    const valueEnd = marks[i + 3] as number;
    const name = text.slice(nameAt - start, nameEnd - start);
    const size = nameEnd - nameAt;
    let value = text.slice(valueAt - start, valueEnd - start);
    if (size === 4 && name.toLowerCase() === 'host') {
      hosts += 1;
      // A string of its own: names of tenants are kept, and a slice would keep the whole head.
      value = bytes.toString('latin1', valueAt, valueEnd);
    } else if (size === 14 && name.toLowerCase() === 'content-length') {
      if (length !== undefined || !LENGTH.test(value) || !WITH_BODY.has(line.method)) return 'other';
      length = Number(value);
    } else if (size === 10 && name.toLowerCase() === 'connection') {
      if (connection !== '') return 'other';
      connection = value.toLowerCase();
      if (connection !== 'keep-alive' && connection !== 'close') return 'other';
    } else if (OTHER_SIZES[size] === 1 && OTHER_FIELDS.has(name.toLowerCase())) {
      return 'other';
    }
    rawHeaders.push(name, value);
  }
  if (hosts !== 1) return 'other';
  return { ...line, rawHeaders, length, close: connection === 'close', next };
}

/** Without leading zeros, which somebody might read as octal; fifteen digits stay below 2^53. */
const LENGTH = /^(?:0|[1-9][0-9]{0,14})$/;
