import type { HeaderList } from './observation.ts';

/**
 * How the requests of one person hang together: a value that the server made in one answer (an id, a token, a cookie)
 * comes back in a later request. Told by places, not by values: on another server the value is another one, at the same place.
 */

/** A request whose body, if it has one, is text. */
export interface ChainRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
  readonly body?: string;
}

/** A request and the answer the person got to it; the body as text, absent for other bodies. */
export interface ChainStep {
  readonly request: ChainRequest;
  readonly headers: HeaderList;
  readonly body?: string;
}

/** The value at `from` in the answer of an earlier step stands at `to` in a request. */
export interface ChainLink {
  /** Index of the earlier step. */
  readonly step: number;
  readonly from: string;
  readonly to: string;
}

/** Values looked at in one answer; what lies behind is not linked. */
const MOST_VALUES = 5_000;
/** Bodies are looked at up to here. */
const BODY_CHARS = 262_144;
const LONGEST_VALUE = 4_096;
/** Shorter values are found everywhere by accident; ids of digits may be short, and are taken from places that are called so. */
const SHORTEST_VALUE = 4;
const DEEPEST = 32;

/** The links of each step to earlier ones, in their order. Values that a client sent before any answer held them are its own. */
export function linksOf(steps: readonly ChainStep[]): readonly (readonly ChainLink[])[] {
  /** Where each value was first told by the server. */
  const made = new Map<string, { readonly step: number; readonly from: string }>();
  const sent = new Set<string>();
  return steps.map((step, index) => {
    const values = requestValues(step.request);
    const links = values.flatMap(([to, value]) => {
      const source = made.get(value);
      return source === undefined ? [] : [{ step: source.step, from: source.from, to }];
    });
    for (const [, value] of values) if (!made.has(value)) sent.add(value);
    for (const [from, value] of answerValues(step.headers, step.body)) {
      if (sent.has(value) || made.has(value) || !isTelling(from, value)) continue;
      made.set(value, { step: index, from });
    }
    return links;
  });
}

/** The steps that the last one needs, itself included: those whose answers it takes values from, and what these need. */
export function neededSteps(links: readonly (readonly ChainLink[])[]): readonly number[] {
  const needed = new Set<number>();
  const queue = [links.length - 1];
  for (let step = queue.pop(); step !== undefined; step = queue.pop()) {
    if (step < 0 || needed.has(step)) continue;
    needed.add(step);
    for (const link of links[step] ?? []) queue.push(link.step);
  }
  return [...needed].sort((a, b) => a - b);
}

function isTelling(from: string, value: string): boolean {
  if (value.length > LONGEST_VALUE || /^(?:true|false|null)$/.test(value)) return false;
  if (from.startsWith('cookie:')) return value !== '';
  if (value.length >= SHORTEST_VALUE) return isMade(value);
  return /^\d+$/.test(value) && /id(?:#|$)|\/path\/\d+$/i.test(from);
}

/** Whether a value may be made for somebody, unlike a word of a path or a setting. */
function isMade(value: string): boolean {
  return /\d/.test(value) || value.length >= 16 || /[a-z][A-Z]/.test(value);
}

/** The values of a request by their places: `path/1`, `query:cart`, `cookie:sid`, `header:x-csrf-token`, `body:/cart/id`, `body:csrf`. */
export function requestValues({
  target,
  headers,
  body,
}: ChainRequest): readonly (readonly [place: string, value: string])[] {
  const values: [string, string][] = [...targetValues(target)];
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (lower === 'cookie') for (const [cookie, text] of cookiesOf(value)) values.push([`cookie:${cookie}`, text]);
    else if (/^(?:x-|authorization$)/.test(lower)) values.push([`header:${lower}`, value.replace(/^Bearer +/i, '')]);
  }
  if (body !== undefined) values.push(...bodyValues(body));
  return values;
}

function bodyValues(text: string): [string, string][] {
  const json = jsonOf(text);
  if (json !== undefined) return scalarsOf(json).map(([pointer, value]) => [`body:${pointer}`, value]);
  return fieldsOf(text).map(([name, value]) => [`body:${name}`, value]);
}

/** Of a path with query: `path/0`, `query:name`. */
function targetValues(target: string): [string, string][] {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const segments = path.split('/').slice(1);
  return [
    ...segments.map((segment, index): [string, string] => [`path/${index}`, decoded(segment)]),
    ...fieldsOf(mark < 0 ? '' : target.slice(mark + 1)).map(([name, value]): [string, string] => [
      `query:${name}`,
      value,
    ]),
  ];
}

/** The values of an answer by their places: `cookie:sid`, `header:location#path/1`, `json:/cart/id`, `json:/next#query:cursor`, `input:csrf`, `link:3#path/1`. */
export function answerValues(headers: HeaderList, body: string | undefined): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const put = (place: string, value: string): void => {
    if (values.size < MOST_VALUES && value !== '' && !values.has(place)) values.set(place, value);
  };
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (lower === 'set-cookie') {
      const [cookie] = cookiesOf(value.split(';')[0] ?? '');
      if (cookie !== undefined) put(`cookie:${cookie[0]}`, cookie[1]);
    } else if (lower === 'location') putUrl('header:location', value, put);
    else if (lower.startsWith('x-')) put(`header:${lower}`, value);
  }
  const text = (body ?? '').slice(0, BODY_CHARS);
  const json = jsonOf(text);
  if (json !== undefined) {
    for (const [pointer, value] of scalarsOf(json)) {
      put(`json:${pointer}`, value);
      if (/^(?:https?:\/\/|\/)/.test(value)) putUrl(`json:${pointer}`, value, put);
    }
  } else if (text.includes('<')) putMarkup(text, put);
  return values;
}

