import type { CellMap } from '../api/types.ts';
import type { CellState, TenantId } from '../core/cell.ts';
import type { EndpointEntry } from './ledger.ts';
import { stateOf, type ViewSources } from './ledger-views.ts';

/** Rows and columns of the picture: as many squares as a screen shows one by one. */
const MAX_ENDPOINTS = 40;
const MAX_TENANTS = 60;

const LETTERS: Readonly<Record<CellState, string>> = {
  observing: 'o',
  open: 'p',
  renewing: 'r',
  held: 'h',
  closed: 'c',
  latched: 'l',
};

/** The busiest endpoints × the busiest tenants by state; equally busy ones stand by name, so that the picture does not jump. */
export function cellMapView(sources: ViewSources): CellMap {
  const { ledger } = sources;
  const endpoints = busiest(
    [...ledger.endpoints.values()].filter((entry) => entry.cells.size > 0),
    (entry) => entry.total.servedTotal,
    (entry) => entry.id,
  );
  const requests = new Map<TenantId, number>();
  for (const entry of endpoints) {
    for (const { cell, total } of entry.cells.values()) {
      requests.set(cell.tenant, (requests.get(cell.tenant) ?? 0) + total.servedTotal);
    }
  }
  const tenants = busiest(
    [...requests.keys()],
    (tenant) => requests.get(tenant) ?? 0,
    (tenant) => tenant,
  );
  const rows = endpoints.slice(0, MAX_ENDPOINTS);
  const columns = tenants.slice(0, MAX_TENANTS);
  const squares = (letterOf: (entry: EndpointEntry, tenant: TenantId) => string): string[] =>
    rows.map((entry) => columns.map((tenant) => letterOf(entry, tenant)).join(''));
  const states = squares((entry, tenant) => {
    const cell = entry.cells.get(tenant);
    return cell === undefined ? '.' : LETTERS[stateOf(cell, sources)];
  });
  const shown = states.reduce((sum, row) => sum + row.replaceAll('.', '').length, 0);
  return {
    endpoints: rows.map((entry) => ({ endpoint: entry.id, requests: entry.total.servedTotal })),
    tenants: columns.map((tenant) => ({ tenant, requests: requests.get(tenant) ?? 0 })),
    states,
    compared: squares(comparedLetter),
    rest: {
      endpoints: endpoints.length - rows.length,
      tenants: tenants.length - columns.length,
      cells: ledger.cellCount - shown,
    },
  };
}

function comparedLetter(entry: EndpointEntry, tenant: TenantId): string {
  const total = entry.cells.get(tenant)?.total;
  if (total === undefined || total.verified === 0) return '0';
  return total.verdict('mismatch') > 0 ? '2' : '1';
}

function busiest<T>(items: readonly T[], requestsOf: (item: T) => number, nameOf: (item: T) => string): T[] {
  return [...items].sort((a, b) => requestsOf(b) - requestsOf(a) || (nameOf(a) < nameOf(b) ? -1 : 1));
}
