import type { JsonNode } from '../compare/json.ts';
import { jsonEqual, jsonMember } from '../compare/json-value.ts';
import { indexStep, memberStep, pathText } from '../compare/path.ts';
import { editable, withBody } from './answer-edit.ts';
import {
  type JsonSpot,
  leaf,
  listNode,
  numberNode,
  objectNode,
  readJson,
  replaced,
  textNode,
  writeJson,
} from './json-edit.ts';
import { firstOf, type Mutator, type Random } from './mutator.ts';

/** What becomes of one value, and where a difference will be seen if not at the value itself. */
interface Change {
  readonly node: JsonNode;
  readonly path?: string;
}

function jsonMutator(
  name: string,
  fault: string,
  change: (spot: JsonSpot, random: Random) => Change | undefined,
): Mutator {
  return {
    name,
    fault,
    plant(answer, random) {
      const body = editable(answer);
      const document = body?.format === 'json' ? readJson(body.text) : undefined;
      if (document === undefined) return undefined;
      return firstOf(document.spots, random, (spot) => {
        const changed = change(spot, random);
        if (changed === undefined) return undefined;
        const root = replaced(document.root, spot.trail, changed.node);
        return { answer: withBody(answer, writeJson(root)), path: changed.path ?? pathText(spot.path) };
      });
    },
  };
}

/** One member of an object, drawn; a repeated name is left alone, because which of them counts is not said. */
function memberOf({ node }: JsonSpot, random: Random): number | undefined {
  if (node.kind !== 'object' || node.keys.length === 0) return undefined;
  const at = Math.floor(random() * node.keys.length);
  return node.keys.filter((key) => key === node.keys[at]).length === 1 ? at : undefined;
}

function without<T>(list: readonly T[], at: number): T[] {
  return list.toSpliced(at, 1);
}

/** A list of at least so many elements. */
function listOf({ node }: JsonSpot, least: number): readonly JsonNode[] | undefined {
  return node.kind === 'array' && node.items.length >= least ? node.items : undefined;
}

/** The elements turned round; undefined where that changes nothing. */
function reversed(spot: JsonSpot): Change | undefined {
  const items = listOf(spot, 2);
  if (items === undefined) return undefined;
  const node = listNode(items.toReversed());
  return jsonEqual(spot.node, node, false) ? undefined : { node };
}

const ID_NAMES = ['id', '_id', 'uuid', 'key', 'sku', 'slug', 'code'];

/** Two elements with the id of the first. */
function collided(spot: JsonSpot, random: Random): Change | undefined {
  const items = listOf(spot, 2);
  if (items === undefined) return undefined;
  const at = 1 + Math.floor(random() * (items.length - 1));
  const [first, other] = [items[0] as JsonNode, items[at] as JsonNode]; // two at least
  const name = ID_NAMES.find((key) => first.keys.includes(key) && other.keys.includes(key));
  const id = name === undefined ? undefined : jsonMember(first, name);
  if (name === undefined || id === undefined || jsonEqual(id, jsonMember(other, name) ?? id, false)) return undefined;
  const changed = objectNode(other.keys, other.items.toSpliced(other.keys.lastIndexOf(name), 1, id));
  return {
    node: listNode(items.toSpliced(at, 1, changed)),
    path: pathText(memberStep(indexStep(spot.path, at), name)),
  };
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/i;
/** A uuid of version 4 that a program gives to everything. */
const ONE_UUID = 'c0ffee00-0000-4000-8000-c0ffee000001';

/** Faults of the structure and the types of a JSON document. */
export const JSON_FAULTS: readonly Mutator[] = [
  jsonMutator('field-dropped', 'A member of an object is missing.', (spot, random) => {
    const at = memberOf(spot, random);
    if (at === undefined) return undefined;
    const { keys, items } = spot.node;
    return {
      node: objectNode(without(keys, at), without(items, at)),
      path: pathText(memberStep(spot.path, keys[at] ?? '')),
    };
  }),
  jsonMutator('field-added', 'An object has a member that should not be there.', ({ node, path }) => {
    if (node.kind !== 'object') return undefined;
    const name = node.keys.includes('debug') ? 'debugInfo' : 'debug';
    if (node.keys.includes(name)) return undefined;
    return {
      node: objectNode([...node.keys, name], [...node.items, leaf('true')]),
      path: pathText(memberStep(path, name)),
    };
  }),
  jsonMutator('field-nulled', 'A value is null.', ({ node, trail }) =>
    node.kind === 'null' || trail.length === 0 ? undefined : { node: leaf('null') },
  ),
  jsonMutator('field-renamed', 'A member of an object has another name.', (spot, random) => {
    const at = memberOf(spot, random);
    const name = at === undefined ? undefined : otherStyle(spot.node.keys[at] ?? '');
    if (at === undefined || name === undefined || spot.node.keys.includes(name)) return undefined;
    const { keys, items } = spot.node;
    return {
      node: objectNode(keys.toSpliced(at, 1, name), items),
      path: pathText(memberStep(spot.path, keys[at] ?? '')),
    };
  }),
  jsonMutator('number-as-text', 'A number is written as a text.', ({ node }) =>
    node.kind === 'number' ? { node: textNode(node.text) } : undefined,
  ),
  jsonMutator('text-as-number', 'A text of digits is written as a number.', ({ node }) =>
    node.kind === 'string' && /^(0|-?[1-9]\d{0,30})(\.\d{1,12})?$/.test(node.text)
      ? { node: numberNode(node.text) }
      : undefined,
  ),
  jsonMutator('boolean-flipped', 'True is false, or false is true.', ({ node }) =>
    node.kind === 'true' || node.kind === 'false' ? { node: leaf(node.kind === 'true' ? 'false' : 'true') } : undefined,
  ),
  jsonMutator('order-lost', 'A list comes in another order.', reversed),
  jsonMutator('element-duplicated', 'An element of a list is there twice.', (spot, random) => {
    const items = listOf(spot, 1);
    if (items === undefined) return undefined;
    const at = Math.floor(random() * items.length);
    const twice = items.toSpliced(at, 0, items[at] as JsonNode); // below the length
    return { node: listNode(twice), path: pathText(indexStep(spot.path, at + 1)) };
  }),
  jsonMutator('element-missing', 'An element of a list is missing.', (spot, random) => {
    const items = listOf(spot, 1);
    if (items === undefined) return undefined;
    const at = Math.floor(random() * items.length);
    return { node: listNode(without(items, at)), path: pathText(indexStep(spot.path, at)) };
  }),
  jsonMutator('list-emptied', 'A list is empty.', (spot) =>
    listOf(spot, 1) === undefined ? undefined : { node: listNode([]) },
  ),
  jsonMutator('id-collision', 'Two elements of a list have one id.', collided),
  jsonMutator('same-uuid', 'A uuid is the same one for everything.', ({ node }) =>
    node.kind === 'string' && UUID.test(node.text) && node.text !== ONE_UUID ? { node: textNode(ONE_UUID) } : undefined,
  ),
];

/** `createdAt` for `created_at` and the other way round; another word where a name has one part. */
function otherStyle(key: string): string | undefined {
  if (key === '') return undefined;
  if (/[a-z\d]_[a-z]/i.test(key)) return key.replaceAll(/_([a-z])/gi, (_, letter: string) => letter.toUpperCase());
  if (/[a-z\d][A-Z]/.test(key))
    return key.replaceAll(/([a-z\d])([A-Z])/g, (_, a: string, b: string) => `${a}_${b.toLowerCase()}`);
  return `${key}Value`;
}
