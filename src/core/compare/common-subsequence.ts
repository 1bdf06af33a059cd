import type { Budget } from './budget.ts';

/** Edits up to which the longest common subsequence is exact; beyond, anchors that occur once are used. */
const MAX_EDITS = 300;

/**
 * Index pairs of a common subsequence of two lists of hashes, in order.
 * Longest by the greedy O(ND) method (Myers 1986) as long as no more than 300 edits lie between them;
 * beyond that, the longest rising chain of elements which occur exactly once in both (patience), which is linear.
 */
export function commonSubsequence(
  a: readonly number[],
  b: readonly number[],
  budget: Budget,
): (readonly [number, number])[] {
  return myers(a, b, budget) ?? patience(a, b, budget);
}

function myers(a: readonly number[], b: readonly number[], budget: Budget): (readonly [number, number])[] | undefined {
  const limit = Math.min(MAX_EDITS, a.length + b.length);
  const offset = limit + 1;
  const furthest = new Int32Array(2 * limit + 3);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= limit; edits++) {
    trace.push(furthest.slice());
    budget.spend(edits + 1);
    for (let k = -edits; k <= edits; k += 2) {
      // furthest[offset + k]: how far along `a` the best path on diagonal k (i - j) reaches; k stays inside the array.
      const left = furthest[offset + k - 1] as number;
      const right = furthest[offset + k + 1] as number;
      let i = k === -edits || (k !== edits && left < right) ? right : left + 1;
      while (i < a.length && i - k < b.length && a[i] === b[i - k]) i++;
      furthest[offset + k] = i;
      if (i >= a.length && i - k >= b.length) return backtrack(a, b, trace, offset, edits);
    }
  }
  return undefined;
}

function backtrack(
  a: readonly number[],
  b: readonly number[],
  trace: readonly Int32Array[],
  offset: number,
  edits: number,
): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  let i = a.length;
  let j = b.length;
  for (let d = edits; d >= 0; d--) {
    const furthest = trace[d] as Int32Array; // one per edit count
    const k = i - j;
    const left = furthest[offset + k - 1] as number; // inside, as above
    const right = furthest[offset + k + 1] as number;
    const down = k === -d || (k !== d && left < right);
    const previousK = down ? k + 1 : k - 1;
    const previousI = d === 0 ? 0 : (furthest[offset + previousK] as number);
    const previousJ = d === 0 ? 0 : previousI - previousK;
    while (i > previousI && j > previousJ) pairs.push([--i, --j]);
    i = previousI;
    j = previousJ;
  }
  return pairs.reverse();
}

function patience(a: readonly number[], b: readonly number[], budget: Budget): (readonly [number, number])[] {
  budget.spend(a.length + b.length);
  const inA = uniquePlaces(a);
  const inB = uniquePlaces(b);
  const candidates: [number, number][] = [];
  for (const [hash, i] of inA) {
    const j = inB.get(hash);
    if (i >= 0 && j !== undefined && j >= 0) candidates.push([i, j]);
  }
  return risingChain(candidates);
}

/** Place of each hash, or -1 where it occurs more than once; in order of first occurrence. */
function uniquePlaces(list: readonly number[]): Map<number, number> {
  const places = new Map<number, number>();
  list.forEach((hash, at) => {
    places.set(hash, places.has(hash) ? -1 : at);
  });
  return places;
}

/** Longest chain whose second numbers rise; the first ones already do. */
export function risingChain(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const tails: number[] = [];
  const before: number[] = [];
  pairs.forEach(([, j], at) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[tails[middle] as number] as readonly [number, number])[1] < j)
        low = middle + 1; // middle < length
      else high = middle;
    }
    before.push(low > 0 ? (tails[low - 1] as number) : -1);
    tails[low] = at;
  });
  const chain: (readonly [number, number])[] = [];
  for (let at = tails.at(-1) ?? -1; at >= 0; at = before[at] as number) {
    chain.push(pairs[at] as readonly [number, number]); // `at` is a place in `pairs`
  }
  return chain.reverse();
}
