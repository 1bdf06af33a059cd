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

/** A text to be looked at, and not to be put in force. */
export const previewInput = planInput.pick({ text: true, name: true });

const moves = {
  cells: z.int(),
  tenants: z.int(),
  /** Of all requests observed so far, parts per million. */
  toCandidatePpm: z.int(),
  toControlPpm: z.int(),
  /** Of the subjects of the cells that move: the mean over these cells, parts per million. */
  subjects: z.object({ toCandidatePpm: z.int(), toControlPpm: z.int() }),
};

/** What a plan would change if it came into force now. */
export const planPreview = z.object({
  /** False: it would change nothing. */
  differs: z.boolean(),
  /** The plan revision in force, and the revision of the table it was compared with. */
  revision: z.int(),
  tableRevision: z.int(),
  /** Why it would not be taken now; null: it would. `ofFile`: not even as the file that the process was started with. */
  refusal: z.object({ message: z.string(), hint: z.string(), ofFile: z.boolean() }).nullable(),
  /** What differs and needs a restart, one line each: as it is, the plan would be refused. */
  restart: z.array(z.string()),
  /** In the table: dials, forced names, cohorts, endpoints, policies; the first 200 of `changed`. */
  changes: z.array(
    z.object({ what: z.string(), scope: z.string(), before: z.string().nullable(), after: z.string().nullable() }),
  ),
  changed: z.int(),
  /** Sections that differ besides; their values may be secrets. */
  sections: z.array(z.string()),
  /** True: which differences count changes, so a new epoch begins and what is open is renewed. */
  newEpoch: z.boolean(),
  /** Cells that are open now; of these, those whose proof is renewed, and those that lose it because they get another name. */
  proofs: z.object({ open: z.int(), renewed: z.int(), lost: z.int() }),
  /** Scopes whose dial stays where it is, under a latch. */
  heldBack: z.array(z.string()),
  movement: z.object({
    ...moves,
    seen: z.object({ cells: z.int(), tenants: z.int(), requests: z.number() }),
    /** True: a salt differs, so people are dealt anew and the shares are what is to be expected. */
    isDealtAnew: z.boolean(),
    endpoints: z.array(z.object({ endpoint: z.string(), ...moves })),
  }),
  /** Cells that lack proof under the plan, where it changes something for them; the first 100 of `cells`. */
  unproven: z.object({
    cells: z.int(),
    first: z.array(
      z.object({
        /** Empty where the requests name none. */
        tenant: z.string(),
        endpoint: z.string(),
        /** True: the candidate serves some of it now and none of it then. */
        closes: z.boolean(),
        /** With the time it takes at the present traffic, where that can be told. */
        missing: z.string(),
      }),
    ),
  }),
  /** What else follows, one sentence each. */
  notes: z.array(z.string()),
});
export type PlanPreview = z.infer<typeof planPreview>;
