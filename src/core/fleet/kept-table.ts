import type { Latch, TableData } from '../routing.ts';
import { scopeKey } from '../scope.ts';

/** A table as a controller tells it. */
export interface ToldTable {
  /** Of the leader that made it; a later leader has a higher one. */
  readonly term: number;
  /** Revision that lay in the store when that leader began. */
  readonly began: number;
  readonly table: TableData;
  /** By `scopeKey`: latches of the table that the leader's store did not have yet. Absent: it has them all. */
  readonly unstored?: readonly string[];
}

/** What a proxy of a fleet knows of who serves: the last table it was told, and rollbacks that the leader does not know yet. */
export interface KeptTable extends ToldTable {
  /** One per scope; at most MAX_OWN beside those of leaders that did not store them. */
  readonly own: readonly Latch[];
}

/** Rollbacks at the proxy's own door that wait for a leader; beyond, one over everything takes their place. */
export const MAX_OWN = 100;

/**
 * The next table of a proxy; undefined where it knows a newer one.
 *
 * A leader that lost the store could still roll back, and then another one began with what was stored: its tables do not
 * have those latches. So what a leader has not stored is the proxy's own until a leader says that it is stored, however
 * many there are in between. Where that was not told, they are known by the revision, which is higher than the one the
 * new leader found. No change of leaders lifts a rollback.
 */
export function takeTable(kept: KeptTable, told: ToldTable): KeptTable | undefined {
  if (told.term < kept.term) return undefined;
  if (told.term === kept.term && told.table.revision < kept.table.revision) return undefined;
  const isUnstored = told.term > kept.term && kept.table.revision > told.began;
  const own = isUnstored ? [...kept.own, ...kept.table.latches] : kept.own;
  const { unstored = [], ...table } = told;
  const waits = ({ scope }: Latch): boolean => unstored.includes(scopeKey(scope));
  const has = new Set(table.table.latches.filter((latch) => !waits(latch)).map(({ scope }) => scopeKey(scope)));
  const all = [...own, ...table.table.latches.filter(waits)];
  return { ...table, own: oncePerScope(all.filter(({ scope }) => !has.has(scopeKey(scope)))) };
}

/** With a rollback of the proxy's own. */
export function withOwn(kept: KeptTable, latch: Latch): KeptTable {
  const own = oncePerScope([...kept.own, latch]);
  return { ...kept, own: own.length > MAX_OWN ? [{ ...latch, scope: {} }] : own };
}

/** The leader has taken a rollback over: its tables say from now on whether it stands. */
export function withoutOwn(kept: KeptTable, key: string): KeptTable {
  return { ...kept, own: kept.own.filter(({ scope }) => scopeKey(scope) !== key) };
}

/** What the proxy obeys. */
export function tableInForce({ table, own }: KeptTable): TableData {
  const has = new Set(table.latches.map(({ scope }) => scopeKey(scope)));
  const more = own.filter(({ scope }) => !has.has(scopeKey(scope)));
  return more.length === 0 ? table : { ...table, latches: [...table.latches, ...more] };
}

/** Of latches over one scope the first. */
function oncePerScope(latches: readonly Latch[]): Latch[] {
  const byScope = new Map<string, Latch>();
  for (const latch of latches) {
    const key = scopeKey(latch.scope);
    if (!byScope.has(key)) byScope.set(key, latch);
  }
  return [...byScope.values()];
}
