import type { EndpointId } from '../cell.ts';

/** Names under which an API wraps what it has to say; inside and outside of them the same serializer is at work. */
const WRAPPERS: ReadonlySet<string> = new Set(['data', 'items', 'results', 'records', 'rows', 'entries', 'list']);
/** Members that belong to the frame of every answer and to no resource. */
const FRAME: ReadonlySet<string> = new Set([
  'meta',
  '_meta',
  'paging',
  'pagination',
  'links',
  '_links',
  'error',
  'errors',
]);
/** Parts of a page that all pages of a site share. */
const LANDMARK = /^body\/html\/body\/(?:[^/]+\/)?((?:header|footer|nav|aside)(?:[.#][^/[]+)?)(?:\[\*\])?(?=\/|$)/;

/**
 * What an endpoint is about: its last fixed segment, so that `GET /v1/orders` and `GET /v1/orders/{id}` are one family.
 * The endpoint itself where it has none, as `GET /`.
 */
export function familyOf(endpoint: EndpointId): string {
  const path = endpoint.slice(endpoint.indexOf(' ') + 1);
  const fixed = path.split('/').filter((segment) => segment !== '' && !/[{}*()]/.test(segment));
  return fixed.at(-1) ?? endpoint;
}

/**
 * A pattern without the wrapping that a list has and a single item has not: `body/items/*` + `/price`, `body/data/price` and
 * `body/price` are one place, and so is `body/orders/*` + `/price` at `GET /orders`.
 */
export function bareOf(pattern: string, family: string): string {
  if (!pattern.startsWith('body/') || pattern.startsWith('body/html')) return pattern;
  const segments = pattern.split('/');
  let from = 1;
  const isWrapper = (segment: string | undefined): boolean =>
    segment !== undefined && (WRAPPERS.has(segment) || segment === family || `${segment}s` === family);
  // Twice: `data/items/*`. What is left must still name something.
  for (let round = 0; round < 2; round += 1) {
    if (isWrapper(segments[from]) && from + 1 < segments.length) from += 1;
    if (segments[from] === '*' && from + 1 < segments.length) from += 1;
  }
  return ['body', ...segments.slice(from)].join('/');
}

/** Whether a place belongs to the frame that all answers share: a header, a landmark or the head of a page, `meta` and the like. */
export function isFrame(pattern: string): boolean {
  if (pattern.startsWith('header:') || pattern.startsWith('body/html/head') || landmarkOf(pattern) !== undefined)
    return true;
  const first = pattern.startsWith('body/') ? pattern.split('/')[1] : undefined;
  return first !== undefined && FRAME.has(first);
}

/** The landmark of a page that a place lies in: `body/html/body/footer`; undefined: in none. */
export function landmarkOf(pattern: string): string | undefined {
  const name = LANDMARK.exec(pattern)?.[1];
  return name === undefined ? undefined : `body/html/body/${name}`;
}

/** Whether a difference's path is one of those that a pattern stands for. */
export function isAt(path: string, pattern: string): boolean {
  if (path === pattern) return true;
  const [mine, theirs] = [path.split('/'), pattern.split('/')];
  return mine.length >= theirs.length && theirs.every((segment, i) => isSegment(mine[i] ?? '', segment));
}

/** `*` stands for any segment, `p.price[*]` for `p`, `p[2]` and so on: paths tell the place of an element, patterns its class. */
function isSegment(mine: string, pattern: string): boolean {
  if (pattern === '*' || mine === pattern) return true;
  const element = /^([^.#[]+)(?:[.#][^[]*)?\[\*\]$/.exec(pattern)?.[1];
  return element !== undefined && mine.replace(/\[\d+\]$/, '') === element;
}
