import type { EndpointId } from './cell.ts';
import { type End, FoundNode, NAMES_WORTH_MERGING, type ValueLabel } from './found-node.ts';
import { isLiteral, looksOdd, MAX_SEGMENTS } from './path-shape.ts';

/** What `FoundTrie` tells when endpoints became one. */
export type OnMerge = (from: readonly EndpointId[], into: EndpointId) => void;

/**
 * What `FoundTrie` tells when names stand out among values: from now on they are endpoints of their own. `template` is how
 * the ids of endpoints begin whose requests they were.
 */
export type OnStandOut = (template: string) => void;

/** A place where names are values, for a snapshot: method and labels, what values are called, and whether all names are. */
export interface ValuePlace {
  readonly at: string;
  readonly value: ValueLabel;
  readonly all: boolean;
}

/** Names taken for values that are remembered in all, to find those among them that are none; about 3 MiB. */
const MAX_REMEMBERED = 20_000;

/**
 * Endpoints learned from paths, as a trie of labels per method.
 * Bounded: at most `maxFound` endpoints, each of at most 32 labels of at most 64 characters (before encoding).
 * Merging never adds endpoints, so a trie that is full still learns which names are values.
 * A name that stands out among values gets an endpoint of its own, which is told.
 */
export class FoundTrie {
  readonly #maxFound: number;
  readonly #onMerge: OnMerge;
  readonly #onStandOut: OnStandOut;
  readonly #roots = new Map<string, FoundNode>();
  readonly #touched = new Set<End>();
  #count = 0;
  #remembered = 0;

  constructor(maxFound: number, onMerge: OnMerge, onStandOut: OnStandOut = () => {}) {
    this.#maxFound = maxFound;
    this.#onMerge = onMerge;
    this.#onStandOut = onStandOut;
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
    if (known !== undefined) {
      this.#note(method, labels);
      return known;
    }
    const isFull = (): boolean => this.#count + room >= this.#maxFound;
    if (isFull() && !this.#makeRoom(method, labels)) return undefined;
    const merged = this.#lookup(method, labels);
    if (merged !== undefined) return merged;
    if (isFull()) return undefined;
    this.#place(method, labels);
    this.#tellMerges();
    return this.#lookup(method, labels);
  }

  /** Every endpoint, in no particular order. */
  ids(): EndpointId[] {
    const ids: EndpointId[] = [];
    for (const root of this.#roots.values()) walk(root, '', (node) => node.end !== undefined && ids.push(node.end.id));
    return ids;
  }

  /** The places where names are values. */
  places(): ValuePlace[] {
    const places: ValuePlace[] = [];
    for (const [method, root] of this.#roots) {
      walk(root, `${method} `, ({ value, all }, at) => value !== undefined && places.push({ at, value, all }));
    }
    return places;
  }

  /** Learns an endpoint and the places in it as they were saved; false where there is no room. */
  restore(method: string, labels: readonly string[], places: ReadonlyMap<string, ValuePlace>): boolean {
    if (this.#count >= this.#maxFound || labels.length > MAX_SEGMENTS) return false;
    let node = this.#root(method);
    let at = `${method} `;
    for (const label of labels) {
      const place = places.get(at);
      if (place !== undefined) [node.value, node.all] = [place.value, place.all];
      // Before places were saved, a `{name}` said that all names are values.
      else if (label.startsWith('{name}')) [node.value, node.all] = ['{name}', true];
      node = node.child(label);
      at += `/${label}`;
    }
    this.#endAt(node, `${method} /${labels.join('/')}`, []);
    return true;
  }

  #lookup(method: string, labels: readonly string[]): EndpointId | undefined {
    let node = this.#roots.get(method);
    for (let i = 0; i < labels.length && node !== undefined; i++) {
      node = node.children.get(node.labelFor(labels[i] ?? '', i === labels.length - 1));
    }
    return node?.end?.id;
  }

  /** Counts a request of a path that is known, and looks out for names among values. */
  #note(method: string, labels: readonly string[]): void {
    let node = this.#root(method);
    for (const [i, label] of labels.entries()) {
      const present = node.labelFor(label, i === labels.length - 1);
      if (isLiteral(present)) node.named += 1;
      else if (isLiteral(label) && !looksOdd(label) && this.#noteTaken(node, label))
        this.#onStandOut(`${this.#template(method, labels.slice(0, i))}/${node.value ?? ''}`);
      node = node.child(present);
      node.hits += 1;
    }
  }

  /** Places where something stands out (true) get a child for it; the endpoints below are made as requests come. */
  #noteTaken(node: FoundNode, label: string): boolean {
    const before = node.takenNames;
    const standing = node.noteTaken(label, this.#remembered < MAX_REMEMBERED);
    for (const name of standing) node.child(name);
    this.#remembered += node.takenNames - before;
    return standing.size > 0;
  }

  /** How ids of endpoints begin that lie below a path, which is known. */
  #template(method: string, labels: readonly string[]): string {
    let node: FoundNode | undefined = this.#roots.get(method);
    let at = `${method} `;
    for (const label of labels) {
      const present: string = node?.labelFor(label, false) ?? label;
      node = node?.children.get(present);
      at += `/${present}`;
    }
    return at;
  }

  /** Merges the first full node in the way of a path that is not known; false where there is none. */
  #makeRoom(method: string, labels: readonly string[]): boolean {
    let node = this.#roots.get(method);
    const path: string[] = [];
    for (let i = 0; i < labels.length && node !== undefined; i++) {
      const isNew = isLiteral(labels[i] ?? '') && !node.children.has(labels[i] ?? '');
      if (isNew && !node.all && node.plain + node.odd >= NAMES_WORTH_MERGING) {
        this.#merge(method, path, node, true);
        this.#tellMerges();
        return true;
      }
      const label = node.labelFor(labels[i] ?? '', i === labels.length - 1);
      path.push(label);
      node = node.children.get(label);
    }
    return false;
  }

