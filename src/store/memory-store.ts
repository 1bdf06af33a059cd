import { type CellKey, cellKey, type Side, type TenantId } from '../core/cell.ts';
import { withoutExample } from '../core/cluster/example.ts';
import { CutoverError } from '../core/errors.ts';
import type {
  CellCounts,
  Cluster,
  JournalEntry,
  JournalPage,
  Page,
  Paged,
  Purged,
  Recording,
  Store,
  StoredMismatch,
  VerifiedExchange,
} from '../core/ports.ts';
import { clusterOf } from './cluster-of.ts';
import { chained } from './journal-hash.ts';
import { type List, type Position, paged, pageLimit, pagePosition } from './paging.ts';
import { KEPT_PER_CLUSTER, MOST_RECORDINGS, RECORDINGS_PER_ENDPOINT } from './store-bounds.ts';

type Change = Parameters<Store['commit']>[0];
type Batch = Parameters<Store['addVerified']>[0];
type Bounds = Parameters<Store['prune']>[0];
type Found = { readonly mismatches: number; readonly clusters: number };

/** A store that forgets everything when the process ends. For tests; it keeps the same contract as the one on disk. */
export function createMemoryStore(): Store {
  const memory = new Memory();
  let isClosed = false;
  // Answers later and as a rejected promise, as a store on disk does.
  const later = async <T>(run: () => T): Promise<T> => {
    if (isClosed) throw new CutoverError('STORE_FAILED', 'The store in memory is closed.');
    return run();
  };
  return {
    commit: (change) => later(() => memory.commit(copy(change))),
    loadState: () => later(() => copyMap(memory.state)),
    journal: (page) => later(() => memory.journalPage(page)),
    addVerified: (batch) => later(() => memory.addVerified(copy(batch))),
    loadCounts: () => later(() => copy([...memory.counts.values()])),
    clusters: (page) => later(() => memory.clustersPage(page)),
    cluster: (id) => later(() => memory.clusters.get(id)),
    mismatches: (page) => later(() => memory.mismatchesPage(page)),
    mismatch: (id) => later(() => memory.mismatches.get(id)),
    recordings: (page) => later(() => memory.recordingsPage(page)),
    saveDocuments: (kind, documents) =>
      later(() => {
        const known = memory.documents.get(kind) ?? new Map<string, unknown>();
        memory.documents.set(kind, known);
        for (const { key, value } of documents) put(known, key, value);
      }),
    loadDocuments: (kind) => later(() => copyMap(memory.documents.get(kind) ?? new Map())),
    recordKey: (key) => later(() => memory.recordKey(key)),
    loadKeys: (since) => later(() => memory.keysSince(since)),
    purge: (tenant) => later(() => memory.purge(tenant)),
    prune: (bounds) => later(() => memory.prune(bounds)),
    size: () => later(() => memory.size()),
    close: async () => {
      isClosed = true;
    },
  };
}

class Memory {
  readonly entries: JournalEntry[] = [];
  readonly state = new Map<string, unknown>();
  readonly counts = new Map<CellKey, CellCounts>();
  readonly clusters = new Map<string, Cluster>();
  readonly mismatches = new Map<string, StoredMismatch>();
  /** By cell and request. */
  readonly recordings = new Map<string, Recording>();
  readonly documents = new Map<string, Map<string, unknown>>();
  readonly keys = new Map<string, { readonly side: Side; readonly at: number }>();

  commit(change: Change): readonly JournalEntry[] {
    const written = chained(change.journal, this.entries.at(-1));
    this.entries.push(...written);
    for (const { key, value } of change.state) put(this.state, key, value);
    return copy(written);
  }

  journalPage(page: JournalPage): Paged<JournalEntry> {
    const positionOf = (entry: JournalEntry): Position => ({ number: entry.sequence, id: '' });
    const fits = this.entries.filter((entry) => page.action === undefined || entry.action === page.action);
    if (page.order === undefined) return pageOf('journal', fits, page, positionOf);
    const from = pagePosition('journal', page)?.number ?? 0;
    const limit = pageLimit(page);
    const rest = fits.filter(({ sequence }) => sequence > from);
    return paged('journal', copy(rest.slice(0, limit + 1)), limit, positionOf);
  }

