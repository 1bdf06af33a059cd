/**
 * Spearman's rank correlation, -1 to 1: Pearson's of the ranks, equal values sharing their mean rank (Spearman 1904).
 * Undefined where either list has one value only.
 */
export function spearman(pairs: readonly (readonly [number, number])[]): number | undefined {
  const [a, b] = [ranks(pairs.map(([x]) => x)), ranks(pairs.map(([, y]) => y))];
  const middle = (pairs.length + 1) / 2;
  let [both, ofA, ofB] = [0, 0, 0];
  a.forEach((rank, at) => {
    const [x, y] = [rank - middle, (b[at] ?? middle) - middle];
    both += x * y;
    ofA += x * x;
    ofB += y * y;
  });
  return ofA === 0 || ofB === 0 ? undefined : both / Math.sqrt(ofA * ofB);
}

/** Rank of each value from 1 on; equal ones get the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((value, at) => ({ value, at })).sort((x, y) => x.value - y.value);
  const found = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && order[to]?.value === order[from]?.value) to += 1;
    for (const { at } of order.slice(from, to)) found[at] = (from + 1 + to) / 2;
    from = to;
  }
  return found;
}
