import type { CellState, EndpointId, TenantId } from '../../../src/core/cell.ts';
import { cellKey } from '../../../src/core/cell.ts';
import { CellStates } from '../../../src/core/cell-states.ts';
import { PPM, type TableData } from '../../../src/core/routing.ts';
import { tableData } from '../../../test/support/traffic.ts';

/** So many tenants × endpoints as a large system has. */
export interface Size {
  readonly tenants: number;
  readonly endpoints: number;
}

export function tenantName(number: number): TenantId {
  return `tenant-${String(number).padStart(7, '0')}.example.net` as TenantId; // as a host is
}

export function endpointName(number: number): EndpointId {
  return `GET /api/v2/resource-${number}/{id}/items` as EndpointId; // as the catalogue names them
}

const STATES: readonly CellState[] = ['open', 'open', 'open', 'renewing', 'closed'];

/** A table in which every cell is named. */
export function fullTable({ tenants, endpoints }: Size): TableData {
  function* cells() {
    for (let endpoint = 0; endpoint < endpoints; endpoint += 1)
      for (let tenant = 0; tenant < tenants; tenant += 1)
        yield [
          cellKey(tenantName(tenant), endpointName(endpoint)),
          STATES[(tenant + endpoint) % STATES.length] ?? 'open',
        ] as const;
  }
  return { ...tableData({ dials: [{ scope: {}, dialPpm: PPM / 2 }] }), revision: 7, cells: CellStates.of(cells()) };
}
