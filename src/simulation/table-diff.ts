import { type CellKey, type CellState, isOpen } from '../core/cell.ts';
import type { Dial, Latch, TableData } from '../core/routing.ts';
import { scopeKey } from '../core/scope.ts';

/** In what one table differs from the one before, as far as it says who serves. */
export interface TableDiff {
  readonly opened: readonly CellKey[];
  readonly closed: readonly CellKey[];
  readonly latched: readonly Latch[];
  readonly lifted: readonly Latch[];
  readonly raised: readonly Dial[];
  readonly lowered: readonly Dial[];
}

/** Follows the tables in force. */
export class TableFollower {
  #cells: Map<CellKey, CellState> = new Map();
  #data: TableData | undefined;
  openCells = 0;

  /** What the next table changes. */
  follow(next: TableData): TableDiff {
    const cells = new Map<CellKey, CellState>(next.cells);
    const opened: CellKey[] = [];
    const closed: CellKey[] = [];
    let open = 0;
    for (const [key, state] of cells) {
      if (!isOpen(state)) continue;
      open += 1;
      if (!isOpen(this.#cells.get(key))) opened.push(key);
    }
    for (const [key, state] of this.#cells) if (isOpen(state) && !isOpen(cells.get(key))) closed.push(key);
    const before = this.#data;
    this.#cells = cells;
    this.#data = next;
    this.openCells = open;
    if (before === undefined) return { opened, closed, latched: [], lifted: [], raised: [], lowered: [] };
    return {
      opened,
      closed,
      latched: without(next.latches, before.latches),
      lifted: without(before.latches, next.latches),
      raised: higherDials(next, before),
      lowered: higherDials(before, next),
    };
  }
}

function without(some: readonly Latch[], others: readonly Latch[]): readonly Latch[] {
  if (some.length === 0) return some;
  const known = new Set(others.map(({ scope }) => scopeKey(scope)));
  return some.filter(({ scope }) => !known.has(scopeKey(scope)));
}

/** Dials of one table that are higher than the same ones of another; what has none counts as 0. */
function higherDials(one: TableData, other: TableData): Dial[] {
  if (one.dials === other.dials) return [];
  const known = new Map(other.dials.map((dial) => [scopeKey(dial.scope), dial.dialPpm]));
  return one.dials.filter((dial) => dial.dialPpm > (known.get(scopeKey(dial.scope)) ?? 0));
}
