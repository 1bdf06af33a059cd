import type { Alignment, ElementOps } from './align.ts';
import { align, alignBag } from './align.ts';
import { risingChain } from './common-subsequence.ts';
import type { Value } from './finding.ts';
import { placeOf } from './finding.ts';
import type { JsonNode } from './json.ts';
import {
  jsonEqual,
  jsonHash,
  jsonMember,
  jsonShape,
  lastMembers,
  membersByKey,
  numbersEqual,
  renderJson,
} from './json-value.ts';
import type { Path } from './path.ts';
import { indexStep, isVaryingKey, memberStep, pathPattern, pathText } from './path.ts';
import type { ListMode, WalkContext } from './walk.ts';
import { MAX_VALUE_TEXT } from './walk.ts';

/** Members that name an element, in the order they are tried. */
const ID_KEYS = ['id', '_id', 'uuid', 'key', 'sku', 'slug', 'code', 'handle', 'name', 'href', 'url'] as const;

/** Finds the differences of two JSON values. */
export function walkJson(a: JsonNode, b: JsonNode, path: Path, context: WalkContext): void {
  context.budget.spend(1);
  if (a === b) return;
  if (a.kind !== b.kind) {
    const bothBoolean = isBoolean(a) && isBoolean(b);
    emit(context, path, bothBoolean ? 'value' : 'type', a, b);
    return;
  }
  switch (a.kind) {
    case 'string':
      if (a.text !== b.text) emit(context, path, 'value', a, b);
      return;
    case 'number':
      if (a.text !== b.text && !numbersEqual(a.text, b.text)) emit(context, path, 'value', a, b);
      return;
    case 'object':
      walkObject(a, b, path, context);
      return;
    case 'array':
      walkArray(a, b, path, context);
      return;
    case 'null':
    case 'true':
    case 'false':
      return;
  }
}

function isBoolean(node: JsonNode): boolean {
  return node.kind === 'true' || node.kind === 'false';
}

function emit(
  context: WalkContext,
  path: Path,
  kind: 'removed' | 'type' | 'value' | 'added' | 'order',
  a?: JsonNode,
  b?: JsonNode,
): void {
  context.findings.add({
    place: placeOf(path),
    kind,
    ...(a === undefined ? {} : { control: jsonValue(a) }),
    ...(b === undefined ? {} : { candidate: jsonValue(b) }),
  });
}

/** A node as the value of a finding. */
export function jsonValue(node: JsonNode): Value {
  switch (node.kind) {
    case 'string':
      return { type: 'text', text: node.text };
    case 'number':
      return { type: 'number', text: node.text };
    case 'true':
    case 'false':
      return { type: 'boolean', text: node.kind };
    case 'null':
      return { type: 'null', text: 'null' };
    case 'array':
    case 'object':
      return { type: node.kind, text: renderJson(node, MAX_VALUE_TEXT), shape: jsonShape(node) };
  }
}

function walkObject(a: JsonNode, b: JsonNode, path: Path, context: WalkContext): void {
  const length = a.keys.length;
  if (length === b.keys.length) {
    let i = 0;
    while (i < length && a.keys[i] === b.keys[i]) i++;
    if (i === length) {
      walkAlike(a, b, path, context);
      return;
    }
  }
  walkUnlike(a, b, path, context);
}

/** Same keys in the same order: no map is needed. */
function walkAlike(a: JsonNode, b: JsonNode, path: Path, context: WalkContext): void {
  for (let i = 0; i < a.keys.length; i++) {
    const [left, right] = [a.items[i] as JsonNode, b.items[i] as JsonNode]; // one length
    if (left === right || (left.kind === right.kind && left.text === right.text && isLeaf(left) && isLeaf(right))) {
      context.budget.spend(1);
    } else {
      walkJson(left, right, memberStep(path, a.keys[i] as string), context); // one length
    }
  }
}

function isLeaf(node: JsonNode): boolean {
  return node.items.length === 0;
}

function walkUnlike(a: JsonNode, b: JsonNode, path: Path, context: WalkContext): void {
  const left = membersByKey(a);
  const right = membersByKey(b);
  context.budget.spend(a.keys.length + b.keys.length);
  for (const [key, other] of drawnKeys(left, right)) {
    const place = { ...placeOf(memberStep(path, key)), detail: 'key' };
    context.findings.add({ place, kind: 'value', control: keyValue(key), candidate: keyValue(other) });
    walkRepeated(left.get(key) ?? [], right.get(other) ?? [], memberStep(path, key), context);
    left.delete(key);
    right.delete(other);
  }
  for (const [key, values] of left) {
    const others = right.get(key);
    if (others === undefined) for (const value of values) emit(context, memberStep(path, key), 'removed', value);
    else walkRepeated(values, others, memberStep(path, key), context);
  }
  for (const [key, others] of right) {
    if (!left.has(key)) for (const value of others) emit(context, memberStep(path, key), 'added', undefined, value);
  }
  if (!context.keyOrder) return;
  const shared = a.keys.filter((key) => right.has(key));
  const sharedInB = b.keys.filter((key) => left.has(key));
  if (shared.length === sharedInB.length && shared.some((key, i) => key !== sharedInB[i])) {
    context.findings.add({
      place: placeOf(path),
      kind: 'order',
      control: { type: 'object', text: shared.join(', ') },
      candidate: { type: 'object', text: sharedInB.join(', ') },
    });
  }
}

