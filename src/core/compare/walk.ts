import type { Budget } from './budget.ts';
import type { Accounted, Findings } from './finding.ts';
import type { JsonNode } from './json.ts';

/** How the elements of a list are matched. */
export type ListMode =
  | { readonly mode: 'ordered' }
  /** Order does not matter; with a key, elements with the same key belong together. */
  | { readonly mode: 'bag'; readonly key?: string; readonly accounted: Accounted }
  /** The members vary: any with a shape that was seen will do, as many as `min` to `max`. */
  | {
      readonly mode: 'pick';
      readonly shapes: ReadonlySet<string>;
      readonly min: number;
      readonly max: number;
      /** Whether a member may be one of those picked; absent where nothing is known of them. */
      readonly accepts?: (member: JsonNode) => boolean;
      /** True where a list may hold a member twice. */
      readonly repeats?: boolean;
      readonly accounted: Accounted;
    };

export const ORDERED: ListMode = { mode: 'ordered' };

/** What every walk is given. */
export interface WalkContext {
  readonly budget: Budget;
  readonly findings: Findings;
  /** Whether the order of an object's members matters. */
  readonly keyOrder: boolean;
  /** True: comments of pages count. */
  readonly htmlComments?: boolean;
  /** Asked only for lists that differ. */
  listMode(pattern: string, path: string): ListMode;
  /** Which pages of the endpoint are tried with the fast reader first; absent: all. */
  readonly plainPages?: Attempts;
}

/** Remembers how attempts went, and says whether the next one is worth it. */
export interface Attempts {
  begin(): boolean;
  ended(hasWorked: boolean): void;
}

/** Characters of a rendered value that are kept. */
export const MAX_VALUE_TEXT = 2_000;
