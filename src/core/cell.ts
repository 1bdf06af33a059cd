/** The live service and its rewrite. The names never swap, whoever serves. */
export const SIDES = ['control', 'candidate'] as const;
export type Side = (typeof SIDES)[number];

/** The side that is not `side`. */
export function otherSide(side: Side): Side {
  return side === 'control' ? 'candidate' : 'control';
}

/** Method and path template in one word: `GET /orders/{id}`. */
export type EndpointId = string & { readonly __brand: 'EndpointId' };
/** A tenant's canonical name: 1 to 128 characters, no white space, no control characters. */
export type TenantId = string & { readonly __brand: 'TenantId' };
/** `tenant` + one space + `endpoint`: unambiguous because a tenant holds no white space. */
export type CellKey = string & { readonly __brand: 'CellKey' };

export interface Cell {
  readonly tenant: TenantId;
  readonly endpoint: EndpointId;
}

export function cellKey(tenant: TenantId, endpoint: EndpointId): CellKey {
  return `${tenant} ${endpoint}` as CellKey; // the one place where the key is made
}

/** The cell a key names. Total for keys made by `cellKey`. */
export function cellOfKey(key: CellKey): Cell {
  const space = key.indexOf(' ');
  // Both halves were branded when the key was made.
  return { tenant: key.slice(0, space) as TenantId, endpoint: key.slice(space + 1) as EndpointId };
}

/** Life of a cell; which of them may be served by the candidate is `isOpen`. */
export const CELL_STATES = ['observing', 'open', 'renewing', 'held', 'closed', 'latched'] as const;
export type CellState = (typeof CELL_STATES)[number];

/** Whether proof demanded by the endpoint is there: `open`, or `renewing` within its time. */
export function isOpen(state: CellState | undefined): boolean {
  return state === 'open' || state === 'renewing';
}