type Put = (place: string, value: string) => void;

function putUrl(place: string, url: string, put: Put): void {
  const target = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/#.*$/s, '');
  for (const [part, value] of targetValues(target)) put(`${place}#${part}`, value);
}

const TAG = /<(input|meta|a|form|link|button|option)\b([^<>]{0,4096})>/gi;
const ATTRIBUTE = /([\w:-]{1,64})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g;

/** Fields of forms and tags of the head by name, links by their number on the page. */
function putMarkup(text: string, put: Put): void {
  let link = 0;
  for (const [, tag = '', inner = ''] of text.matchAll(TAG)) {
    const attributes = new Map<string, string>();
    for (const [, name = '', a, b, c] of inner.matchAll(ATTRIBUTE))
      attributes.set(name.toLowerCase(), unescaped(a ?? b ?? c ?? ''));
    const name = attributes.get('name') ?? attributes.get('property');
    const value = attributes.get('value') ?? attributes.get('content');
    if (name !== undefined && value !== undefined) put(`${tag.toLowerCase()}:${name}`, value);
    const url = attributes.get('href') ?? attributes.get('action');
    if (url === undefined) continue;
    putUrl(`link:${link}`, url, put);
    link += 1;
  }
}

function unescaped(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** A request with other values at these places; a place it does not have changes nothing. */
export function withValues<R extends ChainRequest>(request: R, values: ReadonlyMap<string, string>): R {
  if (values.size === 0) return request;
  const headers = request.headers.map(([name, value]): readonly [string, string] => {
    const other = values.get(`header:${name.toLowerCase()}`);
    if (other === undefined) return [name, value];
    return [name, `${/^Bearer +/i.exec(value)?.[0] ?? ''}${other}`];
  });
  const body = request.body === undefined ? undefined : bodyWith(request.body, values);
  return {
    ...request,
    target: targetWith(request.target, values),
    headers,
    ...(body === undefined ? {} : { body }),
  };
}

function targetWith(target: string, values: ReadonlyMap<string, string>): string {
  const mark = target.indexOf('?');
  const path = (mark < 0 ? target : target.slice(0, mark))
    .split('/')
    .map((segment, index) => {
      const other = values.get(`path/${index - 1}`);
      return other === undefined ? segment : encodeURIComponent(other);
    })
    .join('/');
  return mark < 0 ? path : `${path}?${fieldsWith(target.slice(mark + 1), 'query', values)}`;
}

function bodyWith(text: string, values: ReadonlyMap<string, string>): string {
  const json = jsonOf(text);
  if (json === undefined) return fieldsWith(text, 'body', values);
  return JSON.stringify(replaced(json, '', values));
}

function replaced(value: unknown, pointer: string, values: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item, index) => replaced(item, `${pointer}/${index}`, values));
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, replaced(item, `${pointer}/${stepOf(name)}`, values)]),
    );
  const other = values.get(`body:${pointer}`);
  if (other === undefined) return value;
  return typeof value === 'number' && Number.isFinite(Number(other)) ? Number(other) : other;
}

function fieldsWith(text: string, kind: 'query' | 'body', values: ReadonlyMap<string, string>): string {
  return text
    .split('&')
    .map((field) => {
      const equals = field.indexOf('=');
      const other = equals < 0 ? undefined : values.get(`${kind}:${decoded(field.slice(0, equals))}`);
      return other === undefined ? field : `${field.slice(0, equals)}=${encodeURIComponent(other)}`;
    })
    .join('&');
}

/** The cookies of a `Cookie` header, or the one before the attributes of `Set-Cookie`. */
export function cookiesOf(header: string): readonly (readonly [name: string, value: string])[] {
  return header.split(';').flatMap((part): [string, string][] => {
    const equals = part.indexOf('=');
    return equals < 0 ? [] : [[part.slice(0, equals).trim(), part.slice(equals + 1).trim()]];
  });
}

function fieldsOf(text: string): [string, string][] {
  return text.split('&').flatMap((field): [string, string][] => {
    const equals = field.indexOf('=');
    return equals < 0 ? [] : [[decoded(field.slice(0, equals)), decoded(field.slice(equals + 1).replaceAll('+', ' '))]];
  });
}

function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function jsonOf(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Strings and numbers with their JSON pointers, in order. */
function scalarsOf(value: unknown, pointer = '', depth = 0): [string, string][] {
  if (typeof value === 'string' || typeof value === 'number') return [[pointer, String(value)]];
  if (value === null || typeof value !== 'object' || depth >= DEEPEST) return [];
  const members: [string, unknown][] = Array.isArray(value)
    ? value.map((item, index) => [String(index), item])
    : Object.entries(value).map(([name, item]) => [stepOf(name), item]);
  return members.flatMap(([step, item]) => scalarsOf(item, `${pointer}/${step}`, depth + 1));
}

function stepOf(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
