import { SIDES } from '../core/cell.ts';
import { TOKEN_FAULTS } from '../core/claim.ts';
import { FAILURE_KINDS } from '../core/observation.ts';
import { UNVERIFIED_REASONS } from '../core/ports.ts';
import { REASONS } from '../core/routing.ts';
import { DIFFERENCE_KINDS, VERDICTS } from '../core/verdict.ts';
import {
  type HistogramChild,
  type Metric,
  type MetricDefinition,
  Registry,
  type RegistryLimits,
  type ValueChild,
} from './registry.ts';

export const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];
export const DIRECTIONS = ['forward', 'reverse'] as const;
export const BREAKER_SCOPES = ['candidate', 'endpoint'] as const;
/** What happens to clusters. */
export const CLUSTER_EVENTS = ['found', 'fixed', 'returned'] as const;
/** What becomes of a notice to one target. */
export const NOTICE_OUTCOMES = ['sent', 'retried', 'failed', 'dropped', 'limited'] as const;
export type NoticeOutcome = (typeof NOTICE_OUTCOMES)[number];
export const ROLLBACK_TRIGGERS = ['manual', 'api', 'tripwire'] as const;

/** Bucket bounds that OpenTelemetry advises for `http.server.request.duration`, in seconds. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;
/** What Cutover adds is far below a millisecond; the bounds start where it lies. */
const OVERHEAD_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1] as const;
/** A rollback is promised within 50 ms. */
const ROLLBACK_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1] as const;

/**
 * Every metric that Cutover offers: the reference page is made from this table.
 * Tenants are never a label: they are unbounded and say who the customers are.
 */
export const METRICS = {
  requests: {
    name: 'cutover_requests_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests served, by the side that answered (the side chosen, where none did), status class sent to the client and reason of the decision.',
    labels: { endpoint: 'open', side: SIDES, status_class: STATUS_CLASSES, decision: REASONS },
  },
  duration: {
    name: 'cutover_request_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time from the arrival of a request to the end of its answer, in seconds.',
    labels: { endpoint: 'open', side: SIDES },
    buckets: DURATION_BUCKETS,
  },
  overhead: {
    name: 'cutover_proxy_overhead_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: "Cutover's own share of the time to the first byte, in seconds.",
    labels: {},
    buckets: OVERHEAD_BUCKETS,
  },
  failovers: {
    name: 'cutover_failovers_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests that the candidate failed and the control answered.',
    labels: { endpoint: 'open' },
  },
  upstreamFailures: {
    name: 'cutover_upstream_failures_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests that the side chosen for them failed, by the way it failed; `status` is 500, 502, 503 or 504.',
    labels: { side: SIDES, failure: [...FAILURE_KINDS, 'status'] },
  },
  missingKey: {
    name: 'cutover_missing_key_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests that stayed with the control because they name no subject or no tenant.',
    labels: { endpoint: 'open' },
  },
  tokensUnread: {
    name: 'cutover_tokens_unread_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests whose token names nobody, so that the next source of a tenant or subject was asked: it cannot be read, or lacks the claim.',
    labels: { fault: TOKEN_FAULTS },
  },
  mirrored: {
    name: 'cutover_mirrored_total',
    type: 'counter',
    unit: 'requests',
    help: 'Mirrored requests that were compared, by verdict; forward: the control served, reverse: the candidate did.',
    labels: { endpoint: 'open', direction: DIRECTIONS, verdict: VERDICTS },
  },
  mirrorSkipped: {
    name: 'cutover_mirror_skipped_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests that were to be verified and could not be, by reason.',
    labels: { reason: UNVERIFIED_REASONS },
  },
  mirrorQueue: {
    name: 'cutover_mirror_queue_depth',
    type: 'gauge',
    unit: 'count',
    help: 'Mirrored pairs that wait to be compared.',
    labels: {},
  },
  dial: {
    name: 'cutover_dial_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: "The candidate's share of what may move, 0 to 1, for requests without a tenant's own dial, after the endpoint's cap.",
    labels: { endpoint: 'open' },
  },
  observedShare: {
    name: 'cutover_observed_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: 'Share of the requests of the last 60 seconds that the candidate answered, 0 to 1.',
    labels: {},
  },
  parity: {
    name: 'cutover_parity_ratio',
    type: 'gauge',
    unit: 'ratio',
    help: 'Matches by matches and mismatches, 0 to 1; absent before the first of either.',
    labels: { endpoint: 'open' },
  },
  outstanding: {
    name: 'cutover_outstanding_requests',
    type: 'gauge',
    unit: 'requests',
    help: 'Requests in flight, by side.',
    labels: { side: SIDES },
  },
  targetHealthy: {
    name: 'cutover_target_healthy',
    type: 'gauge',
    unit: 'boolean',
    help: 'Whether a target gets requests: 1 or 0.',
    labels: { side: SIDES, target: 'open' },
  },
  breakersOpen: {
    name: 'cutover_breakers_open',
    type: 'gauge',
    unit: 'count',
    help: 'Breakers that keep requests from the candidate: its own (0 or 1), and those of endpoints. What they hold back is in `cutover_requests_total` with the decision `breaker`.',
    labels: { scope: BREAKER_SCOPES },
  },
  breakerChanges: {
    name: 'cutover_breaker_changes_total',
    type: 'counter',
    unit: 'count',
    help: 'How often a breaker of the candidate opened or closed.',
    labels: { scope: BREAKER_SCOPES, state: ['open', 'closed'] },
  },
  rollbacks: {
    name: 'cutover_rollbacks_total',
    type: 'counter',
    unit: 'count',
    help: 'Rollbacks, by what asked for them: a person (manual), a program (api), or a tripwire.',
    labels: { trigger: ROLLBACK_TRIGGERS },
  },
  rollbackDuration: {
    name: 'cutover_rollback_duration_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Time from a rollback command to the moment the proxy obeyed, in seconds.',
    labels: {},
    buckets: ROLLBACK_BUCKETS,
  },
  latches: {
    name: 'cutover_latches',
    type: 'gauge',
    unit: 'count',
    help: 'Rollbacks that have not been lifted.',
    labels: {},
  },
  revision: {
    name: 'cutover_table_revision',
    type: 'gauge',
    unit: 'count',
    help: 'Revision of the routing table in force.',
    labels: {},
  },
  clusterEvents: {
    name: 'cutover_cluster_events_total',
    type: 'counter',
    unit: 'count',
    help: 'Clusters of differences that were found, fixed, or seen again after they were fixed (returned), by kind of difference.',
    labels: { event: CLUSTER_EVENTS, kind: DIFFERENCE_KINDS },
  },
  changes: {
    name: 'cutover_journal_entries_total',
    type: 'counter',
    unit: 'count',
    help: 'Changes of who serves, or of what decides it, that were written to the journal.',
    labels: {},
  },
  unjournaled: {
    name: 'cutover_unjournaled_entries',
    type: 'gauge',
    unit: 'count',
    help: 'Rollbacks in force that the store has not taken yet; anything but 0 for long needs a person.',
    labels: {},
  },
  storeUp: {
    name: 'cutover_store_up',
    type: 'gauge',
    unit: 'boolean',
    help: 'Whether the last write to the store succeeded: 1 or 0.',
    labels: {},
  },
  notices: {
    name: 'cutover_notices_total',
    type: 'counter',
    unit: 'count',
    help: 'Notices by target and by what became of them: sent; retried (a try failed, another follows); failed (given up or refused by the receiver); dropped (queue full, or the process ended); limited (summed up in one).',
    labels: { target: 'open', outcome: NOTICE_OUTCOMES },
  },
  apiRequests: {
    name: 'cutover_api_requests_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests to the control API, by status class.',
    labels: { status_class: STATUS_CLASSES },
  },
  apiSignInFailures: {
    name: 'cutover_api_sign_in_failures_total',
    type: 'counter',
    unit: 'requests',
    help: 'Requests to the control API with a wrong token.',
    labels: {},
  },
  build: {
    name: 'cutover_build_info',
    type: 'gauge',
    unit: 'boolean',
    help: 'Always 1; the label tells the version.',
    labels: { version: 'open' },
  },
  cpu: {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    unit: 'seconds',
    help: 'CPU time of the process, user and system, in seconds.',
    labels: {},
  },
  memory: {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the process in bytes.',
    labels: {},
  },
  startTime: {
    name: 'process_start_time_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'When the process started, in seconds since the epoch.',
    labels: {},
  },
} as const satisfies Record<string, MetricDefinition>;

