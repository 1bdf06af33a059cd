import type { Cell, EndpointId, Side } from '../core/cell.ts';
import type { TokenFault } from '../core/claim.ts';
import type { ErrorCode } from '../core/errors.ts';
import type {
  BreakerChange,
  Clock,
  Cluster,
  HealthChange,
  JournalEntry,
  Log,
  ServedRecord,
  UnverifiedReason,
  VerifiedExchange,
} from '../core/ports.ts';
import type { Metrics, NoticeOutcome, StatusClass } from './metrics.ts';
import type { HistogramChild, ValueChild } from './registry.ts';

/** One function per thing that happens: each writes its log line and counts in its metric, so the two always agree. */
export interface Events {
  /** Metrics only: nothing is logged per request. */
  requestServed(record: ServedRecord): void;
  exchangeVerified(verified: VerifiedExchange): void;
  requestUnverified(cell: Cell, reason: UnverifiedReason): void;
  targetHealthChanged(change: HealthChange): void;
  breakerChanged(change: BreakerChange): void;
  /** A request's token says nothing of who it is; the next source was asked. */
  tokenUnread(fault: TokenFault): void;
  /** A change that is in the journal. */
  changeJournaled(entry: JournalEntry): void;
  commandRejected(rejected: CommandRejected): void;
  /** The latch is in force; the journal may follow. */
  rolledBack(rollback: RolledBack): void;
  rollbackUnjournaled(waiting: number, error: unknown): void;
  rollbackEntryLost(scope: string): void;
  tableFailed(revision: number, error: unknown): void;
  storeFailed(doing: string, error: unknown): void;
  /** Writes succeed again; a line is logged only after a failure. */
  storeWorked(): void;
  /** A difference of a cause that was not seen before. */
  clusterFound(cluster: ClusterFacts): void;
  /** A person said so, or it has been quiet for long enough. */
  clusterFixed(cluster: ClusterFacts): void;
  /** One that was fixed was seen again. */
  clusterReturned(cluster: ClusterFacts, version: string): void;
  /** What became of a notice to one of the configured targets. */
  noticeEnded(target: string, outcome: NoticeOutcome): void;
  /** A target takes no notices; told once until it takes one again. */
  noticesFailing(target: string, problem: string): void;
  noticesWork(target: string): void;
  apiAnswered(status: number): void;
  /** A problem document went out; `id` is in it. */
  apiProblem(problem: ApiProblem): void;
  signInFailed(address: string): void;
}

export type ClusterFacts = Pick<Cluster, 'id' | 'endpoint' | 'pathPattern' | 'kind' | 'firstVersion'>;

