import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { scanHtml } from '../../../src/core/mutation/html-scan.ts';
import { type HeaderList, headerValue, type Observation } from '../../../src/core/observation.ts';

/** An answer as the baselines see it: status, headers and body in one tree of plain values. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [key: string]: Plain };

/** One difference in the words of the two-threshold tools: lists of other lengths are not looked into. */
export interface PlainDifference {
  /** Indices are left out: all elements of a list share a path. */
  readonly path: string;
  /** The same with indices. */
  readonly place: string;
  readonly kind: 'missing' | 'extra' | 'type' | 'value' | 'order' | 'length';
  readonly left?: Plain;
  readonly right?: Plain;
}

/** The tree of an answer. Numbers are doubles, as `JSON.parse` makes them. */
export function plainTree(answer: Observation, headerNames: readonly string[]): Plain {
  if (answer.kind === 'failure') return { failure: answer.failure };
  return {
    status: answer.status,
    headers: headersOf(answer.headers, headerNames),
    body: bodyOf(answer.headers, answer.body),
  };
}

function headersOf(headers: HeaderList, names: readonly string[]): Plain {
  const shown: Record<string, Plain> = {};
  for (const [key, value] of headers) {
    const name = key.toLowerCase();
    if (names.includes(name)) shown[name] = name in shown ? `${String(shown[name])}, ${value}` : value;
  }
  return shown;
}

function bodyOf(headers: HeaderList, body: Uint8Array): Plain {
  const text = decoded(headers, body);
  if (text === undefined) return { damaged: Buffer.from(body).toString('base64') };
  const type = headerValue(headers, 'content-type') ?? '';
  if (/json/.test(type) && !/ndjson/.test(type)) {
    try {
      return JSON.parse(text) as Plain; // what JSON.parse gives is this type
    } catch {
      return text;
    }
  }
  return /html/.test(type) ? htmlOf(text) : text;
}

function decoded(headers: HeaderList, body: Uint8Array): string | undefined {
  try {
    switch (headerValue(headers, 'content-encoding')) {
      case 'gzip':
        return gunzipSync(body).toString();
      case 'br':
        return brotliDecompressSync(body).toString();
      case 'deflate':
        return inflateSync(body).toString();
      default:
        return Buffer.from(body).toString();
    }
  } catch {
    return undefined;
  }
}

/** Texts and attributes by their place. */
function htmlOf(source: string): Plain {
  const page = scanHtml(source);
  const leaves: Record<string, Plain> = {};
  for (const { path, attributes } of page.elements) {
    leaves[`${path}/`] = '';
    for (const { name, value } of attributes) leaves[`${path}/@${name}`] = value;
  }
  for (const { path, text } of page.texts) leaves[path] = text;
  return leaves;
}

/** Every difference of two trees. */
export function plainDifferences(a: Plain, b: Plain): PlainDifference[] {
  const found: PlainDifference[] = [];
  walk(a, b, '', '', found);
  return found;
}

function kindOf(value: Plain): string {
  return value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value;
}

function walk(left: Plain, right: Plain, path: string, place: string, found: PlainDifference[]): void {
  if (left === right) return;
  if (kindOf(left) !== kindOf(right)) found.push({ path, place, kind: 'type', left, right });
  else if (Array.isArray(left))
    walkList(left, right as readonly Plain[], path, place, found); // one kind
  else if (typeof left === 'object' && left !== null)
    walkMembers(left as PlainObject, right as PlainObject, path, place, found); // one kind
  else found.push({ path, place, kind: 'value', left, right });
}

type PlainObject = { readonly [key: string]: Plain };

function walkMembers(
  left: PlainObject,
  right: PlainObject,
  path: string,
  place: string,
  found: PlainDifference[],
): void {
  // Steps of pages carry their numbers in their names.
  const pathOf = (key: string): string => `${path}/${key.replaceAll(/\[\d+\]/g, '')}`;
  for (const [key, value] of Object.entries(left)) {
    const other = Object.hasOwn(right, key) ? right[key] : undefined;
    if (other === value) continue;
    if (other === undefined) found.push({ path: pathOf(key), place: `${place}/${key}`, kind: 'missing', left: value });
    else walk(value, other, pathOf(key), `${place}/${key}`, found);
  }
  for (const [key, value] of Object.entries(right)) {
    if (!Object.hasOwn(left, key))
      found.push({
        path: pathOf(key),
        place: `${place}/${key}`,
        kind: 'extra',
        right: value,
      });
  }
}

function walkList(
  left: readonly Plain[],
  right: readonly Plain[],
  path: string,
  place: string,
  found: PlainDifference[],
): void {
  if (left.length !== right.length) {
    found.push({ path, place, kind: 'length', left, right });
    return;
  }
  const inner: PlainDifference[] = [];
  for (const [at, item] of left.entries()) walk(item, right[at] as Plain, `${path}/*`, `${place}/${at}`, inner); // one length
  if (inner.length === 0) return;
  const sorted = (list: readonly Plain[]): string => JSON.stringify(list.map((item) => JSON.stringify(item)).sort());
  if (sorted(left) === sorted(right)) found.push({ path, place, kind: 'order', left, right });
  else found.push(...inner);
}