type Name = keyof typeof METRICS;
/** Every metric of the table, registered. */
export type Metrics = {
  readonly [N in Name]: Metric<(typeof METRICS)[N]['type'] extends 'histogram' ? HistogramChild : ValueChild>;
};

/** Registers the whole table, and the collector of the process's own figures. */
export function createMetrics(limits: RegistryLimits = {}): { readonly registry: Registry; readonly metrics: Metrics } {
  const registry = new Registry(limits);
  const metrics = Object.fromEntries(
    Object.entries<MetricDefinition>(METRICS).map(([name, definition]) => [
      name,
      definition.type === 'histogram' ? registry.histogram(definition) : registry.value(definition),
    ]),
  ) as unknown as Metrics; // one entry per name of the table, made by the same condition as the type
  registry.onScrape(() => {
    const { user, system } = process.cpuUsage();
    metrics.cpu.labels({}).set((user + system) / 1e6);
    metrics.memory.labels({}).set(process.memoryUsage.rss());
  });
  metrics.storeUp.labels({}).set(1);
  return { registry, metrics };
}

/** The reference page of the metrics, as Markdown. */
export function metricsReference(): string {
  const rows = Object.values<MetricDefinition>(METRICS).map(({ name, type, help, labels }) => {
    const shown = Object.entries(labels).map(([label, values]) =>
      values === 'open' ? `\`${label}\`` : `\`${label}\` (${values.join(', ')})`,
    );
    return `| \`${name}\` | ${type} | ${help} | ${shown.join('; ')} |`;
  });
  return [
    '# Metrics',
    '',
    'Served at `/metrics` of the control API in the Prometheus text format 0.0.4, without a token: by default the API listens on loopback only.',
    'Tenants are never a label.',
    `A label without a list of values holds at most 500 different ones and a metric at most 5,000 sets of labels; what comes after is counted as \`_other\`.`,
    '',
    '| name | type | meaning | labels |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
