import { z } from 'zod';

/** Wire types of power: what the comparison in force would find, and what hides the rest. Shares are 0 to 1. */

const hider = z.object({
  kind: z.enum(['rule', 'noise', 'header', 'inconclusive', 'unseen']),
  name: z.string(),
  count: z.int(),
});

/** The power of one endpoint, as it was measured last. */
export const endpointPower = z.object({
  endpoint: z.string(),
  /** When it was measured; null: not yet, or it cannot be: `missing` or `trouble` says why. */
  at: z.number().nullable(),
  /** Share of planted faults that is found; null: unknown. */
  power: z.number().nullable(),
  /** What a proof demands (`evidence.power`); null: nothing. */
  demanded: z.number().nullable(),
  /** What keeps cells from opening here, as a sentence; empty: nothing. */
  missing: z.string(),
  /** Why it could not be measured; empty: nothing went wrong. */
  trouble: z.string(),
  /** Recorded answers that faults were planted into, and recordings there were. */
  answers: z.int(),
  recorded: z.int(),
  /** Kinds of faults that were planted. */
  faults: z.int(),
  /** Those that were missed in part or wholly, with what hid them. */
  missed: z.array(
    z.object({
      fault: z.string(),
      says: z.string(),
      planted: z.int(),
      found: z.int(),
      hiddenBy: z.array(hider),
    }),
  ),
  /** Rules that alone hide something here: without the rule these faults are found. */
  rules: z.array(z.object({ rule: z.string(), faults: z.array(z.string()), hidden: z.int() })),
  /** Plantings that learned noise alone hides. */
  noiseHides: z.int(),
});

export type EndpointPowerView = z.infer<typeof endpointPower>;
