import { type HeaderList, headerValue } from '../core/observation.ts';

/** One part of a multipart body. */
export interface Part {
  /** Tells parts apart: the field's name, the content id, or nothing; a repeated one is numbered. */
  readonly key: string;
  readonly filename: string | undefined;
  readonly headers: HeaderList;
  readonly bytes: Uint8Array;
}

/** Parts of one body; more is no multipart that anyone sends. */
const MAX_PARTS = 1_000;
/** The header lines of one part. */
const MAX_HEAD = 16 * 1024;

/**
 * The parts of a multipart body (RFC 2046 section 5.1.1). Undefined where the boundary is not named, a delimiter is
 * missing or there are too many parts.
 */
export function parseMultipart(headers: HeaderList, bytes: Uint8Array): readonly Part[] | undefined {
  const type = headerValue(headers, 'content-type') ?? '';
  const named = /;\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(type);
  const boundary = named?.[1] ?? named?.[2];
  if (boundary === undefined) return undefined;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mark = Buffer.from(`--${boundary}`, 'latin1');
  const parts: Part[] = [];
  const counts = new Map<string, number>();
  let at = delimiter(body, mark, 0);
  while (at >= 0) {
    const line = at + mark.length;
    if (body[line] === 45 && body[line + 1] === 45) return parts;
    const start = body.indexOf(10, line) + 1;
    const end = delimiter(body, mark, line);
    if (start === 0 || end < 0 || parts.length >= MAX_PARTS) return undefined;
    parts.push(numbered(partOf(body.subarray(start, Math.max(start, beforeLineEnd(body, end)))), counts));
    at = end;
  }
  return undefined;
}

/** Where the delimiter begins a line, from `from` on; -1 where it does not. */
function delimiter(body: Buffer, mark: Buffer, from: number): number {
  let at = body.indexOf(mark, from);
  while (at > 0 && body[at - 1] !== 10) at = body.indexOf(mark, at + 1);
  return at;
}

/** The line end before a delimiter belongs to it. */
function beforeLineEnd(body: Buffer, end: number): number {
  const feed = end - 1;
  return body[feed - 1] === 13 ? feed - 1 : feed;
}

function partOf(bytes: Buffer): Part {
  // A part without headers begins with the blank line.
  const blank = /^\r?\n|\r?\n\r?\n/.exec(bytes.toString('latin1', 0, MAX_HEAD));
  const headEnd = blank === null ? 0 : blank.index;
  const headers: [string, string][] = [];
  const head = bytes.toString('utf8', 0, headEnd).replace(/\r?\n[ \t]+/g, ' ');
  for (const line of head.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  const content = blank === null ? bytes : bytes.subarray(headEnd + blank[0].length);
  const disposition = headerValue(headers, 'content-disposition') ?? '';
  return {
    key: parameter(disposition, 'name') ?? headerValue(headers, 'content-id') ?? '',
    filename: parameter(disposition, 'filename'),
    headers,
    bytes: transferred(headers, content),
  };
}

function parameter(value: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`, 'i').exec(value);
  return match?.[1] ?? match?.[2];
}

function transferred(headers: HeaderList, content: Buffer): Uint8Array {
  const coding = headerValue(headers, 'content-transfer-encoding')?.trim().toLowerCase();
  return coding === 'base64' ? Buffer.from(content.toString('latin1'), 'base64') : content;
}

function numbered(part: Part, counts: Map<string, number>): Part {
  const count = (counts.get(part.key) ?? 0) + 1;
  counts.set(part.key, count);
  return { ...part, key: part.key === '' ? String(count) : count === 1 ? part.key : `${part.key}[${count}]` };
}