const DRAWN_KEY = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^(?=.*\d)(?=.*[a-zA-Z])[\w-]{16,64}$/i;

/** Keys of one side only that are made anew for every answer, in pairs: those with equal values first, then in order. */
function drawnKeys(left: ReadonlyMap<string, JsonNode[]>, right: ReadonlyMap<string, JsonNode[]>): [string, string][] {
  const mine = [...left.keys()].filter((key) => !right.has(key) && DRAWN_KEY.test(key) && isVaryingKey(key));
  if (mine.length === 0) return [];
  const theirs = [...right.keys()].filter((key) => !left.has(key) && DRAWN_KEY.test(key) && isVaryingKey(key));
  const hashOf = (values: JsonNode[] | undefined): number => (values?.[0] === undefined ? 0 : jsonHash(values[0]));
  const free = new Map<number, string[]>();
  // From the end, so that the first is taken first.
  for (const key of theirs.toReversed()) {
    const alike = free.get(hashOf(right.get(key)));
    if (alike === undefined) free.set(hashOf(right.get(key)), [key]);
    else alike.push(key);
  }
  const pairs: [string, string][] = [];
  const rest: string[] = [];
  const used = new Set<string>();
  for (const key of mine) {
    const other = free.get(hashOf(left.get(key)))?.pop();
    if (other === undefined) rest.push(key);
    else {
      pairs.push([key, other]);
      used.add(other);
    }
  }
  const unused = theirs.filter((key) => !used.has(key));
  rest.slice(0, unused.length).forEach((key, i) => {
    pairs.push([key, unused[i] as string]); // below both lengths
  });
  return pairs;
}

function keyValue(key: string): Value {
  return { type: 'text', text: key };
}

/** The values of one key, aligned from the last, which is the one most parsers take. */
function walkRepeated(a: readonly JsonNode[], b: readonly JsonNode[], path: Path, context: WalkContext): void {
  const both = Math.min(a.length, b.length);
  for (let i = 1; i <= both; i++) {
    walkJson(a[a.length - i] as JsonNode, b[b.length - i] as JsonNode, path, context); // i is within both
  }
  for (const extra of a.slice(0, a.length - both)) emit(context, path, 'removed', extra);
  for (const extra of b.slice(0, b.length - both)) emit(context, path, 'added', undefined, extra);
}

/** How JSON values are told apart when a list is aligned. */
function jsonOps({ keyOrder, budget }: WalkContext): ElementOps<JsonNode> {
  return {
    hash: jsonHash,
    equal: (a, b) => jsonEqual(a, b, keyOrder),
    similarity: (a, b) => {
      budget.spend((a.keys.length + b.keys.length) >> 2);
      return jsonSimilarity(a, b);
    },
  };
}

/** Pairs of different kinds rank last: `1` and `"1"` are one element whose type changed, unless something better is there. */
function jsonSimilarity(a: JsonNode, b: JsonNode): number {
  if (a.kind !== b.kind) return isBoolean(a) && isBoolean(b) ? 0.5 : 0.01;
  if (a.kind !== 'object') return 0.5;
  if (a.keys.length === 0 && b.keys.length === 0) return 1;
  const memberOf = lastMembers(b);
  let shared = 0;
  let equal = 0;
  for (let i = 0; i < a.keys.length; i++) {
    const other = memberOf(a.keys[i] as string); // i is below the length
    if (other === undefined) continue;
    shared++;
    if (jsonHash(a.items[i] as JsonNode) === jsonHash(other)) equal++; // one length
  }
  const all = Math.max(a.keys.length, b.keys.length, 1);
  return 0.02 + (0.38 * shared) / all + (0.6 * equal) / all;
}

function walkArray(a: JsonNode, b: JsonNode, path: Path, context: WalkContext): void {
  if (a.items.length === 0 && b.items.length === 0) return;
  if (jsonEqual(a, b, context.keyOrder)) return;
  const mode = context.listMode(pathPattern(path), pathText(path));
  if (mode.mode === 'pick') {
    walkPick(a, b, path, context, mode);
    return;
  }
  const key = mode.mode === 'bag' && mode.key !== undefined ? mode.key : idKey(a.items, b.items);
  const keyed = key === undefined ? undefined : alignByKey(a.items, b.items, key);
  const ops = jsonOps(context);
  const aligned = keyed ?? (mode.mode === 'bag' ? alignBag : align)<JsonNode>(a.items, b.items, ops, context.budget);
  report(a, b, aligned, path, context, mode);
}

