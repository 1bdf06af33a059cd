import type { EndpointId } from '../cell.ts';

/** What a plan calls requests by: everything that is ordered or proven is known by these names. */
export interface PlanNaming {
  /** Where tenants and subjects are read from, as one text each: equal texts give equal names. */
  readonly tenant: string;
  readonly subject: string;
  /** Listed endpoints, those of a description included. */
  readonly listed: readonly EndpointId[];
}

export interface PlanNames {
  readonly before: PlanNaming;
  readonly after: PlanNaming;
}
