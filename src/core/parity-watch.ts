import { makeNotice, type Notice } from './notice.ts';
import type { Cluster, VerifiedExchange } from './ports.ts';

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
/** Comparisons that both hours need. */
const MIN_COMPARISONS = 100;
/** A fall worth telling, as a share. */
const MIN_FALL = 0.05;
/**
 * Standard errors that the fall must exceed as well: it is looked at every minute, and at a parity of one half
 * a hundred comparisons differ by 7 points from the next hundred for no reason. Four of them are reached by chance
 * about three times in 100,000 looks, if comparisons are independent.
 */
const MIN_DEVIATIONS = 4;
/** Clusters of two hours that are kept; further ones are not named. */
const MAX_CLUSTERS = 200;
const MAX_TENANTS = 100;
/** Names a notice tells. */
const CLUSTERS_TOLD = 3;
const TENANTS_TOLD = 5;

interface Bucket {
  readonly minute: number;
  match: number;
  mismatch: number;
}

interface NewCluster {
  readonly cluster: Pick<Cluster, 'id' | 'endpoint' | 'pathPattern' | 'kind'>;
  readonly firstSeen: number;
  count: number;
  /** At most 100. */
  readonly tenants: Set<string>;
}

/** Matches and mismatches minute by minute over two hours, to notice that parity fell, and which clusters are new in that time. */
export class ParityWatch {
  /** Oldest first; at most 120. */
  #buckets: Bucket[] = [];
  readonly #clusters = new Map<string, NewCluster>();
  #toldAt = Number.NEGATIVE_INFINITY;

  /** Counts a comparison, with the clusters of its causes. */
  verified(verified: VerifiedExchange, clusters: readonly Cluster[], now: number): void {
    const { verdict } = verified.result;
    if (verdict !== 'match' && verdict !== 'mismatch') return;
    this.#bucket(now)[verdict] += 1;
    for (const cluster of clusters) this.#noteCluster(cluster, verified.cell.tenant, now);
  }

  /** The notice where parity of the last hour is lower than that of the hour before, at most once an hour. To be asked once a minute. */
  look(now: number): Notice | undefined {
    this.#forget(now);
    if (now - this.#toldAt < HOUR_MINUTES * MINUTE_MS) return undefined;
    const half = minuteOf(now) - HOUR_MINUTES;
    const before = sum(this.#buckets.filter(({ minute }) => minute <= half));
    const after = sum(this.#buckets.filter(({ minute }) => minute > half));
    if (!hasFallen(before, after)) return undefined;
    this.#toldAt = now;
    const fresh = [...this.#clusters.values()]
      .filter(({ firstSeen }) => now - firstSeen <= HOUR_MINUTES * MINUTE_MS)
      .sort((a, b) => b.count - a.count);
    return fallNotice(before, after, fresh, now);
  }

  #bucket(now: number): Bucket {
    const minute = minuteOf(now);
    const last = this.#buckets.at(-1);
    // A clock that was set back counts on in the newest minute.
    if (last !== undefined && last.minute >= minute) return last;
    this.#forget(now);
    const made = { minute, match: 0, mismatch: 0 };
    this.#buckets.push(made);
    return made;
  }

  #noteCluster(cluster: Cluster, tenant: string, now: number): void {
    const known = this.#clusters.get(cluster.id);
    if (known === undefined) {
      const isNew = now - cluster.firstSeen <= HOUR_MINUTES * MINUTE_MS;
      if (!isNew || this.#clusters.size >= MAX_CLUSTERS) return;
      const { id, endpoint, pathPattern, kind, firstSeen } = cluster;
      const noted = { cluster: { id, endpoint, pathPattern, kind }, firstSeen, count: 1, tenants: new Set([tenant]) };
      this.#clusters.set(id, noted);
      return;
    }
    known.count += 1;
    if (known.tenants.size < MAX_TENANTS) known.tenants.add(tenant);
  }

  #forget(now: number): void {
    const oldest = minuteOf(now) - 2 * HOUR_MINUTES;
    this.#buckets = this.#buckets.filter(({ minute }) => minute > oldest);
    for (const [id, { firstSeen }] of this.#clusters) {
      if (now - firstSeen > 2 * HOUR_MINUTES * MINUTE_MS) this.#clusters.delete(id);
    }
  }
}

interface Hour {
  readonly match: number;
  readonly all: number;
}

function sum(buckets: readonly Bucket[]): Hour {
  const match = buckets.reduce((total, bucket) => total + bucket.match, 0);
  return { match, all: buckets.reduce((total, bucket) => total + bucket.match + bucket.mismatch, 0) };
}

/** The test of two shares with the pooled variance p(1 - p)(1/n + 1/m). */
function hasFallen(before: Hour, after: Hour): boolean {
  if (before.all < MIN_COMPARISONS || after.all < MIN_COMPARISONS) return false;
  const fall = before.match / before.all - after.match / after.all;
  const pooled = (before.match + after.match) / (before.all + after.all);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / before.all + 1 / after.all));
  return fall >= MIN_FALL && fall > MIN_DEVIATIONS * error;
}

function fallNotice(before: Hour, after: Hour, fresh: readonly NewCluster[], now: number): Notice {
  const [was, is] = [before.match / before.all, after.match / after.all];
  const told = fresh.slice(0, CLUSTERS_TOLD).map(clusterText);
  const more = fresh.length > told.length ? `; and ${fresh.length - told.length} more` : '';
  const count = fresh.length === 1 ? 'One new cluster' : `${fresh.length} new clusters`;
  const causes =
    fresh.length === 0
      ? 'No cluster is new: a known difference grew, or the mix of requests changed.'
      : `${count}: ${told.join('; ')}${more}.`;
  const compared = `Of ${after.all} comparisons of the last hour, ${before.all} of the hour before.`;
  return makeNotice({
    kind: 'parity',
    at: now,
    title: `Parity fell: ${percentText(was)} → ${percentText(is)}`,
    text: `${causes} ${compared} cutover clusters shows them.`,
    evidence: {
      before: { parity: was, comparisons: before.all },
      after: { parity: is, comparisons: after.all },
      clusters: fresh.slice(0, CLUSTERS_TOLD * 4).map(({ cluster, firstSeen, count: seen, tenants }) => ({
        ...cluster,
        firstSeen,
        count: seen,
        tenants: [...tenants].slice(0, TENANTS_TOLD),
      })),
    },
  });
}

function clusterText({ cluster, firstSeen, tenants }: NewCluster): string {
  const { pathPattern, kind, endpoint } = cluster;
  const names = [...tenants].slice(0, TENANTS_TOLD).join(', ');
  const more = tenants.size > TENANTS_TOLD ? ` and ${tenants.size - TENANTS_TOLD} more` : '';
  return `${pathPattern} (${kind}) at ${endpoint}, first seen ${timeOfDay(firstSeen)} UTC, tenants ${names}${more}`;
}

function minuteOf(now: number): number {
  return Math.floor(now / MINUTE_MS);
}

/** `02:10`. */
function timeOfDay(at: number): string {
  const minutes = minuteOf(at) % (24 * 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Whole percent, but never 100% or 0% for what is not. */
function percentText(share: number): string {
  const whole = Math.round(share * 100);
  if (whole === 100 && share < 1) return `${Math.floor(share * 1_000) / 10}%`;
  return whole === 0 && share > 0 ? `${Math.ceil(share * 1_000) / 10}%` : `${whole}%`;
}
