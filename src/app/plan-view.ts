import type { PlanMarkView, PlanProblemView, PlanRevision, PlanStatus } from '../api/plan-types.ts';
import { type ConfigProblem, describeProblem } from '../config/load.ts';
import type { PlanDoor, PlanOutcome } from '../controller/plan-door.ts';
import type { PlanMark } from '../core/plan/plan-mark.ts';
import type { StoredPlan } from './plan-book.ts';
import type { PlanKeeper, Refused, Taken } from './plan-keeper.ts';

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

/** The door through which the control API looks at plans and changes which is in force. */
export function planDoor(
  keeper: PlanKeeper,
  {
    mark,
    file,
    preview,
  }: { readonly mark: () => PlanMark | undefined; readonly file: string } & Pick<PlanDoor, 'preview'>,
): PlanDoor {
  const view = (plan: StoredPlan): PlanRevision => ({
    ...markView(plan),
    name: plan.name,
    inForce: plan.revision === mark()?.revision,
  });
  const outcome = (given: Taken | Refused): PlanOutcome => {
    if (given.ok) return given;
    const { problems, ...rejected } = given;
    return { ...rejected, lines: problems.slice(0, MAX_PROBLEMS).map(describeProblem) };
  };
  return {
    status: () => planStatusView(mark(), keeper, file),
    revisions: () => keeper.revisions().map(view),
    revision: (revision) => {
      const plans = keeper.revisions();
      const at = plans.findIndex((plan) => plan.revision === revision);
      const [found, before] = [plans[at], plans[at + 1]];
      if (at < 0 || found === undefined) return undefined;
      const { text } = found;
      return {
        ...view(found),
        text,
        before: before === undefined ? null : { revision: before.revision, text: before.text },
      };
    },
    apply: async (plan, who, ifRevision) => outcome(await keeper.apply(plan, who, ifRevision)),
    preview,
    revert: async (revision, who) => outcome(await keeper.revert(revision, who)),
  };
}
