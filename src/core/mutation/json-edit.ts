import { Budget } from '../compare/budget.ts';
import { type JsonNode, MAX_JSON_NODES, parseJson } from '../compare/json.ts';
import { BODY, indexStep, memberStep, type Path, pathText } from '../compare/path.ts';

/** One value of a document, and how to put another in its place. */
export interface JsonSpot {
  readonly path: Path;
  readonly node: JsonNode;
  /** The member's name; of an element, that of its list. */
  readonly name: string;
  /** Indices into `items` from the root. */
  readonly trail: readonly number[];
  readonly parent: JsonNode | undefined;
}

export interface JsonDocument {
  readonly root: JsonNode;
  /** Every value, the root first. */
  readonly spots: readonly JsonSpot[];
}

/** The document's values with their places; undefined for what is no JSON. */
export function readJson(text: string): JsonDocument | undefined {
  const parsed = parseJson(text, new Budget(MAX_JSON_NODES, () => false));
  if (!parsed.ok) return undefined;
  const spots: JsonSpot[] = [];
  const visit = (spot: JsonSpot): void => {
    spots.push(spot);
    const { node, path, trail } = spot;
    node.items.forEach((item, at) => {
      const key = node.keys[at];
      visit({
        node: item,
        name: key ?? spot.name,
        path: key === undefined ? indexStep(path, at) : memberStep(path, key),
        trail: [...trail, at],
        parent: node,
      });
    });
  };
  visit({ node: parsed.node, name: '', path: BODY, trail: [], parent: undefined });
  return { root: parsed.node, spots };
}

export function spotPath(spot: JsonSpot): string {
  return pathText(spot.path);
}

/** The document with another value at a place. */
export function replaced(root: JsonNode, trail: readonly number[], node: JsonNode): JsonNode {
  const [at, ...rest] = trail;
  if (at === undefined) return node;
  const items = root.items.map((item, index) => (index === at ? replaced(item, rest, node) : item));
  return { ...root, items, hash: 0 };
}

export function textNode(text: string): JsonNode {
  return leaf('string', text);
}

export function numberNode(text: string): JsonNode {
  return leaf('number', text);
}

export function leaf(kind: JsonNode['kind'], text = ''): JsonNode {
  return { kind, text, keys: [], items: [], hash: 0 };
}

export function listNode(items: readonly JsonNode[]): JsonNode {
  return { kind: 'array', text: '', keys: [], items, hash: 0 };
}

export function objectNode(keys: readonly string[], items: readonly JsonNode[]): JsonNode {
  return { kind: 'object', text: '', keys, items, hash: 0 };
}

/** JSON without white space; numbers as they were written, repeated keys and their order kept. */
export function writeJson(node: JsonNode): string {
  switch (node.kind) {
    case 'string':
      return JSON.stringify(node.text);
    case 'number':
      return node.text;
    case 'array':
      return `[${node.items.map(writeJson).join(',')}]`;
    case 'object':
      // keys and items have one length
      return `{${node.keys.map((key, at) => `${JSON.stringify(key)}:${writeJson(node.items[at] as JsonNode)}`).join(',')}}`;
    case 'null':
    case 'true':
    case 'false':
      return node.kind;
  }
}
