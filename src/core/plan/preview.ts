import type { EndpointId, TenantId } from '../cell.ts';
import { decide } from '../decide.ts';
import type { EndpointOrigin, Reason } from '../routing.ts';
import { PPM } from '../routing.ts';
import type { RoutingTable } from '../table.ts';

/** A cell that was seen, with what was observed of it. */
export interface SeenCell {
  /** Absent: its requests name no tenant. */
  readonly tenant: TenantId | undefined;
  readonly endpoint: EndpointId;
  readonly origin: EndpointOrigin;
  /** What its requests are called under the other plan, where that is another name: a template takes them. */
  readonly becomes?: EndpointId | undefined;
  /** Requests served so far. */
  readonly requests: number;
}

/** Who of a cell the candidate serves: the buckets below `belowPpm`, as `salt` deals them. */
export interface Reach {
  readonly belowPpm: number;
  readonly salt: string;
  readonly reason: Reason;
  /** What the dial says here, under the endpoint's cap, whether or not it counts. */
  readonly dialPpm: number;
}

/** Shares of a cell's subjects that change sides, parts per million. */
export interface Moved {
  readonly toCandidatePpm: number;
  readonly toControlPpm: number;
  /** True: the salt is another one, so the shares are what is to be expected and not known to the subject. */
  readonly isDealtAnew: boolean;
}

/** Both tables, at one time. */
export interface Tables {
  readonly before: RoutingTable;
  readonly after: RoutingTable;
  /** Milliseconds since the epoch; only expiring pins look at it. */
  readonly now: number;
}

export interface EndpointMovement extends Sums {
  readonly endpoint: EndpointId;
}

/** Cells that move, and how much of everything that is. */
export interface Sums {
  readonly cells: number;
  readonly tenants: number;
  /** Of all observed requests, parts per million. */
  readonly toCandidatePpm: number;
  readonly toControlPpm: number;
  /** Of the subjects of the cells that move: the mean over these cells, parts per million. */
  readonly subjects: { readonly toCandidatePpm: number; readonly toControlPpm: number };
}

/** A cell that the other plan would let move and that lacks proof. */
export interface Unproven {
  readonly cell: SeenCell;
  /** True: the candidate serves some of it now, and none of it after. */
  readonly closes: boolean;
}

export interface Movement extends Sums {
  readonly seen: { readonly cells: number; readonly tenants: number; readonly requests: number };
  readonly isDealtAnew: boolean;
  /** Most traffic that moves first; at most 100. */
  readonly endpoints: readonly EndpointMovement[];
  readonly unproven: { readonly cells: number; readonly first: readonly Unproven[] };
}

/** Endpoints and cells that a preview names; the sums count all. */
const MAX_NAMED = 100;

/**
 * Which of a cell's ordinary requests the candidate serves by a table: those with a subject, without `Range`, idempotency key
 * and forcing header. It asks `decide`, so it cannot say anything else.
 */
export function reachOf(
  { tenant, endpoint, origin }: Pick<SeenCell, 'tenant' | 'endpoint' | 'origin'>,
  table: RoutingTable,
  now: number,
): Reach {
  const method = endpoint.slice(0, Math.max(0, endpoint.indexOf(' ')));
  const facts = { method, endpoint, origin, subject: '', hasRange: false };
  const { side, reason, dialPpm } = decide(tenant === undefined ? facts : { ...facts, tenant }, table, now);
  const { salt, maxPpm } = table.policyOf(endpoint);
  const wholePpm = side === 'candidate' ? PPM : 0;
  return {
    belowPpm: reason === 'dial' ? dialPpm : wholePpm,
    salt,
    reason,
    dialPpm: Math.min(maxPpm, table.dialFor(endpoint, tenant).dialPpm),
  };
}

/**
 * Who changes sides between two reaches. Buckets are fixed, so from 5 % to 20 % exactly those from 50,000 to 199,999 move:
 * 15 % of the subjects, and nobody back. Another salt deals anew: of 5 % and 20 %, 95 % × 20 % = 19 % move to the candidate
 * and 5 % × 80 % = 4 % back, on average.
 */
