import { Budget } from '../compare/budget.ts';
import { type JsonNode, parseJson } from '../compare/json.ts';
import { eachRun, type RunKind } from './runs.ts';

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

/** Takes a text apart in one of the ways; undefined where it cannot be. */
export function splitText(text: string, how: SplitName): Split | undefined {
  if (text.length > MAX_TEXT) return undefined;
  switch (how) {
    case 'json':
      return splitJson(text);
    case 'encoded':
      return splitEncoded(text);
    case 'inside-fine':
      return splitRuns(text, 'fine');
    case 'inside':
      return splitRuns(text, 'narrow');
    case 'inside-wide':
      return splitRuns(text, 'wide');
  }
}

function splitRuns(text: string, kind: RunKind): Split | undefined {
  const parts: Part[] = [];
  let frame = '';
  let at = 0;
  let isWhole = true;
  eachRun(text, kind, (from, to) => {
    isWhole = parts.length < MAX_PARTS;
    if (!isWhole) return false;
    const gap = text.slice(at, from);
    frame += `${gap}\u0000`;
    parts.push({
      key: nameOf(parts.at(-1)?.text, gap) || `#${parts.length}`,
      text: text.slice(from, to),
      type: 'text',
    });
    at = to;
    return true;
  });
  return parts.length === 0 || !isWhole ? undefined : { parts, frame: frame + text.slice(at) };
}

/** The name in `name: "run"`, `name = run` or `?name=run`; empty where there is none. */
function nameOf(before: string | undefined, gap: string): string {
  if (before === undefined || !(gap.includes(':') || gap.includes('=') || before.endsWith('='))) return '';
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
  if (plain === undefined || plain === '') return undefined;
  const inner = splitJson(plain) ?? splitRuns(plain, 'narrow');
  if (inner === undefined) return undefined;
  const isPadded = text.endsWith('=') || text.length % 4 === 0;
  const parts = inner.parts.map((part) => ({ ...part, key: `${name}${part.key}` }));
  // The padding follows from the length; that there is any is a habit of the encoder.
  return { parts, frame: `${name}${isPadded ? 'padded' : 'bare'} ${inner.frame}` };
}

/** For each character of ASCII its six bits in either alphabet of RFC 4648, 255 where it is in none. */
const BASE64 = sixBits();

function sixBits(): Uint8Array {
  const table = new Uint8Array(128).fill(255);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  for (let i = 0; i < alphabet.length; i++) table[alphabet.charCodeAt(i)] = i;
  [table[45], table[95]] = [62, 63]; // - and _ of base64url
  return table;
}

/**
 * The text that is spelled in base64, with or without padding; undefined at the first byte that is no printable ASCII,
 * line break or tab: random ids end there within a few characters.
 */
function decodeBase64(text: string): string | undefined {
  let end = text.length;
  while (end > 0 && text[end - 1] === '=') end--;
  if (end % 4 === 1) return undefined;
  let [bits, held, out] = [0, 0, ''];
  for (let i = 0; i < end; i++) {
    const value = BASE64[text.charCodeAt(i)] ?? 255;
    if (value === 255) return undefined;
    bits = ((bits << 6) | value) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    const byte = (bits >> held) & 0xff;
    if ((byte < 0x20 || byte > 0x7e) && byte !== 9 && byte !== 10) return undefined;
    out += String.fromCharCode(byte);
  }
  return out;
}
