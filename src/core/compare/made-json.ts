import type { JsonNode } from './json.ts';

const NO_KEYS: readonly string[] = [];
const NO_ITEMS: readonly JsonNode[] = [];

/** Nodes for formats that are compared as if they were JSON: rows, fields, records. */
export function textNode(text: string): JsonNode {
  return { kind: 'string', text, keys: NO_KEYS, items: NO_ITEMS, hash: 0 };
}

export function listNode(items: readonly JsonNode[]): JsonNode {
  return { kind: 'array', text: '', keys: NO_KEYS, items, hash: 0 };
}

/** `keys` and `items` have one length; keys may repeat. */
export function objectNode(keys: readonly string[], items: readonly JsonNode[]): JsonNode {
  return { kind: 'object', text: '', keys, items, hash: 0 };
}
