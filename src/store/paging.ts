import { CutoverError } from '../core/errors.ts';
import type { Page, Paged } from '../core/ports.ts';
import { LONGEST_PAGE } from './store-bounds.ts';

/** What a list is ordered by: a number, then an id where numbers repeat. */
export interface Position {
  readonly number: number;
  readonly id: string;
}

/** A list's letter: a cursor of one list does not fit another. */
export type List = 'journal' | 'clusters' | 'mismatches' | 'recordings';

/** How many items a page has: 1 to `LONGEST_PAGE`. */
export function pageLimit(page: Page): number {
  if (!Number.isSafeInteger(page.limit) || page.limit < 1) {
    throw new CutoverError('INPUT_INVALID', `A page cannot have ${page.limit} items.`, {
      hint: `Give a limit from 1 to ${LONGEST_PAGE}.`,
    });
  }
  return Math.min(page.limit, LONGEST_PAGE);
}

/** Where a page begins; undefined: at the start. Throws INPUT_INVALID for a cursor this list never gave. */
export function pagePosition(list: List, page: Page): Position | undefined {
  if (page.cursor === undefined) return undefined;
  const parts = decode(page.cursor);
  if (parts?.length !== 3 || parts[0] !== list) throw badCursor();
  const [, number, id] = parts;
  if (typeof number !== 'number' || !Number.isFinite(number) || typeof id !== 'string') throw badCursor();
  return { number, id };
}

/** A page from one item more than it holds: the extra one only says that there is a next page. */
export function paged<T>(list: List, found: readonly T[], limit: number, positionOf: (item: T) => Position): Paged<T> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  if (found.length <= limit || last === undefined) return { items };
  const { number, id } = positionOf(last);
  return { items, next: Buffer.from(JSON.stringify([list, number, id])).toString('base64url') };
}

function decode(cursor: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function badCursor(): CutoverError {
  return new CutoverError('INPUT_INVALID', 'The cursor does not belong to this list.', {
    hint: 'Use the cursor exactly as the page before returned it, or start again without one.',
  });
}
