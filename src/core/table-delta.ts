import type { CellKey, CellState } from './cell.ts';
import type { TableData } from './routing.ts';

/** What makes the next table of one: small where few cells changed, however many there are. Plain data. */
export interface TableDelta extends Partial<Omit<TableData, 'cells' | 'revision' | 'madeAt'>> {
  /** Revision of the table it must be applied to. */
  readonly from: number;
  readonly revision: number;
  readonly madeAt: number;
  /** `observing` forgets a cell. */
  readonly cells: readonly (readonly [CellKey, CellState])[];
}

const PARTS = ['latches', 'force', 'pins', 'cohorts', 'dials', 'defaults', 'endpoints'] as const;

/** The difference of two tables; parts that are the same object are left out. */
export function tableDelta(before: TableData, after: TableData): TableDelta {
  const parts = Object.fromEntries(
    PARTS.filter((part) => before[part] !== after[part]).map((part) => [part, after[part]]),
  );
  const { revision, madeAt } = after;
  return { from: before.revision, revision, madeAt, ...parts, cells: after.cells.changesSince(before.cells) };
}

/** The table that the delta was made for; undefined where `before` is not the table it was made from. */
export function applyDelta(before: TableData, delta: TableDelta): TableData | undefined {
  const { from, cells, ...rest } = delta;
  if (from !== before.revision) return undefined;
  return { ...before, ...rest, cells: cells.length === 0 ? before.cells : before.cells.with(cells) };
}
