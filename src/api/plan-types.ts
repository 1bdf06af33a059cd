import { z } from 'zod';

/** Where a plan came from: the file on disk, a person's `cutover apply`, or `cutover revert`. */
export const planSource = z.enum(['file', 'apply', 'revert']);

/** One thing that is wrong with a text. */
export const planProblem = z.object({
  file: z.string(),
  /** From 1; absent where it has no place. */
  line: z.int().exactOptional(),
  column: z.int().exactOptional(),
  /** `endpoints[2].dial`; empty for the whole. */
  path: z.string(),
  what: z.string(),
  expectation: z.string(),
  hint: z.string().exactOptional(),
  /** All of it as one line. */
  text: z.string(),
});

/** Which plan is in force. */
export const planMark = z.object({
  /** 1, 2, 3 …; 0: the process was started without a text. Not the revision of the table. */
  revision: z.int(),
  /** SHA-256 of its text. */
  hash: z.string(),
  from: planSource,
  /** Of a revert: whose text it is. */
  of: z.int().exactOptional(),
  at: z.number(),
  actor: z.string(),
  reason: z.string(),
});

/** The plan in force, and how the file on disk stands to it. */
export const planStatus = planMark.extend({
  file: z.object({
    /** Empty where there is none. */
    name: z.string(),
    /** `differs`: a person put another plan in force; the file counts again when it changes. `refused`: it is wrong, or needs a restart. */
    state: z.enum(['none', 'inForce', 'differs', 'refused']),
    /** Why it is refused. */
    problems: z.array(planProblem),
    /** Since when, milliseconds since the epoch; null where it is not. */
    refusedAt: z.number().nullable(),
  }),
});

/** A plan that was in force. */
export const planRevision = planMark.extend({
  /** What its text was called: the file, or what was applied. */
  name: z.string(),
  inForce: z.boolean(),
});

export const planRevisionText = planRevision.extend({
  /** Addresses of notices that may be secrets are marks; everything else secret is a reference. */
  text: z.string(),
  /** The one before it that is kept; null: none. */
  before: z.object({ revision: z.int(), text: z.string() }).nullable(),
});

const reason = z.string().max(500).default('');

export const planInput = z.strictObject({
  /** A configuration, YAML or JSON; what it refers to is read where Cutover runs. */
  text: z.string().min(1).max(1_048_576),
  /** What it is called in problems and in lists. */
  name: z.string().min(1).max(200).default('the applied plan'),
  reason,
  /** Refused unless this plan revision is in force. */
  ifRevision: z.int().min(0).exactOptional(),
});
export const revertInput = z.strictObject({ revision: z.int().min(1), reason });

export const planTaken = z.object({
  /** False: it is what ran already. */
  isNew: z.boolean(),
  plan: planStatus,
});

export type PlanProblemView = z.infer<typeof planProblem>;
export type PlanMarkView = z.infer<typeof planMark>;
export type PlanStatus = z.infer<typeof planStatus>;
export type PlanRevision = z.infer<typeof planRevision>;
export type PlanRevisionText = z.infer<typeof planRevisionText>;
export type PlanTaken = z.infer<typeof planTaken>;
