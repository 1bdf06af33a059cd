import { hashText, mix } from './hash.ts';
import type { JsonNode } from './json.ts';

/**
 * A number's text in one form per value: `1.0`, `1` and `10e-1` are `1`; `-0` is `0`; `1e400` and integers of any size stay exact.
 * An exponent beyond 15 digits is left as written: no service means it.
 */
export function canonicalNumber(text: string): string {
  if (isPlainInteger(text)) return text === '-0' ? '0' : text;
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,15}))?$/.exec(text);
  if (parts === null) return text;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = parts;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return '0';
  const significant = withoutLastZeros(digits);
  const exponent = Number(exponentText) - fraction.length + (digits.length - significant.length);
  // An integer of moderate size reads as one, so that it equals the plain form.
  if (exponent >= 0 && significant.length + exponent <= 400) return sign + significant + '0'.repeat(exponent);
  return `${sign}${significant}e${exponent}`;
}

/** By hand: the pattern `0+$` tries each zero of a million inside a number anew. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 48) end--;
  return digits.slice(0, end);
}

function isPlainInteger(text: string): boolean {
  const start = text.charCodeAt(0) === 45 ? 1 : 0;
  if (text.length - start > 400) return false;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

/** Whether two numbers have the same value, exactly. */
export function numbersEqual(a: string, b: string): boolean {
  return a === b || canonicalNumber(a) === canonicalNumber(b);
}

const KIND_SEED = { null: 11, true: 23, false: 37, number: 41, string: 53, array: 67, object: 79 } as const;

/** A hash that is equal for equal values, whatever the order of members; computed once per node. */
export function jsonHash(node: JsonNode): number {
  if (node.hash !== 0) return node.hash;
  let hash: number = KIND_SEED[node.kind];
  if (node.kind === 'string') hash = hashText(node.text, hash);
  else if (node.kind === 'number') hash = hashText(canonicalNumber(node.text), hash);
  else if (node.kind === 'array') for (const item of node.items) hash = mix(hash, jsonHash(item));
  else if (node.kind === 'object') hash = mix(hash, objectHash(node));
  node.hash = hash === 0 ? 1 : hash;
  return node.hash;
}

function objectHash(node: JsonNode): number {
  let sum = node.keys.length;
  for (let i = 0; i < node.keys.length; i++) {
    const [key, item] = [node.keys[i] as string, node.items[i] as JsonNode]; // keys and items have one length
    sum = (sum + mix(hashText(key), jsonHash(item))) | 0;
  }
  return sum;
}

/** Whether two values are equal; numbers by value, members in any order unless `keyOrder`. */
export function jsonEqual(a: JsonNode, b: JsonNode, keyOrder: boolean): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  if (a.kind === 'string') return a.text === b.text;
  if (a.kind === 'number') return numbersEqual(a.text, b.text);
  if (a.items.length !== b.items.length) return false;
  if (a.hash !== 0 && b.hash !== 0 && a.hash !== b.hash) return false;
  if (a.kind === 'object') return membersEqual(a, b, keyOrder);
  for (let i = 0; i < a.items.length; i++) {
    if (!jsonEqual(a.items[i] as JsonNode, b.items[i] as JsonNode, keyOrder)) return false; // same length
  }
  return true;
}

function membersEqual(a: JsonNode, b: JsonNode, keyOrder: boolean): boolean {
  let i = 0;
  for (; i < a.keys.length && a.keys[i] === b.keys[i]; i++) {
    if (!jsonEqual(a.items[i] as JsonNode, b.items[i] as JsonNode, keyOrder)) return false; // same length
  }
  if (i === a.keys.length) return true;
  if (keyOrder) return false;
  const left = membersByKey(a);
  const right = membersByKey(b);
  if (left.size !== right.size) return false;
  for (const [key, values] of left) {
    const others = right.get(key);
    if (others?.length !== values.length) return false;
    if (!values.every((value, at) => jsonEqual(value, others[at] as JsonNode, keyOrder))) return false; // same length
  }
  return true;
}

/** The values of each key, in order; more than one where the key is repeated. */
export function membersByKey(node: JsonNode): Map<string, JsonNode[]> {
  const members = new Map<string, JsonNode[]>();
  for (let i = 0; i < node.keys.length; i++) {
    const [key, item] = [node.keys[i] as string, node.items[i] as JsonNode]; // keys and items have one length
    const known = members.get(key);
    if (known === undefined) members.set(key, [item]);
    else known.push(item);
  }
  return members;
}

/** The last value of a key, as most parsers take it. */
export function jsonMember(node: JsonNode, key: string): JsonNode | undefined {
  const at = node.keys.lastIndexOf(key);
  return at < 0 ? undefined : node.items[at];
}

/** The same for many keys of one object: looked for one by one only where its members are few. */
export function lastMembers(node: JsonNode): (key: string) => JsonNode | undefined {
  if (node.keys.length <= 32) return (key) => jsonMember(node, key);
  const members = new Map(node.keys.map((key, i) => [key, node.items[i] as JsonNode])); // one length
  return (key) => members.get(key);
}

/** The value as JSON text, cut after about `limit` characters. */
export function renderJson(node: JsonNode, limit: number): string {
  const out = { text: '' };
  writeJson(node, limit, out);
  return out.text;
}

function writeJson(node: JsonNode, limit: number, out: { text: string }): void {
  if (out.text.length > limit) return;
  switch (node.kind) {
    case 'string':
      out.text += JSON.stringify(node.text.length > limit ? node.text.slice(0, limit) : node.text);
      return;
    case 'number':
      out.text += node.text;
      return;
    case 'array':
    case 'object': {
      out.text += node.kind === 'array' ? '[' : '{';
      for (let i = 0; i < node.items.length && out.text.length <= limit; i++) {
        if (i > 0) out.text += ',';
        if (node.kind === 'object') out.text += `${JSON.stringify(node.keys[i])}:`;
        writeJson(node.items[i] as JsonNode, limit, out); // i is below the length
      }
      out.text += node.kind === 'array' ? ']' : '}';
      return;
    }
    default:
      out.text += node.kind;
  }
}

/**
 * What a value is made of, without its content: kinds, member names, whether a text is empty.
 * Elements of a random pick must have a shape the control has shown.
 */
export function jsonShape(node: JsonNode, depth = 6): string {
  if (node.kind === 'string') return node.text === '' ? 'e' : 's';
  if (node.kind === 'true' || node.kind === 'false') return 'b';
  if (node.kind === 'object' && depth > 0) {
    const members = node.keys.map((key, i) => `${key}:${jsonShape(node.items[i] as JsonNode, depth - 1)}`); // one length
    return `{${members.sort().join(',')}}`;
  }
  if (node.kind === 'array' && depth > 0) {
    return `[${[...new Set(node.items.map((item) => jsonShape(item, depth - 1)))].sort().join('|')}]`;
  }
  return node.kind === 'number' ? 'n' : node.kind === 'null' ? '0' : node.kind;
}
