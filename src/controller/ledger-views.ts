import type { CellView, Endpoint, Quantiles, Status } from '../api/types.ts';
import { CELL_STATES, type CellState, type EndpointId } from '../core/cell.ts';
import type { LatencySketch } from '../core/latency-sketch.ts';
import type { EndpointPolicy } from '../core/routing.ts';
import { isSafeMethod } from '../core/safe-request.ts';
import type { RoutingTable } from '../core/table.ts';
import type { CellEntry, EndpointEntry, Ledger } from './ledger.ts';
import type { LiveView } from './live-view.ts';
import type { MovementView } from './movement-views.ts';
import { missingForCell, missingForEndpoint } from './proof-missing.ts';

/** Everything a view is made of. */
export interface ViewSources {
  readonly ledger: Ledger;
  readonly table: RoutingTable;
  readonly live: LiveView;
  readonly now: number;
  /** Evidence of the present epoch; absent: sentences are made of counts. */
  readonly movement?: MovementView;
}

/** Sentences in a status; the busiest endpoints come first. */
const MAX_MISSING = 20;

export function statusView(sources: ViewSources): Status {
  const { ledger, table, live } = sources;
  const versions = live.versions();
  const targets = live.targets();
  let noisePaths = 0;
  for (const paths of live.noise().values()) noisePaths += paths.length;
  const served = ledger.total.servedTotal;
  return {
    version: live.version,
    startedAt: live.startedAt,
    now: sources.now,
    revision: table.data.revision,
    plan: live.plan(),
    state: live.state(),
    sides: {
      control: { targets: targets.control, version: versions.control },
      candidate: { targets: targets.candidate, version: versions.candidate },
    },
    requests: ledger.requests,
    served: ledger.total.servedCounts,
    failed: ledger.failed,
    failedOver: ledger.failedOver,
    candidatePpm: ledger.candidatePpm(),
    verdicts: ledger.total.verdictCounts,
    unverified: Object.fromEntries(ledger.unverifiedBy),
    parity: parityOf(ledger),
    // A comparison may end before its request's count is taken in: never more than everything.
    verifiedShare: served === 0 ? 0 : Math.min(1, ledger.total.verified / served),
    latencyMs: { ...latencyView(ledger.latency), added: quantilesOf(ledger.added) },
    latches: [...table.data.latches],
    cells: cellStates(ledger, table),
    endpoints: ledger.endpoints.size,
    clusters: ledger.clusters,
    noisePaths,
    warnings: [...live.warnings()],
    ...frozenView(sources.movement),
    missing: missingSentences(sources),
  };
}

function frozenView(movement: MovementView | undefined): Pick<Status, 'frozen'> {
  const frozen = movement?.frozen;
  return frozen === undefined ? {} : { frozen: { ...frozen } };
}

/** Mean of the endpoints' parities, each weighted by the requests it served; 1 only where there is no mismatch. */
export function parityOf(ledger: Ledger): number | null {
  let weighted = 0;
  let weight = 0;
  for (const { total } of ledger.endpoints.values()) {
    if (total.parity === null) continue;
    weighted += total.parity * total.servedTotal;
    weight += total.servedTotal;
  }
  // Compared before anything was counted as served: weigh by comparisons.
  return weight === 0 ? ledger.total.parity : weighted / weight;
}