function report(
  a: JsonNode,
  b: JsonNode,
  { changed, removed, added, moved }: Alignment,
  path: Path,
  context: WalkContext,
  mode: ListMode,
): void {
  // Indices come from alignments of these very lists.
  for (const [i, j] of changed) walkJson(a.items[i] as JsonNode, b.items[j] as JsonNode, indexStep(path, i), context);
  for (const i of removed) emit(context, indexStep(path, i), 'removed', a.items[i] as JsonNode);
  for (const j of added) emit(context, indexStep(path, j), 'added', undefined, b.items[j] as JsonNode);
  if (!moved) return;
  context.findings.add({
    place: placeOf(path),
    kind: 'order',
    control: jsonValue(a),
    candidate: jsonValue(b),
    ...(mode.mode === 'bag' ? { accounted: mode.accounted } : {}),
  });
}

/** The member that names elements on both sides: there for all, unique, and known to at least half of the other side. */
function idKey(a: readonly JsonNode[], b: readonly JsonNode[]): string | undefined {
  const first = a[0] ?? b[0];
  if (first?.kind !== 'object' || a.length + b.length < 3) return undefined;
  for (const key of ID_KEYS) {
    if (!first.keys.includes(key)) continue;
    const left = namesOf(a, key);
    const right = left === undefined ? undefined : namesOf(b, key);
    if (left === undefined || right === undefined) continue;
    let shared = 0;
    for (const name of left.keys()) if (right.has(name)) shared++;
    if (shared > 0 && shared * 2 >= Math.min(left.size, right.size)) return key;
  }
  return undefined;
}

/** Index by name; undefined where an element has none or two have the same. */
function namesOf(items: readonly JsonNode[], key: string): Map<string, number> | undefined {
  const names = new Map<string, number>();
  for (let i = 0; i < items.length; i++) {
    const member = jsonMember(items[i] as JsonNode, key); // below the length
    if (member === undefined || (member.kind !== 'string' && member.kind !== 'number')) return undefined;
    names.set(`${member.kind} ${member.text}`, i);
  }
  return names.size === items.length ? names : undefined;
}

function alignByKey(a: readonly JsonNode[], b: readonly JsonNode[], key: string): Alignment | undefined {
  const left = namesOf(a, key);
  const right = namesOf(b, key);
  if (left === undefined || right === undefined) return undefined;
  const changed: [number, number][] = [];
  const removed: number[] = [];
  for (const [name, i] of left) {
    const j = right.get(name);
    if (j === undefined) removed.push(i);
    else changed.push([i, j]);
  }
  const added = [...right].filter(([name]) => !left.has(name)).map(([, j]) => j);
  const moved = risingChain(changed).length < changed.length;
  return pairReplaced(a, b, { changed, removed, added, moved });
}

/** One element gone and another there in the same place is a changed name, not a loss and a gain. */
function pairReplaced(a: readonly JsonNode[], b: readonly JsonNode[], aligned: Alignment): Alignment {
  if (a.length !== b.length || aligned.removed.length !== aligned.added.length) return aligned;
  const places = new Set(aligned.added);
  if (!aligned.removed.every((i) => places.has(i))) return aligned;
  return {
    changed: [...aligned.changed, ...aligned.removed.map((i) => [i, i] as const)],
    removed: [],
    added: [],
    moved: aligned.moved,
  };
}

/** A list whose members vary: the length stays in range and every member has a shape the control has shown. */
function walkPick(a: JsonNode, b: JsonNode, path: Path, context: WalkContext, mode: ListMode & { mode: 'pick' }): void {
  const known = new Set([...mode.shapes, ...a.items.map((item) => jsonShape(item))]);
  const seen = new Set<number>();
  const own = new Set(a.items.map(jsonHash));
  const repeats = mode.repeats === true || own.size < a.items.length;
  let passed =
    b.items.length >= Math.min(mode.min, a.items.length) && b.items.length <= Math.max(mode.max, a.items.length);
  b.items.forEach((item, j) => {
    const repeated = !repeats && seen.has(jsonHash(item));
    seen.add(jsonHash(item));
    const isStranger = !own.has(jsonHash(item)) && mode.accepts?.(item) === false;
    if (known.has(jsonShape(item)) && !repeated && !isStranger) return;
    passed = false;
    const original = a.items[j];
    if (original === undefined || repeated || isStranger) emit(context, indexStep(path, j), 'added', undefined, item);
    else walkJson(original, item, indexStep(path, j), context);
  });
  if (passed) {
    context.findings.add({
      place: placeOf(path),
      kind: 'value',
      control: jsonValue(a),
      candidate: jsonValue(b),
      accounted: mode.accounted,
    });
  } else if (b.items.length !== a.items.length) {
    emit(context, path, 'value', a, b);
  }
}
