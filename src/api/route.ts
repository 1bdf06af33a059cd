import { z } from 'zod';
import { journalEntry } from './types.ts';

/** How a route is called and what it answers. */
export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Parameters in braces, URL-encoded: `{id}`. */
  readonly path: string;
  readonly summary: string;
  /** True: works without a token. Everything else needs one. */
  readonly open: boolean;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** JSON body; a DELETE may leave it out where `{}` would do. */
  readonly body?: z.ZodType;
  /** Longest body; 64 KiB by default. */
  readonly bodyBytes?: number;
  /** Of a success; `events`, `text` and `document` are not checked by a type. */
  readonly output: z.ZodType | 'events' | 'text' | 'document';
  readonly status: 200 | 201;
}

/** One page of a list. `next` is the cursor of the following page, absent on the last; the `Link` header holds its address. */
export function page<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; next: z.ZodExactOptional<z.ZodString> }> {
  return z.object({ items: z.array(item), next: z.string().exactOptional() });
}

/** Query of every list: at most 200 a page, 50 by default. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().min(1).max(200).exactOptional(),
};
/** What a change that is in the journal answers with. */
export const changed = z.object({
  /** Table revision in force now. */
  revision: z.int(),
  journal: journalEntry,
});
