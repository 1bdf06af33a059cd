import { Budget } from '../compare/budget.ts';
import { type JsonNode, parseJson } from '../compare/json.ts';
import { DATE_IN_TEXT } from './moment.ts';
import { UUID_IN_TEXT } from './uuid.ts';

/** A text taken apart: what may vary, and what holds it together. */
export interface Split {
  readonly parts: readonly Part[];
  /** Equal for texts that are alike but for their parts. */
  readonly frame: string;
}

export interface Part {
  /** What names the part: the member, the name before it, or its place. */
  readonly key: string;
  readonly text: string;
  readonly type: 'text' | 'number';
}

export const SPLITS = ['json', 'encoded', 'inside-fine', 'inside', 'inside-wide'] as const;
export type SplitName = (typeof SPLITS)[number];

/** A text with more parts is another text. */
const MAX_PARTS = 128;
/** Longest text that is taken apart. */
const MAX_TEXT = 20_000;
/** Values of a document inside a text. */
const MAX_NODES = 1_000;

/** Letters and digits alone: `00-8ef4…-7260…-01` has four parts. */
const FINE = new RegExp(`${DATE_IN_TEXT}|${UUID_IN_TEXT}|[A-Za-z\\d]+`, 'g');
/** Base64 may hold `+`, `/`, `%` and end with `=`; without them a query's runs are apart. */
const NARROW = new RegExp(`${DATE_IN_TEXT}|${UUID_IN_TEXT}|[\\w-]+`, 'g');
const WIDE = new RegExp(`${DATE_IN_TEXT}|${UUID_IN_TEXT}|[\\w%+/-]+=*`, 'g');

/** Takes a text apart in one of the ways; undefined where it cannot be. */
export function splitText(text: string, how: SplitName): Split | undefined {
  if (text.length > MAX_TEXT) return undefined;
  switch (how) {
    case 'json':
      return splitJson(text);
    case 'encoded':
      return splitEncoded(text);
    case 'inside-fine':
      return splitRuns(text, FINE);
    case 'inside':
      return splitRuns(text, NARROW);
    case 'inside-wide':
      return splitRuns(text, WIDE);
  }
}

function splitRuns(text: string, pattern: RegExp): Split | undefined {
  const parts: Part[] = [];
  const between: string[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (parts.length >= MAX_PARTS) return undefined;
    const gap = text.slice(at, match.index);
    between.push(gap);
    parts.push({ key: nameOf(parts.at(-1)?.text, gap) || `#${parts.length}`, text: match[0], type: 'text' });
    at = match.index + match[0].length;
  }
  between.push(text.slice(at));
  return parts.length === 0 ? undefined : { parts, frame: between.join('\u0000') };
}

/** The name in `name: "run"`, `name = run` or `?name=run`; empty where there is none. */
function nameOf(before: string | undefined, gap: string): string {
  if (before === undefined) return '';
  const equals = /=*$/.exec(before)?.[0] ?? '';
  return /^["'\s]*[:=]["'\s]*$/.test(`${equals}${gap}`) ? before.slice(0, before.length - equals.length) : '';
}

/** A document inside a text: its leaves by their paths. */
function splitJson(text: string): Split | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  const parsed = parseJson(text, new Budget(Number.MAX_SAFE_INTEGER, () => false));
  if (!parsed.ok) return undefined;
  const parts: Part[] = [];
  const frame: string[] = [];
  return takeLeaves(parsed.node, '', parts, frame) ? { parts, frame: frame.sort().join('\n') } : undefined;
}

function takeLeaves(node: JsonNode, path: string, parts: Part[], frame: string[]): boolean {
  if (frame.length >= MAX_NODES || parts.length >= MAX_PARTS) return false;
  if (node.kind === 'string' || node.kind === 'number') {
    parts.push({ key: path, text: node.text, type: node.kind === 'number' ? 'number' : 'text' });
    frame.push(`${path} ${node.kind}`);
    return true;
  }
  frame.push(`${path} ${node.kind} ${node.items.length}`);
  return node.items.every((item, i) => takeLeaves(item, `${path}/${node.keys[i] ?? i}`, parts, frame));
}

/** Base64 of a document or of a short text, as cursors are; and the parts of a JSON web token (RFC 7519). */
function splitEncoded(text: string): Split | undefined {
  if (text.length < 8 || !/^[\w+/-]+(?:\.[\w-]+){0,2}={0,2}$/.test(text)) return undefined;
  const [head = '', claims, signature] = text.split('.');
  if (claims === undefined) return splitDecoded(head, 'base64 ');
  if (signature === undefined) return undefined;
  const [left, right] = [splitDecoded(head, 'head '), splitDecoded(claims, 'claims ')];
  if (left === undefined || right === undefined) return undefined;
  const last: Part = { key: 'signature', text: signature, type: 'text' };
  return { parts: [...left.parts, ...right.parts, last], frame: `${left.frame}.${right.frame}` };
}

function splitDecoded(text: string, name: string): Split | undefined {
  const plain = decodeBase64(text);
  if (plain === undefined || !/^[\x20-\x7e\n\t]+$/.test(plain)) return undefined;
  const inner = splitJson(plain) ?? splitRuns(plain, NARROW);
  if (inner === undefined) return undefined;
  const padding = text.length - text.replace(/=+$/, '').length;
  const parts = inner.parts.map((part) => ({ ...part, key: `${name}${part.key}` }));
  // The padding follows from the length; that there is any is a habit of the encoder.
  return { parts, frame: `${name}${padding > 0 || text.length % 4 === 0 ? 'padded' : 'bare'} ${inner.frame}` };
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The bytes as latin1; both alphabets of RFC 4648, with or without padding. Undefined for anything else. */
function decodeBase64(text: string): string | undefined {
  const digits = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  if (digits.length % 4 === 1) return undefined;
  let [bits, held, out] = [0, 0, ''];
  for (const digit of digits) {
    const value = BASE64.indexOf(digit);
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += String.fromCharCode((bits >> held) & 0xff);
  }
  return out;
}
