import { align, type ElementOps } from './align.ts';
import { placeOf } from './finding.ts';
import type { JsonNode } from './json.ts';
import { jsonEqual, jsonHash, lastMembers } from './json-value.ts';
import { listNode } from './made-json.ts';
import { indexStep, type Path } from './path.ts';
import type { ReadRecord } from './records.ts';
import type { WalkContext } from './walk.ts';
import { jsonValue, walkJson } from './walk-json.ts';

/** Records on either side up to which they are one list, with everything a list may be: keyed, unordered, varying. */
const ONE_LIST = 5_000;
/** Longer bodies are read and aligned by so many records at a time, so that what is held at once stays small. */
const WINDOW = 1_000;

/** Finds the differences of two sequences of records; `path` is the list's. */
export function walkRecords(
  a: readonly string[],
  b: readonly string[],
  read: ReadRecord,
  path: Path,
  context: WalkContext,
): void {
  context.budget.spend(a.length + b.length);
  if (a.length > ONE_LIST || b.length > ONE_LIST) {
    walkWindows(a, b, read, path, context);
    return;
  }
  const nodes = (texts: readonly string[]): JsonNode => listNode(texts.map((text) => read(text, context.budget)));
  walkJson(nodes(a), nodes(b), path, context);
}

/**
 * Window by window: what a window leaves unpaired at its end is carried into the next, so that records that only one side
 * has shift nothing, as long as there are fewer than half a window of them in one place.
 */
function walkWindows(
  a: readonly string[],
  b: readonly string[],
  read: ReadRecord,
  path: Path,
  context: WalkContext,
): void {
  const ops: ElementOps<JsonNode> = {
    hash: jsonHash,
    equal: (x, y) => jsonEqual(x, y, context.keyOrder),
    similarity: (one, other) => {
      context.budget.spend((one.keys.length + other.keys.length) >> 2);
      return recordSimilarity(one, other);
    },
  };
  let atA = 0;
  let atB = 0;
  while (atA < a.length || atB < b.length) {
    if (atA < a.length && a[atA] === b[atB]) {
      atA++;
      atB++;
      continue;
    }
    const left = a.slice(atA, atA + WINDOW).map((text) => read(text, context.budget));
    const right = b.slice(atB, atB + WINDOW).map((text) => read(text, context.budget));
    const found = align<JsonNode>(left, right, ops, context.budget);
    const isLast = atA + WINDOW >= a.length && atB + WINDOW >= b.length;
    const endA = isLast ? left.length : left.length - carried(found.removed, left.length);
    const endB = isLast ? right.length : right.length - carried(found.added, right.length);
    // Indices come from an alignment of these very windows.
    for (const [i, j] of found.changed)
      walkJson(left[i] as JsonNode, right[j] as JsonNode, indexStep(path, atA + i), context);
    for (const i of found.removed) {
      if (i >= endA) continue;
      context.findings.add({
        place: placeOf(indexStep(path, atA + i)),
        kind: 'removed',
        control: jsonValue(left[i] as JsonNode),
      });
    }
    for (const j of found.added) {
      if (j >= endB) continue;
      context.findings.add({
        place: placeOf(indexStep(path, atB + j)),
        kind: 'added',
        candidate: jsonValue(right[j] as JsonNode),
      });
    }
    if (found.moved) {
      context.findings.add({
        place: placeOf(path),
        kind: 'order',
        control: jsonValue(listNode(left)),
        candidate: jsonValue(listNode(right)),
      });
    }
    atA += endA;
    atB += endB;
  }
}

/** How many unpaired records at a window's end go into the next one: none where that would leave less than half of it done. */
function carried(unpaired: readonly number[], length: number): number {
  const all = new Set(unpaired);
  let count = 0;
  while (all.has(length - 1 - count)) count++;
  return count > WINDOW / 2 ? 0 : count;
}

/** Share of members with equal values; a little for one kind, next to nothing for two. */
function recordSimilarity(a: JsonNode, b: JsonNode): number {
  if (a.kind !== b.kind) return 0.01;
  if (a.kind !== 'object') return 0.3;
  const memberOf = lastMembers(b);
  let equal = 0;
  for (const [at, key] of a.keys.entries()) {
    const other = memberOf(key);
    if (other !== undefined && jsonHash(a.items[at] as JsonNode) === jsonHash(other)) equal++; // one length
  }
  return 0.05 + (0.9 * equal) / Math.max(1, a.keys.length, b.keys.length);
}
