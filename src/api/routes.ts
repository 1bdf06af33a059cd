import { z } from 'zod';
import { clusterInput, clusterState, rankedCluster, unlock } from './cluster-types.ts';
import { fleet } from './fleet-types.ts';
import { noticeTarget, noticeTest, noticeTestInput } from './notice-types.ts';
import { PLAN_ROUTES } from './plan-routes.ts';
import { endpointPower } from './power-types.ts';
import { RAMP_ROUTES } from './ramp-routes.ts';
import { comparison, learnedNoise, recording } from './recording-types.ts';
import { changed, page, paging, type Route } from './route.ts';
import {
  cell,
  cellMap,
  cellState,
  deployInput,
  dial,
  dialInput,
  endpoint,
  explainInput,
  explanation,
  holdInput,
  journalEntry,
  journalHead,
  latch,
  mismatch,
  mismatchSummary,
  pin,
  pinInput,
  problem,
  proofSheet,
  purgeInput,
  raceInput,
  raceResult,
  rollbackInput,
  rollbackResult,
  scope,
  status,
} from './types.ts';

const endpointName = z.string().min(3).max(2_048).exactOptional();
const tenantName = z.string().min(1).max(128).exactOptional();
const id = z.strictObject({ id: z.string().min(1).max(64) });

/** The dial as it is now. A configuration's cap on the endpoint may lie below it. */
/** What was deleted of a tenant's traffic. */
export const purged = changed.extend({
  mismatches: z.int(),
  recordings: z.int(),
  /** Cells of which was saved which clusters strike them. */
  struckCells: z.int(),
  /** What still names the tenant: cells with counts and evidence, orders in force, entries of the journal. */
  kept: z.object({ cells: z.int(), orders: z.int(), journalEntries: z.int() }),
});
export const dialChanged = dial.extend(changed.shape);
export const clusterChanged = rankedCluster.extend(changed.shape);
export const pinned = pin.extend(changed.shape);
export const unlatchInput = z.strictObject({ scope: scope.default({}), reason: z.string().max(500).default('') });
export const pinLiftInput = z.strictObject({ reason: z.string().max(500).default('') });

export const health = z.object({ status: z.literal('ok') });
export const readiness = z.object({ ready: z.boolean(), reasons: z.array(z.string()) });
export const version = z.object({ version: z.string(), node: z.string() });

/**
 * The control API, complete: the server, the OpenAPI document and the reference page are made from this table.
 * No GET changes anything.
 */