  clustersPage(page: Parameters<Store['clusters']>[0]): Paged<Cluster> {
    const fits = [...this.clusters.values()].filter(
      (cluster) => page.endpoint === undefined || cluster.endpoint === page.endpoint,
    );
    return pageOf('clusters', fits, page, (cluster) => ({ number: cluster.count, id: cluster.id }));
  }

  mismatchesPage(page: Parameters<Store['mismatches']>[0]): Paged<StoredMismatch> {
    const fits = [...this.mismatches.values()].filter(
      ({ cluster, cell }) =>
        (page.cluster === undefined || cluster === page.cluster) &&
        (page.cell === undefined || cellKey(cell.tenant, cell.endpoint) === page.cell) &&
        (page.endpoint === undefined || cell.endpoint === page.endpoint),
    );
    return pageOf('mismatches', fits, page, positionOfMismatch);
  }

  addVerified(batch: Batch): void {
    for (const counts of batch.counts) this.#addCounts(counts);
    for (const cluster of batch.clusters) this.clusters.set(cluster.id, cluster);
    for (const exchange of batch.mismatches) this.#putMismatch(exchange);
    const touched = new Set([...batch.clusters.map(({ id }) => id), ...batch.mismatches.map(clusterOf)]);
    for (const cluster of touched) this.#trimCluster(cluster);
    for (const exchange of batch.recordings ?? []) this.#putRecording(exchange);
  }

  recordingsPage(page: Parameters<Store['recordings']>[0]): Paged<Recording> {
    const fits = [...this.recordings.values()].filter(
      ({ at, cell }) => at >= (page.since ?? 0) && (page.endpoint === undefined || cell.endpoint === page.endpoint),
    );
    return pageOf('recordings', fits, page, positionOfRecording);
  }

  recordKey({ hash, side, at }: { readonly hash: string; readonly side: Side; readonly at: number }): Side {
    const known = this.keys.get(hash);
    if (known === undefined) this.keys.set(hash, { side, at });
    return known?.side ?? side;
  }

  keysSince(since: number): ReadonlyMap<string, Side> {
    return new Map([...this.keys].filter(([, { at }]) => at >= since).map(([hash, { side }]) => [hash, side]));
  }

  purge(tenant: TenantId): Purged {
    const before = { mismatches: this.mismatches.size, recordings: this.recordings.size };
    // Whose an example is that is not kept, nobody knows.
    const examples = [...this.clusters.values()].filter(
      ({ example }) => example !== '' && (this.mismatches.get(example)?.cell.tenant ?? tenant) === tenant,
    );
    for (const cluster of examples) this.clusters.set(cluster.id, withoutExample(cluster));
    drop(this.mismatches, ({ cell }) => cell.tenant === tenant);
    drop(this.recordings, ({ cell }) => cell.tenant === tenant);
    return {
      mismatches: before.mismatches - this.mismatches.size,
      recordings: before.recordings - this.recordings.size,
      clusters: examples.map(({ id }) => id),
    };
  }

  prune(bounds: Bounds): Found {
    const before = { mismatches: this.mismatches.size, clusters: this.clusters.size };
    drop(this.clusters, ({ lastSeen }) => lastSeen < bounds.olderThan);
    const examples = new Set([...this.clusters.values()].map(({ example }) => example));
    drop(this.mismatches, ({ id, at }) => at < bounds.olderThan && !examples.has(id));
    drop(this.keys, ({ at }) => at < bounds.olderThan);
    drop(this.recordings, ({ at }) => at < bounds.olderThan);
    let bytes = this.size();
    for (const [key] of [...this.recordings].sort(([, a], [, b]) => a.at - b.at)) {
      if (bytes <= bounds.maxBytes) break;
      bytes -= take(this.recordings, key);
    }
    for (const mismatch of [...this.mismatches.values()].sort((a, b) => a.at - b.at)) {
      if (bytes <= bounds.maxBytes) break;
      if (!examples.has(mismatch.id)) bytes -= take(this.mismatches, mismatch.id);
    }
    for (const { id, example } of [...this.clusters.values()].sort((a, b) => a.lastSeen - b.lastSeen)) {
      if (bytes <= bounds.maxBytes) break;
      bytes -= take(this.mismatches, example) + take(this.clusters, id);
    }
    return { mismatches: before.mismatches - this.mismatches.size, clusters: before.clusters - this.clusters.size };
  }

