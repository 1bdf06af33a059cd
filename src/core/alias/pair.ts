import type { Side } from '../cell.ts';

/**
 * One thing under the names both sides gave it: an order, a session, a place in a list.
 * The values are secrets as often as not: they are kept in memory alone, never stored, logged or shown.
 */
export interface AliasPair {
  /** Empty for values that name one thing wherever they stand (uuids, tokens); else what it names: `order`, `cookie:sid`. */
  readonly kind: string;
  readonly control: string;
  readonly candidate: string;
  readonly check: AliasCheck;
}

/**
 * What a pair must hold against.
 * `always`: one value of either side belongs to one of the other. `across`: a side may make it anew, but never give one value
 * to two sessions (cookies, tokens against forgery). `never`: it is translated and not checked (cursors: many mean one place).
 */
export type AliasCheck = 'always' | 'across' | 'never';

/** A cookie or header whose value each side makes for itself. */
export interface OwnCredential {
  readonly kind: 'cookie' | 'header';
  /** Headers: lower case. */
  readonly name: string;
}

/** Longest value that is remembered, in characters; signed tokens have 1,000 to 2,000. */
export const MAX_ALIAS_TEXT = 4_096;

/** The key of one side's value; kinds hold no line end. */
export function aliasKey(side: Side, kind: string, value: string): string {
  return `${side}\n${kind}\n${value}`;
}
