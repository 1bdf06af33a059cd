import type { PlanPreview, PlanRevision, PlanRevisionText, PlanStatus, PlanTaken } from '../api/plan-types.ts';
import type { Rejected } from '../core/control-state.ts';
import type { Who } from './controller.ts';
import type { Handlers } from './handlers.ts';
import { ApiError } from './problems.ts';

/** Looking at plans and changing which is in force, as the control API does. */
export interface PlanDoor {
  status(): PlanStatus;
  /** Newest first. */
  revisions(): readonly PlanRevision[];
  revision(revision: number): PlanRevisionText | undefined;
  apply(plan: { readonly text: string; readonly name: string }, who: Who, ifRevision?: number): Promise<PlanOutcome>;
  revert(revision: number, who: Who): Promise<PlanOutcome>;
  /** What a text would change; changes nothing. */
  preview(plan: { readonly text: string; readonly name: string }): Promise<PlanPreview | PlanRefusal>;
}

/** What became of it; what is wrong with a text, one line each. */
export type PlanOutcome = { readonly ok: true; readonly isNew: boolean } | PlanRefusal;

export interface PlanRefusal extends Rejected {
  readonly lines: readonly string[];
}

/** Routes of the plan; without a door the process was started without a text, and takes none. */
export function planHandlers(
  door: PlanDoor | undefined,
): Pick<Handlers, 'plan' | 'applyPlan' | 'previewPlan' | 'planRevisions' | 'planRevision' | 'revertPlan'> {
  const open = (): PlanDoor => {
    if (door !== undefined) return door;
    throw new ApiError('CONFLICT', 'This process keeps no plans.', { hint: 'It was started by another program.' });
  };
  return {
    plan: () => open().status(),
    applyPlan: async ({ body: { text, name, reason, ifRevision }, actor }) =>
      taken(open(), await open().apply({ text, name }, { actor, reason }, ifRevision)),
    previewPlan: async ({ body }) => {
      const preview = await open().preview(body);
      if ('differs' in preview) return preview;
      throw refusal(preview);
    },
    planRevisions: ({ query: { limit, cursor } }) => {
      const before = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor);
      if (Number.isNaN(before))
        throw new ApiError('INPUT_INVALID', 'query.cursor: not one of this list', { hint: 'Take it from `next`.' });
      const rest = open()
        .revisions()
        .filter(({ revision }) => revision < before);
      const items = rest.slice(0, limit);
      const last = items.at(-1);
      return last === undefined || rest.length <= limit ? { items } : { items, next: String(last.revision) };
    },
    planRevision: ({ params: { revision } }) => {
      const found = open().revision(revision);
      if (found !== undefined) return found;
      throw new ApiError('NOT_FOUND', `There is no revision ${revision}, or no longer.`, {
        hint: 'cutover revisions lists those there are.',
      });
    },
    revertPlan: async ({ body: { revision, reason }, actor }) =>
      taken(open(), await open().revert(revision, { actor, reason })),
  };
}

function taken(door: PlanDoor, outcome: PlanOutcome): PlanTaken {
  if (outcome.ok) return { isNew: outcome.isNew, plan: door.status() };
  throw refusal(outcome);
}

function refusal({ code, message, hint, lines }: PlanRefusal): ApiError {
  return new ApiError(code, [message, ...lines].join('\n'), { hint });
}