export function movedBetween(before: Reach, after: Reach): Moved {
  const [from, to] = [before.belowPpm, after.belowPpm];
  const isWhole = [from, to].some((ppm) => ppm === 0 || ppm === PPM);
  if (before.salt === after.salt || isWhole)
    return { toCandidatePpm: Math.max(0, to - from), toControlPpm: Math.max(0, from - to), isDealtAnew: false };
  return {
    toCandidatePpm: Math.round(((PPM - from) * to) / PPM),
    toControlPpm: Math.round((from * (PPM - to)) / PPM),
    isDealtAnew: true,
  };
}

/** Adds up what a change of the table moves, cell by cell: the caller may take breaths between cells. */
export class MovementSum {
  readonly #tables: Tables;
  readonly #all = new Adder();
  readonly #endpoints = new Map<EndpointId, Adder>();
  readonly #tenants = new Set<TenantId>();
  #cells = 0;
  #requests = 0;
  #isDealtAnew = false;
  #unproven: Unproven[] = [];
  #unprovenCells = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  add(cell: SeenCell): void {
    const { before, after, now } = this.#tables;
    this.#cells += 1;
    this.#requests += cell.requests;
    if (cell.tenant !== undefined) this.#tenants.add(cell.tenant);
    const was = reachOf(cell, before, now);
    const { becomes } = cell;
    const will = reachOf(becomes === undefined ? cell : { ...cell, endpoint: becomes, origin: 'listed' }, after, now);
    const moved = movedBetween(was, will);
    if (moved.toCandidatePpm > 0 || moved.toControlPpm > 0) {
      this.#isDealtAnew ||= moved.isDealtAnew;
      this.#all.add(cell, moved);
      const adder = this.#endpoints.get(cell.endpoint) ?? new Adder();
      this.#endpoints.set(cell.endpoint, adder);
      adder.add(cell, moved);
    }
    const isNew = was.reason !== 'no-proof' || was.dialPpm !== will.dialPpm || becomes !== undefined;
    if (will.reason !== 'no-proof' || will.dialPpm === 0 || !isNew) return;
    this.#unprovenCells += 1;
    if (this.#unproven.length < MAX_NAMED) this.#unproven.push({ cell, closes: was.belowPpm > 0 });
  }

  result(): Movement {
    const endpoints = [...this.#endpoints].map(([endpoint, adder]) => ({ endpoint, ...adder.sums(this.#requests) }));
    const most = ({ toCandidatePpm, toControlPpm }: Sums): number => toCandidatePpm + toControlPpm;
    return {
      ...this.#all.sums(this.#requests),
      seen: { cells: this.#cells, tenants: this.#tenants.size, requests: this.#requests },
      isDealtAnew: this.#isDealtAnew,
      endpoints: endpoints.sort((a, b) => most(b) - most(a)).slice(0, MAX_NAMED),
      unproven: { cells: this.#unprovenCells, first: this.#unproven },
    };
  }
}

/** Cells that move, added up. */
class Adder {
  #cells = 0;
  readonly #tenants = new Set<TenantId>();
  readonly #traffic = { toCandidate: 0, toControl: 0 };
  readonly #subjects = { toCandidate: 0, toControl: 0 };

  add({ tenant, requests }: SeenCell, { toCandidatePpm, toControlPpm }: Moved): void {
    this.#cells += 1;
    if (tenant !== undefined) this.#tenants.add(tenant);
    this.#traffic.toCandidate += requests * toCandidatePpm;
    this.#traffic.toControl += requests * toControlPpm;
    this.#subjects.toCandidate += toCandidatePpm;
    this.#subjects.toControl += toControlPpm;
  }

  sums(requests: number): Sums {
    const of = (sum: number, whole: number): number => (whole === 0 ? 0 : Math.round(sum / whole));
    return {
      cells: this.#cells,
      tenants: this.#tenants.size,
      toCandidatePpm: of(this.#traffic.toCandidate, requests),
      toControlPpm: of(this.#traffic.toControl, requests),
      subjects: {
        toCandidatePpm: of(this.#subjects.toCandidate, this.#cells),
        toControlPpm: of(this.#subjects.toControl, this.#cells),
      },
    };
  }
}
