import type { Budget } from './budget.ts';
import { commonSubsequence } from './common-subsequence.ts';

/** How the elements of a list are told apart. */
export interface ElementOps<N> {
  /** Equal for equal elements. */
  hash(node: N): number;
  equal(a: N, b: N): boolean;
  /** 0 to 1; above 0 the two may be one element that changed. */
  similarity(a: N, b: N): number;
}

/** Which elements of two lists belong together. Indices are of the whole lists; equal elements are left out. */
export interface Alignment {
  /** Elements that belong together and are not equal: `[index in a, index in b]`. */
  readonly changed: readonly (readonly [number, number])[];
  /** Only in a. */
  readonly removed: readonly number[];
  /** Only in b. */
  readonly added: readonly number[];
  /** Whether equal elements stand in another order. */
  readonly moved: boolean;
}

/** Gaps with more pairs than this are matched by position: similarity is quadratic. */
const MAX_SIMILARITY_PAIRS = 10_000;

/**
 * Aligns two lists so that one insertion is one addition and no cascade:
 * equal ends are cut off, equal elements found by longest common subsequence over hashes,
 * and what lies between is paired by similarity.
 */
export function align<N>(a: readonly N[], b: readonly N[], ops: ElementOps<N>, budget: Budget): Alignment {
  let start = 0;
  const shorter = Math.min(a.length, b.length);
  while (start < shorter && ops.equal(a[start] as N, b[start] as N)) start++; // below both lengths
  let endA = a.length;
  let endB = b.length;
  while (endA > start && endB > start && ops.equal(a[endA - 1] as N, b[endB - 1] as N)) {
    endA--;
    endB--;
  }
  budget.spend(a.length + b.length);
  const countA = endA - start;
  const countB = endB - start;
  if (countA === 0 || countB === 0) {
    return { changed: [], removed: range(start, endA), added: range(start, endB), moved: false };
  }
  if (countA === 1 && countB === 1) return pairOrReplace(a, b, start, ops);
  return alignMiddle({ a, b, start, endA, endB }, ops, budget);
}

interface Middle<N> {
  readonly a: readonly N[];
  readonly b: readonly N[];
  readonly start: number;
  readonly endA: number;
  readonly endB: number;
}

function pairOrReplace<N>(a: readonly N[], b: readonly N[], at: number, ops: ElementOps<N>): Alignment {
  // `at` is the only index left in the middle of both.
  if (ops.similarity(a[at] as N, b[at] as N) > 0) return { changed: [[at, at]], removed: [], added: [], moved: false };
  return { changed: [], removed: [at], added: [at], moved: false };
}

function alignMiddle<N>(middle: Middle<N>, ops: ElementOps<N>, budget: Budget): Alignment {
  const { a, b, start, endA, endB } = middle;
  const hashesA = a.slice(start, endA).map((node) => ops.hash(node));
  const hashesB = b.slice(start, endB).map((node) => ops.hash(node));
  const anchors = commonSubsequence(hashesA, hashesB, budget);
  const leftA = hashesA.length - anchors.length;
  const leftB = hashesB.length - anchors.length;
  const { goneA, goneB } = findMoved(hashesA, hashesB, anchors);
  if (goneA.size === 0 && hashesA.length === hashesB.length) {
    // Lists of one length with few changes are compared place by place: a matrix, a tuple, a row.
    const places = hashesA.flatMap((hash, i) => (hash === hashesB[i] ? [] : [i]));
    if (places.length <= Math.max(leftA, leftB)) return byPlace(middle, places, ops);
  }
  const result = { changed: [] as [number, number][], removed: [] as number[], added: [] as number[] };
  let atA = 0;
  let atB = 0;
  for (const [anchorA, anchorB] of [...anchors, [hashesA.length, hashesB.length] as const]) {
    const gapA = range(start + atA, start + anchorA).filter((i) => !goneA.has(i - start));
    const gapB = range(start + atB, start + anchorB).filter((i) => !goneB.has(i - start));
    pairGap(a, b, gapA, gapB, ops, budget, result);
    atA = anchorA + 1;
    atB = anchorB + 1;
  }
  return { ...result, moved: goneA.size > 0 };
}

function byPlace<N>({ a, b, start }: Middle<N>, places: readonly number[], ops: ElementOps<N>): Alignment {
  const changed: [number, number][] = [];
  const removed: number[] = [];
  const added: number[] = [];
  for (const place of places) {
    const at = start + place;
    // Both lists have this place: their middles have one length.
    if (ops.similarity(a[at] as N, b[at] as N) > 0) changed.push([at, at]);
    else {
      removed.push(at);
      added.push(at);
    }
  }
  return { changed, removed, added, moved: false };
}

