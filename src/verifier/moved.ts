import type { Exchange } from '../core/observation.ts';
import type { ComparisonResult, Difference } from '../core/verdict.ts';

/** Whether nothing accounts for a difference: no noise, no rule. */
export function isUnexplained(difference: Difference): boolean {
  return difference.noise === undefined && difference.rule === undefined && difference.ignored === undefined;
}

/** Whether a comparison found that the candidate failed where the control answered. */
export function isFailure(result: ComparisonResult): boolean {
  return result.differences.some((difference) => difference.kind === 'failure' && isUnexplained(difference));
}

/** Whether the candidate failed, or answered 5xx, where the control did not: such a mismatch needs no confirmation. */
export function candidateFailed({ control, candidate }: Pick<Exchange, 'control' | 'candidate'>): boolean {
  return control.kind === 'answer' && control.status < 500 && (candidate.kind === 'failure' || candidate.status >= 500);
}

/**
 * Whether everything that speaks against the candidate lies where the control contradicts itself.
 *
 * @param mismatch Control against candidate.
 * @param between The control's first answer against its second.
 */
export function hasMoved(mismatch: ComparisonResult, between: ComparisonResult): boolean {
  const open = mismatch.differences.filter(isUnexplained);
  return open.length > 0 && open.every(movedBetween(between));
}

/** Tells of one difference whether it lies where the control contradicts itself; `between` as in `hasMoved`. */
export function movedBetween(between: ComparisonResult): (difference: Difference) => boolean {
  const moved = between.differences.filter(isUnexplained).map(movedPlace);
  // Another status is another answer altogether.
  if (moved.includes('status')) return () => true;
  // Members that vary from answer to answer: whether one of them is gone or only another one today, nobody can tell.
  const varying = between.differences
    .filter((difference) => isUnexplained(difference) || VARYING.has(difference.noise ?? ''))
    .map(({ path }) => path);
  return (difference) => hasMovedAt(difference, moved, varying);
}

/** Classes of members that are picked anew for every answer. */
const VARYING: ReadonlySet<string> = new Set(['varying', 'link', 'one-of', 'pick']);

function hasMovedAt(difference: Difference, moved: readonly string[], varying: readonly string[]): boolean {
  if (moved.some((place) => lies(difference.path, place))) return true;
  const list = movedPlace(difference);
  return list !== difference.path && varying.some((path) => lies(path, list));
}

/** An element or a line more or less moves its neighbours too, so the whole list counts. */
function movedPlace(difference: Difference): string {
  const isShift = difference.kind === 'added' || difference.kind === 'removed' || difference.kind === 'order';
  const inList = /^(.*)\/(?:\d+|[^/]*\[\d+\])$/.exec(difference.path);
  return isShift && inList?.[1] !== undefined ? inList[1] : difference.path;
}

function lies(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}