  /** What it would be as JSON. */
  size(): number {
    const documents = [...this.documents.values()].map((known) => [...known]);
    const maps = [this.state, this.counts, this.clusters, this.mismatches, this.recordings, this.keys].map((map) => [
      ...map,
    ]);
    return Buffer.byteLength(JSON.stringify([this.entries, documents, maps]));
  }

  #addCounts(more: CellCounts): void {
    const key = cellKey(more.cell.tenant, more.cell.endpoint);
    const sum = added(this.counts.get(key), more);
    const isEmpty = [...Object.values(sum.served), ...Object.values(sum.verdicts), sum.unverified].every(
      (n) => n === 0,
    );
    if (isEmpty) this.counts.delete(key);
    else this.counts.set(key, sum);
  }

  #putMismatch(exchange: VerifiedExchange): void {
    const { id, at, cell } = exchange;
    this.mismatches.set(id, { id, at, cell, cluster: clusterOf(exchange), exchange });
  }

  #putRecording(exchange: VerifiedExchange): void {
    const { id, at, cell, requestHash } = exchange;
    this.recordings.set(`${cellKey(cell.tenant, cell.endpoint)} ${requestHash}`, { id, at, cell, exchange });
    const mine = [...this.recordings].filter(([, recording]) => recording.cell.endpoint === cell.endpoint);
    for (const list of [
      { of: mine, most: RECORDINGS_PER_ENDPOINT },
      { of: [...this.recordings], most: MOST_RECORDINGS },
    ])
      for (const [key] of newestFirst(list.of, ([, recording]) => positionOfRecording(recording)).slice(list.most))
        this.recordings.delete(key);
  }

  #trimCluster(cluster: string): void {
    // A mismatch of several causes may be the example of another cluster than its own.
    const examples = new Set([...this.clusters.values()].map(({ example }) => example));
    const stored = [...this.mismatches.values()].filter((mismatch) => mismatch.cluster === cluster);
    for (const { id } of newestFirst(stored, positionOfMismatch).slice(KEPT_PER_CLUSTER)) {
      if (!examples.has(id)) this.mismatches.delete(id);
    }
  }
}

function added(known: CellCounts | undefined, more: CellCounts): CellCounts {
  if (known === undefined) return more;
  const { served, verdicts } = known;
  return {
    cell: more.cell,
    served: {
      control: served.control + more.served.control,
      candidate: served.candidate + more.served.candidate,
    },
    verdicts: {
      match: verdicts.match + more.verdicts.match,
      ignored: verdicts.ignored + more.verdicts.ignored,
      mismatch: verdicts.mismatch + more.verdicts.mismatch,
      inconclusive: verdicts.inconclusive + more.verdicts.inconclusive,
    },
    unverified: known.unverified + more.unverified,
  };
}

function positionOfMismatch({ at, id }: StoredMismatch): Position {
  return { number: at, id };
}

function positionOfRecording({ at, id }: Recording): Position {
  return { number: at, id };
}

function pageOf<T>(list: List, fits: readonly T[], page: Page, positionOf: (item: T) => Position): Paged<T> {
  const limit = pageLimit(page);
  const from = pagePosition(list, page);
  const rest = newestFirst(fits, positionOf).filter(
    (item) => from === undefined || compare(positionOf(item), from) < 0,
  );
  return paged(list, copy(rest.slice(0, limit + 1)), limit, positionOf);
}

/** Largest position first. */
function newestFirst<T>(items: readonly T[], positionOf: (item: T) => Position): T[] {
  return [...items].sort((a, b) => compare(positionOf(b), positionOf(a)));
}

function compare(a: Position, b: Position): number {
  return a.number - b.number || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function drop<T>(map: Map<string, T>, isGone: (value: T) => boolean): void {
  for (const [key, value] of map) if (isGone(value)) map.delete(key);
}

/** Removes an item; gives its part of `size`, without the brackets around it. */
function take<T>(map: Map<string, T>, key: string): number {
  const value = map.get(key);
  return map.delete(key) ? Buffer.byteLength(JSON.stringify([key, value])) : 0;
}

function put(map: Map<string, unknown>, key: string, value: unknown): void {
  if (value === undefined) map.delete(key);
  else map.set(key, copy(value));
}

/** Through JSON, as on disk: what does not survive it must not seem to survive here. */
function copy<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T); // ports.ts asks for JSON values only
}

function copyMap(map: ReadonlyMap<string, unknown>): Map<string, unknown> {
  return new Map([...map].map(([key, value]) => [key, copy(value)]));
}
