import type { JsonNode } from '../../../src/core/compare/json.ts';
import { objectNode } from '../../../src/core/mutation/json-edit.ts';
import type { Random } from '../random.ts';

/** One answer being made: the same data for a request's number, noise of its own for every reading. */
export interface Reading {
  /** Which request; the data are a function of it. */
  readonly n: number;
  /** When the client's request arrived, ms since the epoch. */
  readonly at: number;
  /** When this side answered. */
  readonly now: number;
  /** This reading's own stream. */
  readonly random: Random;
}

export type Medium = 'json' | 'html' | 'text';

/** Where a page shows a noisy value. */
export type HtmlPlace = 'text' | 'attribute' | 'field' | 'script';

/** An answer before it is written down. */
export interface Draft {
  tree: JsonNode;
  headers: [name: string, value: string][];
  /** Texts that are noise, in the order they stand: a planted fault that leaves them alone lies outside the noise. */
  noise: string[];
  /** Content coding of the body. */
  coding?: 'gzip' | 'br' | 'deflate';
  /** Spaces that JSON is indented by. */
  indent?: number;
  /** The body as sent is cut or broken after coding. */
  damaged?: boolean;
  /** Member that holds noise, and where a page shows it. */
  key?: string;
  readonly place: HtmlPlace;
  /** Whether noise goes into every element of the main list. */
  readonly repeated: boolean;
}

/** What a fault remembers from one exchange to the next: what is frozen must be the same each time. */
export type Memory = Map<string, JsonNode>;

/** The tree with the same change made to each object that takes noise: the elements of its main list, or the root. */
export function intoObjects(draft: Draft, change: (object: JsonNode, at: number) => JsonNode): void {
  let count = 0;
  const visit = (node: JsonNode): JsonNode => {
    if (node.kind === 'array') return { ...node, items: node.items.map(visit), hash: 0 };
    return node.kind === 'object' ? change(node, count++) : node;
  };
  const { tree, repeated } = draft;
  if (tree.kind === 'array') draft.tree = visit(tree);
  else if (!repeated) draft.tree = change(tree, 0);
  else {
    const at = tree.keys.findIndex((_, i) => isObjectList(tree.items[i] as JsonNode)); // one length
    if (at < 0) draft.tree = change(tree, 0);
    else draft.tree = objectNode(tree.keys, tree.items.toSpliced(at, 1, visit(tree.items[at] as JsonNode))); // found above
  }
}

export function isObjectList(node: JsonNode): boolean {
  return node.kind === 'array' && node.items.length > 0 && node.items.every((item) => item.kind === 'object');
}

export function withMember(object: JsonNode, key: string, value: JsonNode): JsonNode {
  return objectNode([...object.keys, key], [...object.items, value]);
}
