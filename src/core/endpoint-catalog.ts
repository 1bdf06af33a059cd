import type { EndpointId } from './cell.ts';
import { FoundTrie, type OnMerge, type OnStandOut, type ValuePlace } from './found-trie.ts';
import { isLiteral, MAX_SEGMENTS, pathSegments, segmentLabel } from './path-shape.ts';
import type { EndpointOrigin } from './routing.ts';
import { TemplateTrie } from './template-trie.ts';

export interface EndpointCatalogOptions {
  /** Methods in upper case, `*` for any safe one; templates as in the configuration. */
  readonly listed: readonly { readonly method: string; readonly template: string }[];
  /** How many endpoints may be found live; what comes later is `METHOD (other)`. */
  readonly maxFound: number;
  /** Told once per endpoint that others have become. */
  readonly onMerge?: OnMerge;
  /** Told where names have become endpoints of their own; must not ask the catalogue back before it returned. */
  readonly onStandOut?: OnStandOut;
}

export interface EndpointMatch {
  readonly endpoint: EndpointId;
  readonly origin: EndpointOrigin;
}

/**
 * Says which endpoint a request belongs to: listed ones by their templates, the rest learned from the paths that come.
 *
 * Classification only: no path is ever rewritten, upstreams see what the client sent. Case matters; a trailing slash,
 * the query and how a character is percent-encoded do not. HEAD belongs to GET. Learned: segments that look like
 * values are `{id}`; a place where names keep being new, or do not look like words of an API, becomes `{name}` (`{name}.css`
 * for files), but for names that stand out there. A listed template takes a path out of what was learned.
 * A path that servers may read differently is `METHOD (unusual)`; one beyond the bound, or longer than 32 segments,
 * is `METHOD (other)`; both are of origin `unknown` and never move.
 */
export class EndpointCatalog {
  #templates: TemplateTrie;
  #trie: FoundTrie;
  readonly #maxFound: number;
  readonly #onMerge: OnMerge;
  readonly #onStandOut: OnStandOut;
  /** Listed templates seen with methods that are not listed. */
  readonly #derived = new Set<EndpointId>();

  constructor(options: EndpointCatalogOptions) {
    this.#templates = trieOf(options.listed);
    this.#maxFound = options.maxFound;
    this.#onMerge = options.onMerge ?? (() => {});
    this.#onStandOut = options.onStandOut ?? (() => {});
    this.#trie = new FoundTrie(options.maxFound, this.#onMerge, this.#onStandOut);
  }

  /**
   * Other templates are listed from here on; what was found stays known. A found endpoint whose requests a listed template
   * takes by now has become that one.
   */
  relist(listed: EndpointCatalogOptions['listed']): void {
    const learned = this.snapshot();
    this.#templates = trieOf(listed);
    this.#trie = new FoundTrie(this.#maxFound, this.#onMerge, this.#onStandOut);
    this.#derived.clear();
    this.restore(learned);
  }

  /** @param path As sent, with or without the query. */
  match(method: string, path: string): EndpointMatch {
    const segments = pathSegments(path);
    if (segments === undefined) return unknown(method, 'unusual');
    const listed = this.#templates.find(method, segments);
    if (listed !== undefined) return { endpoint: listed, origin: 'listed' };
    if (!METHODS.has(method)) return unknown(method, 'other');
    if (segments.length > MAX_SEGMENTS) return unknown(method, 'other');
    const found = this.#derive(method, segments) ?? this.#learn(method, segments);
    return found === undefined ? unknown(method, 'other') : { endpoint: found, origin: 'found' };
  }

  /** The endpoints found live, sorted. */
  found(): readonly EndpointId[] {
    return [...this.#trie.ids(), ...this.#derived].sort();
  }

  /** What was learned, as JSON; listed templates are not part of it. */
  snapshot(): unknown {
    return { version: 1, found: this.#trie.ids().sort(), places: this.#trie.places() };
  }

  /**
   * Learns a snapshot again, up to the bound. What is not well formed is left out: losing a learned name
   * costs nothing but learning it again. Endpoints whose requests a listed template takes by now have become that one.
   */
  restore(snapshot: unknown): void {
    if (typeof snapshot !== 'object' || snapshot === null || !('found' in snapshot)) return;
    if (!('version' in snapshot) || snapshot.version !== 1 || !Array.isArray(snapshot.found)) return;
    const places = 'places' in snapshot ? readPlaces(snapshot.places) : new Map<string, ValuePlace>();
    for (const id of snapshot.found as unknown[]) {
      const [, method = '', path = ''] = (typeof id === 'string' && /^([A-Z]+) \/(.*)$/.exec(id)) || [];
      const labels = path === '' ? [] : path.split('/');
      if (!METHODS.has(method) || !labels.every(isLabel)) continue;
      const listed = this.#templates.find(method, labels);
      if (listed === undefined) this.#trie.restore(method, labels, places);
      else if (listed !== id) this.#onMerge([id as EndpointId], listed); // it was one when it was saved
    }
  }

  #learn(method: string, segments: readonly string[]): EndpointId | undefined {
    const labels = segments.map((segment, i) => segmentLabel(segment, i === segments.length - 1));
    return this.#trie.match(asGet(method), labels, this.#derived.size);
  }

  /** A listed template tells the shape of a path, whatever the method. */
  #derive(method: string, segments: readonly string[]): EndpointId | undefined {
    const template = this.#templates.findTemplate(segments);
    // A rest takes everything: it tells no shape.
    if (template === undefined || template.endsWith('*}')) return undefined;
    const id = `${asGet(method)} ${template}` as EndpointId; // the same form as a listed id
    if (this.#derived.has(id)) return id;
    if (this.#trie.count + this.#derived.size >= this.#maxFound) return undefined;
    this.#derived.add(id);
    return id;
  }
}

function trieOf(listed: EndpointCatalogOptions['listed']): TemplateTrie {
  const trie = new TemplateTrie();
  for (const { method, template } of listed) trie.add(method, template);
  return trie;
}

/** Any other method is counted in one place: methods are the client's to invent (RFC 9110, section 9.1). */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH'],
]);

function unknown(method: string, why: 'unusual' | 'other'): EndpointMatch {
  const name = METHODS.has(method) ? asGet(method) : 'OTHER';
  return { endpoint: `${name} (${why})` as EndpointId, origin: 'unknown' }; // bounded: methods × 2
}

function asGet(method: string): string {
  return method === 'HEAD' ? 'GET' : method;
}

/** Places by method and labels, as in a snapshot; what is none is left out. */
function readPlaces(saved: unknown): Map<string, ValuePlace> {
  const places = new Map<string, ValuePlace>();
  for (const place of Array.isArray(saved) ? (saved as unknown[]) : []) {
    if (typeof place !== 'object' || place === null || !('at' in place && 'value' in place && 'all' in place)) continue;
    const { at, value, all } = place;
    if (typeof at !== 'string' || typeof all !== 'boolean' || (value !== '{id}' && value !== '{name}')) continue;
    places.set(at, { at, value, all });
  }
  return places;
}

/** A label as the catalogue writes it. */
function isLabel(label: string): boolean {
  return isLiteral(label)
    ? label !== '' && label.length <= 1024 && !/[\s{}]/.test(label)
    : /^\{(?:id|name)\}(?:\.[a-z0-9]{1,11})?$/.test(label);
}
