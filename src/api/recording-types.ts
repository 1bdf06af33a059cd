import { z } from 'zod';
import { mismatch, storedObservation, verdict } from './types.ts';

/** Wire types of what is recorded, and of what it is compared by. */

/** A safe request that was recorded with both answers, secrets replaced. */
export const recording = z.object({
  id: z.string(),
  at: z.number(),
  tenant: z.string(),
  endpoint: z.string(),
  direction: z.enum(['forward', 'reverse']),
  verdict,
  /** Clusters of a mismatch, one for each of its causes; none for other verdicts. */
  clusters: z.array(z.string()),
  request: mismatch.shape.request,
  control: storedObservation,
  candidate: storedObservation,
  versions: mismatch.shape.versions,
});

const ruleBase = { name: z.string(), reason: z.string(), path: z.string(), endpoint: z.string().exactOptional() };
/** What the comparer follows, besides what it learned. */
export const comparison = z.object({
  rules: z.array(
    z.discriminatedUnion('kind', [
      z.object({
        ...ruleBase,
        kind: z.literal('ignore'),
        counts: z.boolean(),
        owner: z.string().exactOptional(),
        until: z.number().exactOptional(),
      }),
      z.object({ ...ruleBase, kind: z.literal('normalise'), pattern: z.string(), replace: z.string() }),
      z.object({ ...ruleBase, kind: z.literal('unordered'), key: z.string().exactOptional() }),
      z.object({
        ...ruleBase,
        kind: z.literal('tolerance'),
        absolute: z.number().exactOptional(),
        relative: z.number().exactOptional(),
      }),
    ]),
  ),
  /** Answer headers that are compared. */
  headers: z.array(z.string()),
  keyOrder: z.boolean(),
  /** True where comments of HTML pages count. */
  htmlComments: z.boolean().exactOptional(),
  /** From when on a candidate is too slow. */
  slowerThan: z.object({ factor: z.number(), byMs: z.number() }).exactOptional(),
  maxDecodedBytes: z.int(),
  timeoutMs: z.number(),
});

/** What an endpoint learned, for a comparer elsewhere. The snapshot is opaque, and of this version. */
export const learnedNoise = z.object({ endpoint: z.string(), snapshot: z.unknown() });

export type RecordingView = z.infer<typeof recording>;
export type ComparisonView = z.infer<typeof comparison>;
export type LearnedNoise = z.infer<typeof learnedNoise>;
