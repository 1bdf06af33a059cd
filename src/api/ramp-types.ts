import { z } from 'zod';

/** A person's approval of a gate. */
const approval = z.object({ actor: z.string(), reason: z.string(), at: z.number() });
/** A gate that a ramp passed. */
export const passedGate = z.object({ gate: z.string(), at: z.number(), approvals: z.array(approval) });

export const ramp = z.object({
  endpoint: z.string(),
  steps: z.array(
    z.object({
      kind: z.enum(['mirror', 'dial', 'wait', 'gate', 'verify', 'retire']),
      dialPpm: z.int().exactOptional(),
      /** Of a dial for some: absent for everybody's. */
      cohort: z.string().exactOptional(),
      tenants: z.array(z.string()).exactOptional(),
      gate: z
        .object({
          name: z.string(),
          needed: z.int(),
          approvers: z.array(z.string()),
          expiresMs: z.number().exactOptional(),
        })
        .exactOptional(),
      /** Of `retire`. */
      by: z.enum(['person', 'auto']).exactOptional(),
      ms: z.number().exactOptional(),
      direction: z.literal('reverse').exactOptional(),
    }),
  ),
  /** Index of the present step, from 0. */
  step: z.int(),
  since: z.number(),
  state: z.enum(['running', 'held']),
  reason: z.string(),
  dialPpm: z.int(),
  /** Dials of cohorts and tenants that the ramp raised. */
  scoped: z
    .array(z.object({ dialPpm: z.int(), cohort: z.string().exactOptional(), tenant: z.string().exactOptional() }))
    .exactOptional(),
  /** Gates passed on the way to here. */
  passed: z.array(passedGate),
  /** The gate where it waits: approvals that count by now, and how many it takes. */
  waits: z
    .object({ gate: z.string(), needed: z.int(), approvers: z.array(z.string()), approvals: z.array(approval) })
    .exactOptional(),
  /** After a demotion: not before this it begins again. */
  restAt: z.number().exactOptional(),
  /** What the endpoint's comparisons say, and what they lack. */
  pooled: z.string(),
  missing: z.array(z.string()),
});

export const gateInput = z.strictObject({
  /** Any endpoint of the ramp. */
  endpoint: z.string().min(3).max(2_048),
  /** Absent: the one where the ramp waits. */
  gate: z.string().min(1).max(64).exactOptional(),
  reason: z.string().max(500).default(''),
});
const names = {
  tenant: z.string().min(1).max(128).exactOptional(),
  endpoint: z.string().min(3).max(2_048).exactOptional(),
  cohort: z.string().min(1).max(64).exactOptional(),
};
export const closeInput = z.strictObject({
  /** Empty: everything. */
  scope: z.strictObject(names).default({}),
  reason: z.string().max(500).default(''),
});
/** What was taken back. */
export const closed = z.object({ cells: z.int(), dials: z.int() });
export const freezeInput = z.strictObject({
  /** Milliseconds since the epoch. */
  until: z.number().min(0),
  reason: z.string().min(1).max(500),
});
export const unfreezeInput = z.strictObject({ reason: z.string().max(500).default('') });
/** What a new candidate version has of what is open; null: there is no canary. */
export const canaryView = z.object({
  canary: z
    .object({
      version: z.string(),
      state: z.enum(['running', 'failed']),
      sharePpm: z.int(),
      durationMs: z.number(),
      requests: z.int(),
      at: z.number(),
      actor: z.string(),
      reason: z.string(),
      /** While it runs. */
      waitsFor: z.string().exactOptional(),
    })
    .nullable(),
});
export const canaryInput = z.strictObject({
  /** `promote`: all that is open returns at once. `abort`: nothing does. */
  action: z.enum(['promote', 'abort']),
  reason: z.string().max(500).default(''),
});
export const retireInput = z.strictObject({
  endpoint: z.string().min(3).max(2_048),
  reason: z.string().max(500).default(''),
});
export type RampView = z.infer<typeof ramp>;
export type PassedGateView = z.infer<typeof passedGate>;
