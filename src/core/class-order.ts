import type { TenantId } from './cell.ts';

/** Tenants that move before those of the next class. */
export interface TenantClass {
  readonly name: string;
  /** Absent: all tenants that no other class names. */
  readonly tenants?: readonly TenantId[];
  /** How long enough of its cells must have been served by the candidate without a taking back, before the next class begins. */
  readonly dwellMs: number;
  /** Share of its cells with traffic that must be open, above 0 to 1. */
  readonly leastOpen: number;
}

/** Classes in the order in which they move; every tenant is in one. */
export interface ClassOrder {
  readonly classes: readonly TenantClass[];
  /** Index of the tenant's class. */
  rankOf(tenant: TenantId): number;
}

/** Classes of a plan at most; the two that need no naming come on top. */
export const MAX_CLASSES = 20;
/** Names of the classes that need no naming. */
export const OTHERS = 'others';
export const PROTECTED = 'protected';

/**
 * The order that a plan's classes and protected tenants make: tenants in no class come after the last one, with its time
 * and share, unless a class is said to be theirs; the protected come last of all. undefined: there is no order.
 */
export function classOrder(
  given: readonly TenantClass[],
  protectedTenants: readonly TenantId[],
): ClassOrder | undefined {
  if (given.length === 0 && protectedTenants.length === 0) return undefined;
  const { dwellMs, leastOpen } = given.at(-1) ?? { dwellMs: 0, leastOpen: 1 };
  const classes: TenantClass[] = [...given];
  if (classes.every(({ tenants }) => tenants !== undefined)) classes.push({ name: OTHERS, dwellMs, leastOpen });
  if (protectedTenants.length > 0)
    classes.push({ name: PROTECTED, tenants: protectedTenants, dwellMs: 0, leastOpen: 1 });
  const ranks = new Map<TenantId, number>();
  // Whoever is protected is so whatever else names it.
  for (const [rank, { tenants = [] }] of classes.entries()) for (const tenant of tenants) ranks.set(tenant, rank);
  const others = classes.findIndex(({ tenants }) => tenants === undefined);
  return { classes, rankOf: (tenant) => ranks.get(tenant) ?? others };
}

/** Cells of one class at one endpoint. */
export interface ClassCount {
  /** With traffic, or open. */
  readonly cells: number;
  readonly open: number;
  /** Open, with a dial above nothing. */
  readonly served: number;
}

/** Since when a class stands at an endpoint; data, so that it survives a restart. */
export interface ClassClock {
  readonly since: number;
  /** It stood only because nobody of it asked for anything; the first who does begins it anew. */
  readonly isEmpty: boolean;
}

/** Whether the class has enough open cells now, and enough of them served where it must stand for a time. */
function isComplete({ cells, open, served }: ClassCount, { dwellMs, leastOpen }: TenantClass): boolean {
  return (dwellMs > 0 ? Math.min(open, served) : open) >= Math.ceil(leastOpen * cells);
}

/**
 * The clock after a look. It begins when enough cells are open; newcomers, who are not open yet, stop nothing that has
 * begun. Its end by a taking back is told apart: whoever takes a cell back throws the clock away.
 */
export function classClock(
  before: ClassClock | undefined,
  count: ClassCount,
  wanted: TenantClass,
  now: number,
): ClassClock | undefined {
  const isEmpty = count.cells === 0;
  // A dial at nothing is a taking back of all of it.
  const isDown = wanted.dwellMs > 0 && !isEmpty && count.served === 0;
  const isStale = before !== undefined && !isEmpty && before.isEmpty;
  const kept = isDown || isStale ? undefined : before;
  if (kept !== undefined) return kept;
  return isComplete(count, wanted) ? { since: now, isEmpty } : undefined;
}

/** What keeps the next class from beginning; undefined: nothing. */
export type ClassLack =
  | { readonly kind: 'cells'; readonly name: string; readonly count: ClassCount; readonly needed: number }
  | { readonly kind: 'time'; readonly name: string; readonly ms: number };

export function classLack(
  clock: ClassClock | undefined,
  count: ClassCount,
  wanted: TenantClass,
  now: number,
): ClassLack | undefined {
  const { name } = wanted;
  if (clock === undefined || !isComplete(count, wanted))
    return { kind: 'cells', name, count, needed: Math.ceil(wanted.leastOpen * count.cells) };
  const ms = clock.since + wanted.dwellMs - now;
  return ms > 0 ? { kind: 'time', name, ms } : undefined;
}
