import type { EndpointId } from './cell.ts';
import { isLiteral, MAX_SEGMENTS, mergedLabel } from './path-shape.ts';

/** Names a node may have beside each other; with one more they are values, and become one `{name}`. */
export const MAX_NAMES = 20;

/** What `FoundTrie` tells when endpoints became one. */
export type OnMerge = (from: readonly EndpointId[], into: EndpointId) => void;

interface End {
  readonly id: EndpointId;
  /** While a merge goes on: the endpoints that are now this one. */
  olds: EndpointId[] | undefined;
}

interface Node {
  readonly children: Map<string, Node>;
  /** How many of the children are names. */
  names: number;
  /** Its names have been merged; every name that comes goes to `{name}`. */
  merged: boolean;
  end: End | undefined;
}

/**
 * Endpoints learned from paths, as a trie of labels per method.
 * Bounded: at most `maxFound` endpoints, each of at most 32 labels of at most 64 characters (before encoding).
 * Merging never adds endpoints, so a trie that is full still learns which names are values.
 */
export class FoundTrie {
  readonly #maxFound: number;
  readonly #onMerge: OnMerge;
  readonly #roots = new Map<string, Node>();
  readonly #touched = new Set<End>();
  #count = 0;

  constructor(maxFound: number, onMerge: OnMerge) {
    this.#maxFound = maxFound;
    this.#onMerge = onMerge;
  }

  /** How many endpoints there are. */
  get count(): number {
    return this.#count;
  }

  /**
   * The endpoint of a path given by its labels, learned if it is new; undefined where there is no room for it.
   * @param room How many more endpoints than those in here count against the bound.
   */
  match(method: string, labels: readonly string[], room = 0): EndpointId | undefined {
    if (labels.length > MAX_SEGMENTS) return undefined;
    const known = this.#lookup(method, labels);
    if (known !== undefined) return known;
    if (this.#count + room >= this.#maxFound && !this.#makeRoom(method, labels)) return undefined;
    const merged = this.#lookup(method, labels);
    if (merged !== undefined) return merged;
    if (this.#count + room >= this.#maxFound) return undefined;
    const end = this.#place(method, labels, []);
    this.#tellMerges();
    return end.id;
  }

  /** Every endpoint, in no particular order. */
  ids(): EndpointId[] {
    const ids: EndpointId[] = [];
    for (const root of this.#roots.values()) collect(root, [], (_labels, end) => ids.push(end.id));
    return ids;
  }

  #lookup(method: string, labels: readonly string[]): EndpointId | undefined {
    let node = this.#roots.get(method);
    for (let i = 0; i < labels.length && node !== undefined; i++) {
      node = node.children.get(labelAt(node, labels, i));
    }
    return node?.end?.id;
  }

  /** Merges the first full node in the way of a path that is not known; false where there is none. */
  #makeRoom(method: string, labels: readonly string[]): boolean {
    const root = this.#roots.get(method);
    let node = root;
    const prefix: string[] = [];
    for (let i = 0; i < labels.length && node !== undefined; i++) {
      if (overflows(node, labels[i] ?? '')) {
        this.#merge(method, prefix, node);
        this.#tellMerges();
        return true;
      }
      const label = labelAt(node, labels, i);
      prefix.push(label);
      node = node.children.get(label);
    }
    return false;
  }

  /** Walks to where a path belongs, making and merging nodes on the way, and ends it there. */
  #place(method: string, labels: readonly string[], olds: readonly EndpointId[]): End {
    let node = this.#root(method);
    const path: string[] = [];
    for (let i = 0; i < labels.length; i++) {
      if (overflows(node, labels[i] ?? '') || demandsMerge(node, labels[i] ?? '')) this.#merge(method, path, node);
      const label = labelAt(node, labels, i);
      node = childOf(node, label);
      path.push(label);
    }
    return this.#endAt(node, `${method} /${path.join('/')}`, olds);
  }

  #endAt(node: Node, name: string, olds: readonly EndpointId[]): End {
    if (node.end === undefined) {
      node.end = { id: name as EndpointId, olds: undefined }; // the one place where a found id is made
      this.#count += 1;
    } else if (olds.length > 0) {
      node.end.olds ??= [node.end.id];
    }
    if (olds.length > 0) {
      node.end.olds = [...(node.end.olds ?? []), ...olds];
      this.#touched.add(node.end);
    }
    return node.end;
  }

  /** Puts all names below a node under `{name}` (files under `{name}.ext`), together with what lies below them. */
  #merge(method: string, prefix: readonly string[], node: Node): void {
    node.merged = true;
    node.names = 0;
    const moved: { labels: readonly string[]; olds: readonly EndpointId[] }[] = [];
    for (const [label, child] of node.children) {
      if (!isLiteral(label)) continue;
      node.children.delete(label);
      collect(child, [...prefix, label], (labels, end) => {
        this.#count -= 1;
        this.#touched.delete(end);
        moved.push({ labels, olds: end.olds ?? [end.id] });
      });
    }
    for (const { labels, olds } of moved) this.#place(method, labels, olds);
  }

  #tellMerges(): void {
    for (const end of this.#touched) {
      const from = (end.olds ?? []).filter((old) => old !== end.id);
      end.olds = undefined;
      if (from.length > 0) this.#onMerge(from, end.id);
    }
    this.#touched.clear();
  }

  #root(method: string): Node {
    const root = this.#roots.get(method) ?? emptyNode();
    this.#roots.set(method, root);
    return root;
  }
}

function labelAt(node: Node, labels: readonly string[], i: number): string {
  const label = labels[i] ?? '';
  return node.merged && isLiteral(label) ? mergedLabel(label, i === labels.length - 1) : label;
}

/** Whether one more name is one too many. */
function overflows(node: Node, label: string): boolean {
  return !node.merged && isLiteral(label) && node.names >= MAX_NAMES && !node.children.has(label);
}

/** A `{name}` from elsewhere (a merge above, a snapshot) says that the names beside it are values too. */
function demandsMerge(node: Node, label: string): boolean {
  return !node.merged && label.startsWith('{name}');
}

function childOf(node: Node, label: string): Node {
  const present = node.children.get(label);
  if (present !== undefined) return present;
  const made = emptyNode();
  node.children.set(label, made);
  if (isLiteral(label)) node.names += 1;
  return made;
}

/** Visits every end at and below a node. Depth is bounded by MAX_SEGMENTS. */
function collect(node: Node, labels: readonly string[], visit: (labels: readonly string[], end: End) => void): void {
  if (node.end !== undefined) visit(labels, node.end);
  for (const [label, child] of node.children) collect(child, [...labels, label], visit);
}

function emptyNode(): Node {
  return { children: new Map(), names: 0, merged: false, end: undefined };
}
