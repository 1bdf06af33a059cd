import { CellStates } from '../core/cell-states.ts';
import type { TableData } from '../core/routing.ts';

/** I6: a proxy that has never seen a table serves the control, retired endpoints excepted. */
export function controlOnly(table: TableData): TableData {
  return {
    ...table,
    dials: [],
    pins: [],
    cells: CellStates.EMPTY,
    force: { ...table.force, candidate: { tenants: [], endpoints: [] } },
  };
}
