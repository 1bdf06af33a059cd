/** Two lines beside each other; one is absent where only the other side has it. */
export interface LinePair {
  readonly control?: string;
  readonly candidate?: string;
  readonly same: boolean;
}

/** Beyond so many lines in the part that differs, lines are paired by number: the table of the alignment grows with their product. */
const MAX_ALIGNED_LINES = 1_000;

/**
 * Aligns two texts line by line by their longest common subsequence; adjacent runs of lines that only one side has are paired.
 * Common beginnings and ends are taken first, so the cost is that of the part that differs.
 */
export function alignLines(control: string, candidate: string): LinePair[] {
  const left = control.split('\n');
  const right = candidate.split('\n');
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (
    end < left.length - start &&
    end < right.length - start &&
    left[left.length - 1 - end] === right[right.length - 1 - end]
  )
    end += 1;
  const same = (lines: readonly string[]): LinePair[] =>
    lines.map((line) => ({ control: line, candidate: line, same: true }));
  const middle = alignMiddle(left.slice(start, left.length - end), right.slice(start, right.length - end));
  return [...same(left.slice(0, start)), ...middle, ...same(left.slice(left.length - end))];
}

function alignMiddle(left: readonly string[], right: readonly string[]): LinePair[] {
  if (left.length > MAX_ALIGNED_LINES || right.length > MAX_ALIGNED_LINES) return pairRuns(left, right);
  // lengths[i * width + j] is the length of the longest common subsequence of left[i…] and right[j…].
  const width = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      const down = lengths[(i + 1) * width + j] ?? 0;
      const across = lengths[i * width + j + 1] ?? 0;
      lengths[i * width + j] =
        left[i] === right[j] ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(down, across);
    }
  }
  const pairs: LinePair[] = [];
  let removed: string[] = [];
  let added: string[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    const [mine, theirs] = [left[i], right[j]];
    if (mine !== undefined && mine === theirs) {
      pairs.push(...pairRuns(removed, added), { control: mine, candidate: mine, same: true });
      removed = [];
      added = [];
      i += 1;
      j += 1;
    } else if (
      mine !== undefined &&
      (theirs === undefined || (lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0))
    ) {
      removed.push(mine);
      i += 1;
    } else if (theirs !== undefined) {
      added.push(theirs);
      j += 1;
    }
  }
  return [...pairs, ...pairRuns(removed, added)];
}

function pairRuns(left: readonly string[], right: readonly string[]): LinePair[] {
  return Array.from({ length: Math.max(left.length, right.length) }, (_, at) => {
    const [control, candidate] = [left[at], right[at]];
    return {
      ...(control === undefined ? {} : { control }),
      ...(candidate === undefined ? {} : { candidate }),
      same: control === candidate,
    };
  });
}