/** Elements outside the common subsequence that both lists hold: they changed their place. */
function findMoved(
  a: readonly number[],
  b: readonly number[],
  anchors: readonly (readonly [number, number])[],
): { goneA: Set<number>; goneB: Set<number> } {
  const anchoredA = new Set(anchors.map(([i]) => i));
  const anchoredB = new Set(anchors.map(([, j]) => j));
  const places = new Map<number, number[]>();
  b.forEach((hash, j) => {
    if (anchoredB.has(j)) return;
    const known = places.get(hash);
    if (known === undefined) places.set(hash, [j]);
    else known.push(j);
  });
  const goneA = new Set<number>();
  const goneB = new Set<number>();
  // From the last, taken off the ends: taking the first of a hundred thousand moves all others.
  for (const list of places.values()) list.reverse();
  a.forEach((hash, i) => {
    if (anchoredA.has(i)) return;
    const j = places.get(hash)?.pop();
    if (j === undefined) return;
    goneA.add(i);
    goneB.add(j);
  });
  return { goneA, goneB };
}

/** Pairs what lies between two anchors, in order, so that the sum of similarities is largest. */
function pairGap<N>(
  a: readonly N[],
  b: readonly N[],
  gapA: readonly number[],
  gapB: readonly number[],
  ops: ElementOps<N>,
  budget: Budget,
  result: { changed: [number, number][]; removed: number[]; added: number[] },
): void {
  if (gapA.length === 0 || gapB.length === 0 || gapA.length * gapB.length > MAX_SIMILARITY_PAIRS) {
    const both = Math.min(gapA.length, gapB.length);
    for (let i = 0; i < both; i++) result.changed.push([gapA[i] as number, gapB[i] as number]); // below both lengths
    append(result.removed, gapA, both);
    append(result.added, gapB, both);
    return;
  }
  budget.spend(gapA.length * gapB.length);
  const width = gapB.length + 1;
  // best[i * width + j]: the largest sum for gapA from i on and gapB from j on.
  const best = new Float64Array((gapA.length + 1) * width);
  const similar = new Float64Array((gapA.length + 1) * width);
  const cell = (table: Float64Array, at: number): number => table[at] as number; // every index is inside
  for (let i = gapA.length - 1; i >= 0; i--) {
    for (let j = gapB.length - 1; j >= 0; j--) {
      const at = i * width + j;
      similar[at] = ops.similarity(a[gapA[i] as number] as N, b[gapB[j] as number] as N); // indices of the lists
      const paired = cell(similar, at) > 0 ? cell(similar, at) + cell(best, at + width + 1) : 0;
      best[at] = Math.max(paired, cell(best, at + width), cell(best, at + 1));
    }
  }
  let i = 0;
  let j = 0;
  while (i < gapA.length && j < gapB.length) {
    const at = i * width + j;
    const paired = cell(similar, at) > 0 ? cell(similar, at) + cell(best, at + width + 1) : -1;
    if (paired === cell(best, at)) result.changed.push([gapA[i++] as number, gapB[j++] as number]);
    else if (cell(best, at + width) === cell(best, at)) result.removed.push(gapA[i++] as number);
    else result.added.push(gapB[j++] as number);
  }
  append(result.removed, gapA, i);
  append(result.added, gapB, j);
}

/** Pairs two lists as bags: equal elements anywhere belong together, the rest is paired by similarity. */
export function alignBag<N>(a: readonly N[], b: readonly N[], ops: ElementOps<N>, budget: Budget): Alignment {
  budget.spend(a.length + b.length);
  const hashesA = a.map((node) => ops.hash(node));
  const hashesB = b.map((node) => ops.hash(node));
  const { goneA, goneB } = findMoved(hashesA, hashesB, []);
  const moved = a.length !== b.length || hashesA.some((hash, i) => hash !== hashesB[i]);
  const restA = range(0, a.length).filter((i) => !goneA.has(i));
  const restB = range(0, b.length).filter((j) => !goneB.has(j));
  const result = { changed: [] as [number, number][], removed: [] as number[], added: [] as number[] };
  pairMostSimilar(a, b, restA, restB, ops, budget, result);
  return { ...result, moved: moved && goneA.size > 0 };
}

/** Greedy: each element takes the most similar one that is left, whatever its place. */
function pairMostSimilar<N>(
  a: readonly N[],
  b: readonly N[],
  restA: readonly number[],
  restB: readonly number[],
  ops: ElementOps<N>,
  budget: Budget,
  result: { changed: [number, number][]; removed: number[]; added: number[] },
): void {
  budget.spend(restA.length * restB.length);
  const free = new Set(restB);
  for (const i of restA) {
    let best = -1;
    let bestSimilarity = 0;
    for (const j of free) {
      const similarity = ops.similarity(a[i] as N, b[j] as N); // indices of the lists
      if (similarity > bestSimilarity) {
        best = j;
        bestSimilarity = similarity;
      }
    }
    if (best < 0) result.removed.push(i);
    else {
      result.changed.push([i, best]);
      free.delete(best);
    }
  }
  append(result.added, [...free], 0);
}

/** One by one: as arguments of one call, a hundred thousand overflow the stack. */
function append(list: number[], more: readonly number[], from: number): void {
  for (let i = from; i < more.length; i++) list.push(more[i] as number); // below the length
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