  /** Walks to where a path belongs, making and merging nodes on the way, and ends it there. */
  #place(method: string, labels: readonly string[]): void {
    let node = this.#root(method);
    const path: string[] = [];
    for (const [i, given] of labels.entries()) {
      const isLast = i === labels.length - 1;
      this.#settle(method, path, node, given);
      this.#join(method, path, { node, name: given, next: labels[i + 1] });
      const label = node.labelFor(given, isLast);
      if (isLiteral(label)) node.named += 1;
      node = node.child(label);
      node.hits += 1;
      path.push(label);
    }
    this.#endAt(node, `${method} /${path.join('/')}`, []);
  }

  /** Lets a name go to the values beside it when what comes after it comes after them too, and files that are none. */
  #join(
    method: string,
    path: readonly string[],
    at: { node: FoundNode; name: string; next: string | undefined },
  ): void {
    const { node, name, next } = at;
    if (node.value === undefined || next === undefined) return;
    if (node.isLikeValues(name, next)) this.#giveUp(method, path, node, name);
    for (const file of node.misplacedFiles()) this.#moveOut(method, path, node, file);
  }

  /** A name that stood out goes to the values for good. */
  #giveUp(method: string, path: readonly string[], node: FoundNode, name: string): void {
    node.settle(name);
    this.#moveOut(method, path, node, name);
  }

  #moveOut(method: string, path: readonly string[], node: FoundNode, name: string): void {
    const child = node.children.get(name);
    if (child === undefined) return;
    node.remove(name);
    if (child.look !== 'values') node.named -= child.hits;
    this.#move(method, path, { node, name, child });
  }

  /** Merges what a name that is about to come makes too many. */
  #settle(method: string, path: readonly string[], node: FoundNode, newcomer: string): void {
    if (!isLiteral(newcomer) || node.labelFor(newcomer, false) !== newcomer || node.children.has(newcomer)) return;
    const crowd = node.crowd(newcomer);
    if (crowd !== undefined) this.#merge(method, path, node, crowd === 'all');
  }

  /** Puts names below a node under what values are called there (files with their extension), with what lies below them. */
  #merge(method: string, path: readonly string[], node: FoundNode, all: boolean): void {
    node.open(all);
    for (const name of node.mergeable()) this.#moveOut(method, path, node, name);
    for (const name of node.likeValues()) this.#giveUp(method, path, node, name);
  }

  #move(
    method: string,
    path: readonly string[],
    { node, name, child }: { node: FoundNode; name: string; child: FoundNode },
  ): void {
    const file = node.labelFor(name, true);
    const folder = node.labelFor(name, false);
    const { end } = child;
    if (end !== undefined && file !== folder) {
      child.end = undefined;
      const alone = new FoundNode(file);
      alone.end = end;
      alone.hits = child.hits;
      this.#absorb(method, [...path, file], node.child(file), alone);
      if (child.children.size === 0) return;
    }
    this.#absorb(method, [...path, folder], node.child(folder), child);
  }

  /** All of `from` becomes part of `into`. Depth is bounded by MAX_SEGMENTS. */
  #absorb(method: string, path: readonly string[], into: FoundNode, from: FoundNode): void {
    into.hits += from.hits;
    this.#remembered -= from.takenNames;
    if (from.end !== undefined) {
      this.#count -= 1;
      this.#touched.delete(from.end);
      this.#endAt(into, `${method} /${path.join('/')}`, from.end.olds ?? [from.end.id]);
    }
    if (from.value !== undefined && (into.value === undefined || (from.all && !into.all)))
      this.#merge(method, path, into, from.all);
    for (const [label, child] of from.children) {
      this.#settle(method, path, into, label);
      if (isLiteral(label) && into.labelFor(label, false) !== label) {
        this.#move(method, path, { node: into, name: label, child });
        continue;
      }
      const name = into.labelFor(label, true);
      if (isLiteral(name)) into.named += child.hits;
      this.#absorb(method, [...path, name], into.child(name), child);
    }
  }

  #endAt(node: FoundNode, name: string, olds: readonly EndpointId[]): void {
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
  }

  #tellMerges(): void {
    for (const end of this.#touched) {
      const from = (end.olds ?? []).filter((old) => old !== end.id);
      end.olds = undefined;
      if (from.length > 0) this.#onMerge(from, end.id);
    }
    this.#touched.clear();
  }

  #root(method: string): FoundNode {
    const root = this.#roots.get(method) ?? new FoundNode('');
    this.#roots.set(method, root);
    return root;
  }
}

/** Visits a node and all below it. Depth is bounded by MAX_SEGMENTS. */
function walk(node: FoundNode, at: string, visit: (node: FoundNode, at: string) => void): void {
  visit(node, at);
  for (const [label, child] of node.children) walk(child, `${at}/${label}`, visit);
}
