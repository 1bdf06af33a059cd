import { Budget, BudgetSpent } from '../core/compare/budget.ts';
import { commonSubsequence } from '../core/compare/common-subsequence.ts';

/** One line of a unified difference; `gap` stands for so many equal lines left out. */
export type DiffLine =
  | { readonly kind: 'same' | 'control' | 'candidate'; readonly text: string }
  | { readonly kind: 'gap'; readonly lines: number };

/** Work for one difference: two texts of 64 KiB, as they are stored, need a fraction of it. */
const MOST_WORK = 5_000_000;

/**
 * What changes between two texts, line by line, each change with `context` equal lines around it; empty where they are equal.
 * JSON is laid out first, so that a difference in one long line shows as the members it is in.
 */
export function unifiedDiff(control: string, candidate: string, context: number): readonly DiffLine[] {
  const [left, right] = laidOut(control, candidate);
  return withContext(merged(left.split('\n'), right.split('\n')), context);
}

/** Both laid out, or neither: a layout of our own on one side only would be a difference of our own. */
function laidOut(control: string, candidate: string): readonly [string, string] {
  const [left, right] = [prettyJson(control), prettyJson(candidate)];
  return left === undefined || right === undefined || left === right ? [control, candidate] : [left, right];
}

function prettyJson(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return undefined;
  }
}

function merged(left: readonly string[], right: readonly string[]): DiffLine[] {
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  const until = (iEnd: number, jEnd: number): void => {
    for (; i < iEnd; i += 1) lines.push({ kind: 'control', text: left[i] ?? '' });
    for (; j < jEnd; j += 1) lines.push({ kind: 'candidate', text: right[j] ?? '' });
  };
  for (const [iSame, jSame] of samePlaces(left, right)) {
    until(iSame, jSame);
    lines.push({ kind: 'same', text: left[iSame] ?? '' });
    i += 1;
    j += 1;
  }
  until(left.length, right.length);
  return lines;
}

function samePlaces(left: readonly string[], right: readonly string[]): readonly (readonly [number, number])[] {
  const numbers = new Map<string, number>();
  const numbered = (line: string): number => {
    const known = numbers.get(line) ?? numbers.size;
    numbers.set(line, known);
    return known;
  };
  try {
    const budget = new Budget(MOST_WORK, () => false);
    return commonSubsequence(left.map(numbered), right.map(numbered), budget);
  } catch (error) {
    if (error instanceof BudgetSpent) return []; // everything then shows as changed, which is true as well
    throw error;
  }
}

function withContext(lines: readonly DiffLine[], context: number): DiffLine[] {
  const isNear = new Array<boolean>(lines.length).fill(false);
  lines.forEach((line, at) => {
    if (line.kind !== 'same') isNear.fill(true, Math.max(0, at - context), at + context + 1);
  });
  const shown: DiffLine[] = [];
  let left = 0;
  lines.forEach((line, at) => {
    if (isNear[at] === true) {
      if (left > 0) shown.push({ kind: 'gap', lines: left });
      left = 0;
      shown.push(line);
    } else left += 1;
  });
  if (left > 0 && shown.length > 0) shown.push({ kind: 'gap', lines: left });
  return shown;
}
