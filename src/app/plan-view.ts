import type { PlanMarkView, PlanProblemView, PlanStatus } from '../api/plan-types.ts';
import { type ConfigProblem, describeProblem } from '../config/load.ts';
import type { PlanMark } from '../core/plan/plan-mark.ts';
import type { PlanKeeper } from './plan-keeper.ts';

/** Problems that an answer tells; who has more looks at the first anyway. */
const MAX_PROBLEMS = 100;

/** The plan in force, for people; without a keeper there is none that is known by its text. */
export function planStatusView(mark: PlanMark | undefined, keeper: PlanKeeper | undefined, file: string): PlanStatus {
  const problems = keeper?.problems ?? { at: 0, list: [] };
  return {
    ...markView(mark),
    file: {
      name: file,
      state: keeper?.fileState ?? 'none',
      problems: problemViews(problems.list),
      refusedAt: problems.list.length === 0 ? null : problems.at,
    },
  };
}

export function markView(mark: PlanMark | undefined): PlanMarkView {
  if (mark === undefined) return { revision: 0, hash: '', from: 'file', at: 0, actor: '', reason: '' };
  const { revision, hash, from, of, at, actor, reason } = mark;
  return { revision, hash, from, ...(of === undefined ? {} : { of }), at, actor, reason };
}

export function problemViews(problems: readonly ConfigProblem[]): PlanProblemView[] {
  return problems.slice(0, MAX_PROBLEMS).map((problem) => ({ ...problem, text: describeProblem(problem) }));
}

/** What a person should know, one sentence each. */
export function planWarnings({ revision, from, file }: PlanStatus): string[] {
  if (file.state === 'refused') {
    const [first] = file.problems;
    const more = file.problems.length > 1 ? ` And ${file.problems.length - 1} more.` : '';
    return [`${file.name} is refused, plan revision ${revision} goes on. ${first?.text ?? ''}${more}`];
  }
  if (file.state !== 'differs') return [];
  const why = from === 'revert' ? 'somebody went back to an earlier plan' : 'somebody applied another one';
  return [`What runs is not ${file.name}: ${why}. The file counts again when it changes.`];
}