/** All endpoints by name; some hundred at most, so each page sorts anew. */
export function endpointViews(sources: ViewSources): Endpoint[] {
  const noise = sources.live.noise();
  return [...sources.ledger.endpoints.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((entry) => endpointView(entry, { sources, noise }));
}

function endpointView(
  entry: EndpointEntry,
  { sources, noise }: { readonly sources: ViewSources; readonly noise: ReturnType<LiveView['noise']> },
): Endpoint {
  const { table } = sources;
  const policy = table.policyOf(entry.id);
  return {
    endpoint: entry.id,
    origin: entry.origin,
    proof: policy.proof,
    dialPpm: Math.min(policy.maxPpm, table.dialFor(entry.id, undefined).dialPpm),
    maxPpm: policy.maxPpm,
    mirrorPpm: policy.mirrorPpm,
    moves: mayMove(entry, policy),
    served: entry.total.servedCounts,
    verdicts: entry.total.verdictCounts,
    unverified: entry.total.unverified,
    parity: entry.total.parity,
    tenants: entry.cells.size,
    latencyMs: latencyView(entry.latency),
    noise: [...(noise.get(entry.id) ?? [])],
    clusters: entry.clusters.size,
  };
}

/** Whether traffic of an endpoint can ever move. */
export function mayMove(entry: EndpointEntry, policy: EndpointPolicy): boolean {
  if (policy.retired) return true;
  if (entry.origin === 'unknown' || policy.maxPpm === 0) return false;
  return policy.writes || (isSafeMethod(methodOf(entry.id)) && !policy.acts);
}

function methodOf(endpoint: EndpointId): string {
  const space = endpoint.indexOf(' ');
  return space === -1 ? endpoint : endpoint.slice(0, space);
}

export interface CellQuery {
  readonly endpoint?: string | undefined;
  readonly tenant?: string | undefined;
  readonly state?: CellState | undefined;
  readonly limit: number;
  /** Sequence of the last cell of the page before; 0 at the beginning. */
  readonly after: number;
}

/** A page of cells in order of appearance: stable while new ones come. */
export function cellPage(sources: ViewSources, query: CellQuery): { items: CellView[]; next: number | undefined } {
  const items: CellView[] = [];
  let last = 0;
  for (const entry of sources.ledger.cellsAfter(query.after)) {
    if (query.endpoint !== undefined && entry.cell.endpoint !== query.endpoint) continue;
    if (query.tenant !== undefined && entry.cell.tenant !== query.tenant) continue;
    if (query.state !== undefined && stateOf(entry, sources) !== query.state) continue;
    if (items.length === query.limit) return { items, next: last };
    items.push(cellView(entry, sources));
    last = entry.sequence;
  }
  return { items, next: undefined };
}

/** As people see it. */
export function stateOf({ cell }: CellEntry, { table, movement }: Pick<ViewSources, 'table' | 'movement'>): CellState {
  return movement?.stateOf(cell) ?? table.stateOf(cell.endpoint, cell.tenant) ?? 'observing';
}

function cellView(entry: CellEntry, sources: ViewSources): CellView {
  const { ledger, table, movement } = sources;
  const { cell, total } = entry;
  const policy = table.policyOf(cell.endpoint);
  const state = stateOf(entry, sources);
  const endpoint = ledger.endpoints.get(cell.endpoint)?.total ?? total;
  return {
    tenant: cell.tenant,
    endpoint: cell.endpoint,
    state,
    served: total.servedCounts,
    verdicts: total.verdictCounts,
    unverified: total.unverified,
    parity: total.parity,
    dialPpm: Math.min(policy.maxPpm, table.dialFor(cell.endpoint, cell.tenant).dialPpm),
    missing: movement?.missingForCell(cell) ?? missingForCell(total, { endpoint, policy, state }),
  };
}

function cellStates(ledger: Ledger, table: RoutingTable): Record<CellState, number> {
  const { cells } = table.data;
  const observing = Math.max(0, ledger.cellCount - cells.size);
  // Every state is named: the list is all there are.
  return Object.fromEntries(
    CELL_STATES.map((state) => [state, state === 'observing' ? observing : cells.count(state)]),
  ) as Record<CellState, number>;
}

function missingSentences({ ledger, table, movement }: ViewSources): string[] {
  const busiest = [...ledger.endpoints.values()].sort((a, b) => b.total.servedTotal - a.total.servedTotal);
  const sentences: string[] = [];
  for (const entry of busiest) {
    if (sentences.length === MAX_MISSING) break;
    const policy = table.policyOf(entry.id);
    if (!mayMove(entry, policy) || policy.proof === 'none' || policy.retired) continue;
    const isKept = movement?.knows(entry.id) === true;
    const missing = isKept ? movement.missingForEndpoint(entry.id) : missingForEndpoint(entry, policy);
    if (missing !== undefined) sentences.push(missing);
  }
  return sentences;
}

function latencyView(sketches: {
  readonly control: LatencySketch | undefined;
  readonly candidate: LatencySketch | undefined;
}): { control: Quantiles; candidate: Quantiles } {
  return { control: quantilesOf(sketches.control), candidate: quantilesOf(sketches.candidate) };
}

function quantilesOf(sketch: LatencySketch | undefined): Quantiles {
  const at = (q: number): number | null => sketch?.quantile(q) ?? null;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
