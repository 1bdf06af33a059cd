import type { RecordingView } from '../api/recording-types.ts';
import type {
  ClusterView,
  DifferenceView,
  JournalView,
  Mismatch,
  MismatchSummary,
  StoredObservationView,
} from '../api/types.ts';
import type {
  Cluster,
  JournalEntry,
  Recording,
  StoredMismatch,
  StoredObservation,
  StoredRequest,
  StoredSession,
} from '../core/ports.ts';
import { type Difference, signaturesOf } from '../core/verdict.ts';

/** What the store holds as the API shows it: field by field, so that a field the store gains is not shown by accident. */
export function clusterView(cluster: Cluster): ClusterView {
  return {
    id: cluster.id,
    endpoint: cluster.endpoint,
    endpoints: cluster.endpoints.map(({ endpoint, count }) => ({ endpoint, count })),
    pathPattern: cluster.pathPattern,
    kind: cluster.kind,
    transition: cluster.transition,
    count: cluster.count,
    tenants: cluster.tenants,
    firstSeen: cluster.firstSeen,
    lastSeen: cluster.lastSeen,
    firstVersion: cluster.firstVersion,
    lastVersion: cluster.lastVersion,
    example: cluster.example,
    difference: differenceView(cluster.difference),
  };
}

export function journalView(entry: JournalEntry): JournalView {
  const { sequence, at, actor, action, scope, reason, revision, hash } = entry;
  const shown = { sequence, at, actor, action, scope, reason, revision, hash };
  return entry.evidence === undefined ? shown : { ...shown, evidence: entry.evidence };
}

export function mismatchSummaryView(stored: StoredMismatch): MismatchSummary {
  const { exchange, cell } = stored;
  return {
    id: stored.id,
    at: stored.at,
    tenant: cell.tenant,
    endpoint: cell.endpoint,
    cluster: stored.cluster,
    method: exchange.request?.method ?? '',
    target: exchange.request?.target ?? '',
    direction: exchange.direction,
    intermittent: exchange.result.intermittent === true,
    differences: exchange.result.differences.map(differenceView),
    differenceCount: exchange.result.differenceCount,
    ...(exchange.result.window === true ? { window: true } : {}),
  };
}

export function mismatchView(stored: StoredMismatch): Mismatch {
  const { request, answers, versions, durationsMs, session } = stored.exchange;
  return {
    ...mismatchSummaryView(stored),
    request: requestView(request),
    ...(session === undefined ? {} : { session: sessionView(session) }),
    control: observationView(answers?.control ?? {}),
    candidate: observationView(answers?.candidate ?? {}),
    versions: { control: versions.control, candidate: versions.candidate },
    durationsMs: { control: durationsMs.control, candidate: durationsMs.candidate },
  };
}

export function recordingView({ id, at, cell, exchange }: Recording): RecordingView {
  const { request, answers, result, direction, versions } = exchange;
  return {
    id,
    at,
    tenant: cell.tenant,
    endpoint: cell.endpoint,
    direction,
    verdict: result.verdict,
    clusters: signaturesOf(result).map((signature) => signature.id),
    request: requestView(request),
    control: observationView(answers?.control ?? {}),
    candidate: observationView(answers?.candidate ?? {}),
    versions: { control: versions.control, candidate: versions.candidate },
  };
}

function sessionView({ steps, links }: StoredSession): NonNullable<Mismatch['session']> {
  const linkViews = (list: StoredSession['links']) => list.map(({ step, from, to }) => ({ step, from, to }));
  return {
    steps: steps.map((step) => ({
      endpoint: step.endpoint,
      request: requestView(step.request),
      links: linkViews(step.links),
    })),
    links: linkViews(links),
  };
}

function requestView(request: StoredRequest | undefined): Mismatch['request'] {
  return {
    method: request?.method ?? '',
    target: request?.target ?? '',
    headers: pairs(request?.headers ?? []),
    ...(request?.body === undefined ? {} : { body: request.body }),
    secrets: [...(request?.secrets ?? [])],
  };
}

function observationView(stored: StoredObservation): StoredObservationView {
  return {
    ...(stored.failure === undefined ? {} : { failure: stored.failure }),
    ...(stored.status === undefined ? {} : { status: stored.status }),
    ...(stored.headers === undefined ? {} : { headers: pairs(stored.headers) }),
    ...(stored.body === undefined ? {} : { body: stored.body }),
    ...(stored.bodyBytes === undefined ? {} : { bodyBytes: stored.bodyBytes }),
  };
}

function differenceView(difference: Difference): DifferenceView {
  const { path, kind, control, candidate, noise, rule, ignored } = difference;
  return {
    path,
    kind,
    ...(control === undefined ? {} : { control }),
    ...(candidate === undefined ? {} : { candidate }),
    ...(noise === undefined ? {} : { noise }),
    ...(rule === undefined ? {} : { rule }),
    ...(ignored === undefined ? {} : { ignored }),
  };
}

function pairs(headers: readonly (readonly [string, string])[]): [string, string][] {
  return headers.map(([name, value]) => [name, value]);
}