export const ROUTES = {
  ...RAMP_ROUTES,
  ...PLAN_ROUTES,
  status: {
    method: 'GET',
    path: '/api/v1/status',
    summary: 'Everything at a glance: who serves what, parity, latencies, latches, warnings, and what a proof lacks.',
    open: false,
    output: status,
    status: 200,
  },
  endpoints: {
    method: 'GET',
    path: '/api/v1/endpoints',
    summary: 'Endpoints by name, with counts, parity, latencies and learned noise.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(endpoint),
    status: 200,
  },
  cells: {
    method: 'GET',
    path: '/api/v1/cells',
    summary: 'Cells (tenant × endpoint) in order of appearance, with state, counts and what a proof lacks.',
    open: false,
    query: z.strictObject({ ...paging, endpoint: endpointName, tenant: tenantName, state: cellState.exactOptional() }),
    output: page(cell),
    status: 200,
  },
  cellMap: {
    method: 'GET',
    path: '/api/v1/cell-map',
    summary: 'Cells by state as a picture: at most 40 endpoints × 60 tenants, the busiest first.',
    open: false,
    output: cellMap,
    status: 200,
  },
  clusters: {
    method: 'GET',
    path: '/api/v1/clusters',
    summary: 'Mismatches with one cause, in the order in which to look at them: by what they stand in the way of.',
    open: false,
    query: z.strictObject({ ...paging, endpoint: endpointName, state: clusterState.exactOptional() }),
    output: page(rankedCluster),
    status: 200,
  },
  cluster: {
    method: 'GET',
    path: '/api/v1/clusters/{id}',
    summary: 'One cluster.',
    open: false,
    params: id,
    output: rankedCluster,
    status: 200,
  },
  markCluster: {
    method: 'POST',
    path: '/api/v1/clusters/{id}',
    summary: 'Says what becomes of a cluster: accepted until a date, fixed, open again; who owns it; a note.',
    open: false,
    params: id,
    body: clusterInput,
    output: clusterChanged,
    status: 200,
  },
  unlock: {
    method: 'GET',
    path: '/api/v1/unlock',
    summary: 'What fixing a few clusters together would open: cells, and their share of traffic.',
    open: false,
    output: unlock,
    status: 200,
  },
  mismatches: {
    method: 'GET',
    path: '/api/v1/mismatches',
    summary: 'Stored mismatches, newest first.',
    open: false,
    query: z.strictObject({
      ...paging,
      cluster: z.string().min(1).max(64).exactOptional(),
      endpoint: endpointName,
      /** Only together with `endpoint`: one cell. */
      tenant: tenantName,
    }),
    output: page(mismatchSummary),
    status: 200,
  },
  mismatch: {
    method: 'GET',
    path: '/api/v1/mismatches/{id}',
    summary: 'One mismatch with its request and both answers, secrets replaced.',
    open: false,
    params: id,
    output: mismatch,
    status: 200,
  },
  recordings: {
    method: 'GET',
    path: '/api/v1/recordings',
    summary: 'Safe requests recorded with both answers, newest first: at most 20 an endpoint, secrets replaced.',
    open: false,
    query: z.strictObject({
      ...paging,
      endpoint: endpointName,
      /** Not older than this instant. */
      since: z.coerce.number().min(0).exactOptional(),
    }),
    output: page(recording),
    status: 200,
  },
  comparison: {
    method: 'GET',
    path: '/api/v1/comparison',
    summary: 'Rules, headers and limits that comparisons follow.',
    open: false,
    output: comparison,
    status: 200,
  },
  noise: {
    method: 'GET',
    path: '/api/v1/noise',
    summary: 'What each endpoint learned of noise, to be used by a comparer elsewhere.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(learnedNoise),
    status: 200,
  },
  power: {
    method: 'GET',
    path: '/api/v1/power',
    summary:
      'Power by endpoint: the share of known faults that comparisons find, and what hides the rest. Measured while `evidence.power` demands it, and for ten minutes after each call.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(endpointPower),
    status: 200,
  },
  journal: {
    method: 'GET',
    path: '/api/v1/journal',
    summary: 'Every change of who serves, newest first, or oldest first.',
    open: false,
    query: z.strictObject({
      ...paging,
      action: z.string().min(1).max(64).exactOptional(),
      order: z.literal('oldest').exactOptional(),
    }),
    output: page(journalEntry),
    status: 200,
  },
  journalHead: {
    method: 'GET',
    path: '/api/v1/journal/head',
    summary: 'The newest entry of the journal and its hash, to be kept where Cutover cannot reach it.',
    open: false,
    output: journalHead,
    status: 200,
  },
  dials: {
    method: 'GET',
    path: '/api/v1/dials',
    summary: 'The dials that count, of people and of the configuration.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(dial),
    status: 200,
  },
  setDial: {
    method: 'PUT',
    path: '/api/v1/dials',
    summary: "Sets the candidate's share of what may move in a scope, in parts per million.",
    open: false,
    body: dialInput,
    output: dialChanged,
    status: 200,
  },
  rollback: {
    method: 'POST',
    path: '/api/v1/rollback',
    summary: 'Takes a scope (by default everything) back to the control, at once, until the latch is lifted.',
    open: false,
    body: rollbackInput,
    output: rollbackResult,
    status: 200,
  },
  fleet: {
    method: 'GET',
    path: '/api/v1/fleet',
    summary: 'The processes of the fleet: which table each obeys, and when it was heard of last.',
    open: false,
    output: fleet,
    status: 200,
  },
  latches: {
    method: 'GET',
    path: '/api/v1/latch',
    summary: 'Rollbacks that are in force.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(latch),
    status: 200,
  },
  unlatch: {
    method: 'DELETE',
    path: '/api/v1/latch',
    summary: 'Lifts the latch of exactly this scope.',
    open: false,
    body: unlatchInput,
    output: changed,
    status: 200,
  },
  pins: {
    method: 'GET',
    path: '/api/v1/pins',
    summary: 'Orders of people that a scope is served by one side.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(pin),
    status: 200,
  },
  pin: {
    method: 'POST',
    path: '/api/v1/pins',
    summary: 'Pins a scope to one side, until it is lifted or a time.',
    open: false,
    body: pinInput,
    output: pinned,
    status: 201,
  },
  liftPin: {
    method: 'DELETE',
    path: '/api/v1/pins/{id}',
    summary: 'Lifts a pin.',
    open: false,
    params: id,
    body: pinLiftInput,
    output: changed,
    status: 200,
  },
  hold: {
    method: 'POST',
    path: '/api/v1/hold',
    summary: 'Holds a scope: nothing is promoted there; what serves goes on, and is still taken back when it is wrong.',
    open: false,
    body: holdInput,
    output: changed,
    status: 200,
  },
  resume: {
    method: 'POST',
    path: '/api/v1/resume',
    summary: 'Lifts the hold of exactly this scope.',
    open: false,
    body: holdInput,
    output: changed,
    status: 200,
  },
  deploy: {
    method: 'POST',
    path: '/api/v1/deploy',
    summary: 'Announces the version a side runs from now on; another candidate version begins an epoch.',
    open: false,
    body: deployInput,
    output: changed,
    status: 200,
  },
  purge: {
    method: 'POST',
    path: '/api/v1/purge',
    summary:
      'Deletes what was kept of a tenant: mismatches, recordings, the values shown by clusters, and which clusters strike its cells. Counts, evidence, orders and the journal stay; the answer says how many of them name the tenant.',
    open: false,
    body: purgeInput,
    output: purged,
    status: 200,
  },
  notify: {
    method: 'GET',
    path: '/api/v1/notify',
    summary: 'Targets of notices by name: what they are told of, and how telling them went.',
    open: false,
    query: z.strictObject({ ...paging }),
    output: page(noticeTarget),
    status: 200,
  },
  notifyTest: {
    method: 'POST',
    path: '/api/v1/notify/test',
    summary: 'Sends a test notice to one target, or to all, and tells what each answered.',
    open: false,
    body: noticeTestInput,
    output: noticeTest,
    status: 200,
  },
  proof: {
    method: 'GET',
    path: '/api/v1/proofs/{tenant}/{endpoint}',
    summary: 'The proof sheet of one cell: what it serves under, what its evidence says, and what is missing.',
    open: false,
    params: z.strictObject({ tenant: z.string().min(1).max(128), endpoint: z.string().min(3).max(2_048) }),
    output: proofSheet,
    status: 200,
  },
  explain: {
    method: 'POST',
    path: '/api/v1/explain',
    summary: 'Who would serve a request, and what every step of the decision said.',
    open: false,
    body: explainInput,
    output: explanation,
    status: 200,
  },
  race: {
    method: 'POST',
    path: '/api/v1/race',
    summary:
      'Asks both sides for the same page at the same moment, outside all traffic: times, sizes, and a ticket to look at both.',
    open: false,
    body: raceInput,
    output: raceResult,
    status: 200,
  },
  events: {
    method: 'GET',
    path: '/api/v1/events',
    summary:
      'Server-sent events: status, journal, cluster, mismatch, health. `Last-Event-ID` continues where a stream ended.',
    open: false,
    output: 'events',
    status: 200,
  },
  openapi: {
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'This API as an OpenAPI 3.1 document.',
    open: false,
    output: 'document',
    status: 200,
  },
  healthz: {
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the process runs. Answers to any Host, so that probes may use an address.',
    open: true,
    output: health,
    status: 200,
  },
  readyz: {
    method: 'GET',
    path: '/readyz',
    summary: 'Whether new traffic should come: 200, or 503 with the reasons. Answers to any Host.',
    open: true,
    output: readiness,
    status: 200,
  },
  version: {
    method: 'GET',
    path: '/version',
    summary: 'The versions of Cutover and of its runtime.',
    open: true,
    output: version,
    status: 200,
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics in the Prometheus text format 0.0.4.',
    open: true,
    output: 'text',
    status: 200,
  },
} as const satisfies Record<string, Route>;

export { changed, type Route } from './route.ts';

export type RouteName = keyof typeof ROUTES;
export const ROUTE_NAMES: readonly RouteName[] = Object.keys(ROUTES) as RouteName[]; // the keys of the table above

/** What every answer that is not a success holds. */
export const PROBLEM: typeof problem = problem;

export type Changed = z.infer<typeof changed>;
export type Pinned = z.infer<typeof pinned>;
export type Readiness = z.infer<typeof readiness>;
