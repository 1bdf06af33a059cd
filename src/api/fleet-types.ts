import { z } from 'zod';

/** A process of the fleet that serves, as its controller knows it. */
export const fleetMember = z.object({
  name: z.string(),
  /** `proxy`. */
  role: z.string(),
  version: z.string(),
  /** Address of its own door; empty where it has none. */
  door: z.string(),
  connected: z.boolean(),
  /** Whose table it obeys: the leader's term and the table's revision. */
  term: z.int(),
  revision: z.int(),
  /** Revisions that it is behind the leader's table. */
  behind: z.int(),
  /** Milliseconds since it was heard of. */
  silentMs: z.number(),
  /** Served records and comparisons that wait to be told, and those lost for good since it started. */
  waiting: z.int(),
  lost: z.int(),
  /** Why it does not go by the plan of the fleet; empty: it does. */
  planTrouble: z.string(),
});

export const fleet = z.object({
  /** Who decides; null: this process is no fleet. */
  leader: z.object({ name: z.string(), term: z.int(), leads: z.boolean() }).nullable(),
  revision: z.int(),
  members: z.array(fleetMember),
});

/** What the members of a fleet made of a rollback. */
export const rollbackProxies = z.object({
  /** Those that said they obey, with milliseconds since the rollback. */
  acknowledged: z.array(z.object({ name: z.string(), ms: z.number() })),
  /** Those that did not say so in time, and where to roll each back by itself. */
  missing: z.array(z.object({ name: z.string(), why: z.string(), door: z.string() })),
});

export type FleetView = z.infer<typeof fleet>;
export type RollbackProxies = z.infer<typeof rollbackProxies>;
