import type { EndpointId } from './cell.ts';
import { isSafeMethod } from './safe-request.ts';

interface Node {
  readonly statics: Map<string, Node>;
  param: Node | undefined;
  /** Endpoints that end here, by method. */
  readonly ends: Map<string, Listed>;
  /** Endpoints whose `{rest*}` begins here, by method. */
  readonly rests: Map<string, Listed>;
}

interface Listed {
  readonly id: EndpointId;
  readonly template: string;
}

/**
 * Listed templates: `{name}` takes one segment, `{name*}` as the last takes all that follow, none included.
 * At each segment, from the left, a fixed one beats `{name}`, which beats `{rest*}`; where a branch ends without the
 * method, the next is tried. A match visits each node at most once, so its cost is bounded by the list.
 */
export class TemplateTrie {
  readonly #root: Node = emptyNode();

  /** Of two templates that match the same paths, the first added counts. */
  add(method: string, template: string): void {
    const segments = template.split('/').slice(1);
    if (segments.at(-1) === '') segments.pop();
    const listed = { id: `${method} ${template}` as EndpointId, template }; // the one place where a listed id is made
    let node = this.#root;
    for (const [i, segment] of segments.entries()) {
      if (i === segments.length - 1 && /^\{[^{}]*\*\}$/.test(segment)) {
        addOnce(node.rests, method, listed);
        return;
      }
      node = step(node, segment);
    }
    addOnce(node.ends, method, listed);
  }

  /** The endpoint of a method and a path's decoded segments. HEAD falls back to GET; `*` takes any safe method. */
  find(method: string, segments: readonly string[]): EndpointId | undefined {
    const methods = isSafeMethod(method) ? [method, ...(method === 'HEAD' ? ['GET'] : []), '*'] : [method];
    return visit({ node: this.#root, segments, depth: 0 }, (ends) => {
      for (const wanted of methods) {
        const listed = ends.get(wanted);
        if (listed !== undefined) return listed;
      }
      return undefined;
    })?.id;
  }

  /** The template a path fits under any method: `POST /users/7` is known by shape where only `GET /users/{id}` is listed. */
  findTemplate(segments: readonly string[]): string | undefined {
    return visit({ node: this.#root, segments, depth: 0 }, (ends) => ends.values().next().value)?.template;
  }
}

interface Place {
  readonly node: Node;
  readonly segments: readonly string[];
  readonly depth: number;
}

type Choose = (ends: Map<string, Listed>) => Listed | undefined;

/** Depth first, most specific branch first. */
function visit(place: Place, choose: Choose): Listed | undefined {
  const { node, segments, depth } = place;
  const segment = segments[depth];
  if (segment === undefined) return choose(node.ends) ?? choose(node.rests);
  const fixed = node.statics.get(segment);
  return (
    (fixed && visit({ node: fixed, segments, depth: depth + 1 }, choose)) ??
    (node.param && visit({ node: node.param, segments, depth: depth + 1 }, choose)) ??
    choose(node.rests)
  );
}

function step(node: Node, segment: string): Node {
  if (/^\{.*\}$/.test(segment)) {
    node.param ??= emptyNode();
    return node.param;
  }
  const name = decodeLeniently(segment);
  const present = node.statics.get(name) ?? emptyNode();
  node.statics.set(name, present);
  return present;
}

function addOnce(ends: Map<string, Listed>, method: string, listed: Listed): void {
  if (!ends.has(method)) ends.set(method, listed);
}

function emptyNode(): Node {
  return { statics: new Map(), param: undefined, ends: new Map(), rests: new Map() };
}

/** Templates may be written either way: `/café` or `/caf%C3%A9`. */
function decodeLeniently(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