export interface CommandRejected {
  readonly kind: string;
  readonly actor: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface RolledBack {
  readonly scope: string;
  readonly actor: string;
  readonly reason: string;
  readonly revision: number;
  readonly effectiveMs: number;
}

export interface ApiProblem {
  readonly id: string;
  readonly method: string;
  /** Without the query, which could hold anything. */
  readonly path: string;
  readonly status: number;
  readonly code: ErrorCode;
  /** What the caller did not get to see, for faults. */
  readonly error?: unknown;
}

export interface EventTools {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export function createEvents({ log, metrics, clock }: EventTools): Events {
  return {
    ...trafficEvents(log, metrics),
    ...controlEvents(log, metrics),
    ...clusterEvents(log, metrics),
    ...noticeEvents(log, metrics),
    ...apiEvents({ log, metrics, clock }),
  };
}

type TrafficEvents = Pick<
  Events,
  'requestServed' | 'exchangeVerified' | 'requestUnverified' | 'targetHealthChanged' | 'breakerChanged' | 'tokenUnread'
>;

function trafficEvents(log: Log, metrics: Metrics): TrafficEvents {
  const meters = new EndpointMeters(metrics);
  const overhead = metrics.overhead.labels({});
  return {
    requestServed: (record) => {
      const side = record.servedBy ?? record.decision.side;
      const meter = meters.of(record.endpoint);
      meter.request(side, statusClass(record.status), record.decision.reason).inc();
      meter.duration[side].observe(record.durationMs / 1000);
      // Cutover's share is only told apart where an upstream answered.
      if (record.servedBy !== undefined) overhead.observe(record.overheadMs / 1000);
      if (record.failedOver) meter.failovers.inc();
      if (record.failure !== undefined)
        metrics.upstreamFailures.labels({ side: record.decision.side, failure: record.failure }).inc();
      if (record.decision.reason === 'no-subject' || record.decision.reason === 'no-tenant') meter.missingKey.inc();
    },
    exchangeVerified: ({ cell, direction, result }) => {
      metrics.mirrored.labels({ endpoint: cell.endpoint, direction, verdict: result.verdict }).inc();
    },
    requestUnverified: (_cell, reason) => metrics.mirrorSkipped.labels({ reason }).inc(),
    targetHealthChanged: (change) => {
      metrics.targetHealthy.labels({ side: change.side, target: change.target }).set(change.healthy ? 1 : 0);
      if (change.healthy) log.info('target.healthy', { ...change });
      else log.warn('target.unhealthy', { ...change });
    },
    tokenUnread: (fault) => metrics.tokensUnread.labels({ fault }).inc(),
    breakerChanged: (change) => {
      const { scope, isOpen, endpoint, openEndpoints } = change;
      metrics.breakerChanges.labels({ scope, state: isOpen ? 'open' : 'closed' }).inc();
      if (scope === 'candidate') metrics.breakersOpen.labels({ scope }).set(isOpen ? 1 : 0);
      metrics.breakersOpen.labels({ scope: 'endpoint' }).set(openEndpoints);
      if (isOpen) log.warn('breaker.open', { scope, endpoint, openEndpoints });
      else log.info('breaker.closed', { scope, endpoint, openEndpoints });
    },
  };
}

type ControlEvents = Pick<
  Events,
  | 'changeJournaled'
  | 'commandRejected'
  | 'rolledBack'
  | 'rollbackUnjournaled'
  | 'rollbackEntryLost'
  | 'tableFailed'
  | 'storeFailed'
  | 'storeWorked'
>;

function controlEvents(log: Log, metrics: Metrics): ControlEvents {
  const storeUp = metrics.storeUp.labels({});
  return {
    changeJournaled: (entry) => {
      metrics.changes.labels({}).inc();
      log.info(entry.action, { ...entry });
    },
    commandRejected: (rejected) => log.warn('command.rejected', { ...rejected }),
    rolledBack: (rollback) => {
      metrics.rollbacks.labels({ trigger: triggerOf(rollback.actor) }).inc();
      metrics.rollbackDuration.labels({}).observe(rollback.effectiveMs / 1000);
      // A person should look, whoever pulled it: something was wrong enough to take traffic back.
      log.warn('rollback.effective', { ...rollback });
    },
    rollbackUnjournaled: (waiting, error) => {
      metrics.unjournaled.labels({}).set(waiting);
      if (error !== undefined) log.error('rollback.unjournaled', { waiting, error });
    },
    rollbackEntryLost: (scope) => log.error('rollback.entry-lost', { scope }),
    tableFailed: (revision, error) => log.error('table.failed', { revision, error }),
    storeFailed: (doing, error) => {
      storeUp.set(0);
      log.error('store.failed', { doing, error });
    },
    storeWorked: () => {
      if (storeUp.value === 0) log.info('store.recovered');
      storeUp.set(1);
    },
  };
}

function clusterEvents(log: Log, metrics: Metrics): Pick<Events, 'clusterFound' | 'clusterFixed' | 'clusterReturned'> {
  const factsOf = ({ id, endpoint, pathPattern, kind, firstVersion }: ClusterFacts) => ({
    cluster: id,
    endpoint,
    path: pathPattern,
    kind,
    firstVersion,
  });
  const count = (event: 'found' | 'fixed' | 'returned', { kind }: ClusterFacts): void =>
    metrics.clusterEvents.labels({ event, kind }).inc();
  return {
    clusterFound: (cluster) => {
      count('found', cluster);
      log.info('cluster.found', factsOf(cluster));
    },
    // The journal's line tells who and why.
    clusterFixed: (cluster) => count('fixed', cluster),
    clusterReturned: (cluster, version) => {
      count('returned', cluster);
      log.warn('cluster.returned', { ...factsOf(cluster), version });
    },
  };
}

function noticeEvents(log: Log, metrics: Metrics): Pick<Events, 'noticeEnded' | 'noticesFailing' | 'noticesWork'> {
  return {
    noticeEnded: (target, outcome) => metrics.notices.labels({ target, outcome }).inc(),
    noticesFailing: (target, problem) => log.warn('notices.failing', { target, problem }),
    noticesWork: (target) => log.info('notices.work', { target }),
  };
}

/** Problem lines per minute that are logged at the default level: a stranger must not fill the disk. */
const MAX_PROBLEM_LINES = 120;

function apiEvents({ log, metrics, clock }: EventTools): Pick<Events, 'apiAnswered' | 'apiProblem' | 'signInFailed'> {
  const lines = { minute: 0, count: 0 };
  const mayLog = (): boolean => {
    const minute = Math.floor(clock.monotonic() / 60_000);
    if (minute !== lines.minute) Object.assign(lines, { minute, count: 0 });
    lines.count += 1;
    return lines.count <= MAX_PROBLEM_LINES;
  };
  return {
    apiAnswered: (status) => metrics.apiRequests.labels({ status_class: statusClass(status) }).inc(),
    apiProblem: (problem) => {
      if (problem.code === 'FAULT') log.error('api.problem', { ...problem });
      else if (mayLog()) log.info('api.problem', { ...problem });
      else log.debug('api.problem', { ...problem });
    },
    signInFailed: (address) => {
      metrics.apiSignInFailures.labels({}).inc();
      if (mayLog()) log.warn('api.sign-in-failed', { address });
    },
  };
}

/** `cli:ann` and `dashboard` are people; `tripwire:…` and `controller` are Cutover itself. */
function triggerOf(actor: string): 'manual' | 'api' | 'tripwire' {
  if (actor.startsWith('tripwire') || actor === 'controller') return 'tripwire';
  return actor === 'api' || actor.startsWith('api:') ? 'api' : 'manual';
}

function statusClass(status: number): StatusClass {
  switch (Math.floor(status / 100)) {
    case 1:
      return '1xx';
    case 2:
      return '2xx';
    case 3:
      return '3xx';
    case 4:
      return '4xx';
    case 5:
      return '5xx';
    default:
      return 'none';
  }
}

/** The children of one endpoint, found with one map read per request. */
interface EndpointMeter {
  request(side: Side, status: StatusClass, reason: string): ValueChild;
  readonly duration: Readonly<Record<Side, HistogramChild>>;
  readonly failovers: ValueChild;
  readonly missingKey: ValueChild;
}

/** Endpoints whose children are kept at hand; the registry bounds the labels, this bounds the shortcut. */
const MAX_METERS = 1_000;

class EndpointMeters {
  readonly #metrics: Metrics;
  readonly #meters = new Map<EndpointId, EndpointMeter>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  of(endpoint: EndpointId): EndpointMeter {
    const present = this.#meters.get(endpoint);
    if (present !== undefined) return present;
    const made = makeMeter(this.#metrics, endpoint);
    if (this.#meters.size < MAX_METERS) this.#meters.set(endpoint, made);
    return made;
  }
}

function makeMeter(metrics: Metrics, endpoint: EndpointId): EndpointMeter {
  // Bounded by the labels' own lists: sides × status classes × reasons.
  const requests = new Map<Side, Map<StatusClass, Map<string, ValueChild>>>();
  return {
    request: (side, status, decision) => {
      const byReason = inner(inner(requests, side), status);
      let child = byReason.get(decision);
      if (child === undefined) {
        child = metrics.requests.labels({ endpoint, side, status_class: status, decision });
        byReason.set(decision, child);
      }
      return child;
    },
    duration: {
      control: metrics.duration.labels({ endpoint, side: 'control' }),
      candidate: metrics.duration.labels({ endpoint, side: 'candidate' }),
    },
    failovers: metrics.failovers.labels({ endpoint }),
    missingKey: metrics.missingKey.labels({ endpoint }),
  };
}

function inner<K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let found = map.get(key);
  if (found === undefined) {
    found = new Map();
    map.set(key, found);
  }
  return found;
}
